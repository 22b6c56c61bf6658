// What must hold between two commands, looked at from scratch. Called by tests, by the fuzzers and after a restore.
#include <algorithm>

#include "cmatch/checks.hpp"
#include "cmatch/engine_state.hpp"

namespace cmatch {
namespace {

struct Sums {
  Lots leaves[2] = {0, 0};
  std::uint32_t orders = 0;
  std::uint32_t pegs = 0;
};

void check_order(const EngineState& state, const OrderBook& book, Slot slot, Sums& sums,
                 std::vector<std::uint64_t>& arrivals) {
  const Order& order = state.storage.orders[slot];
  CM_CHECK(order.order_id != 0 && state.storage.index.find(order.order_id) == slot);
  CM_CHECK(order.book == book.number() && order.place != OrderPlace::none);
  CM_CHECK(order.leaves > 0 && order.leaves <= order.order_qty);
  CM_CHECK(order.arrival > 0 && order.arrival <= state.arrivals);
  sums.leaves[order.side == Side::buy ? 0 : 1] += order.leaves;
  ++sums.orders;
  if (order.type == OrderType::pegged) ++sums.pegs;
  arrivals.push_back(order.arrival);
}

} // namespace

void OrderBook::check_invariants() const {
  for (const Side side : {Side::buy, Side::sell}) {
    std::optional<Ticks> before;
    for (std::uint32_t at_level = best(side); at_level != kNone; at_level = next(at_level)) {
      const PriceLevel& l = level(at_level);
      CM_CHECK(l.side == side && !l.empty());
      CM_CHECK(!before || beyond(opposite(side), l.price, *before));
      CM_CHECK(find_level(side, l.price) == at_level);
      before = l.price;
      Lots shown = 0, total = 0;
      std::uint32_t displayed = 0, hidden = 0, pegs = 0;
      Slot previous = kNone;
      for_each_in(l.displayed, [&](Slot slot) {
        const Order& order = storage_->orders[slot];
        CM_CHECK(order.level == at_level && order.place == OrderPlace::resting && order.prev == previous &&
                 order.side == side && !order.hidden());
        previous = slot;
        const Lots open = open_part(storage_->orders, slot);
        CM_CHECK(open > 0 && open <= order.leaves);
        shown += open;
        total += order.leaves;
        ++displayed;
        pegs += order.type == OrderType::pegged;
      });
      CM_CHECK(previous == l.displayed.tail);
      previous = kNone;
      for_each_in(l.hidden, [&](Slot slot) {
        const Order& order = storage_->orders[slot];
        CM_CHECK(order.level == at_level && order.prev == previous && order.side == side && order.hidden());
        previous = slot;
        total += order.leaves;
        ++hidden;
      });
      CM_CHECK(previous == l.hidden.tail);
      CM_CHECK(shown == l.shown && total == l.total() && displayed == l.displayed_count &&
               hidden == l.hidden_count && pegs == l.displayed_pegs);
    }
  }
  const std::optional<Ticks> bid = best_price(Side::buy), ask = best_price(Side::sell);
  CM_CHECK(phase != Phase::continuous || !bid || !ask || *bid < *ask);
  CM_CHECK(phase != Phase::continuous ||
           (first_market(Side::buy) == kNone && first_market(Side::sell) == kNone));
  CM_CHECK(!step_traded);
}

void Engine::check_invariants() const {
  const EngineState& state = *state_;
  std::vector<std::uint64_t> arrivals;
  std::uint32_t orders = 0;
  for (const OrderBook& book : state.books) {
    book.check_invariants();
    Sums sums;
    book.for_each_order([&](Slot slot) { check_order(state, book, slot, sums, arrivals); });
    CM_CHECK(sums.leaves[0] == book.live_leaves(Side::buy) && sums.leaves[1] == book.live_leaves(Side::sell));
    CM_CHECK(sums.orders == book.live_orders && sums.pegs == book.peg_count());
    orders += sums.orders;
  }
  CM_CHECK(orders == state.storage.orders.live() && orders <= state.limits.max_orders);
  CM_CHECK(state.storage.index.count() <= state.limits.max_order_ids);
  std::sort(arrivals.begin(), arrivals.end());
  CM_CHECK(std::adjacent_find(arrivals.begin(), arrivals.end()) == arrivals.end());
}

} // namespace cmatch
