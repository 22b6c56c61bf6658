#include <vector>

#include "cmatch/venue/money.hpp"
#include "cmatch/venue/snapshot.hpp"
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
  const bool passed = state.instruments[order.instrument].shard != nullptr;
  CM_CHECK(passed || (order.extra_lots == 0 && order.replaces == 0 && order.canceling == 0));
  CM_CHECK(order.extra_lots >= 0 && (order.replaces != 0 || order.extra_lots == 0));
  const bool pending = order.status == static_cast<std::uint16_t>(OrderStatus::pending_new);
  CM_CHECK(pending ? passed || order.queued != 0 : order.queued == 0);
  if (passed || pending) return;
  const auto lives = state.engine.order(order.order_id);
  CM_CHECK(lives.has_value() && lives->leaves_qty == order.leaves && lives->account == order.account &&
           lives->cum_qty == order.cum_qty);
}

void check_queue(const VenueState& state, const Stage& stage) {
  std::uint32_t count = 0;
  VenueSlot last = 0;
  for (VenueSlot slot = stage.queue_first; slot != 0; slot = state.orders[slot].queue_next) {
    CM_CHECK(state.orders[slot].queued != 0);
    CM_CHECK(last == 0 || state.orders[last].order_id < state.orders[slot].order_id);
    last = slot;
    ++count;
  }
  CM_CHECK(count == stage.queued && last == stage.queue_last && (stage.away || count == 0));
}

// What a shard's engine has lives in the venue, whose orders end later; nothing waits for an answer that it has not.
void check_shard(const VenueState& state, const Shard& shard) {
  check_queue(state, shard.stage);
  CM_CHECK(shard.passed.empty() || shard.passed.front().sequence != 0);
  if (shard.run == nullptr) return;
  const ShardRun& run = *shard.run;
  run.engine.check_invariants();
  CM_CHECK(run.made == shard.expected() - 1 - shard.partial.size() + run.outbox.size());
  std::uint32_t live = 0;
  state.orders.for_each([&](VenueSlot slot) {
    const VenueOrder& order = state.orders[slot];
    if (state.instruments[order.instrument].shard == &shard && run.engine.order(order.order_id)) ++live;
  });
  CM_CHECK(live == run.engine.live_orders());
}

} // namespace

void Venue::check_invariants() const {
  if (state_->poisoned) throw InvariantViolation("the venue is poisoned by an earlier failure");
  state_->engine.check_invariants();
  state_->client_ids.check_invariants();
  check_whole(*state_);
}

void check_whole(const VenueState& state) {
  check_queue(state, state.local);
  for (const auto& [id, shard] : state.shards)
    check_shard(state, shard);
  CM_CHECK(state.client_ids.live() == state.orders.live());
  std::vector<Amount> reserved(state.ledger.balances());
  std::vector<Sums> sums(state.positions.count());
  std::vector<std::uint32_t> live(state.instruments.size());
  std::uint32_t resting = 0; // in the venue's own engine
  state.orders.for_each([&](VenueSlot slot) {
    const VenueOrder& order = state.orders[slot];
    check_order(state, slot);
    if (order.reserve_balance != kNoSlot) reserved[order.reserve_balance] += order.reserved;
    Sums& sum = sums[order.position];
    const int side = order.side == static_cast<std::uint16_t>(Side::sell);
    sum.lots[side] += order.counted();
    sum.notional[side] +=
        notional(state.instruments[order.instrument], order.exposure_price, order.counted());
    if (order.reduce_only) sum.reduce_only[side] += order.counted();
    resting += state.instruments[order.instrument].shard == nullptr && order.queued == 0;
    ++sum.live;
    ++live[order.instrument];
  });
  CM_CHECK(state.settlement.mode == SettlementMode::by_service || state.settlement.unposted.empty());
  CM_CHECK(state.settlement.unposted.size() <= state.trades);
  for (const UnpostedTrade& trade : state.settlement.unposted) {
    CM_CHECK(trade.cost >= 0 && trade.goods > 0 && trade.buyer_fee_most >= 0 && trade.seller_fee_most >= 0);
    if (!trade.moves_money) continue;
    CM_CHECK(trade.buyer_held >= trade.cost && trade.seller_held >= trade.goods);
    reserved[state.positions[trade.buyer].quote_balance] += trade.buyer_held;
    reserved[state.positions[trade.seller].base_balance] += trade.seller_held;
  }
  for (PositionSlot slot = 0; slot < state.positions.count(); ++slot) {
    const Position& position = state.positions[slot];
    for (const int side : {0, 1})
      CM_CHECK(position.open_lots[side] == sums[slot].lots[side] &&
               position.open_notional[side] == sums[slot].notional[side] &&
               position.reduce_only_lots[side] == sums[slot].reduce_only[side]);
    CM_CHECK(position.live_orders == sums[slot].live);
  }
  CM_CHECK(state.engine.live_orders() == resting);
  for (std::size_t i = 0; i < live.size(); ++i)
    CM_CHECK(state.instruments[i].live_orders == live[i]);
  state.ledger.check_invariants(reserved);
}

} // namespace cmatch
