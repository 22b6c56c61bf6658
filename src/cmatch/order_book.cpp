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

void OrderBook::shrink(Slot slot, Lots leaves) {
  Order& order = storage_->orders[slot];
  PriceLevel& l = storage_->levels[order.level];
  CM_CHECK(leaves > 0 && leaves <= order.leaves);
  const Lots open_before = open_part(storage_->orders, slot);
  l.total -= order.leaves - leaves;
  order.leaves = leaves;
  if (order.hidden()) return;
  if (order.has(kIceberg)) {
    OrderDetail& detail = storage_->orders.detail(slot);
    detail.shown = std::min(detail.shown, leaves);
  }
  const Lots open = open_part(storage_->orders, slot);
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
