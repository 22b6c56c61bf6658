// How an order comes to live, where it is found, and how it ends: bookkeeping that every rule shares.
#pragma once

#include <optional>

#include "cmatch/engine_state.hpp"

namespace cmatch {

// The price in force: of the level it rests at, or of a waiting limit. None: market orders, a waiting peg.
std::optional<Ticks> price_in_force(const EngineState& state, Slot slot);
// The stop price of a waiting stop.
std::optional<Ticks> stop_in_force(const EngineState& state, Slot slot);
// The limit of a trailing_stop_limit: stop_price + offset, within min_price and max_price.
Ticks trailing_limit(const OrderBook& book, Ticks stop_price, Ticks offset);

inline void set_price(Event& event, Ticks price) {
  event.price = price;
  event.present |= kEventPrice;
}
inline void set_price(Event& event, std::optional<Ticks> price) {
  if (price) set_price(event, *price);
}
inline void set_stop_price(Event& event, std::optional<Ticks> stop_price) {
  if (!stop_price) return;
  event.stop_price = *stop_price;
  event.present |= kEventStopPrice;
}
inline void set_order_id(Event& event, OrderId order_id) {
  event.order_id = order_id;
  event.present |= kEventOrderId;
}

inline void emit_canceled(EngineState& state, const OrderBook& book, OrderId order_id, Lots qty,
                          CancelReason reason) {
  Event& event = state.emit(EventKind::canceled, book);
  set_order_id(event, order_id);
  event.qty = qty;
  event.reason = static_cast<std::uint16_t>(reason);
}
void emit_expired(EngineState& state, const OrderBook& book, Slot slot);
void emit_phase(EngineState& state, const OrderBook& book);

// The traits and detail of a command's order; a plain limit order has none.
void fill_detail(EngineState& state, Slot slot, const Command& command);

// Puts the order of an accepted command into a slot, and its id into the index. `place` is where the caller will put it.
inline Slot create_plain(EngineState& state, OrderBook& book, const Command& command, std::uint64_t arrival,
                         Lots leaves, Lots order_qty, OrderPlace place) {
  const Slot slot = state.storage.orders.take();
  Order& order = state.storage.orders[slot];
  order.order_id = command.order_id;
  order.account = command.account;
  order.leaves = leaves;
  order.order_qty = order_qty;
  order.arrival = arrival;
  order.prev = order.next = order.level = kNone;
  order.book = book.number();
  order.place = place;
  order.side = static_cast<Side>(command.side);
  order.type = static_cast<OrderType>(command.type);
  order.time_in_force = static_cast<TimeInForce>(command.time_in_force);
  order.flags = command.flags;
  order.stp_mode = static_cast<StpMode>(command.stp_mode);
  order.traits = 0;
  ++book.live_orders;
  book.live_leaves(static_cast<Side>(command.side)) += leaves;
  state.storage.index.insert(command.order_id, slot);
  return slot;
}

inline Slot create_order(EngineState& state, OrderBook& book, const Command& command, std::uint64_t arrival,
                         Lots leaves, Lots order_qty) {
  const Slot slot = create_plain(state, book, command, arrival, leaves, order_qty, OrderPlace::none);
  if ((command.present & ~kHasPrice) != 0 || command.type != static_cast<std::uint8_t>(OrderType::limit) ||
      command.time_in_force == static_cast<std::uint8_t>(TimeInForce::at_close))
    fill_detail(state, slot, command);
  return slot;
}

// Takes an order out of the place where it rests or waits; it lives on.
void detach_order(EngineState& state, OrderBook& book, Slot slot);

// Takes an order off the lists of expiring orders and of pegs.
void unregister_order(EngineState& state, OrderBook& book, Slot slot);

// Ends an order that is in no place any more.
inline void destroy_order(EngineState& state, OrderBook& book, Slot slot) {
  const Order& order = state.storage.orders[slot];
  book.live_leaves(order.side) -= order.leaves;
  --book.live_orders;
  CM_CHECK(book.live_leaves(order.side) >= 0);
  if (order.registered()) [[unlikely]]
    unregister_order(state, book, slot);
  state.storage.index.set(order.order_id, kNone);
  state.storage.orders.give_back(slot);
}

inline void close_order(EngineState& state, OrderBook& book, Slot slot) {
  if (state.storage.orders[slot].place == OrderPlace::resting) [[likely]]
    book.unlink(slot);
  else
    detach_order(state, book, slot);
  destroy_order(state, book, slot);
}

inline void sort_by_arrival(const EngineState& state, std::vector<Slot>& slots) {
  std::sort(slots.begin(), slots.end(), [&](Slot a, Slot b) {
    return state.storage.orders[a].arrival < state.storage.orders[b].arrival;
  });
}

} // namespace cmatch
