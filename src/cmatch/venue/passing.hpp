// Which refusals say "not now" of the venue and nothing of the request: they are not remembered, so that a retry is
// looked at anew (docs/venue.md, section 3).
#pragma once

#include "cmatch/types.hpp"

namespace cmatch {

constexpr bool is_passing(RejectCode code) {
  switch (code) {
  case RejectCode::unknown_account:
  case RejectCode::accounts_unavailable:
  case RejectCode::risk_unavailable:
  case RejectCode::settlement_behind:
  case RejectCode::killed:
  case RejectCode::order_rate:
  case RejectCode::engine_unavailable:
  case RejectCode::queue_full:
  case RejectCode::capacity_balances:
  case RejectCode::capacity_transfers:
  case RejectCode::capacity_reservations:
  case RejectCode::capacity_positions:
  case RejectCode::capacity_orders:
  case RejectCode::capacity_ids:
    return true;
  default:
    return false;
  }
}

} // namespace cmatch
