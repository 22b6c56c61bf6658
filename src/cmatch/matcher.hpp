// Continuous matching of one incoming order against one book: price, then time, at the maker's price (section 3),
// self-trade prevention (section 4). O(orders touched). No recursion.
#pragma once

#include <limits>

#include "cmatch/checks.hpp"
#include "cmatch/engine_state.hpp"
#include "cmatch/lifecycle.hpp"

namespace cmatch {

// An order that comes in: new, released from a stop, or replaced.
struct Taker {
  Slot slot = kNone; // kNone: it has no slot yet
  OrderId order_id = 0;
  std::uint64_t stp_group =
      0; // between id and account: side by side they would be loaded as one, before both are there
  AccountId account = 0;
  bool grouped = false;
  bool limited = false;   // it has a price limit
  bool canceled = false;  // self-trade prevention ended it
  bool immediate = false; // what is left does not rest
  Side side = Side::buy;
  StpMode stp_mode = StpMode::none;
  OrderType type = OrderType::limit;
  TimeInForce time_in_force = TimeInForce::gtc;
  Lots leaves = 0;
  Lots order_qty = 0;
  Lots min_qty = 0; // least total to trade at once; FOK: all
  Ticks limit = 0;
};

// How far a step may trade: in the taker's direction, as they are when the step begins.
struct Bounds {
  Ticks stop;   // the nearest of the three
  Ticks limit;  // the order's own
  Ticks collar; // of market orders and the like
  Ticks edge;   // of the bands
};

// Why matching ended.
enum class MatchEnd { filled, exhausted, limit, collar, edge, self_trade };

constexpr Ticks kNoBound[2] = {std::numeric_limits<Ticks>::max(), std::numeric_limits<Ticks>::min()};
constexpr Ticks no_bound(Side side) { return kNoBound[side == Side::buy ? 0 : 1]; }

// Prints the trade of `qty` at `price` between the taker and a maker that lost it already.
[[gnu::always_inline]] inline void print_trade(EngineState& state, OrderBook& book, const Taker& taker,
                                               const Order& maker, Lots qty, Ticks price) {
  Event& event = state.emit(EventKind::trade, book);
  event.order_id = taker.order_id;
  event.account = taker.account;
  event.qty = qty;
  event.price = price;
  event.leaves = taker.leaves;
  event.trade_id = ++state.trade_sequence;
  event.maker_order_id = maker.order_id;
  event.maker_account = maker.account;
  event.maker_leaves = maker.leaves;
  event.present = kEventInstrument | kEventPrice | kEventOrderId;
  event.side = static_cast<std::uint8_t>(taker.side);
  state.record(book, event);
  book.first_trade = book.step_traded ? book.first_trade : price;
  book.step_traded = true;
  book.last_trade = price;
  book.last = price;
}

// After a maker lost part of its leaves: it is gone, or shows its next part, or stays as it is.
void refresh_maker(EngineState& state, OrderBook& book, Slot slot);
inline void settle_maker(EngineState& state, OrderBook& book, Slot slot) {
  const Order& maker = state.storage.orders[slot];
  if (maker.leaves == 0) {
    book.unlink(slot);
    destroy_order(state, book, slot);
  } else if (maker.has(kIceberg)) [[unlikely]] {
    refresh_maker(state, book, slot);
  }
}

inline bool own(const EngineState& state, const Taker& taker, Slot slot) {
  const Order& maker = state.storage.orders[slot];
  if (taker.grouped != maker.has(kGrouped)) return false;
  return taker.grouped ? state.storage.orders.detail(slot).stp_group == taker.stp_group
                       : maker.account == taker.account;
}

// The taker meets an order of its own. False where that ends its matching.
bool prevent(EngineState& state, OrderBook& book, Taker& taker, Slot slot, Ticks price);

MatchEnd end_at(const Taker& taker, const Bounds& bounds, Ticks price);

inline MatchEnd match(EngineState& state, OrderBook& book, Taker& taker, const Bounds& bounds) {
  const Side maker_side = opposite(taker.side);
  while (taker.leaves > 0) {
    const std::uint32_t best = book.best(maker_side);
    if (best == kNone) return MatchEnd::exhausted;
    PriceLevel& level = book.level(best);
    const Ticks price = level.price;
    if (beyond(taker.side, price, bounds.stop)) return end_at(taker, bounds, price);
    const Slot slot = level.front();
    if (taker.stp_mode != StpMode::none && own(state, taker, slot)) [[unlikely]] {
      if (!prevent(state, book, taker, slot, price)) return MatchEnd::self_trade;
      continue;
    }
    Order& maker = state.storage.orders[slot];
    if (maker.plain() && !book.records()) [[likely]] {
      const Lots qty = std::min(taker.leaves, maker.leaves);
      const bool gone = maker.leaves == qty;
      taker.leaves -= qty;
      book.live_leaves(maker_side) -= qty;
      OrderBook::reduce_plain(level, maker, qty);
      print_trade(state, book, taker, maker, qty, price);
      if (!gone) return MatchEnd::filled; // the maker is the larger: the taker is done
      book.pop_front(level, maker);
      destroy_order(state, book, slot);
    } else {
      const Lots qty = std::min(taker.leaves, open_part(state.storage.orders, slot));
      taker.leaves -= qty;
      book.live_leaves(maker_side) -= qty;
      book.reduce(slot, qty);
      print_trade(state, book, taker, maker, qty, price);
      settle_maker(state, book, slot);
    }
  }
  return taker.canceled ? MatchEnd::self_trade : MatchEnd::filled;
}

// What `taker` would trade now, counted up to `enough` (rule 3.7).
Lots reachable(const EngineState& state, const OrderBook& book, const Taker& taker, const Bounds& bounds,
               Lots enough);

Bounds bounds_of(const OrderBook& book, const Taker& taker);

// One step: `taker`, accepted, matches; what is left of it rests or is canceled; a halt follows. `command` is that of a
// new order, null for one that has a slot.
void run_taker(EngineState& state, OrderBook& book, Taker& taker, const Command* command,
               std::uint64_t arrival);

// The taker that an order with a slot becomes: `limited` false: at any price.
Taker taker_of(const EngineState& state, Slot slot, bool limited, Ticks limit);

} // namespace cmatch
