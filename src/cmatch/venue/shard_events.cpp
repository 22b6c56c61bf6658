// What a shard's engine made comes into the journal, and is taken up as the venue's own engine's would be.
#include <cstring>

#include "cmatch/venue/entry.hpp"
#include "cmatch/venue/money.hpp"
#include "cmatch/venue/outcomes.hpp"
#include "cmatch/venue/reports.hpp"
#include "cmatch/venue/requests.hpp"

namespace cmatch {
namespace {

constexpr std::size_t kLongestGroup = 1u << 22;

Event from_wire(const ShardEvent& wire) {
  Event event{};
  event.kind = static_cast<std::uint8_t>(wire.kind);
  event.reason = wire.reason;
  event.instrument_id = wire.instrument_id;
  event.present = static_cast<std::uint8_t>(wire.present);
  event.order_id = wire.order_id;
  event.qty = wire.qty;
  event.price = wire.price;
  event.leaves = wire.leaves;
  event.maker_order_id = wire.maker_order_id;
  event.maker_leaves = wire.maker_leaves;
  event.stop_price = wire.stop_price;
  event.side = static_cast<std::uint8_t>(wire.side);
  event.phase = static_cast<std::uint8_t>(wire.phase);
  event.kept = static_cast<std::uint8_t>(wire.kept);
  return event;
}

RejectCode reject_of(const VenueState& state) {
  const Event& first = state.events[0];
  const bool rejected = first.kind == static_cast<std::uint8_t>(EventKind::rejected);
  return rejected ? static_cast<RejectCode>(first.reason) : RejectCode::none;
}

// Its refusal is remembered whatever the code: it was known before the shard decided.
void remember_refused(VenueState& state, ClientIds::Entry entry, const ExecutionReport& report) {
  if (entry == kNoSlot) return;
  RequestOutcome& outcome = state.client_ids.outcome(entry);
  outcome.reject = report.reject;
  outcome.exec_type = report.exec_type;
  outcome.final_status = report.order_status;
  outcome.order_id = report.order_id;
  outcome.order_qty = report.order_qty;
  outcome.price = 0;
  outcome.flags = 0;
}

// The request of a command that was passed on, if it is not forgotten.
ClientIds::Entry request_of(const VenueState& state, const Passed& passed) {
  const OrderCommand& command = passed.command;
  const AccountSlot account = state.ledger.find_account(command.account);
  const ClientIds::Entry entry =
      state.client_ids.find(account, command.client_order_id_head, command.client_order_id_tail);
  const bool same = entry != kNoSlot && state.client_ids.outcome(entry).sequence == passed.sequence;
  return same ? entry : kNoSlot;
}

void take_new(VenueState& state, const Passed& passed) {
  const VenueSlot slot = state.orders.find(passed.order_id);
  VenueOrder& order = state.orders[slot];
  const RejectCode code = reject_of(state);
  if (code != RejectCode::none && passed.kind == static_cast<std::uint16_t>(PassedKind::queued_order))
    return reject_queued(state, slot, code);
  if (code != RejectCode::none) {
    count_out(state, order);
    order.leaves = order.extra_lots = 0;
    const ClientIds::Entry entry = order.request;
    end_order(state, slot, OrderStatus::rejected, 0);
    remember_refused(state, entry, refuse(state, passed.command, {code}));
    return;
  }
  if (order.has_budget) {
    count_out(state, order);
    order.order_qty = order.leaves = state.events[0].qty;
    count_in(state, order);
    state.client_ids.outcome(order.request).order_qty = order.order_qty;
  }
  take_accepted(state, slot);
}

// A replace of it is decided: it counts as it is once none is on its way.
void release_passed(VenueState& state, VenueOrder& order) {
  count_out(state, order);
  if (--order.replaces == 0) {
    order.exposure_price = order.own_exposure;
    order.extra_lots = 0;
  }
  count_in(state, order);
  if (order.reserve_balance != kNoSlot && !order.has_budget)
    CM_CHECK(set_reserved(state, order, to_amount(needed(state.instruments[order.instrument], order))));
}

void take_replace(VenueState& state, const Passed& passed) {
  const ClientIds::Entry entry = request_of(state, passed);
  const VenueSlot slot = state.orders.find(passed.order_id);
  if (const RejectCode code = reject_of(state); code != RejectCode::none) {
    if (slot != kNoSlot) release_passed(state, state.orders[slot]);
    return remember_refused(state, entry, refuse(state, passed.command, {code}));
  }
  if (state.events[0].kind == static_cast<std::uint8_t>(EventKind::canceled)) {
    take_events(state, 0, 0, &passed.command);
    if (entry != kNoSlot) complete(state, entry);
    return;
  }
  VenueOrder& order = state.orders[slot];
  const Lots most = order.order_qty + order.extra_lots;
  const bool priced = (passed.command.present & kHasPrice) != 0;
  order.own_exposure = priced ? passed.command.price : order.own_exposure;
  count_out(state, order);
  order.order_qty = state.events[0].qty;
  order.leaves = order.order_qty - order.cum_qty;
  order.extra_lots = most - order.order_qty;
  count_in(state, order);
  release_passed(state, order);
  tell_replaced(state, order, passed.command);
  if (entry != kNoSlot) complete(state, entry);
  take_events(state, 1, 0, nullptr);
}

void take_cancel(VenueState& state, const Passed& passed) {
  const bool asked = passed.kind == static_cast<std::uint16_t>(PassedKind::cancel);
  const RejectCode code = reject_of(state);
  if (!asked) {
    if (code == RejectCode::none) take_events(state, 0, passed.reason, nullptr);
    return;
  }
  const ClientIds::Entry entry = request_of(state, passed);
  if (code != RejectCode::none) return remember_refused(state, entry, refuse(state, passed.command, {code}));
  take_events(state, 0, 0, &passed.command);
  if (entry != kNoSlot) complete(state, entry);
}

void take_phase(VenueState& state, const Passed& passed) {
  Answer& answer = state.answer(Family::instruments, static_cast<std::uint16_t>(InstrumentAction::set_phase));
  const OrderCommand& command = passed.command;
  answer.session = command.session;
  std::memcpy(answer.correlation_id, command.correlation_id_head, sizeof command.correlation_id_head);
  std::memcpy(answer.correlation_id + sizeof command.correlation_id_head, command.correlation_id_tail,
              sizeof command.correlation_id_tail);
  answer.asset = passed.asset;
  answer.reject = static_cast<std::uint16_t>(reject_of(state));
  if (answer.reject == 0) take_events(state, 0, 0, nullptr);
}

void take_passed(VenueState& state, const Passed& passed) {
  const OrderCommand& command = passed.command;
  state.cause = {command.session, command.correlation_id_head, command.correlation_id_tail};
  --state.instruments[state.find_instrument(command.instrument_id)].passed;
  switch (static_cast<PassedKind>(passed.kind)) {
  case PassedKind::new_order:
  case PassedKind::queued_order:
    return take_new(state, passed);
  case PassedKind::replace:
    return take_replace(state, passed);
  case PassedKind::cancel:
  case PassedKind::venue_cancel:
    return take_cancel(state, passed);
  case PassedKind::phase:
    return take_phase(state, passed);
  case PassedKind::steering:
    return take_events(state, 0, 0, nullptr);
  }
}

// Where the engine runs here too, it has made the same.
void forget_sent(Shard& shard) {
  if (shard.run == nullptr) return;
  std::deque<ShardEvent>& outbox = shard.run->outbox;
  for (ShardEvent& taken : shard.partial) {
    CM_CHECK(!outbox.empty());
    taken.session = taken.tenant = 0;
    CM_CHECK(std::memcmp(&outbox.front(), &taken, sizeof taken) == 0);
    outbox.pop_front();
  }
}

void take_group(VenueState& state, Shard& shard) {
  forget_sent(shard);
  state.events.clear();
  for (const ShardEvent& wire : shard.partial) {
    const Event event = from_wire(wire);
    state.events.push() = event;
    if (event.kind == static_cast<std::uint8_t>(EventKind::phase_changed))
      state.instruments[state.find_instrument(event.instrument_id)].phase = event.phase;
  }
  const bool answers = shard.partial.front().answers != 0;
  shard.taken += shard.partial.size();
  shard.partial.clear();
  state.cause = {};
  if (answers) {
    const Passed passed = shard.passed.front();
    shard.passed.pop_front();
    take_passed(state, passed);
  } else {
    take_events(state, 0, 0, nullptr);
  }
  state.cause = {};
}

// Is it the event that follows: in the shard's stream, in its group, and behind what was passed on?
bool follows(const Shard& shard, const ShardEvent& event) {
  if (event.number != shard.expected()) return false;
  if (!shard.partial.empty()) return event.answers == shard.partial.front().answers;
  return event.answers == 0 || (!shard.passed.empty() && shard.passed.front().sequence == event.answers);
}

void refuse_event(VenueState& state, const ShardEvent& event, RejectCode code, std::uint64_t expected) {
  Answer& answer = state.answer(Family::shard_events, event.kind);
  answer.session = event.session;
  answer.reject = static_cast<std::uint16_t>(code);
  if (code == RejectCode::unknown_shard) return;
  answer.flags = kAnswerDetail;
  answer.detail_value = static_cast<std::int64_t>(expected);
  answer.detail_asked = static_cast<std::int64_t>(event.number);
}

} // namespace

void apply_shard_event(VenueState& state, const ShardEvent& event) {
  const auto found = event.tenant == 0 ? state.shards.find(event.shard) : state.shards.end();
  if (found == state.shards.end()) return refuse_event(state, event, RejectCode::unknown_shard, 0);
  Shard& shard = found->second;
  const std::uint64_t expected = shard.expected();
  if (!follows(shard, event)) return refuse_event(state, event, RejectCode::unexpected_shard_event, expected);
  shard.partial.push_back(event);
  const bool last = (event.flags & kShardLast) != 0;
  if (!last && shard.partial.size() < kLongestGroup) return;
  if (last && is_sound(state, shard)) return take_group(state, shard);
  shard.partial.clear();
  refuse_event(state, event, RejectCode::invalid_shard_event, shard.expected());
}

} // namespace cmatch
