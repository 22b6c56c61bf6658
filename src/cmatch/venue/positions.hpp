// What each account holds, has open and has lost in each instrument, and the limits that bind it there.
// Owns the records and their index. Units: lots, minor units of the quote asset. Not thread-safe. All O(1).
#pragma once

#include <cstdint>

#include "cmatch/lazy_array.hpp"
#include "cmatch/venue/hash_index.hpp"
#include "cmatch/venue/limits.hpp"
#include "cmatch/venue/venue_order.hpp"

namespace cmatch {

// By cache lines: what every order looks at, in two; what a trade moves; the limits, which most have none of.
struct alignas(64) Position {
  AccountSlot account;
  std::uint32_t instrument;                // number of its VenueInstrument
  BalanceSlot base_balance, quote_balance; // kNoSlot until made
  Lots qty;                                // bought less sold
  std::int64_t live_orders;
  std::int64_t day;             // UTC days since 1970, 0: never touched
  std::uint64_t limits_version; // of `limits`; 0: never resolved
  std::uint64_t limited;        // LimitField, of `limits`
  TimeNs rate_time;             // the theoretical arrival time of the rate limit

  Wide open_notional[2]; // of live orders: buys, sells
  Lots open_lots[2];
  Lots reduce_only_lots[2];

  Wide cost;        // what the open part has cost, signed as qty
  Wide realised;    // since the day began
  Wide base_of_day; // unrealised profit when the day began

  Limits limits;

  Wide& notional_of(Side side) { return open_notional[side == Side::sell]; }
  Lots& lots_of(Side side) { return open_lots[side == Side::sell]; }
};

class Positions {
 public:
  explicit Positions(std::uint32_t max_positions) : positions_(max_positions), index_(max_positions) {}

  PositionSlot find(AccountSlot account, std::uint32_t instrument) const {
    return index_.find(key(account, instrument));
  }
  // Finds or makes; kNoSlot where none is left.
  PositionSlot make(AccountSlot account, std::uint32_t instrument) {
    const PositionSlot found = find(account, instrument);
    if (found != kNoSlot || count_ == positions_.size()) return found;
    Position& position = positions_[count_];
    position.account = account;
    position.instrument = instrument;
    position.base_balance = position.quote_balance = kNoSlot;
    index_.insert(key(account, instrument), count_);
    return count_++;
  }
  Position& operator[](PositionSlot slot) { return positions_[slot]; }
  const Position& operator[](PositionSlot slot) const { return positions_[slot]; }
  std::uint32_t count() const { return count_; }
  [[gnu::always_inline]] void prefetch_index(AccountSlot account, std::uint32_t instrument) const {
    index_.prefetch(hash_of(key(account, instrument)));
  }
  [[gnu::always_inline]] void prefetch(PositionSlot slot) const { // what every order looks at
    if (slot == kNoSlot) return;
    __builtin_prefetch(&positions_[slot], 1);
    __builtin_prefetch(&positions_[slot].open_notional, 1);
  }
  [[gnu::always_inline]] void prefetch_cost(PositionSlot slot) const { // what a trade moves, too
    __builtin_prefetch(&positions_[slot].cost, 1);
  }
  void list_memory(MemoryList& list) const {
    positions_.list_memory(list);
    index_.list_memory(list);
  }

 private:
  static std::uint64_t key(AccountSlot account, std::uint32_t instrument) {
    return std::uint64_t{account} << 32 | instrument;
  }

  LazyArray<Position> positions_;
  HashIndex<std::uint64_t> index_;
  std::uint32_t count_ = 0;
};

} // namespace cmatch
