// Everything that can be wrong with a command, looked at before anything is changed. The first failure in the order of
// the reject codes answers.
#pragma once

#include <optional>

#include "cmatch/engine_state.hpp"

namespace cmatch {

RejectCode check_define(const EngineState& state, const Definition& definition);
RejectCode check_set_phase(const OrderBook* book, const Command& command);
RejectCode check_set_price(const OrderBook* book, const Command& command); // set_reference, set_mark
RejectCode check_new(const EngineState& state, const OrderBook* book, const Command& command);
RejectCode check_cancel(const EngineState& state, const OrderBook* book, const Command& command);
RejectCode check_mass_cancel(const OrderBook* book, const Command& command);

struct ReplacePlan {
  RejectCode reject = RejectCode::none;
  bool closes = false; // qty <= cum_qty
  bool kept = false;   // priority
  Lots order_qty = 0;
  Lots leaves = 0;
};
ReplacePlan check_replace(const EngineState& state, const OrderBook* book, Slot slot, const Command& command);

// The price that triggers the stops of a side now.
std::optional<Ticks> trigger_price(const OrderBook& book, Side side);

// Limits in band_mode reject; `continuous` false: by the static band only.
bool beyond_band(const OrderBook& book, Side side, Ticks price, bool continuous);

constexpr bool is_call(Phase phase) {
  return phase == Phase::pre_open || phase == Phase::call_auction || phase == Phase::closing_call;
}

// What is left of it does not rest.
constexpr bool is_immediate(TimeInForce tif) { return tif == TimeInForce::ioc || tif == TimeInForce::fok; }

constexpr bool is_stop(OrderType type) {
  return type == OrderType::stop || type == OrderType::stop_limit || type == OrderType::trailing_stop ||
         type == OrderType::trailing_stop_limit;
}

// True for a plain limit order in continuous trading that all checks pass; false says only that check_new must look.
inline bool plainly_valid(const EngineState& state, const OrderBook& book, const Command& command) {
  const Instrument& instrument = book.instrument;
  constexpr std::uint32_t kRestsOrIoc = 1u << static_cast<int>(TimeInForce::day) |
                                        1u << static_cast<int>(TimeInForce::gtc) |
                                        1u << static_cast<int>(TimeInForce::ioc);
  return command.type == static_cast<std::uint8_t>(OrderType::limit) && command.present == kHasPrice &&
         command.flags == 0 && command.stp_mode <= static_cast<std::uint8_t>(StpMode::decrement) &&
         static_cast<std::uint8_t>(command.side - 1) < 2 && command.time_in_force < 8 &&
         (kRestsOrIoc >> command.time_in_force & 1) != 0 && book.phase == Phase::continuous &&
         static_cast<std::uint64_t>(command.qty) - 1 < instrument.max_qty &&
         instrument.in_range(command.price) &&
         (instrument.simple ||
          (instrument.on_lot(command.qty) && instrument.on_tick(command.price) && !instrument.banded &&
           instrument.notional_within(command.price, command.qty))) &&
         command.qty <= INT64_MAX - book.live_leaves(static_cast<Side>(command.side)) &&
         !state.storage.index.full() && state.storage.orders.live() < state.limits.max_orders &&
         state.storage.index.surely_unused(command.order_id);
}

} // namespace cmatch
