// Who rests where in one instrument, and who waits outside. No rules: the matcher has them.
// Owns its ladders and lists; orders, levels and nodes lie in the engine's Storage. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>

#include "cmatch/delta_log.hpp"
#include "cmatch/instrument.hpp"
#include "cmatch/ladder.hpp"
#include "cmatch/order_index.hpp"
#include "cmatch/order_pool.hpp"
#include "cmatch/price_level.hpp"
#include "cmatch/slot_heap.hpp"
#include "cmatch/stop_book.hpp"

namespace cmatch {

// What all books of an engine share.
struct Storage {
  OrderPool orders;
  LevelPool levels;
  LadderNodePool nodes;
  OrderIndex index;
  SlotHeap<ExpiryOrder> expiry;
  DeltaLog deltas;

  Storage(std::uint32_t max_orders, std::uint64_t max_order_ids, bool record_deltas)
      : orders(max_orders), levels(max_orders), nodes(max_orders), index(max_order_ids, max_orders),
        deltas(record_deltas) {}
};

// Best displayed prices of the orders that are not pegged: what pegs are priced by.
struct PegReference {
  std::optional<Ticks> bid, ask;
  bool operator==(const PegReference&) const = default;
};

class OrderBook {
  // What every order meets comes first.
  Storage* storage_;
  std::uint32_t number_;
  std::uint32_t peg_count_ = 0;
  Lots live_leaves_[2] = {0, 0};

 public:
  // What the rules read and write.
  Phase phase = Phase::closed;
  bool step_traded = false; // the running step has traded, from first_trade to last_trade
  bool touched = false;     // it is on the list of books to settle
  std::uint32_t live_orders = 0;
  Instrument instrument;

 private:
  Ladder ladders_[2];
  Queue markets_[2] = {{kNone, kNone}, {kNone, kNone}};
  Queue waiting_close_ = {kNone, kNone};
  Queue pegs_ = {kNone, kNone};

 public:
  Ticks first_trade = 0;
  Ticks last_trade = 0;
  std::optional<Ticks> last;
  std::optional<Ticks> reference; // static
  std::optional<Ticks> mark;
  StopBook stops;
  PegReference priced_by; // at the last pass over the pegs; kept while there are any

  OrderBook(Storage& storage, std::uint32_t number, const Definition& definition)
      : storage_(&storage), number_(number) {
    define(definition);
  }

  // Begins anew, without last and mark price. Requires that no order of it lives.
  void define(const Definition& definition);

  InstrumentId id() const { return instrument.definition.instrument_id; }
  std::uint32_t number() const { return number_; }

  // The best level of a side, or kNone; and the level after one.
  std::uint32_t best(Side side) const { return ladders_[at(side)].first(); }
  std::uint32_t next(std::uint32_t level) const {
    const PriceLevel& l = storage_->levels[level];
    return Ladder::next(storage_->nodes, l.place);
  }
  const PriceLevel& level(std::uint32_t level) const { return storage_->levels[level]; }
  PriceLevel& level(std::uint32_t level) { return storage_->levels[level]; }
  std::uint32_t find_level(Side side, Ticks price) const {
    Ladder::Place place{};
    return ladders_[at(side)].find(storage_->nodes, instrument.rank(side, price), place);
  }

  // To the back of its queue at a price. Iceberg: its detail.shown is set before.
  void rest(Slot slot, Ticks price) {
    Order& order = storage_->orders[slot];
    const std::uint32_t level = level_at(order.side, price);
    order.level = level;
    order.place = OrderPlace::resting;
    PriceLevel& l = storage_->levels[level];
    if (order.plain() && !storage_->deltas.on()) [[likely]] {
      append(l.displayed, slot);
      l.shown += order.leaves;
      ++l.displayed_count;
      return;
    }
    rest_special(slot, l);
  }

  // The same for an order that has just come: an iceberg shows its first part.
  void rest_anew(Slot slot, Ticks price);

  // The same for a plain order while nothing is recorded.
  void rest_plain(Slot slot, Side side, Ticks price, Lots leaves) {
    Order& order = storage_->orders[slot];
    const std::uint32_t level = level_at(side, price);
    order.level = level;
    PriceLevel& l = storage_->levels[level];
    append(l.displayed, slot);
    l.shown += leaves;
    ++l.displayed_count;
  }

  // Out of its level; an empty level goes.
  void unlink(Slot slot) {
    const Order& order = storage_->orders[slot];
    PriceLevel& l = storage_->levels[order.level];
    if (order.plain() && !storage_->deltas.on()) [[likely]] {
      detach(l.displayed, slot);
      l.shown -= order.leaves;
      --l.displayed_count;
    } else {
      unlink_special(slot, l);
    }
    CM_CHECK(l.shown >= 0);
    if (l.empty()) remove_level(order.level);
  }

  // A resting order loses `qty` of its open part.
  void reduce(Slot slot, Lots qty) {
    Order& order = storage_->orders[slot];
    PriceLevel& l = storage_->levels[order.level];
    CM_CHECK(qty > 0 && qty <= order.leaves);
    order.leaves -= qty;
    if (order.plain() && !storage_->deltas.on()) [[likely]]
      l.shown -= qty;
    else
      reduce_special(slot, l, qty);
  }

