// From a venue's commands to its engine's.
#pragma once

#include "cmatch/command.hpp"
#include "cmatch/venue/venue_state.hpp"

namespace cmatch {

inline Command to_engine(const VenueState& state, const OrderCommand& given, CommandKind kind,
                         std::uint64_t order_id) {
  Command command;
  command.timestamp = state.engine_time();
  command.instrument_id = given.instrument_id;
  command.kind = static_cast<std::uint8_t>(kind);
  command.side = static_cast<std::uint8_t>(given.side);
  command.type = static_cast<std::uint8_t>(given.type);
  command.time_in_force = static_cast<std::uint8_t>(given.time_in_force);
  command.order_id = order_id;
  command.account = given.account;
  command.qty = given.qty;
  command.price = given.price;
  command.present = given.present & kAllCommandFields;
  command.flags = static_cast<std::uint8_t>(given.flags);
  command.stp_mode = static_cast<std::uint8_t>(given.stp_mode);
  command.peg = static_cast<std::uint8_t>(given.peg);
  command.phase = 0;
  command.reserved0 = 0;
  command.stp_group = given.stp_group;
  command.stop_price = given.stop_price;
  command.trail = given.trail;
  command.offset = given.offset;
  command.display_qty = given.display_qty;
  command.min_qty = given.min_qty;
  command.expire_at = given.expire_at;
  command.up_to = 0;
  command.reserved1 = 0;
  return command;
}

inline Command engine_command(const VenueState& state, CommandKind kind, InstrumentId id) {
  Command command{};
  command.timestamp = state.engine_time();
  command.instrument_id = id;
  command.kind = static_cast<std::uint8_t>(kind);
  return command;
}

} // namespace cmatch
