// Orders accepted not long ago, for the limit on duplicate orders: by what makes two orders look the same.
// Owns a ring and its index. Not thread-safe. seen, add: O(1).
#pragma once

#include <cstdint>

#include "cmatch/lazy_array.hpp"
#include "cmatch/state_hash.hpp"
#include "cmatch/venue/hash_index.hpp"
#include "cmatch/venue/ledger.hpp"

namespace cmatch {

struct RecentOrder {
  std::uint32_t position;
  std::uint16_t side, type;
  std::uint64_t has_price;
  Ticks price;
  Lots qty;

  bool operator==(const RecentOrder&) const = default;
};

class RecentOrders {
 public:
  explicit RecentOrders(std::uint32_t max_orders) : ring_(max_orders), index_(max_orders) {}

  // When such an order was accepted last; false where that is not remembered.
  bool seen(const RecentOrder& order, TimeNs& when) const {
    const std::uint32_t at = index_.find(digest_of(order));
    if (at == kNoSlot || !(ring_[at].order == order)) return false;
    when = ring_[at].accepted_at;
    return true;
  }

  // No room without forgetting one accepted after `keep_from`?
  bool full(TimeNs keep_from) const {
    return count_ == ring_.size() && ring_[first_].accepted_at > keep_from;
  }

  void add(const RecentOrder& order, TimeNs clock) {
    const std::uint64_t digest = digest_of(order);
    if (count_ == ring_.size()) forget_first();
    const std::uint32_t at = static_cast<std::uint32_t>((first_ + count_) % ring_.size());
    ++count_;
    ring_[at] = {order, clock};
    if (index_.find(digest) != kNoSlot) index_.erase(digest);
    index_.insert(digest, at);
  }

  template <class F>
  void for_each(F&& visit) const { // oldest first
    for (std::uint32_t i = 0; i < count_; ++i) {
      const Cell& cell = ring_[(first_ + i) % ring_.size()];
      visit(cell.order, cell.accepted_at);
    }
  }
  std::uint32_t count() const { return count_; }

 private:
  struct Cell {
    RecentOrder order;
    TimeNs accepted_at;
  };

  static std::uint64_t digest_of(const RecentOrder& order) {
    return digest({reinterpret_cast<const std::uint8_t*>(&order), sizeof order});
  }

  void forget_first() {
    const std::uint64_t digest = digest_of(ring_[first_].order);
    if (index_.find(digest) == first_) index_.erase(digest);
    first_ = static_cast<std::uint32_t>((first_ + 1) % ring_.size());
    --count_;
  }

  LazyArray<Cell> ring_;
  HashIndex<std::uint64_t> index_;
  std::uint32_t first_ = 0, count_ = 0;
};

} // namespace cmatch
