// Where orders live: a slab of slots. What matching touches is one cache line; the rest is a second record.
// Owns both. Not thread-safe. All operations O(1).
#pragma once

#include <cstdint>

#include "cmatch/check.hpp"
#include "cmatch/ladder.hpp"
#include "cmatch/lazy_array.hpp"
#include "cmatch/types.hpp"
#include "cmatch/views.hpp"

namespace cmatch {

using Slot = std::uint32_t;

// Bits of Order::traits, as snapshots have them: which parts of OrderDetail have a meaning. 1 << 4 is free.
enum OrderTrait : std::uint16_t {
  kIceberg = 1 << 0, // display_qty, shown
  kGrouped = 1 << 1, // stp_group
  kExpires = 1 << 2, // expire_at
  kPriced = 1 << 3,  // price: limits, and the worst price of a peg
  kTrails = 1 << 5,  // trail
  kOffset = 1 << 6,  // offset
  kPegs = 1 << 7,    // peg
};

struct alignas(64) Order {
  OrderId order_id;
  AccountId account;
  Lots leaves;
  Lots order_qty;
  std::uint64_t arrival;
  Slot prev, next; // neighbours in a level's queue or in a waiting list
  std::uint32_t level;
  std::uint32_t book;
  OrderPlace place;
  Side side;
  OrderType type;
  TimeInForce time_in_force;
  std::uint8_t flags;
  StpMode stp_mode;
  std::uint16_t traits;

  bool has(OrderTrait trait) const { return (traits & trait) != 0; }
  bool hidden() const { return (flags & kHidden) != 0; }
  // Shows all that it has, and nothing follows when its quantity changes.
  bool plain() const { return ((traits & (kIceberg | kPegs)) | (flags & kHidden)) == 0; }
  // Something outside the book knows of it.
  bool registered() const { return (traits & (kExpires | kPegs)) != 0; }
};
static_assert(sizeof(Order) == 64);

struct alignas(64) OrderDetail {
  Lots shown;
  Lots display_qty;
  Ticks price; // of a waiting limit; the worst price of a peg. A resting order's price is its level's.
  Ticks stop_price;
  Ticks trail;
  Ticks offset;
  TimeNs expire_at;
  std::uint64_t stp_group;
  std::uint32_t stop_position;   // in its StopQueue
  std::uint32_t expiry_position; // in the engine's expiry heap
  Slot peg_prev, peg_next;       // all pegs of a book, by arrival
  Peg peg;
};

class OrderPool {
 public:
  explicit OrderPool(std::uint32_t capacity)
      : orders_(std::size_t{capacity} + 1), details_(std::size_t{capacity} + 1) {}

  Order& operator[](Slot slot) { return orders_[slot]; }
  const Order& operator[](Slot slot) const { return orders_[slot]; }
  OrderDetail& detail(Slot slot) { return details_[slot]; }
  const OrderDetail& detail(Slot slot) const { return details_[slot]; }

  std::uint32_t live() const { return live_; }
  static constexpr Slot first() { return 1; }
  Slot end() const { return fresh_; } // slots at and above it were never used
  std::size_t bytes() const { return orders_.bytes() + details_.bytes(); }

  Slot take() {
    ++live_;
    if (free_ != kNone) {
      const Slot slot = free_;
      free_ = orders_[slot].next;
      return slot;
    }
    CM_CHECK(fresh_ < orders_.size());
    return fresh_++;
  }

  void give_back(Slot slot) {
    Order& order = orders_[slot];
    CM_CHECK(order.order_id != 0);
    --live_;
    order.order_id = 0;
    order.next = free_;
    free_ = slot;
  }

  [[gnu::always_inline]] void prefetch(Slot slot) const { __builtin_prefetch(&orders_[slot]); }

  void list_memory(MemoryList& list) const {
    orders_.list_memory(list);
    details_.list_memory(list);
  }

 private:
  LazyArray<Order> orders_;
  LazyArray<OrderDetail> details_;
  Slot free_ = kNone;
  Slot fresh_ = 1;
  std::uint32_t live_ = 0;
};

// The quantity that a taker meets: the shown part of an iceberg, all leaves of any other order.
inline Lots open_part(const OrderPool& pool, Slot slot) {
  const Order& order = pool[slot];
  return order.has(kIceberg) ? pool.detail(slot).shown : order.leaves;
}

} // namespace cmatch
