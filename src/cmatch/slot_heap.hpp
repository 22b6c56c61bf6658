// A binary heap of order slots that knows where each one lies, so that any can be removed. The policy orders two slots
// and stores a slot's position. push, remove: O(log n); top: O(1). Owns the array of slots, not the orders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "cmatch/check.hpp"
#include "cmatch/order_pool.hpp"

namespace cmatch {

// Policy: static bool before(const OrderPool&, Slot, Slot); static std::uint32_t& position(OrderPool&, Slot).
template <class Policy>
class SlotHeap {
 public:
  bool empty() const { return slots_.empty(); }
  std::size_t size() const { return slots_.size(); }
  Slot top() const { return slots_.front(); }
  const std::vector<Slot>& slots() const { return slots_; } // in heap order

  void push(OrderPool& pool, Slot slot) {
    slots_.push_back(slot);
    Policy::position(pool, slot) = static_cast<std::uint32_t>(slots_.size() - 1);
    rise(pool, slots_.size() - 1);
  }

  void remove(OrderPool& pool, Slot slot) {
    const std::size_t at = Policy::position(pool, slot);
    CM_CHECK(at < slots_.size() && slots_[at] == slot);
    const Slot last = slots_.back();
    slots_.pop_back();
    if (last == slot) return;
    put(pool, at, last);
    rise(pool, at);
    sink(pool, Policy::position(pool, last));
  }

  // After the keys of many slots changed.
  void rebuild(OrderPool& pool) {
    for (std::size_t i = slots_.size() / 2; i-- > 0;)
      sink(pool, i);
  }

 private:
  void put(OrderPool& pool, std::size_t at, Slot slot) {
    slots_[at] = slot;
    Policy::position(pool, slot) = static_cast<std::uint32_t>(at);
  }

  void rise(OrderPool& pool, std::size_t at) {
    const Slot slot = slots_[at];
    while (at > 0 && Policy::before(pool, slot, slots_[(at - 1) / 2])) {
      put(pool, at, slots_[(at - 1) / 2]);
      at = (at - 1) / 2;
    }
    put(pool, at, slot);
  }

  void sink(OrderPool& pool, std::size_t at) {
    const Slot slot = slots_[at];
    for (std::size_t child = 2 * at + 1; child < slots_.size(); child = 2 * at + 1) {
      if (child + 1 < slots_.size() && Policy::before(pool, slots_[child + 1], slots_[child])) ++child;
      if (!Policy::before(pool, slots_[child], slot)) break;
      put(pool, at, slots_[child]);
      at = child;
    }
    put(pool, at, slot);
  }

  std::vector<Slot> slots_;
};

// GTD orders of the whole engine: by (expire_at, arrival).
struct ExpiryOrder {
  static bool before(const OrderPool& pool, Slot a, Slot b) {
    const TimeNs at = pool.detail(a).expire_at, bt = pool.detail(b).expire_at;
    return at != bt ? at < bt : pool[a].arrival < pool[b].arrival;
  }
  static std::uint32_t& position(OrderPool& pool, Slot slot) { return pool.detail(slot).expiry_position; }
};

// Stops of one side: buys lowest first, sells highest first, then by arrival.
struct StopOrder {
  static bool before(const OrderPool& pool, Slot a, Slot b) {
    const Ticks as = pool.detail(a).stop_price, bs = pool.detail(b).stop_price;
    if (as != bs) return pool[a].side == Side::buy ? as < bs : as > bs;
    return pool[a].arrival < pool[b].arrival;
  }
  static std::uint32_t& position(OrderPool& pool, Slot slot) { return pool.detail(slot).stop_position; }
};

} // namespace cmatch
