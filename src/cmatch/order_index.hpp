// Which ids are used, and where their orders live. Ids in a window (dense from the first one seen, or from the last
// retirement) are a direct look-up; all others are in an open-addressing table. Owns both. Not thread-safe.
// find, insert, set: O(1). retire, used_ranges: O(remembered ids).
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
  bool surely_unused(OrderId id) const { return id - base_ < window_ && dense_[id - base_] == kUnused; }

  // Marks an unused id as used; `slot` kNone where its order does not live on.
  void insert(OrderId id, Slot slot) {
    const std::uint64_t at = id - base_;
    if (at >= window_ || dense_top_ == 0) [[unlikely]]
      return insert_elsewhere(id, slot);
    dense_[at] = slot == kNone ? kDead : slot;
    if (at >= dense_top_) dense_top_ = at + 1;
    ++count_;
  }

  // The order of an id that is used begins or ends to live.
  void set(OrderId id, Slot slot) {
    const std::uint32_t value = slot == kNone ? kDead : slot;
    if (id - base_ < window_)
      dense_[id - base_] = value;
    else
      put(id, value);
  }

  // Forgets all ids up to `up_to` but those of live orders.
  void retire(OrderId up_to) {
    if (up_to <= retired_) return;
    std::vector<std::pair<OrderId, std::uint32_t>> kept;
    for_each([&](OrderId id, std::uint32_t entry) {
      if (id > up_to || entry != kDead) kept.emplace_back(id, entry);
    });
    dense_.zero(0, dense_top_);
    dense_top_ = 0;
    sparse_ = LazyArray<Entry>();
    sparse_ids_ = LazyArray<OrderId>();
    sparse_count_ = 0;
    sparse_highest_ = 0;
    retired_ = up_to;
    begin_window(up_to + 1);
    count_ = 0;
    for (const auto& [id, entry] : kept) {
      put(id, entry);
      if (id > retired_) ++count_;
    }
  }

  std::uint64_t count() const { return count_; } // remembered
  bool full() const { return count_ >= max_ids_; }
  OrderId retired() const { return retired_; }
  OrderId highest() const { // used; the cell below dense_top_ is
    return std::max({retired_, sparse_highest_, dense_top_ == 0 ? 0 : base_ + dense_top_ - 1});
  }
  std::size_t bytes() const { return dense_.bytes() + sparse_.bytes() + sparse_ids_.bytes(); }

  // Remembered ids as maximal [first, last] ranges, ascending.
  std::vector<std::pair<OrderId, OrderId>> used_ranges() const;

  [[gnu::always_inline]] void prefetch(OrderId id) const {
    __builtin_prefetch(&dense_[id - base_ < window_ ? id - base_ : 0]);
  }
  // A guess of where an id's order lives, without a branch on what the id is: for prefetching.
  Slot guess(OrderId id) const {
    const std::uint32_t entry = dense_[id - base_ < window_ ? id - base_ : 0];
    return entry == kDead ? kNone : entry;
  }
  void list_memory(MemoryList& list) const { dense_.list_memory(list); }

 private:
  static constexpr std::uint32_t kUnused = kNone, kDead = 0xFFFFFFFF;
  struct Entry {
    OrderId id;
    std::uint32_t value;
    std::uint32_t reserved;
  };

  std::uint32_t entry_of(OrderId id) const {
    if (id - base_ < window_) return dense_[id - base_];
    if (sparse_count_ == 0) return kUnused;
    return sparse_[probe(id)].value;
  }

  // The window holds only ids that are not retired. `first` 0: none is left.
  void begin_window(OrderId first) {
    base_ = first;
    window_ = first == 0 ? 0 : std::min(capacity_, std::uint64_t{0} - first);
  }

  [[gnu::noinline]] void insert_elsewhere(OrderId id, Slot slot) {
    if (count_ == 0 && sparse_count_ == 0 && dense_top_ == 0) { // the window begins about the first id
      begin_window(std::max(id < capacity_ ? 1 : id - capacity_ / 8, retired_ + 1));
    }
    put(id, slot == kNone ? kDead : slot);
    ++count_;
  }

  // The cell of an id, or the free one where it would lie. The table is never more than half full.
  std::uint64_t probe(OrderId id) const {
    const std::uint64_t mask = sparse_capacity_ - 1;
    std::uint64_t at = (id * 0x9E3779B97F4A7C15ull) >> 20;
    for (at &= mask; sparse_[at].value != kUnused && sparse_[at].id != id; at = (at + 1) & mask) {
    }
    return at;
  }

  [[gnu::noinline]] void put_sparse(OrderId id, std::uint32_t value) {
    if (sparse_.size() == 0) {
      sparse_ = LazyArray<Entry>(sparse_capacity_);
      sparse_ids_ = LazyArray<OrderId>(sparse_capacity_ / 2);
    }
    Entry& entry = sparse_[probe(id)];
    if (entry.value == kUnused) sparse_ids_[sparse_count_++] = id;
    if (id > sparse_highest_) sparse_highest_ = id;
    entry = Entry{id, value, 0};
  }

  void put(OrderId id, std::uint32_t value) {
    if (id - base_ < window_) {
      dense_[id - base_] = value;
      if (id - base_ >= dense_top_) dense_top_ = id - base_ + 1;
    } else {
      put_sparse(id, value);
    }
  }

  template <class F>
  void for_each(F&& visit) const {
    for (std::uint64_t i = 0; i < dense_top_; ++i)
      if (dense_[i] != kUnused) visit(base_ + i, dense_[i]);
    for (std::uint64_t i = 0; i < sparse_count_; ++i)
      visit(sparse_ids_[i], sparse_[probe(sparse_ids_[i])].value);
  }

  std::uint64_t max_ids_;
  std::uint64_t capacity_; // cells
  std::uint64_t window_;   // of them in use: ids from base_ on, never over the end of all ids
  std::uint64_t sparse_capacity_;
  LazyArray<std::uint32_t> dense_;
  OrderId base_ = 1;
  std::uint64_t dense_top_ = 0; // cells at and above it are unused
  LazyArray<Entry> sparse_;
  LazyArray<OrderId> sparse_ids_; // as they came
  std::uint64_t sparse_count_ = 0;
  std::uint64_t count_ = 0;
  OrderId retired_ = 0;
  OrderId sparse_highest_ = 0; // used, of those outside the window
};

} // namespace cmatch
