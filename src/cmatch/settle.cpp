#include "cmatch/settle.hpp"

#include <algorithm>

#include "cmatch/matcher.hpp"

namespace cmatch {
namespace {

// Better for the order's owner to be ahead: higher for a buy.
std::optional<Ticks> better(Side side, std::optional<Ticks> a, std::optional<Ticks> b) {
  if (!a || !b) return a ? a : b;
  return side == Side::buy ? std::max(*a, *b) : std::min(*a, *b);
}

void reprice(EngineState& state, OrderBook& book, Slot slot, std::optional<Ticks> price) {
  Order& order = state.storage.orders[slot];
  if (order.place == OrderPlace::resting) book.unlink(slot);
  order.place = OrderPlace::waiting_peg;
  if (price) book.rest(slot, *price);
  Event& event = state.emit(EventKind::repriced, book);
  set_order_id(event, order.order_id);
  set_price(event, price);
}

void price_pegs(EngineState& state, OrderBook& book) {
  const PegReference reference = book.peg_reference();
  if (book.peg_count() == 0 || reference == book.priced_by) return;
  book.priced_by = reference;
  // Of the pegs only those already priced in this pass count as opposite.
  std::optional<Ticks> best_bid = book.best_without_pegs(Side::buy, false);
  std::optional<Ticks> best_ask = book.best_without_pegs(Side::sell, false);
  for (Slot slot = book.first_peg(); slot != kNone; slot = book.next_peg(slot)) {
    const Order& order = state.storage.orders[slot];
    const bool buys = order.side == Side::buy;
    const std::optional<Ticks> price = peg_price(state, book, slot, reference, buys ? best_ask : best_bid);
    if (price != price_in_force(state, slot)) reprice(state, book, slot, price);
    if (buys)
      best_bid = better(Side::buy, best_bid, price);
    else
      best_ask = better(Side::sell, best_ask, price);
  }
}

// Lists what the trades of the step, and the price that is now, trigger; lets trailing stops follow.
void collect_triggers(EngineState& state, OrderBook& book) {
  const auto at = [&](Side side, std::optional<Ticks> price) {
    if (price) book.stops.take_triggered(state.storage.orders, side, *price, state.releases);
  };
  const auto look = [&](std::optional<Ticks> for_buys, std::optional<Ticks> for_sells) {
    at(Side::buy, for_buys);
    at(Side::sell, for_sells);
    if (for_buys) book.stops.follow(state.storage.orders, Side::buy, *for_buys);
    if (for_sells) book.stops.follow(state.storage.orders, Side::sell, *for_sells);
  };
  // A step trades at prices that only rise or only fall, so its first and last say as much as all of them.
  const bool by_last =
      book.instrument.definition.trigger_source == static_cast<std::uint8_t>(TriggerSource::last);
  if (by_last && book.step_traded) look(book.first_trade, book.first_trade);
  look(trigger_price(book, Side::buy), trigger_price(book, Side::sell));
}

void release(EngineState& state, OrderBook& book, Slot slot) {
  const Order& order = state.storage.orders[slot];
  const OrderDetail& detail = state.storage.orders.detail(slot);
  const bool limited = order.type == OrderType::stop_limit || order.type == OrderType::trailing_stop_limit;
  const Ticks limit = order.type == OrderType::stop_limit ? detail.price
                      : limited ? trailing_limit(book, detail.stop_price, detail.offset)
                                : 0;
  Event& event = state.emit(EventKind::triggered, book);
  set_order_id(event, order.order_id);
  set_stop_price(event, detail.stop_price);
  if (limited) set_price(event, limit);
  const bool rejects = book.instrument.definition.band_mode == static_cast<std::uint8_t>(BandMode::reject);
  if (limited && rejects && beyond_band(book, order.side, limit, true)) {
    emit_canceled(state, book, order.order_id, order.leaves, CancelReason::band);
    destroy_order(state, book, slot);
    return;
  }
  Taker taker = taker_of(state, slot, limited, limit);
  run_taker(state, book, taker, nullptr, order.arrival);
}

} // namespace

std::optional<Ticks> peg_price(const EngineState& state, const OrderBook& book, Slot slot,
                               const PegReference& reference, std::optional<Ticks> best_opposite) {
  const Order& order = state.storage.orders[slot];
  const OrderDetail& detail = state.storage.orders.detail(slot);
  const Ticks step = book.instrument.definition.tick_step;
  const bool buys = order.side == Side::buy;
  Ticks price = 0;
  if (detail.peg == Peg::primary) {
    const std::optional<Ticks> base = buys ? reference.bid : reference.ask;
    if (!base) return std::nullopt;
    price = *base;
  } else {
    if (!reference.bid || !reference.ask) return std::nullopt;
    const Ticks steps = *reference.bid / step + *reference.ask / step;
    price = (buys ? div_floor(steps, 2) : div_ceil(steps, 2)) * step;
  }
  price += detail.offset;
  if (order.has(kPriced)) price = buys ? std::min(price, detail.price) : std::max(price, detail.price);
  if (best_opposite)
    price = buys ? std::min(price, *best_opposite - step) : std::max(price, *best_opposite + step);
  return book.instrument.in_range(price) ? std::optional(price) : std::nullopt;
}

void settle_conditional(EngineState& state, OrderBook& book) {
  std::vector<Slot>& list = state.releases;
  list.clear();
  std::size_t released = 0;
  for (;;) {
    price_pegs(state, book);
    if (book.phase != Phase::continuous) break;
    const std::size_t listed = list.size();
    collect_triggers(state, book);
    for (std::size_t i = listed; i < list.size(); ++i)
      state.storage.orders[list[i]].place = OrderPlace::none;
    book.step_traded = false;
    if (released == list.size()) return;
    release(state, book, list[released++]);
  }
  book.step_traded = false;
  for (; released < list.size(); ++released) { // they wait on, to be judged anew
    state.storage.orders[list[released]].place = OrderPlace::waiting_stop;
    book.stops.add(state.storage.orders, list[released]);
  }
}

} // namespace cmatch
