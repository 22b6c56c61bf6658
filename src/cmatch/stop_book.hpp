// The stops of one instrument, outside its book. Owns their order, not the orders.
// A trigger costs O(log n) a stop; a new extreme price moves the trailing stops of one side in O(n).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "cmatch/slot_heap.hpp"

namespace cmatch {

class StopBook {
 public:
  bool empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }

  void add(OrderPool& pool, Slot slot) {
    heap_of(pool, slot).push(pool, slot);
    ++count_;
    const Order& order = pool[slot];
    if (!order.has(kTrails)) return;
    Ticks& extreme = extreme_[index(order.side)];
    const OrderDetail& detail = pool.detail(slot);
    extreme = order.side == Side::buy ? std::max(extreme, detail.stop_price - detail.trail)
                                      : std::min(extreme, detail.stop_price + detail.trail);
  }

  void remove(OrderPool& pool, Slot slot) {
    heap_of(pool, slot).remove(pool, slot);
    --count_;
  }

  // Takes off the stops of a side that `price` triggers, first come first in `out`.
  void take_triggered(OrderPool& pool, Side side, Ticks price, std::vector<Slot>& out) {
    const std::size_t begin = out.size();
    for (Heap* heap : {&plain_[index(side)], &trailing_[index(side)]}) {
      while (!heap->empty() && triggers(side, price, pool.detail(heap->top()).stop_price)) {
        out.push_back(heap->top());
        heap->remove(pool, heap->top());
        --count_;
      }
    }
    std::sort(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
              [&](Slot a, Slot b) { return StopOrder::before(pool, a, b); });
  }

  // Lets the trailing stops of a side follow `price`.
  void follow(OrderPool& pool, Side side, Ticks price) {
    Heap& heap = trailing_[index(side)];
    Ticks& extreme = extreme_[index(side)];
    if (heap.empty()) {
      extreme = kNoExtreme[index(side)];
      return;
    }
    if (side == Side::buy ? price >= extreme : price <= extreme) return;
    for (const Slot slot : heap.slots()) {
      OrderDetail& detail = pool.detail(slot);
      detail.stop_price = side == Side::buy ? std::min(detail.stop_price, price + detail.trail)
                                            : std::max(detail.stop_price, price - detail.trail);
    }
    extreme = price;
    heap.rebuild(pool);
  }

  static bool triggers(Side side, Ticks price, Ticks stop_price) {
    return side == Side::buy ? price >= stop_price : price <= stop_price;
  }

  template <class F>
  void for_each(F&& visit) const {
    for (const auto& heaps : {std::cref(plain_), std::cref(trailing_)})
      for (const Heap& heap : heaps.get())
        for (const Slot slot : heap.slots())
          visit(slot);
  }

 private:
  using Heap = SlotHeap<StopOrder>;
  static constexpr std::array<Ticks, 2> kNoExtreme = {std::numeric_limits<Ticks>::min(),
                                                      std::numeric_limits<Ticks>::max()};

  static std::size_t index(Side side) { return side == Side::buy ? 0 : 1; }
  Heap& heap_of(const OrderPool& pool, Slot slot) {
    const Order& order = pool[slot];
    return (order.has(kTrails) ? trailing_ : plain_)[index(order.side)];
  }

  std::array<Heap, 2> plain_;
  std::array<Heap, 2> trailing_;
  std::array<Ticks, 2> extreme_ = kNoExtreme; // a price that is no better moves no trailing stop of the side
  std::size_t count_ = 0;
};

} // namespace cmatch
