#include "cmatch/matcher.hpp"

#include <algorithm>

namespace cmatch {

void refresh_maker(EngineState& state, OrderBook& book, Slot slot) {
  if (state.storage.orders.detail(slot).shown > 0) return;
  const Lots shown = book.refresh(slot);
  Event& event = state.emit(EventKind::refreshed, book);
  set_order_id(event, state.storage.orders[slot].order_id);
  event.shown = shown;
  event.leaves = state.storage.orders[slot].leaves;
}

bool prevent(EngineState& state, OrderBook& book, Taker& taker, Slot slot, Ticks price) {
  Order& maker = state.storage.orders[slot];
  const Lots qty = std::min(taker.leaves, open_part(state.storage.orders, slot));
  const bool decrements = taker.stp_mode == StpMode::decrement;
  if (decrements) {
    taker.leaves -= qty;
    taker.order_qty -= qty;
    maker.order_qty -= qty;
    book.reduce(slot, qty);
    book.live_leaves(maker.side) -= qty;
  }
  Event& event = state.emit(EventKind::prevented, book);
  set_order_id(event, taker.order_id);
  set_price(event, price);
  event.qty = qty;
  event.leaves = taker.leaves;
  event.maker_order_id = maker.order_id;
  event.maker_leaves = maker.leaves;
  if (decrements) {
    if (maker.leaves == 0) emit_canceled(state, book, maker.order_id, 0, CancelReason::self_trade);
    settle_maker(state, book, slot);
    taker.canceled = taker.leaves == 0;
    return true;
  }
  if (taker.stp_mode != StpMode::cancel_newest) {
    emit_canceled(state, book, maker.order_id, maker.leaves, CancelReason::self_trade);
    close_order(state, book, slot);
  }
  return taker.stp_mode == StpMode::cancel_oldest;
}

MatchEnd end_at(const Taker& taker, const Bounds& bounds, Ticks price) {
  if (beyond(taker.side, price, bounds.limit)) return MatchEnd::limit;
  return beyond(taker.side, price, bounds.collar) ? MatchEnd::collar : MatchEnd::edge;
}

namespace {

// Of a market order and its like: the limit that a market_to_limit takes is a price like a market order's.
bool market_like(const Taker& taker) { return !taker.limited || taker.type == OrderType::market_to_limit; }

Ticks nearer(Side side, Ticks a, Ticks b) { return side == Side::buy ? std::min(a, b) : std::max(a, b); }

bool halts(const OrderBook& book) {
  return book.instrument.definition.band_mode == static_cast<std::uint8_t>(BandMode::halt);
}

} // namespace

Bounds bounds_of(const OrderBook& book, const Taker& taker) {
  const Side side = taker.side;
  const Ticks none = no_bound(side);
  const Ticks limit = taker.limited ? taker.limit : none;
  Bounds bounds{.stop = limit, .limit = limit, .collar = none, .edge = none};
  const Instrument& instrument = book.instrument;
  const Ticks direction = side == Side::buy ? 1 : -1;
  const std::optional<Ticks> dynamic = book.current_reference();
  if (instrument.has(kHasCollar) && dynamic && market_like(taker))
    bounds.collar = *dynamic + direction * instrument.definition.collar;
  if (halts(book) || market_like(taker)) {
    if (instrument.has(kHasStaticBand) && book.reference)
      bounds.edge =
          nearer(side, bounds.edge, *book.reference + direction * instrument.definition.static_band);
    if (instrument.has(kHasDynamicBand) && dynamic)
      bounds.edge = nearer(side, bounds.edge, *dynamic + direction * instrument.definition.dynamic_band);
  }
  bounds.stop = nearer(side, limit, nearer(side, bounds.collar, bounds.edge));
  return bounds;
}

Lots reachable(const EngineState& state, const OrderBook& book, const Taker& taker, const Bounds& bounds,
               Lots enough) {
  Lots sum = 0;
  for (std::uint32_t at = book.best(opposite(taker.side)); at != kNone && sum < enough; at = book.next(at)) {
    const PriceLevel& level = book.level(at);
    if (beyond(taker.side, level.price, bounds.stop)) break;
    if (taker.stp_mode == StpMode::none) {
      sum += level.total();
      continue;
    }
    const bool skips = taker.stp_mode == StpMode::cancel_oldest;
    Lots shown = 0, whole = 0; // of the displayed queue, own orders left out
    for (Slot slot = level.displayed.head; slot != kNone; slot = state.storage.orders[slot].next) {
      if (own(state, taker, slot)) {
        if (skips) continue;
        return sum + shown; // it is met in the first round, before any reserve
      }
      shown += open_part(state.storage.orders, slot);
      whole += state.storage.orders[slot].leaves;
      if (sum + shown >= enough) return sum + shown;
    }
    sum += whole;
    for (Slot slot = level.hidden.head; slot != kNone && sum < enough;
         slot = state.storage.orders[slot].next) {
      if (own(state, taker, slot)) {
        if (skips) continue;
        return sum;
      }
      sum += state.storage.orders[slot].leaves;
    }
  }
  return sum;
}

Taker taker_of(const EngineState& state, Slot slot, bool limited, Ticks limit) {
  const Order& order = state.storage.orders[slot];
  Taker taker{};
  taker.slot = slot;
  taker.order_id = order.order_id;
  taker.account = order.account;
  taker.grouped = order.has(kGrouped);
  if (taker.grouped) taker.stp_group = state.storage.orders.detail(slot).stp_group;
  taker.limited = limited;
  taker.limit = limit;
  taker.immediate = !limited || is_immediate(order.time_in_force);
  taker.side = order.side;
  taker.stp_mode = order.stp_mode;
  taker.type = limited ? OrderType::limit : OrderType::market;
  taker.time_in_force = order.time_in_force;
  taker.leaves = order.leaves;
  taker.order_qty = order.order_qty;
  taker.min_qty = order.time_in_force == TimeInForce::fok ? order.leaves : 0;
  return taker;
}

namespace {

CancelReason reason_of(const OrderBook& book, const Taker& taker, MatchEnd end) {
  switch (end) {
  case MatchEnd::self_trade:
    return CancelReason::self_trade;
  case MatchEnd::collar:
    return CancelReason::collar;
  case MatchEnd::edge:
    return halts(book) ? CancelReason::halt : CancelReason::collar;
  case MatchEnd::filled:
  case MatchEnd::exhausted:
  case MatchEnd::limit:
    break;
  }
  return taker.limited ? CancelReason::ioc : CancelReason::no_liquidity;
}

// The leaves that are left go back to the slot they came from, or to a new one, or nowhere.
void put_down(EngineState& state, OrderBook& book, const Taker& taker, const Command* command,
              std::uint64_t arrival, bool rests) {
  if (taker.slot != kNone) {
    Order& order = state.storage.orders[taker.slot];
    book.live_leaves(order.side) -= order.leaves - taker.leaves;
    order.leaves = taker.leaves;
    order.order_qty = taker.order_qty;
    if (!rests) destroy_order(state, book, taker.slot);
  } else if (!rests) {
    state.storage.index.insert(taker.order_id, kNone);
  }
  if (!rests) return;
  const Slot slot = taker.slot != kNone
                        ? taker.slot
                        : create_order(state, book, *command, arrival, taker.leaves, taker.order_qty);
  book.rest_anew(slot, taker.limit);
}

} // namespace

void run_taker(EngineState& state, OrderBook& book, Taker& taker, const Command* command,
               std::uint64_t arrival) {
  const Ticks none = no_bound(taker.side);
  const Ticks limit = taker.limited ? taker.limit : none;
  const Bounds bounds = book.instrument.bounded ? bounds_of(book, taker) : Bounds{limit, limit, none, none};
  if (taker.min_qty > 0 && reachable(state, book, taker, bounds, taker.min_qty) < taker.min_qty) {
    emit_canceled(state, book, taker.order_id, taker.leaves,
                  taker.time_in_force == TimeInForce::fok ? CancelReason::fok : CancelReason::min_qty);
    put_down(state, book, taker, command, arrival, false);
    return;
  }
  const MatchEnd end = match(state, book, taker, bounds);
  const bool halted = end == MatchEnd::edge && halts(book);
  const bool canceled = end == MatchEnd::self_trade || end == MatchEnd::collar ||
                        (end == MatchEnd::edge && !halts(book)) || (taker.leaves > 0 && taker.immediate);
  if (canceled) emit_canceled(state, book, taker.order_id, taker.leaves, reason_of(book, taker, end));
  put_down(state, book, taker, command, arrival, taker.leaves > 0 && !canceled);
  if (!halted) return;
  book.phase = Phase::halted;
  emit_phase(state, book);
}

} // namespace cmatch