  // The same for a plain order while nothing is recorded; used up, it has to be popped.
  static void reduce_plain(PriceLevel& l, Order& order, Lots qty) {
    order.leaves -= qty;
    l.shown -= qty;
  }

  // A plain order without leaves goes from the front of its level's displayed queue, with the level if it was the last.
  void pop_front(PriceLevel& l, const Order& order) {
    --l.displayed_count;
    const Slot next = order.next;
    l.displayed.head = next;
    if (next != kNone) {
      storage_->orders[next].prev = kNone;
      return;
    }
    l.displayed.tail = kNone;
    if (l.hidden.head == kNone) remove_level(order.level);
  }
  bool records() const { return storage_->deltas.on(); }

  // An iceberg whose shown part is used up shows the next one, at the back of the queue. Gives what it shows.
  Lots refresh(Slot slot);

  // A resting order keeps its place with fewer leaves; an iceberg loses reserve first.
  void shrink(Slot slot, Lots leaves);

  // Market orders of a call, by arrival.
  void queue_market(Slot slot);
  void unqueue_market(Slot slot) { detach(markets_[at(storage_->orders[slot].side)], slot); }
  Slot first_market(Side side) const { return markets_[at(side)].head; }

  // at_close orders before their call, by arrival.
  void wait_for_close(Slot slot) {
    storage_->orders[slot].place = OrderPlace::waiting_close;
    append(waiting_close_, slot);
  }
  void unwait_close(Slot slot) { detach(waiting_close_, slot); }
  Slot first_waiting_close() const { return waiting_close_.head; }

  // All pegs, resting or not, by arrival.
  void add_peg(Slot slot);
  void remove_peg(Slot slot);
  Slot first_peg() const { return pegs_.head; }
  Slot next_peg(Slot slot) const { return storage_->orders.detail(slot).peg_next; }
  std::uint32_t peg_count() const { return peg_count_; }

  std::optional<Ticks> best_price(Side side) const {
    const std::uint32_t level = best(side);
    return level == kNone ? std::nullopt : std::optional(storage_->levels[level].price);
  }
  std::optional<Ticks> best_displayed(Side side) const;
  std::optional<Ticks> best_without_pegs(Side side, bool displayed) const;
  PegReference peg_reference() const;

  // Every live order of the book, in no particular order.
  template <class F>
  void for_each_order(F&& visit) const {
    for (const Side side : {Side::buy, Side::sell}) {
      for (std::uint32_t level = best(side); level != kNone; level = next(level)) {
        for_each_in(storage_->levels[level].displayed, visit);
        for_each_in(storage_->levels[level].hidden, visit);
      }
      for_each_in(markets_[at(side)], visit);
    }
    stops.for_each(visit);
    for_each_in(waiting_close_, visit);
    for (Slot peg = pegs_.head; peg != kNone; peg = next_peg(peg))
      if (storage_->orders[peg].place == OrderPlace::waiting_peg) visit(peg);
  }

  template <class F>
  void for_each_in(const Queue& queue, F&& visit) const {
    for (Slot slot = queue.head; slot != kNone; slot = storage_->orders[slot].next)
      visit(slot);
  }
  const Queue& markets(Side side) const { return markets_[at(side)]; }

  // Leaves of all live orders of a side.
  Lots& live_leaves(Side side) { return live_leaves_[at(side)]; }
  Lots live_leaves(Side side) const { return live_leaves_[at(side)]; }

  // The reference R of rule 3.4: the last trade price, else the static reference.
  std::optional<Ticks> current_reference() const { return last ? last : reference; }

  // Nothing of the book waits for a price: no stop, no peg.
  bool unconditional() const { return stops.empty() && peg_count_ == 0; }

  void check_invariants() const;

 private:
  static std::size_t at(Side side) { return static_cast<std::size_t>(side) - 1; }

  std::uint32_t level_at(Side side, Ticks price) {
    const std::uint64_t rank = instrument.rank(side, price);
    const std::uint32_t level = ladders_[at(side)].find_near(rank);
    return level != kNone ? level : find_or_make(side, price, rank);
  }
  std::uint32_t find_or_make(Side side, Ticks price, std::uint64_t rank);

  // Hidden orders, icebergs and pegs, and all orders while deltas are recorded.
  void rest_special(Slot slot, PriceLevel& l);
  void unlink_special(Slot slot, PriceLevel& l);
  void reduce_special(Slot slot, PriceLevel& l, Lots qty);

  void remove_level(std::uint32_t level);

  void append(Queue& queue, Slot slot) {
    Order& order = storage_->orders[slot];
    order.prev = queue.tail;
    order.next = kNone;
    if (queue.tail == kNone)
      queue.head = slot;
    else
      storage_->orders[queue.tail].next = slot;
    queue.tail = slot;
  }

  void detach(Queue& queue, Slot slot) {
    const Order& order = storage_->orders[slot];
    if (order.prev == kNone)
      queue.head = order.next;
    else
      storage_->orders[order.prev].next = order.next;
    if (order.next == kNone)
      queue.tail = order.prev;
    else
      storage_->orders[order.next].prev = order.prev;
  }

  void log(L3Action action, const Order& order, Ticks price, Lots qty);
};

} // namespace cmatch
