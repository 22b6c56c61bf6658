// The reservations of the ledger that are pending: a slab, a list an account in order of making, and a heap of those that
// expire, by (expire_at, transfer id). Owns all three; moves no money. Not thread-safe.
// add, remove: O(log n) with an expiry, else O(1). next_expiry: O(1).
#pragma once

#include <cstdint>
#include <limits>
#include <utility>

#include "cmatch/check.hpp"
#include "cmatch/lazy_array.hpp"
#include "cmatch/types.hpp"
#include "cmatch/venue/hash_index.hpp"
#include "cmatch/venue/records.hpp"

namespace cmatch {

using HoldSlot = std::uint32_t;

struct TransferId {
  std::uint64_t low, high;
  bool operator==(const TransferId&) const = default;
  bool operator<(const TransferId& other) const {
    return high != other.high ? high < other.high : low < other.low;
  }
  bool zero() const { return (low | high) == 0; }
};

inline constexpr TimeNs kEndOfTime = std::numeric_limits<TimeNs>::max();

struct Hold {
  TransferId id; // of the reserve that made it
  Amount amount;
  TimeNs expire_at;       // kEndOfTime: none
  std::uint32_t balance;  // BalanceSlot
  std::uint32_t account;  // AccountSlot
  std::uint32_t transfer; // where its first answer is kept
  std::uint32_t position; // in the heap; kNoSlot: it does not expire
  HoldSlot prev, next;    // of the account; `next` also chains free slots
};

class Holds {
 public:
  Holds(std::uint32_t max_holds, std::size_t accounts)
      : holds_(max_holds), heap_(max_holds), chains_(accounts), capacity_(max_holds) {}

  const Hold& operator[](HoldSlot slot) const { return holds_[slot]; }
  std::uint32_t size() const { return size_; }
  bool full() const { return size_ == capacity_; }
  HoldSlot due_first() const { return expiring_ == 0 ? kNoSlot : heap_[0]; }
  TimeNs next_expiry() const { return expiring_ == 0 ? kEndOfTime : holds_[heap_[0]].expire_at; }

  // `hold` without position and neighbours; not full().
  HoldSlot add(const Hold& hold) {
    CM_CHECK(!full());
    HoldSlot slot = made_;
    if (free_ != 0) {
      slot = free_ - 1;
      free_ = holds_[slot].next;
    } else {
      ++made_;
    }
    Chain& chain = chains_[hold.account];
    holds_[slot] = hold;
    holds_[slot].prev = chain.last - 1;
    holds_[slot].next = kNoSlot;
    (chain.last == 0 ? chain.first : holds_[chain.last - 1].next) = chain.last == 0 ? slot + 1 : slot;
    chain.last = slot + 1;
    holds_[slot].position = kNoSlot;
    if (hold.expire_at != kEndOfTime) rise(expiring_++, slot);
    ++size_;
    return slot;
  }

  void remove(HoldSlot slot) {
    Hold& hold = holds_[slot];
    if (hold.position != kNoSlot) leave_heap(hold.position);
    Chain& chain = chains_[hold.account];
    (hold.prev == kNoSlot ? chain.first : holds_[hold.prev].next) =
        hold.prev == kNoSlot ? hold.next + 1 : hold.next;
    (hold.next == kNoSlot ? chain.last : holds_[hold.next].prev) =
        hold.next == kNoSlot ? hold.prev + 1 : hold.prev;
    hold.next = free_;
    free_ = slot + 1;
    --size_;
  }

  // Of one account, in order of making.
  template <class F>
  void for_each(std::uint32_t account, F&& visit) const {
    for (std::uint32_t link = chains_[account].first; link != 0; link = holds_[link - 1].next + 1)
      visit(holds_[link - 1]);
  }

  void check_invariants(std::uint32_t accounts) const {
    std::uint32_t seen = 0, expiring = 0;
    for (std::uint32_t account = 0; account < accounts; ++account) {
      HoldSlot prev = kNoSlot;
      for (std::uint32_t link = chains_[account].first; link != 0; link = holds_[link - 1].next + 1) {
        const Hold& hold = holds_[link - 1];
        CM_CHECK(hold.account == account && hold.prev == prev && hold.amount > 0);
        CM_CHECK((hold.position == kNoSlot) == (hold.expire_at == kEndOfTime));
        CM_CHECK(hold.position == kNoSlot || (hold.position < expiring_ && heap_[hold.position] == link - 1));
        expiring += hold.position != kNoSlot;
        prev = link - 1;
        CM_CHECK(++seen <= size_);
      }
      CM_CHECK(chains_[account].last == prev + 1);
    }
    CM_CHECK(seen == size_ && expiring == expiring_);
    for (std::uint32_t i = 1; i < expiring_; ++i)
      CM_CHECK(!before(heap_[i], heap_[(i - 1) / 2]));
  }

 private:
  struct Chain {
    std::uint32_t first, last; // slot + 1; 0: none
  };

  bool before(HoldSlot a, HoldSlot b) const {
    const Hold &one = holds_[a], &other = holds_[b];
    return one.expire_at != other.expire_at ? one.expire_at < other.expire_at : one.id < other.id;
  }

  void place(std::uint32_t at, HoldSlot slot) {
    heap_[at] = slot;
    holds_[slot].position = at;
  }

  void rise(std::uint32_t at, HoldSlot slot) {
    for (; at > 0 && before(slot, heap_[(at - 1) / 2]); at = (at - 1) / 2)
      place(at, heap_[(at - 1) / 2]);
    place(at, slot);
  }

  void leave_heap(std::uint32_t at) {
    const HoldSlot last = heap_[--expiring_];
    if (at == expiring_) return;
    rise(at, last);
    at = holds_[last].position;
    for (std::uint32_t child = 2 * at + 1; child < expiring_; child = 2 * at + 1) {
      if (child + 1 < expiring_ && before(heap_[child + 1], heap_[child])) ++child;
      if (!before(heap_[child], last)) break;
      place(at, heap_[child]);
      at = child;
    }
    place(at, last);
  }

  LazyArray<Hold> holds_;
  LazyArray<HoldSlot> heap_;
  LazyArray<Chain> chains_; // by account slot
  std::uint32_t capacity_;
  std::uint32_t size_ = 0, made_ = 0, expiring_ = 0;
  std::uint32_t free_ = 0; // slot + 1
};

} // namespace cmatch
