#include <vector>

#include "cmatch/venue/money.hpp"
#include "cmatch/venue/venue.hpp"
#include "cmatch/venue/venue_state.hpp"

namespace cmatch {
namespace {

// What the live orders make of a position.
struct Sums {
  Wide notional[2] = {};
  Lots lots[2] = {};
  Lots reduce_only[2] = {};
  std::int64_t live = 0;
};

void check_order(const VenueState& state, VenueSlot slot) {
  const VenueOrder& order = state.orders[slot];
  CM_CHECK(order.leaves > 0 && order.order_qty == order.cum_qty + order.leaves);
  CM_CHECK(state.orders.find(order.order_id) == slot);
  CM_CHECK(state.ledger.account(order.account_slot).id == order.account);
  CM_CHECK(state.client_ids.live(order.request) &&
           state.client_ids.outcome(order.request).order_id == order.order_id);
  if (order.reserve_balance != kNoSlot && !order.has_budget)
    CM_CHECK(order.reserved == to_amount(needed(state.instruments[order.instrument], order)));
  if (order.status == static_cast<std::uint16_t>(OrderStatus::pending_new)) return;
  const auto lives = state.engine.order(order.order_id);
  CM_CHECK(lives.has_value() && lives->leaves_qty == order.leaves && lives->account == order.account &&
           lives->cum_qty == order.cum_qty);
}

void check_queue(const VenueState& state) {
  std::uint32_t count = 0;
  VenueSlot last = 0;
  for (VenueSlot slot = state.queue_first; slot != 0; slot = state.orders[slot].queue_next) {
    CM_CHECK(state.orders[slot].status == static_cast<std::uint16_t>(OrderStatus::pending_new));
    CM_CHECK(last == 0 || state.orders[last].order_id < state.orders[slot].order_id);
    last = slot;
    ++count;
  }
  CM_CHECK(count == state.queued && last == state.queue_last && (state.away || count == 0));
}

} // namespace

void Venue::check_invariants() const {
  const VenueState& state = *state_;
  if (state.poisoned) throw InvariantViolation("the venue is poisoned by an earlier failure");
  state.engine.check_invariants();
  state.client_ids.check_invariants();
  check_queue(state);
  CM_CHECK(state.engine.live_orders() + state.queued == state.orders.live());
  CM_CHECK(state.client_ids.live() == state.orders.live());
  std::vector<Amount> reserved(state.ledger.balances());
  std::vector<Sums> sums(state.positions.count());
  std::vector<std::uint32_t> live(state.instruments.size());
  state.orders.for_each([&](VenueSlot slot) {
    const VenueOrder& order = state.orders[slot];
    check_order(state, slot);
    if (order.reserve_balance != kNoSlot) reserved[order.reserve_balance] += order.reserved;
    Sums& sum = sums[order.position];
    const int side = order.side == static_cast<std::uint16_t>(Side::sell);
    sum.lots[side] += order.leaves;
    sum.notional[side] += notional(state.instruments[order.instrument], order.exposure_price, order.leaves);
    if (order.reduce_only) sum.reduce_only[side] += order.leaves;
    ++sum.live;
    ++live[order.instrument];
  });
  for (PositionSlot slot = 0; slot < state.positions.count(); ++slot) {
    const Position& position = state.positions[slot];
    for (const int side : {0, 1})
      CM_CHECK(position.open_lots[side] == sums[slot].lots[side] &&
               position.open_notional[side] == sums[slot].notional[side] &&
               position.reduce_only_lots[side] == sums[slot].reduce_only[side]);
    CM_CHECK(position.live_orders == sums[slot].live);
  }
  for (std::size_t i = 0; i < live.size(); ++i)
    CM_CHECK(state.instruments[i].live_orders == live[i]);
  state.ledger.check_invariants(reserved);
}

} // namespace cmatch
