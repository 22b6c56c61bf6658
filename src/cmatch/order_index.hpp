// Which ids are used, and where their orders live. Ids in a window are a direct look-up: it begins about the first one
// seen and slides over retired ids as others come above it. All others are in an open-addressing table. Owns both.
// Not thread-safe. find, insert, set: O(1), of which a slide takes its share; no step moves more than a few.
// retire: O(ids retired); where ids above it are outside the window, O(known ids). used_ranges: O(known ids).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

#include "cmatch/lazy_array.hpp"
#include "cmatch/order_pool.hpp"
#include "cmatch/types.hpp"

namespace cmatch {

class OrderIndex {
 public:
  OrderIndex(std::uint64_t max_ids, std::uint32_t max_orders)
      : max_ids_(max_ids), capacity_(std::bit_ceil(max_ids < 1024 ? 1024 : max_ids)), window_(capacity_),
        sparse_capacity_(std::bit_ceil(2 * (max_ids + max_orders))), dense_(capacity_) {}

  // The slot of a live order, or kNone.
  Slot find(OrderId id) const {
    const std::uint32_t entry = entry_of(id);
    return entry == kDead ? kNone : entry;
  }

  bool used(OrderId id) const { return id <= retired_ || entry_of(id) != kUnused; }

  // An id of the window that is not used; false says only that used() must look.
  bool surely_unused(OrderId id) const {
    return id > retired_ && id - base_ < window_ && cell(id) == kUnused;
  }

  // Marks an unused id as used; `slot` kNone where its order does not live on.
  void insert(OrderId id, Slot slot) {
    const std::uint64_t at = id - base_;
    if (at >= window_ || dense_top_ == 0) [[unlikely]]
      return insert_elsewhere(id, slot);
    cell(id) = value_of(slot);
    if (at >= dense_top_) dense_top_ = at + 1;
    ++count_;
  }

  // The order of an id that is used begins or ends to live.
  void set(OrderId id, Slot slot) {
    if (id - base_ < window_)
      cell(id) = value_of(slot);
    else
      set_sparse(id, slot);
  }

  // An order that lives although its id may be retired: of a snapshot.
  void place(OrderId id, Slot slot) { put(id, slot); }

  // Forgets all ids up to `up_to` but those of live orders.
  void retire(OrderId up_to);

  std::uint64_t count() const { return count_; } // remembered
  bool full() const { return count_ >= max_ids_; }
  OrderId retired() const { return retired_; }
  OrderId highest() const { // used; the cell below dense_top_ is
    return std::max({retired_, sparse_highest_, dense_top_ == 0 ? 0 : base_ + dense_top_ - 1});
  }
  std::size_t bytes() const { return dense_.bytes() + sparse_.bytes() + sparse_ids_.bytes(); }

  // Remembered ids as maximal [first, last] ranges, ascending.
  std::vector<std::pair<OrderId, OrderId>> used_ranges() const;

  [[gnu::always_inline]] void prefetch(OrderId id) const { __builtin_prefetch(&cell(id)); }
  // A guess of where an id's order lives, without a branch on what the id is: for prefetching.
  Slot guess(OrderId id) const {
    const std::uint32_t entry = cell(id);
    return entry == kDead ? kNone : entry;
  }
  void list_memory(MemoryList& list) const { dense_.list_memory(list); }

 private:
  static constexpr std::uint32_t kUnused = kNone, kDead = 0xFFFFFFFF;
  static constexpr std::uint64_t kSlide = 256; // ids at a time
  struct Entry {
    OrderId id;
    std::uint32_t value;
    std::uint32_t place; // in sparse_ids_
  };

  static std::uint32_t value_of(Slot slot) { return slot == kNone ? kDead : slot; } // of a used id

  // Of the window: a ring.
  std::uint32_t& cell(OrderId id) { return dense_[id & (capacity_ - 1)]; }
  const std::uint32_t& cell(OrderId id) const { return dense_[id & (capacity_ - 1)]; }

  std::uint32_t entry_of(OrderId id) const {
    if (id - base_ < window_) return cell(id);
    if (sparse_count_ == 0) return kUnused;
    return sparse_[probe(id)].value;
  }

  // Who calls it sees to the cells of ids that are below `first` and were not.
  void begin_window(OrderId first) {
    base_ = first;
    window_ = std::min(capacity_, std::uint64_t{0} - first);
  }

  void put(OrderId id, std::uint32_t value) {
    if (id - base_ < window_) {
      cell(id) = value;
      if (id - base_ >= dense_top_) dense_top_ = id - base_ + 1;
    } else {
      put_sparse(id, value);
    }
  }

  // The cell of an id, or the free one where it would lie. The table is never more than half full.
  std::uint64_t probe(OrderId id) const {
    std::uint64_t at = home(id);
    while (sparse_[at].value != kUnused && sparse_[at].id != id)
      at = after(at);
    return at;
  }
  std::uint64_t home(OrderId id) const { return (id * 0x9E3779B97F4A7C15ull) >> 20 & (sparse_capacity_ - 1); }
  std::uint64_t after(std::uint64_t at) const { return (at + 1) & (sparse_capacity_ - 1); }

  void rebuild(OrderId up_to);
  bool empty() const { return dense_top_ == 0 && sparse_count_ == 0; }
  void insert_elsewhere(OrderId id, Slot slot);
  void slide(OrderId id);
  void put_sparse(OrderId id, std::uint32_t value);
  void set_sparse(OrderId id, Slot slot);
  void erase(OrderId id);

  std::uint64_t max_ids_;
  std::uint64_t capacity_; // cells, a power of two
  std::uint64_t window_;   // of them in use: ids from base_ on, never over the end of all ids
  std::uint64_t sparse_capacity_;
  LazyArray<std::uint32_t> dense_;
  OrderId base_ = 1;
  std::uint64_t dense_top_ = 0; // cells of ids from base_ on; at and above it they are unused
  LazyArray<Entry> sparse_;
  LazyArray<OrderId> sparse_ids_;
  std::uint64_t sparse_count_ = 0;
  std::uint64_t sparse_fresh_ = 0; // of them above retired_
  std::uint64_t count_ = 0;
  OrderId retired_ = 0;
  OrderId sparse_highest_ = 0; // used, of those that ever were outside the window
};

} // namespace cmatch
