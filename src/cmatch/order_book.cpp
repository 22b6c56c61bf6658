#include "cmatch/order_book.hpp"

#include <algorithm>

namespace cmatch {

void OrderBook::define(const Definition& definition) {
  CM_CHECK(live_orders == 0 && peg_count_ == 0 && stops.empty());
  instrument = Instrument(definition);
  phase = static_cast<Phase>(definition.phase);
  last.reset();
  mark.reset();
  reference.reset();
  if ((definition.present & kHasReference) != 0) reference = definition.reference;
  step_traded = false;
  for (Ladder& ladder : ladders_)
    ladder.reset(instrument.max_rank());
}

std::uint32_t OrderBook::find_or_make(Side side, Ticks price, std::uint64_t rank) {
  Ladder& ladder = ladders_[at(side)];
  Ladder::Place place{};
  std::uint32_t level = ladder.find(storage_->nodes, rank, place);
  if (level != kNone) return level;
  level = storage_->levels.take(side, price);
  ladder.insert(storage_->nodes, rank, level, place);
  storage_->levels[level].place = place;
  return level;
}

void OrderBook::remove_level(std::uint32_t level) {
  const PriceLevel& l = storage_->levels[level];
  CM_CHECK(l.unseen == 0 && l.shown == 0 && l.displayed_count == 0);
  ladders_[at(l.side)].erase(storage_->nodes, level, l.place);
  storage_->levels.give_back(level);
}

void OrderBook::rest_special(Slot slot, PriceLevel& l) {
  const Order& order = storage_->orders[slot];
  if (order.hidden()) {
    l.unseen += order.leaves;
    append(l.hidden, slot);
    ++l.hidden_count;
    return;
  }
  if (storage_->deltas.on()) storage_->deltas.touch(id(), l);
  append(l.displayed, slot);
  const Lots shown = open_part(storage_->orders, slot);
  l.shown += shown;
  l.unseen += order.leaves - shown;
  ++l.displayed_count;
  if (order.type == OrderType::pegged) ++l.displayed_pegs;
  log(L3Action::add, order, l.price, shown);
}

void OrderBook::rest_anew(Slot slot, Ticks price) {
  const Order& order = storage_->orders[slot];
  if (order.has(kIceberg)) {
    OrderDetail& detail = storage_->orders.detail(slot);
    detail.shown = std::min(detail.display_qty, order.leaves);
  }
  rest(slot, price);
}

void OrderBook::unlink_special(Slot slot, PriceLevel& l) {
  const Order& order = storage_->orders[slot];
  if (order.hidden()) {
    l.unseen -= order.leaves;
    detach(l.hidden, slot);
    --l.hidden_count;
    return;
  }
  if (storage_->deltas.on()) storage_->deltas.touch(id(), l);
  detach(l.displayed, slot);
  const Lots open = open_part(storage_->orders, slot);
  l.shown -= open;
  l.unseen -= order.leaves - open;
  --l.displayed_count;
  if (order.type == OrderType::pegged) --l.displayed_pegs;
  if (open > 0) log(L3Action::remove, order, l.price, 0); // reduce() has said so of one that is used up
}

void OrderBook::reduce_special(Slot slot, PriceLevel& l, Lots qty) {
  const Order& order = storage_->orders[slot];
  if (order.hidden()) {
    l.unseen -= qty;
    return;
  }
  if (storage_->deltas.on()) storage_->deltas.touch(id(), l);
  l.shown -= qty;
  Lots open = order.leaves;
  if (order.has(kIceberg)) {
    OrderDetail& detail = storage_->orders.detail(slot);
    CM_CHECK(qty <= detail.shown);
    open = detail.shown -= qty;
  }
  log(open > 0 ? L3Action::set : L3Action::remove, order, l.price, open);
}

Lots OrderBook::refresh(Slot slot) {
  const Order& order = storage_->orders[slot];
  OrderDetail& detail = storage_->orders.detail(slot);
  PriceLevel& l = storage_->levels[order.level];
  CM_CHECK(detail.shown == 0 && order.leaves > 0 && !order.hidden());
  detail.shown = std::min(detail.display_qty, order.leaves);
  detach(l.displayed, slot);
  append(l.displayed, slot);
  l.shown += detail.shown;
  l.unseen -= detail.shown;
  log(L3Action::add, order, l.price, detail.shown);
  return detail.shown;
}

void OrderBook::log(L3Action action, const Order& order, Ticks price, Lots qty) {
  if (storage_->deltas.on()) storage_->deltas.order(id(), action, order.side, order.order_id, price, qty);
}

void OrderBook::shrink(Slot slot, Lots leaves) {
  Order& order = storage_->orders[slot];
  PriceLevel& l = storage_->levels[order.level];
  CM_CHECK(leaves > 0 && leaves <= order.leaves);
  const Lots open_before = open_part(storage_->orders, slot);
  const Lots lost = order.leaves - leaves;
  order.leaves = leaves;
  if (order.hidden()) {
    l.unseen -= lost;
    return;
  }
  if (order.has(kIceberg)) {
    OrderDetail& detail = storage_->orders.detail(slot);
    detail.shown = std::min(detail.shown, leaves);
  }
  const Lots open = open_part(storage_->orders, slot);
  l.unseen -= lost - (open_before - open);
  if (open == open_before) return;
  if (storage_->deltas.on()) storage_->deltas.touch(id(), l);
  l.shown -= open_before - open;
  log(L3Action::set, order, l.price, open);
}

void OrderBook::queue_market(Slot slot) {
  Order& order = storage_->orders[slot];
  order.place = OrderPlace::market_queue;
  Queue& queue = markets_[at(order.side)];
  Slot after = queue.tail; // an at_close order may be older than those that came straight into the call
  while (after != kNone && storage_->orders[after].arrival > order.arrival)
    after = storage_->orders[after].prev;
  if (after == queue.tail) {
    append(queue, slot);
    return;
  }
  const Slot before = after == kNone ? queue.head : storage_->orders[after].next;
  order.prev = after;
  order.next = before;
  storage_->orders[before].prev = slot;
  if (after == kNone)
    queue.head = slot;
  else
    storage_->orders[after].next = slot;
}

void OrderBook::add_peg(Slot slot) {
  OrderDetail& detail = storage_->orders.detail(slot);
  detail.peg_prev = pegs_.tail;
  detail.peg_next = kNone;
  if (pegs_.tail == kNone)
    pegs_.head = slot;
  else
    storage_->orders.detail(pegs_.tail).peg_next = slot;
  pegs_.tail = slot;
  ++peg_count_;
}

void OrderBook::remove_peg(Slot slot) {
  const OrderDetail& detail = storage_->orders.detail(slot);
  CM_CHECK(peg_count_ > 0);
  if (detail.peg_prev == kNone)
    pegs_.head = detail.peg_next;
  else
    storage_->orders.detail(detail.peg_prev).peg_next = detail.peg_next;
  if (detail.peg_next == kNone)
    pegs_.tail = detail.peg_prev;
  else
    storage_->orders.detail(detail.peg_next).peg_prev = detail.peg_prev;
  --peg_count_;
}

std::optional<Ticks> OrderBook::best_displayed(Side side) const {
  for (std::uint32_t level = best(side); level != kNone; level = next(level))
    if (storage_->levels[level].displayed_count > 0) return storage_->levels[level].price;
  return std::nullopt;
}

std::optional<Ticks> OrderBook::best_without_pegs(Side side, bool displayed) const {
  for (std::uint32_t level = best(side); level != kNone; level = next(level)) {
    const PriceLevel& l = storage_->levels[level];
    if (l.displayed_count > l.displayed_pegs) return l.price;
    if (displayed) continue;
    for (Slot slot = l.hidden.head; slot != kNone; slot = storage_->orders[slot].next)
      if (storage_->orders[slot].type != OrderType::pegged) return l.price;
  }
  return std::nullopt;
}

PegReference OrderBook::peg_reference() const {
  if (phase != Phase::continuous) return {};
  return {best_without_pegs(Side::buy, true), best_without_pegs(Side::sell, true)};
}

} // namespace cmatch
