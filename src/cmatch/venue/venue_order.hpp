// The orders that live in a venue: what each has reserved and whom to tell. The engine has their places in the book.
// Owns a slab, an index by order id and a list for each account, in order of entry. Not thread-safe. All O(1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "cmatch/lazy_array.hpp"
#include "cmatch/venue/hash_index.hpp"
#include "cmatch/venue/ledger.hpp"
#include "cmatch/venue/wide.hpp"

namespace cmatch {

using VenueSlot = std::uint32_t;    // of a VenueOrder
using PositionSlot = std::uint32_t; // of a Position

// Three cache lines: what it is and whom it belongs to; what changes as it lives; what few look at.
struct alignas(64) VenueOrder {
  std::uint64_t order_id; // 0: a free slot
  std::uint64_t account;
  AccountSlot account_slot;
  SessionId session;
  std::uint32_t instrument; // number of its VenueInstrument
  PositionSlot position;
  BalanceSlot reserve_balance; // where `reserved` is held; kNoSlot where nothing ever is (policy)
  std::uint32_t request;       // ClientIds::Entry
  VenueSlot account_next, account_prev;
  std::uint16_t status;                   // OrderStatus
  std::uint8_t side, type, time_in_force; // as the wire has them
  std::uint8_t stp_mode, flags;           // what a queued order is submitted with, as are the next three
  std::uint8_t has_stp_group, has_display_qty, has_expire_at;
  std::uint8_t has_price, has_stop_price, reduce_only, has_budget;
  std::uint8_t queued;    // it waits for its stage
  std::uint8_t canceling; // a cancel of it is on its way to a shard

  Lots order_qty, cum_qty, leaves;
  Ticks price, stop_price;
  Ticks exposure_price; // at which its leaves count: the worst price of a buy
  Amount reserved;
  std::uint32_t replaces;   // replaces of it that are on their way to a shard
  std::uint32_t queue_next; // while queued: the next to be submitted

  Wide fee_due;      // exact, 1e-9 minor units of the fee's asset
  Lots extra_lots;   // that a replace on its way to a shard may add: they count as its leaves do
  TimeNs entered_at; // journaled
  TimeNs expire_at;  // where it is gtd, else 0
  std::uint64_t stp_group;
  Lots display_qty;
  Ticks own_exposure; // while replaces of it are on their way: what exposure_price is without them

  Lots counted() const { return replaces == 0 ? leaves : leaves + extra_lots; }
};
static_assert(sizeof(VenueOrder) == 192 && offsetof(VenueOrder, order_qty) == 64 &&
              offsetof(VenueOrder, fee_due) == 128);

class VenueOrders {
 public:
  VenueOrders(std::uint32_t max_orders, std::uint32_t max_accounts)
      : orders_(std::size_t{max_orders} + 1), lists_(std::size_t{max_accounts} + kHouseAccounts),
        index_(max_orders) {}

  VenueSlot find(std::uint64_t order_id) const { return index_.find({order_id}); }
  VenueOrder& operator[](VenueSlot slot) { return orders_[slot]; }
  const VenueOrder& operator[](VenueSlot slot) const { return orders_[slot]; }
  bool full() const { return live_ + 1 >= orders_.size(); }
  std::uint32_t live() const { return live_; }
  std::uint32_t live_of(AccountSlot account) const { return lists_[account].count; }
  [[gnu::always_inline]] void prefetch(std::uint64_t order_id) const {
    index_.prefetch(Id{order_id}.digest());
  }
  [[gnu::always_inline]] void prefetch_slot(VenueSlot slot) const {
    if (slot == kNoSlot) return;
    __builtin_prefetch(&orders_[slot], 1);
    __builtin_prefetch(&orders_[slot].order_qty, 1);
  }
  [[gnu::always_inline]] void prefetch_fees(VenueSlot slot) const {
    __builtin_prefetch(&orders_[slot].fee_due, 1);
  }
  // Those whose links change when the order goes, and when the account has another one.
  [[gnu::always_inline]] void prefetch_neighbours(VenueSlot slot) const {
    __builtin_prefetch(&orders_[orders_[slot].account_prev], 1);
    __builtin_prefetch(&orders_[orders_[slot].account_next], 1);
  }
  [[gnu::always_inline]] void prefetch_last(AccountSlot account) const {
    __builtin_prefetch(&orders_[lists_[account].last], 1);
  }

  void list_memory(MemoryList& list) const {
    orders_.list_memory(list);
    index_.list_memory(list);
  }

  // A slot for `order_id`, linked to its account; the rest of the record is the caller's to write. Requires !full().
  VenueSlot add(std::uint64_t order_id, AccountSlot account) {
    CM_CHECK(!full());
    VenueSlot slot = free_;
    if (slot != 0)
      free_ = orders_[slot].account_next;
    else
      slot = ++top_;
    VenueOrder& order = orders_[slot];
    order.order_id = order_id;
    order.account_slot = account;
    List& list = lists_[account];
    order.account_prev = list.last;
    order.account_next = 0;
    (list.last == 0 ? list.first : orders_[list.last].account_next) = slot;
    list.last = slot;
    ++list.count;
    ++live_;
    index_.insert({order_id}, slot);
    return slot;
  }

  void remove(VenueSlot slot) {
    VenueOrder& order = orders_[slot];
    CM_CHECK(order.order_id != 0);
    List& list = lists_[order.account_slot];
    (order.account_prev == 0 ? list.first : orders_[order.account_prev].account_next) = order.account_next;
    (order.account_next == 0 ? list.last : orders_[order.account_next].account_prev) = order.account_prev;
    --list.count;
    --live_;
    index_.erase({order.order_id});
    order.order_id = 0;
    order.account_next = free_;
    free_ = slot;
    prefetch_fees(slot); // the next order comes here, and writes what this one need not have looked at
  }

  // Of one account, in order of entry.
  template <class F>
  void for_each_of(AccountSlot account, F&& visit) const {
    for (VenueSlot slot = lists_[account].first; slot != 0;) {
      const VenueSlot next = orders_[slot].account_next;
      visit(slot);
      slot = next;
    }
  }
  // Of all, in no order that means anything.
  template <class F>
  void for_each(F&& visit) const {
    for (VenueSlot slot = 1; slot <= top_; ++slot)
      if (orders_[slot].order_id != 0) visit(slot);
  }

 private:
  struct List {
    VenueSlot first, last; // 0: none
    std::uint32_t count;
  };

  // Ids are sequences: those that are near each other in time share cache lines of the index.
  struct Id {
    std::uint64_t id;
    std::uint64_t digest() const { return hash_of(id >> 4) << 4 | (id & 15); }
    bool operator==(const Id&) const = default;
  };

  LazyArray<VenueOrder> orders_; // slot 0 is none
  LazyArray<List> lists_;
  HashIndex<Id> index_;
  VenueSlot free_ = 0, top_ = 0;
  std::uint32_t live_ = 0;
};

} // namespace cmatch
