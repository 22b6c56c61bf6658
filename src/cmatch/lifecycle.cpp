#include "cmatch/lifecycle.hpp"

#include <algorithm>

namespace cmatch {

std::optional<Ticks> price_in_force(const EngineState& state, Slot slot) {
  const Order& order = state.storage.orders[slot];
  const OrderDetail& detail = state.storage.orders.detail(slot);
  if (order.place == OrderPlace::resting) return state.storage.levels[order.level].price;
  switch (order.type) {
  case OrderType::limit:
  case OrderType::market_to_limit:
  case OrderType::stop_limit:
    return detail.price;
  case OrderType::trailing_stop_limit:
    return trailing_limit(state.books[order.book], detail.stop_price, detail.offset);
  case OrderType::market:
  case OrderType::stop:
  case OrderType::trailing_stop:
  case OrderType::pegged:
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Ticks> stop_in_force(const EngineState& state, Slot slot) {
  const Order& order = state.storage.orders[slot];
  if (order.place != OrderPlace::waiting_stop) return std::nullopt;
  return state.storage.orders.detail(slot).stop_price;
}

Ticks trailing_limit(const OrderBook& book, Ticks stop_price, Ticks offset) {
  const Instrument& instrument = book.instrument;
  const Ticks lowest = instrument.lowest_step * instrument.definition.tick_step;
  const Ticks highest = instrument.highest_step * instrument.definition.tick_step;
  return std::max(lowest, std::min(highest, stop_price + offset));
}

void emit_expired(EngineState& state, const OrderBook& book, Slot slot) {
  const Order& order = state.storage.orders[slot];
  Event& event = state.emit(EventKind::expired, book);
  set_order_id(event, order.order_id);
  event.qty = order.leaves;
}

void emit_phase(EngineState& state, const OrderBook& book) {
  state.emit(EventKind::phase_changed, book).phase = static_cast<std::uint8_t>(book.phase);
}

void fill_detail(EngineState& state, Slot slot, const Command& command) {
  Order& order = state.storage.orders[slot];
  OrderDetail& detail = state.storage.orders.detail(slot);
  detail = OrderDetail{};
  std::uint16_t traits = 0;
  const auto take = [&](CommandField field, OrderTrait trait, std::int64_t& to, std::int64_t from) {
    if ((command.present & field) == 0) return;
    traits |= trait;
    to = from;
  };
  take(kHasPrice, kPriced, detail.price, command.price);
  take(kHasTrail, kTrails, detail.trail, command.trail);
  take(kHasOffset, kOffset, detail.offset, command.offset);
  take(kHasExpireAt, kExpires, detail.expire_at, command.expire_at);
  if ((command.present & kHasDisplayQty) != 0 && command.display_qty < command.qty)
    take(kHasDisplayQty, kIceberg, detail.display_qty, command.display_qty);
  if ((command.present & kHasStopPrice) != 0) detail.stop_price = command.stop_price;
  if ((command.present & kHasStpGroup) != 0) {
    traits |= kGrouped;
    detail.stp_group = command.stp_group;
  }
  if ((command.present & kHasPeg) != 0) {
    traits |= kPegs;
    detail.peg = static_cast<Peg>(command.peg);
  }
  order.traits = traits;
  if ((traits & kExpires) != 0) state.storage.expiry.push(state.storage.orders, slot);
}

void unregister_order(EngineState& state, OrderBook& book, Slot slot) {
  const Order& order = state.storage.orders[slot];
  if (order.has(kExpires)) state.storage.expiry.remove(state.storage.orders, slot);
  if (order.type == OrderType::pegged) book.remove_peg(slot);
}

void detach_order(EngineState& state, OrderBook& book, Slot slot) {
  Order& order = state.storage.orders[slot];
  switch (order.place) {
  case OrderPlace::resting:
    book.unlink(slot);
    break;
  case OrderPlace::market_queue:
    book.unqueue_market(slot);
    break;
  case OrderPlace::waiting_stop:
    book.stops.remove(state.storage.orders, slot);
    break;
  case OrderPlace::waiting_close:
    book.unwait_close(slot);
    break;
  case OrderPlace::waiting_peg:
  case OrderPlace::none:
    break;
  }
  order.place = OrderPlace::none;
}

} // namespace cmatch
