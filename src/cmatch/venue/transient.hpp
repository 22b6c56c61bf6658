// Which refusals a retry of the same bytes may overcome: they are not remembered under the request's id.
// The column `transient` of the table in python/cmatch/rejects.py.
#pragma once

#include "cmatch/types.hpp"

namespace cmatch {

constexpr bool is_transient(RejectCode code) {
  switch (code) {
  case RejectCode::session_throttled:
  case RejectCode::queue_full:
  case RejectCode::read_only:
  case RejectCode::slow_consumer:
  case RejectCode::resync_required:
  case RejectCode::capacity_sessions:
  case RejectCode::capacity_client_ids:
  case RejectCode::unknown_asset:
  case RejectCode::balance_overflow:
  case RejectCode::capacity_accounts:
  case RejectCode::capacity_assets:
  case RejectCode::capacity_balances:
  case RejectCode::capacity_transfers:
  case RejectCode::capacity_reservations:
  case RejectCode::capacity_positions:
  case RejectCode::order_rate:
  case RejectCode::unknown_instrument:
  case RejectCode::phase_forbids:
  case RejectCode::price_band:
  case RejectCode::no_reference:
  case RejectCode::stop_would_trigger:
  case RejectCode::side_overflow:
  case RejectCode::capacity_ids:
  case RejectCode::capacity_orders:
  case RejectCode::would_cross:
  case RejectCode::instrument_in_use:
  case RejectCode::invalid_phase:
  case RejectCode::engine_unavailable:
    return true;
  default:
    return false; // what the content of the command itself, or money, decided
  }
}

} // namespace cmatch
