// What has become of orders, and the trades, as the reports told it: the memory of a read replica.
// Owns the last orders and fills of each account and the last trades of each instrument. Pure; not thread-safe.
// Units: ticks, lots, minor units, ns. record: O(1) a report; the queries are linear in what they look at; snapshot,
// restore: O(all).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cmatch/venue/hash_index.hpp"
#include "cmatch/venue/keyed_rings.hpp"
#include "cmatch/venue/records.hpp"

namespace cmatch {

// An order, alive or ended.
struct HistoryOrder {
  std::uint64_t order_id;
  std::uint64_t account;
  std::uint32_t instrument_id;
  std::uint16_t side;
  std::uint16_t type;
  std::uint16_t time_in_force;
  std::uint16_t order_status;  // OrderStatus
  std::uint16_t cancel_reason; // CancelReason, VenueCancelReason
  std::uint16_t flags;         // ReportFlag: which prices there are
  std::int64_t order_qty;
  std::int64_t cum_qty;
  std::int64_t leaves_qty;
  std::int64_t price;
  std::int64_t stop_price;
  std::uint64_t cost_low; // sum of price times lots of its fills, 128 bits
  std::int64_t cost_high;
  std::int64_t entered_at;
  std::int64_t updated_at;
  std::uint64_t event_sequence; // of the last report that changed it
  std::uint16_t reject;         // RejectCode
  std::uint16_t reserved0;
  std::uint32_t fills;
  char client_order_id[40];
};

// One side of a trade.
struct HistoryFill {
  std::uint64_t trade_id;
  std::uint64_t order_id;
  std::uint64_t sequence;
  std::int64_t timestamp;
  std::int64_t price;
  std::int64_t qty;
  std::int64_t fee;
  std::uint32_t fee_asset;
  std::uint32_t instrument_id;
  std::uint16_t side;
  std::uint16_t liquidity; // Liquidity
  std::uint32_t reserved;
};

struct HistoryTrade {
  std::uint64_t trade_id;
  std::uint64_t sequence;
  std::int64_t timestamp;
  std::int64_t price;
  std::int64_t qty;
  std::uint32_t instrument_id;
  std::uint16_t taker_side; // 0: an auction
  std::uint16_t reserved;
};

struct HistoryLimits {
  std::uint32_t max_accounts = 1u << 17;
  std::uint32_t max_instruments = 1u << 12;
  std::uint32_t orders_per_account = 10'000;
  std::uint32_t fills_per_account = 10'000;
  std::uint32_t trades_per_instrument = 10'000;
  std::uint32_t max_orders = 1u << 22; // of all accounts together, as are the next two
  std::uint32_t max_fills = 1u << 22;
  std::uint32_t max_trades = 1u << 20;
};

// What an order must be to be listed; 0 asks nothing.
struct HistoryFilter {
  std::uint32_t instrument_id = 0;
  std::uint16_t order_status = 0;
  std::int64_t from_ns = 0, to_ns = 0;   // of entered_at; both inclusive
  std::uint64_t before = 0;              // order ids (trade ids) below it only: the next page
  const char* client_order_id = nullptr; // 40 bytes, zero padded
};

class History {
 public:
  // Throws std::invalid_argument on a limit that is 0, std::bad_alloc where memory is refused.
  explicit History(const HistoryLimits& limits = {});

  // Takes notice of reports, in order of their events. Duplicates and refused changes change nothing.
  void record(std::span<const ExecutionReport> reports);

  // An order that is remembered, whosever it is; nullptr where it is not.
  const HistoryOrder* order(std::uint64_t order_id) const;
  // At most `limit`, the newest first.
  std::vector<HistoryOrder> orders(AccountId account, const HistoryFilter& filter, std::size_t limit) const;
  std::vector<HistoryFill> fills(AccountId account, const HistoryFilter& filter, std::size_t limit) const;
  std::vector<HistoryTrade> trades(InstrumentId instrument, const HistoryFilter& filter,
                                   std::size_t limit) const;

  // All of it as bytes, and made of them again; `sequence` is that of the last command whose reports it has. Restored
  // to smaller limits it forgets its oldest. Throws SnapshotError where the bytes are damaged or of another sequence.
  std::vector<std::uint8_t> snapshot(std::uint64_t sequence) const;
  static History restore(std::span<const std::uint8_t> bytes, std::uint64_t sequence,
                         const HistoryLimits& limits);

  std::uint64_t order_count() const { return orders_.records(); }
  std::uint64_t dropped() const { return dropped_; } // reports of accounts or instruments beyond the limits
  void check_invariants() const;

 private:
  void enter(const ExecutionReport& report);
  void change(const ExecutionReport& report);
  void fill(const ExecutionReport& report, HistoryOrder* order);

  KeyedRings<HistoryOrder> orders_;
  KeyedRings<HistoryFill> fills_;
  KeyedRings<HistoryTrade> trades_;
  HashIndex<std::uint64_t> index_; // order id -> its place in orders_
  std::uint64_t dropped_ = 0;
};

static_assert(sizeof(HistoryOrder) == 160 && sizeof(HistoryFill) == 72 && sizeof(HistoryTrade) == 48);

} // namespace cmatch
