// What a reader sees of an engine. Hidden quantity, reserves, waiting orders and the resting market orders
// of a call never show in L1, L2 and L3.
#pragma once

#include <cstdint>
#include <optional>

#include "cmatch/command.hpp"
#include "cmatch/types.hpp"

namespace cmatch {

struct TopOfBook {
  bool has_bid = false, has_ask = false;
  Ticks bid_price = 0;
  Lots bid_qty = 0; // shown
  Ticks ask_price = 0;
  Lots ask_qty = 0; // shown
};

// One aggregated price: L2.
struct LevelView {
  Ticks price;
  Lots qty; // shown
  std::uint32_t count;
  std::uint32_t reserved;
};
static_assert(sizeof(LevelView) == 24);

// One displayed order: L3, in priority order.
struct L3View {
  OrderId order_id;
  Ticks price;
  Lots qty; // shown
  Side side;
  std::uint8_t reserved[7];
};
static_assert(sizeof(L3View) == 32);

// What lies ahead of a resting order at its price.
struct QueuePosition {
  std::uint64_t orders_ahead;
  Lots qty_ahead;
};

enum class OrderPlace : std::uint8_t {
  none = 0,          // in the hands of the matcher; never seen from outside
  resting = 1,       // in the book, at a price
  market_queue = 2,  // a market order of a call
  waiting_stop = 3,  // a stop that has not triggered
  waiting_close = 4, // an at_close order before its call
  waiting_peg = 5,   // a pegged order without a price
};

struct OrderView {
  OrderId order_id = 0;
  AccountId account = 0;
  InstrumentId instrument_id = 0;
  Side side = Side::buy;
  OrderType type = OrderType::limit;
  TimeInForce time_in_force = TimeInForce::gtc;
  OrderPlace place = OrderPlace::resting;
  std::uint8_t flags = 0;
  StpMode stp_mode = StpMode::none;
  Lots order_qty = 0;
  Lots cum_qty = 0;
  Lots leaves_qty = 0;
  Lots shown_qty = 0;         // 0 unless it rests and is displayed
  std::optional<Ticks> price; // in force; none: market orders, a waiting peg
  std::optional<Ticks> stop_price;
  std::optional<Ticks> trail;
  std::optional<Peg> peg;
  std::optional<Ticks> offset;
  std::optional<Ticks> worst_price; // of a pegged order
  std::optional<Lots> display_qty;
  std::optional<TimeNs> expire_at;
  std::optional<std::uint64_t> stp_group;
  std::uint64_t arrival = 0;
};

struct InstrumentView {
  Definition definition{};
  Phase phase = Phase::closed;
  std::optional<Ticks> last;
  std::optional<Ticks> mark;
  std::optional<Ticks> reference; // static
  std::uint32_t live_orders = 0;
};

// What an uncross would do now.
struct AuctionView {
  bool has = false;
  Ticks price = 0;
  Lots volume = 0;
  Lots surplus = 0; // buys less sells that could trade at the price
};

struct TapeEntry {
  std::uint64_t trade_id;
  std::uint64_t command_sequence;
  TimeNs timestamp;
  InstrumentId instrument_id;
  std::uint8_t taker_side; // Side, 0 in an uncross
  std::uint8_t reserved[3];
  Ticks price;
  Lots qty;
  OrderId maker_order_id;
  OrderId taker_order_id;
};
static_assert(sizeof(TapeEntry) == 64);

// The new totals of a level that a command changed; qty and count 0: the level is gone.
struct L2Delta {
  std::uint64_t command_sequence;
  InstrumentId instrument_id;
  Side side;
  std::uint8_t reserved[3];
  Ticks price;
  Lots qty;
  std::uint32_t count;
  std::uint32_t reserved1;
};
static_assert(sizeof(L2Delta) == 40);

enum class L3Action : std::uint8_t { add = 1, set = 2, remove = 3 };

struct L3Delta {
  std::uint64_t command_sequence;
  InstrumentId instrument_id;
  L3Action action;
  Side side;
  std::uint8_t reserved[2];
  OrderId order_id;
  Ticks price;
  Lots qty;
};
static_assert(sizeof(L3Delta) == 40);

} // namespace cmatch
