#include "cmatch/venue/entry.hpp"

#include <algorithm>

#include "cmatch/venue/affordable.hpp"
#include "cmatch/venue/money.hpp"
#include "cmatch/venue/outcomes.hpp"
#include "cmatch/venue/reports.hpp"
#include "cmatch/venue/requests.hpp"
#include "cmatch/venue/shard_entry.hpp"
#include "cmatch/venue/to_engine.hpp"

namespace cmatch {
namespace {

bool has(const OrderCommand& command, std::uint16_t field) { return (command.present & field) != 0; }

// What a stage elsewhere said of it. That can refuse more than the checks here do, and never less.
RejectCode verdict_of(const OrderCommand& command) { return static_cast<RejectCode>(command.verdict); }

void apply_to_engine(VenueState& state, const Command& command) {
  state.events.clear();
  state.engine.apply(command, state.events);
}

RejectCode engine_reject(const VenueState& state) {
  const Event& answer = state.events[0];
  const bool rejected = answer.kind == static_cast<std::uint8_t>(EventKind::rejected);
  return rejected ? static_cast<RejectCode>(answer.reason) : RejectCode::none;
}

bool is_killed(const VenueState& state, AccountSlot account, const VenueInstrument& instrument) {
  return state.killed || instrument.killed || state.accounts[account].killed ||
         (!state.killed_tenants.empty() &&
          state.killed_tenants.contains(state.ledger.account(account).tenant));
}

// No more is passed on to a shard that does not keep up; but for cancels, of which each order has one.
bool is_busy(const VenueState& state, const VenueInstrument& instrument) {
  return instrument.shard != nullptr && instrument.shard->passed.size() >= state.limits.queue_capacity;
}

// No more trades are made where settlement does not keep up.
bool is_behind(const VenueState& state) {
  return state.settlement.unposted.size() >= state.limits.max_unposted_trades;
}

// A new order on its way through the checks.
struct Plan {
  std::uint32_t instrument;
  PositionSlot position;
  PriceTerms terms;
  Ticks exposure;
  Lots qty;
  Amount reserve; // of the asset that its side gives
  BalanceSlot base_balance, quote_balance;
  bool queued;
};

bool may_queue(const OrderCommand& command) {
  constexpr std::uint16_t kPlain = kHasPrice | kHasDisplayQty | kHasExpireAt | kHasStpGroup | kHasQty;
  const auto tif = static_cast<TimeInForce>(command.time_in_force);
  return command.type == static_cast<std::uint16_t>(OrderType::limit) && (command.flags & kPostOnly) == 0 &&
         (command.present & ~kPlain) == 0 &&
         (tif == TimeInForce::gtc || tif == TimeInForce::day || tif == TimeInForce::gtd);
}

bool needs_price(const PriceTerms& terms) {
  return terms.type == OrderType::limit || terms.type == OrderType::stop_limit;
}

// The same where the book is elsewhere: at the reference price. Its shard counts again.
Lots about_affordable(const VenueInstrument& instrument, Amount budget) {
  const Ticks price = instrument.priced() ? instrument.market() : instrument.definition.max_price;
  const Wide lots = budget / std::max<Wide>(notional(instrument, price, 1), 1);
  return static_cast<Lots>(std::clamp<Wide>(lots, 1, instrument.definition.max_qty));
}

Refusal check_bounds(const VenueState& state, const VenueInstrument& instrument, const OrderCommand& command,
                     Plan& plan) {
  const InstrumentCommand& definition = instrument.definition;
  plan.qty = command.qty;
  if (has(command, kHasQuoteQty)) {
    if (command.quote_qty < 1) return {RejectCode::invalid_qty};
    plan.qty = instrument.shard == nullptr ? affordable(state.engine, instrument, command.quote_qty)
                                           : about_affordable(instrument, command.quote_qty);
  }
  if (plan.qty < 1 || plan.qty > definition.max_qty) return {RejectCode::invalid_qty};
  if (needs_price(plan.terms) && !plan.terms.has_price) return {RejectCode::price_missing};
  if (plan.terms.has_price &&
      (plan.terms.price < definition.min_price || plan.terms.price > definition.max_price))
    return {RejectCode::invalid_price};
  plan.exposure = exposure_price(instrument, plan.terms);
  if (static_cast<Wide>(plan.exposure) * plan.qty > definition.max_notional)
    return {RejectCode::notional_overflow};
  return {};
}

Refusal check_capacity(VenueState& state, AccountSlot account, const VenueInstrument& instrument,
                       Plan& plan) {
  if (state.orders.full()) return {RejectCode::capacity_orders};
  plan.position = state.positions.find(account, plan.instrument);
  if (plan.position != kNoSlot) { // where there was an order before, it knows the balances
    const Position& position = state.positions[plan.position];
    plan.base_balance = position.base_balance;
    plan.quote_balance = position.quote_balance;
    if (plan.base_balance != kNoSlot && plan.quote_balance != kNoSlot) [[likely]]
      return {};
  }
  plan.base_balance = state.ledger.find_balance(account, instrument.base);
  plan.quote_balance = state.ledger.find_balance(account, instrument.quote);
  const std::uint32_t missing = (plan.base_balance == kNoSlot) + (plan.quote_balance == kNoSlot);
  if (missing != 0 && !state.ledger.can_make_balances(missing)) return {RejectCode::capacity_balances};
  plan.position = state.positions.make(account, plan.instrument);
  return plan.position == kNoSlot ? Refusal{RejectCode::capacity_positions} : Refusal{};
}

Refusal reserve(VenueState& state, const VenueInstrument& instrument, const OrderCommand& command,
                Plan& plan) {
  plan.reserve = 0;
  if (state.policy == Policy::none) return {};
  const Wide wanted = has(command, kHasQuoteQty)
                          ? Wide{command.quote_qty}
                          : needed(instrument, plan.terms.side, plan.exposure, plan.qty, 0);
  if (!fits_amount(wanted)) return {RejectCode::notional_overflow};
  plan.reserve = static_cast<Amount>(wanted);
  const BalanceSlot slot = plan.terms.side == Side::buy ? plan.quote_balance : plan.base_balance;
  const Amount available = slot == kNoSlot ? 0 : state.ledger.balance(slot).available();
  if (plan.reserve > available) return {RejectCode::insufficient_funds, true, available, plan.reserve};
  return {};
}

Refusal check_reduce_only(const Position& position, const OrderCommand& command, Side side, Lots qty) {
  if ((command.flags & kReduceOnly) == 0) return {};
  const Lots held = side == Side::sell ? position.qty : -position.qty;
  const Wide wanted = Wide{position.reduce_only_lots[side == Side::sell]} + qty;
  if (wanted <= held) return {};
  return {RejectCode::reduce_only, true, std::max<Lots>(held, 0), qty};
}

// How many lots long, or short, the account would be if all its orders of the side were filled and this one too.
Wide most_lots(Position& position, Side side, Lots more) {
  return Wide{position.qty} * (side == Side::buy ? 1 : -1) + position.lots_of(side) + more;
}

Refusal check_new(VenueState& state, AccountSlot account, const OrderCommand& command, Plan& plan) {
  plan.instrument = state.find_instrument(command.instrument_id);
  if (plan.instrument == VenueState::kNoInstrument) return {RejectCode::unknown_instrument};
  const VenueInstrument& instrument = state.instruments[plan.instrument];
  if (is_killed(state, account, instrument)) return {RejectCode::killed};
  const Stage& stage = state.stage_of(instrument);
  plan.queued = stage.away;
  if (stage.away && !may_queue(command)) return {RejectCode::engine_unavailable};
  if (stage.away && stage.queued >= state.limits.queue_capacity) return {RejectCode::queue_full};
  if (!stage.away && is_busy(state, instrument)) return {RejectCode::queue_full};
  if (is_behind(state)) return {RejectCode::settlement_behind};
  plan.terms = {static_cast<Side>(command.side), static_cast<OrderType>(command.type),
                static_cast<TimeInForce>(command.time_in_force), has(command, kHasPrice), command.price};
  if (const Refusal refusal = check_bounds(state, instrument, command, plan)) return refusal;
  if (const Refusal refusal = check_capacity(state, account, instrument, plan)) return refusal;
  if (!fits_amount(most_lots(state.positions[plan.position], plan.terms.side, plan.qty)))
    return {RejectCode::side_overflow};
  if (const Refusal refusal = reserve(state, instrument, command, plan)) return refusal;
  Position& position = state.positions[plan.position];
  touch(state, position);
  if (state.policy == Policy::all && position.limited != 0) {
    const LimitedOrder limited{plan.terms.side,
                               plan.terms.type,
                               plan.terms.has_price && needs_price(plan.terms),
                               plan.terms.price,
                               plan.exposure,
                               plan.qty,
                               true};
    if (const Refusal refusal = check_limits(state, position, limited)) return refusal;
  }
  if (const Refusal refusal = check_reduce_only(position, command, plan.terms.side, plan.qty)) return refusal;
  return {verdict_of(command)};
}

// An order that was accepted: counted, its money reserved, its request remembered.
VenueSlot make_order(VenueState& state, AccountSlot account, const OrderCommand& command, const Plan& plan) {
  VenueInstrument& instrument = state.instruments[plan.instrument];
  Position& position = state.positions[plan.position];
  if (position.base_balance == kNoSlot)
    position.base_balance = state.ledger.make_balance(account, instrument.base);
  if (position.quote_balance == kNoSlot)
    position.quote_balance = state.ledger.make_balance(account, instrument.quote);
  const VenueSlot slot = state.orders.add(state.sequence, account);
  VenueOrder& order = state.orders[slot];
  order.account = command.account;
  order.session = command.session;
  order.instrument = plan.instrument;
  order.position = plan.position;
  order.side = static_cast<std::uint8_t>(command.side);
  order.type = static_cast<std::uint8_t>(command.type);
  order.time_in_force = static_cast<std::uint8_t>(command.time_in_force);
  order.has_price = order.has_stop_price = 0;
  order.price = order.stop_price = 0;
  order.reduce_only = (command.flags & kReduceOnly) != 0;
  order.has_budget = has(command, kHasQuoteQty);
  order.queue_next = 0;
  order.queued = order.canceling = 0;
  order.replaces = 0;
  order.extra_lots = 0;
  order.own_exposure = 0;
  order.order_qty = order.leaves = plan.qty;
  order.cum_qty = 0;
  order.exposure_price = plan.exposure;
  order.reserved = 0;
  order.fee_due = 0;
  order.entered_at = state.clock;
  order.has_expire_at = has(command, kHasExpireAt);
  order.expire_at = order.has_expire_at ? command.expire_at : 0;
  order.has_stp_group = has(command, kHasStpGroup);
  order.stp_group = order.has_stp_group ? command.stp_group : 0;
  order.stp_mode = static_cast<std::uint8_t>(command.stp_mode);
  order.flags = static_cast<std::uint8_t>(command.flags);
  order.has_display_qty = has(command, kHasDisplayQty);
  order.display_qty = order.has_display_qty ? command.display_qty : 0;
  order.reserve_balance = kNoSlot;
  if (state.policy != Policy::none) {
    order.reserve_balance = plan.terms.side == Side::buy ? position.quote_balance : position.base_balance;
    CM_CHECK(set_reserved(state, order, plan.reserve));
  }
  order.request = remember(state, account, command, true);
  RequestOutcome& outcome = state.client_ids.outcome(order.request);
  outcome.exec_type = static_cast<std::uint16_t>(ExecType::accepted);
  outcome.order_id = order.order_id;
  outcome.order_qty = plan.qty;
  ++position.live_orders;
  ++instrument.live_orders;
  count_in(state, order);
  if (instrument.shard != nullptr && command.time_in_force == static_cast<std::uint16_t>(TimeInForce::gtd))
      [[unlikely]]
    state.expiries.emplace(order.expire_at, order.order_id);
  return slot;
}

// The price that it takes for good binds a market_to_limit order; beyond what it may pay it does not trade.
void reprice(VenueState& state, VenueOrder& order, Ticks price) {
  count_out(state, order);
  order.own_exposure = price;
  if (order.replaces == 0) order.exposure_price = price;
  count_in(state, order);
  if (order.reserve_balance != kNoSlot)
    set_reserved(state, order, to_amount(needed(state.instruments[order.instrument], order)));
}

} // namespace

void take_accepted(VenueState& state, VenueSlot slot) {
  VenueOrder& order = state.orders[slot];
  const Event& accepted = state.events[0];
  const auto type = static_cast<OrderType>(order.type);
  order.has_price = (accepted.present & kEventPrice) != 0;
  order.price = order.has_price ? accepted.price : 0;
  order.has_stop_price = (accepted.present & kEventStopPrice) != 0;
  order.stop_price = order.has_stop_price ? accepted.stop_price : 0;
  order.status = static_cast<std::uint16_t>(is_stop(type) ? OrderStatus::suspended : OrderStatus::open);
  if (type == OrderType::market_to_limit && order.has_price) {
    const bool buys = order.side == static_cast<std::uint16_t>(Side::buy);
    const Ticks own = order.replaces == 0 ? order.exposure_price : order.own_exposure;
    reprice(state, order, buys ? std::min(own, order.price) : order.price);
  }
  report_of(state, order, ExecType::accepted);
  take_events(state, 1, 0, nullptr);
}

namespace {

void note_recent(VenueState& state, const Plan& plan) {
  const Position& position = state.positions[plan.position];
  if (state.policy != Policy::all || (position.limited & kLimitDuplicateWindow) == 0) return;
  const bool priced = plan.terms.has_price && needs_price(plan.terms);
  state.recent.add({plan.position, static_cast<std::uint16_t>(plan.terms.side),
                    static_cast<std::uint16_t>(plan.terms.type), priced, priced ? plan.terms.price : 0,
                    plan.qty},
                   state.clock);
}

void enqueue(VenueState& state, VenueSlot slot) {
  VenueOrder& order = state.orders[slot];
  Stage& stage = state.stage_of(state.instruments[order.instrument]);
  order.status = static_cast<std::uint16_t>(OrderStatus::pending_new);
  order.queued = 1;
  (stage.queue_last == 0 ? stage.queue_first : state.orders[stage.queue_last].queue_next) = slot;
  stage.queue_last = slot;
  ++stage.queued;
}

void dequeue(VenueState& state, VenueSlot slot) {
  VenueOrder& order = state.orders[slot];
  Stage& stage = state.stage_of(state.instruments[order.instrument]);
  VenueSlot before = 0;
  for (VenueSlot at = stage.queue_first; at != slot; at = state.orders[at].queue_next)
    before = at;
  (before == 0 ? stage.queue_first : state.orders[before].queue_next) = order.queue_next;
  if (stage.queue_last == slot) stage.queue_last = before;
  --stage.queued;
  order.queued = 0;
}

// Its owner cannot name it any more where it is as good as gone.
bool is_ending(const VenueOrder& order) { return order.canceling != 0; }

VenueSlot find_target(const VenueState& state, AccountSlot account, const OrderCommand& command) {
  std::uint64_t order_id = command.order_id;
  if (order_id == 0) {
    const ClientIds::Entry entry =
        state.client_ids.find(account, command.orig_client_order_id_head, command.orig_client_order_id_tail);
    if (entry == kNoSlot) return kNoSlot;
    const RequestOutcome& outcome = state.client_ids.outcome(entry);
    if (outcome.action != static_cast<std::uint16_t>(OrderAction::new_order)) return kNoSlot;
    order_id = outcome.order_id;
  }
  const VenueSlot slot = order_id == 0 ? kNoSlot : state.orders.find(order_id);
  return slot != kNoSlot && state.orders[slot].account_slot == account && !is_ending(state.orders[slot])
             ? slot
             : kNoSlot;
}

} // namespace

// A cancel or replace that is carried out; complete() says what its retry will hear.
ClientIds::Entry remember_done(VenueState& state, AccountSlot account, const OrderCommand& command,
                               std::uint64_t order_id, ExecType exec_type, std::uint16_t status, Lots qty) {
  const ClientIds::Entry entry = remember(state, account, command, false);
  RequestOutcome& outcome = state.client_ids.outcome(entry);
  outcome.exec_type = static_cast<std::uint16_t>(exec_type);
  outcome.order_id = order_id;
  outcome.final_status = status;
  outcome.order_qty = qty;
  return entry;
}

// The answer that was given, for its retry.
void complete(VenueState& state, ClientIds::Entry entry) {
  const ExecutionReport& report = state.out->reports[state.answered];
  RequestOutcome& outcome = state.client_ids.outcome(entry);
  outcome.exec_type = report.exec_type;
  outcome.final_status = report.order_status;
  outcome.order_id = report.order_id;
  outcome.order_qty = report.order_qty;
  outcome.final_cum_qty = report.cum_qty;
  outcome.price = report.price;
  outcome.flags = report.flags;
  outcome.cancel_reason = report.cancel_reason;
  outcome.instrument_id = report.instrument_id;
  outcome.side = report.side;
  outcome.type = report.type;
  outcome.time_in_force = report.time_in_force;
  outcome.detail_value = report.stop_price; // no limit was met
  outcome.detail_asked = report.last_qty;
}

namespace {

// Whom the next taker will meet is known long before it comes: who stands in front now, and behind. Each time one goes, what
// those will need is asked for one step further.
void seek_next_makers(const VenueState& state, const OrderCommand& taker) {
  constexpr std::size_t kSoon = 2, kOrder = 3, kId = 4;
  OrderId ids[kId];
  const std::size_t count =
      state.engine.next_makers(taker.instrument_id, opposite(static_cast<Side>(taker.side)), ids);
  if (count == kId) {
    state.orders.prefetch(ids[kId - 1]);
    state.engine.prefetch_id(ids[kId - 1]);
  }
  if (count >= kOrder) state.orders.prefetch_slot(state.orders.find(ids[kOrder - 1]));
  for (std::size_t i = 0; i < std::min(count, kSoon); ++i) {
    const VenueSlot slot = state.orders.find(ids[i]);
    if (slot == kNoSlot) continue;
    const VenueOrder& order = state.orders[slot];
    state.orders.prefetch_fees(slot);
    state.orders.prefetch_neighbours(slot);
    state.client_ids.prefetch(order.request);
    state.client_ids.prefetch_last(order.account_slot);
    state.positions.prefetch(order.position);
    state.positions.prefetch_cost(order.position);
    state.ledger.prefetch(order.reserve_balance);
  }
}

} // namespace

Refusal enter_new(VenueState& state, AccountSlot account, const OrderCommand& command) {
  Plan plan{};
  if (const Refusal refusal = check_new(state, account, command, plan)) return refusal;
  if (plan.queued) {
    const VenueSlot slot = make_order(state, account, command, plan);
    VenueOrder& order = state.orders[slot];
    order.has_price = 1;
    order.price = command.price;
    enqueue(state, slot);
    note_recent(state, plan);
    report_of(state, order, ExecType::accepted);
    return {};
  }
  Command engine_command = to_engine(state, command, CommandKind::new_order, state.sequence);
  engine_command.qty = plan.qty;
  if (state.instruments[plan.instrument].shard != nullptr) [[unlikely]] {
    pass_new(state, make_order(state, account, command, plan), command, engine_command);
    note_recent(state, plan);
    return {};
  }
  apply_to_engine(state, engine_command);
  if (const RejectCode code = engine_reject(state); code != RejectCode::none) return {code};
  const VenueSlot slot = make_order(state, account, command, plan);
  note_recent(state, plan);
  take_accepted(state, slot);
  if (state.events.size() > 1) seek_next_makers(state, command);
  return {};
}

namespace {

struct ReplaceTerms {
  Lots leaves;
  Ticks exposure;
  bool only_less; // the same price, no more than before
};

Refusal check_replace(VenueState& state, const VenueOrder& order, const OrderCommand& command,
                      ReplaceTerms& terms) {
  const VenueInstrument& instrument = state.instruments[order.instrument];
  const InstrumentCommand& definition = instrument.definition;
  terms.leaves = order.leaves;
  if (has(command, kHasQty) && command.qty <= order.cum_qty)
    terms.leaves = 0;
  else if (has(command, kHasQty))
    terms.leaves = command.qty - order.cum_qty;
  const Ticks own = order.replaces == 0 ? order.exposure_price : order.own_exposure;
  terms.exposure = has(command, kHasPrice) ? command.price : own;
  terms.only_less = terms.leaves <= order.leaves && terms.exposure == own;
  if (terms.leaves == 0) return {};
  if (has(command, kHasQty) && command.qty > definition.max_qty) return {RejectCode::invalid_qty};
  if (has(command, kHasPrice) &&
      (command.price < definition.min_price || command.price > definition.max_price))
    return {RejectCode::invalid_price};
  if (static_cast<Wide>(terms.exposure) * (Wide{order.cum_qty} + terms.leaves) > definition.max_notional)
    return {RejectCode::notional_overflow};
  if (!fits_amount(most_lots(state.positions[order.position], static_cast<Side>(order.side),
                             terms.leaves - order.leaves)))
    return {RejectCode::side_overflow};
  return {};
}

Refusal check_replace_limits(VenueState& state, VenueOrder& order, const OrderCommand& command,
                             const ReplaceTerms& terms) {
  if (terms.only_less) return {};
  Position& position = state.positions[order.position];
  touch(state, position);
  const auto side = static_cast<Side>(order.side);
  const bool has_price = has(command, kHasPrice) || order.has_price;
  const LimitedOrder limited{side,           static_cast<OrderType>(order.type),
                             has_price,      has(command, kHasPrice) ? command.price : order.price,
                             terms.exposure, terms.leaves,
                             false};
  count_out(state, order);
  Refusal refusal;
  if (state.policy == Policy::all && position.limited != 0) refusal = check_limits(state, position, limited);
  if (!refusal && order.reduce_only) {
    OrderCommand reducing{};
    reducing.flags = kReduceOnly;
    refusal = check_reduce_only(position, reducing, side, terms.leaves);
  }
  count_in(state, order);
  return refusal;
}

// What an order has reserved while this replace of it may happen: for the more of both, at the worse of both.
Refusal check_replace_funds(const VenueState& state, const VenueOrder& order, const ReplaceTerms& terms) {
  const VenueInstrument& instrument = state.instruments[order.instrument];
  if (order.reserve_balance == kNoSlot || terms.leaves == 0) return {};
  const bool passed = instrument.shard != nullptr;
  const Lots leaves = passed ? std::max(order.counted(), terms.leaves) : terms.leaves;
  const Ticks exposure = passed ? std::max(order.exposure_price, terms.exposure) : terms.exposure;
  const Wide wanted = needed(instrument, static_cast<Side>(order.side), exposure, leaves, order.fee_due);
  if (!fits_amount(wanted)) return {RejectCode::notional_overflow};
  const Wide more = wanted - order.reserved;
  const Amount available = state.ledger.balance(order.reserve_balance).available();
  if (more > 0 && more > available)
    return {RejectCode::insufficient_funds, true, available, static_cast<Amount>(more)};
  return {};
}

} // namespace

void tell_replaced(VenueState& state, VenueOrder& order, const OrderCommand& command) {
  const Event& replaced = state.events[0];
  if ((replaced.present & kEventPrice) != 0) {
    order.has_price = 1;
    order.price = replaced.price;
  } else {
    order.has_price = 0;
    order.price = 0;
  }
  if ((replaced.present & kEventStopPrice) != 0) order.stop_price = replaced.stop_price;
  ExecutionReport& report = report_of(state, order, ExecType::replaced);
  if (replaced.kept != 0) report.flags |= kReportKept;
  answer_with(state, command, state.out->reports.size() - 1);
}

namespace {

// From the engine's `replaced` on.
void take_replaced(VenueState& state, VenueSlot slot, const OrderCommand& command,
                   const ReplaceTerms& terms) {
  VenueOrder& order = state.orders[slot];
  const Event& replaced = state.events[0];
  count_out(state, order);
  order.order_qty = replaced.qty;
  order.leaves = replaced.qty - order.cum_qty;
  CM_CHECK(order.leaves == terms.leaves);
  order.exposure_price = terms.exposure;
  count_in(state, order);
  if (order.reserve_balance != kNoSlot)
    CM_CHECK(set_reserved(state, order, to_amount(needed(state.instruments[order.instrument], order))));
  tell_replaced(state, order, command);
}

} // namespace

Refusal enter_replace(VenueState& state, AccountSlot account, const OrderCommand& command) {
  const VenueSlot slot = find_target(state, account, command);
  if (slot == kNoSlot) return {RejectCode::unknown_order};
  VenueOrder& order = state.orders[slot];
  const VenueInstrument& instrument = state.instruments[order.instrument];
  if (instrument.id() != command.instrument_id) return {RejectCode::unknown_order};
  if (is_killed(state, account, instrument)) return {RejectCode::killed};
  if (state.stage_of(instrument).away) return {RejectCode::engine_unavailable};
  if (is_busy(state, instrument)) return {RejectCode::queue_full};
  if (is_behind(state)) return {RejectCode::settlement_behind};
  ReplaceTerms terms{};
  if (const Refusal refusal = check_replace(state, order, command, terms)) return refusal;

  if (const Refusal refusal = check_replace_funds(state, order, terms)) return refusal;
  if (terms.leaves != 0)
    if (const Refusal refusal = check_replace_limits(state, order, command, terms)) return refusal;
  if (const RejectCode code = verdict_of(command); code != RejectCode::none) return {code};

  const Command engine_command = to_engine(state, command, CommandKind::replace, order.order_id);
  if (instrument.shard != nullptr) [[unlikely]] {
    pass_replace(state, slot, command, terms.leaves, terms.leaves == 0 ? 0 : terms.exposure, engine_command);
    return {};
  }
  apply_to_engine(state, engine_command);
  if (const RejectCode code = engine_reject(state); code != RejectCode::none) return {code};
  const std::uint64_t order_id = order.order_id;
  if (state.events[0].kind == static_cast<std::uint8_t>(EventKind::canceled)) {
    const ClientIds::Entry entry =
        remember_done(state, account, command, order_id, ExecType::canceled,
                      static_cast<std::uint16_t>(OrderStatus::canceled), order.order_qty);
    take_events(state, 0, 0, &command);
    complete(state, entry);
    return {};
  }
  take_replaced(state, slot, command, terms);
  complete(state, remember_done(state, account, command, order_id, ExecType::replaced, order.status,
                                order.order_qty));
  take_events(state, 1, 0, nullptr);
  return {};
}

void cancel_order(VenueState& state, VenueSlot slot, std::uint16_t reason) {
  VenueOrder& order = state.orders[slot];
  if (order.queued == 0) {
    if (state.instruments[order.instrument].shard != nullptr) [[unlikely]] {
      if (!is_ending(order)) pass_cancel(state, slot, reason, nullptr);
      return;
    }
    OrderCommand wanted{};
    wanted.instrument_id = state.instruments[order.instrument].id();
    wanted.account = order.account;
    apply_to_engine(state, to_engine(state, wanted, CommandKind::cancel, order.order_id));
    CM_CHECK(engine_reject(state) == RejectCode::none);
    take_events(state, 0, reason, nullptr);
    return;
  }
  dequeue(state, slot);
  const Lots lost = order.leaves;
  const bool expired = reason == static_cast<std::uint16_t>(VenueCancelReason::queue_ttl);
  const auto status = expired ? OrderStatus::expired : OrderStatus::canceled;
  count_out(state, order);
  order.leaves = 0;
  order.status = static_cast<std::uint16_t>(status);
  ExecutionReport& report = report_of(state, order, expired ? ExecType::expired : ExecType::canceled);
  report.last_qty = lost;
  report.cancel_reason = reason;
  end_order(state, slot, status, reason);
}

Refusal enter_cancel(VenueState& state, AccountSlot account, const OrderCommand& command) {
  const VenueSlot slot = find_target(state, account, command);
  if (slot == kNoSlot) return {RejectCode::unknown_order};
  const VenueOrder& order = state.orders[slot];
  if (state.instruments[order.instrument].id() != command.instrument_id) return {RejectCode::unknown_order};
  if (state.instruments[order.instrument].shard != nullptr && order.queued == 0) [[unlikely]] {
    pass_cancel(state, slot, 0, &command);
    return {};
  }
  const ClientIds::Entry entry =
      remember_done(state, account, command, order.order_id, ExecType::canceled,
                    static_cast<std::uint16_t>(OrderStatus::canceled), order.order_qty);
  if (order.queued != 0) {
    const std::size_t before = state.out->reports.size();
    cancel_order(state, slot, static_cast<std::uint16_t>(CancelReason::requested));
    answer_with(state, command, before);
    complete(state, entry);
    return {};
  }
  apply_to_engine(state, to_engine(state, command, CommandKind::cancel, order.order_id));
  CM_CHECK(engine_reject(state) == RejectCode::none);
  take_events(state, 0, 0, &command);
  complete(state, entry);
  return {};
}

void cancel_selected(VenueState& state, std::uint16_t reason) {
  std::vector<VenueSlot> selected;
  selected.swap(state.selected);
  std::vector<std::uint64_t> ids;
  ids.reserve(selected.size());
  for (const VenueSlot slot : selected)
    ids.push_back(state.orders[slot].order_id);
  std::sort(ids.begin(), ids.end());
  for (const std::uint64_t id : ids) {
    // A cancel may set stops off, which may fill what was to be cancelled next.
    const VenueSlot slot = state.orders.find(id);
    if (slot != kNoSlot) cancel_order(state, slot, reason);
  }
  selected.clear();
  state.selected.swap(selected);
}

void cancel_all_of(VenueState& state, AccountSlot account, std::uint16_t reason) {
  state.selected.clear();
  state.orders.for_each_of(account, [&](VenueSlot slot) { state.selected.push_back(slot); });
  cancel_selected(state, reason);
}

Refusal enter_mass_cancel(VenueState& state, AccountSlot account, const OrderCommand& command) {
  std::uint32_t instrument = VenueState::kNoInstrument;
  if (has(command, kHasInstrument)) {
    instrument = state.find_instrument(command.instrument_id);
    if (instrument == VenueState::kNoInstrument) return {RejectCode::unknown_instrument};
  }
  state.selected.clear();
  state.orders.for_each_of(account, [&](VenueSlot slot) {
    const VenueOrder& order = state.orders[slot];
    if (instrument != VenueState::kNoInstrument && order.instrument != instrument) return;
    if (has(command, kHasSide) && order.side != command.side) return;
    if (is_ending(order)) return;
    state.selected.push_back(slot);
  });
  const auto count = static_cast<Lots>(state.selected.size());
  const ClientIds::Entry entry = remember_done(state, account, command, 0, ExecType::done, 0, count);
  ExecutionReport& report = state.report(ExecType::done);
  report.side = has(command, kHasSide) ? command.side : std::uint16_t{0};
  report.instrument_id = has(command, kHasInstrument) ? command.instrument_id : 0;
  report.session = command.session;
  report.account = command.account;
  report.order_qty = report.last_qty = count;
  set_ids(report, command.client_order_id_head, command.client_order_id_tail);
  correlate(state, report);
  state.answered = state.out->reports.size() - 1;
  complete(state, entry);
  cancel_selected(state, static_cast<std::uint16_t>(CancelReason::mass));
  return {};
}

namespace {

// What a queued order asks of the engine.
OrderCommand asked_by(const VenueState& state, const VenueOrder& order) {
  OrderCommand given{};
  given.instrument_id = state.instruments[order.instrument].id();
  given.side = order.side;
  given.type = order.type;
  given.time_in_force = order.time_in_force;
  given.account = order.account;
  given.qty = order.leaves;
  given.price = order.price;
  given.flags = order.flags;
  given.stp_mode = order.stp_mode;
  given.stp_group = order.stp_group;
  given.display_qty = order.display_qty;
  given.expire_at = order.expire_at;
  given.present = static_cast<std::uint16_t>(kHasPrice | (order.has_display_qty ? kHasDisplayQty : 0) |
                                             (order.has_stp_group ? kHasStpGroup : 0) |
                                             (order.has_expire_at ? kHasExpireAt : 0));
  return given;
}

} // namespace

void reject_queued(VenueState& state, VenueSlot slot, RejectCode code) {
  VenueOrder& order = state.orders[slot];
  count_out(state, order);
  order.leaves = order.extra_lots = 0;
  order.status = static_cast<std::uint16_t>(OrderStatus::rejected);
  report_of(state, order, ExecType::rejected).reject = static_cast<std::uint16_t>(code);
  end_order(state, slot, OrderStatus::rejected, 0);
}

void submit_queue(VenueState& state, Stage& stage) {
  VenueSlot slot = stage.queue_first;
  stage.queue_first = stage.queue_last = 0;
  stage.queued = 0;
  while (slot != 0) {
    VenueOrder& order = state.orders[slot];
    const VenueSlot next = order.queue_next;
    order.queue_next = 0;
    order.queued = 0;
    const OrderCommand given = asked_by(state, order);
    const Command engine_command = to_engine(state, given, CommandKind::new_order, order.order_id);
    if (state.instruments[order.instrument].shard != nullptr) {
      pass_queued(state, slot, given, engine_command);
    } else {
      apply_to_engine(state, engine_command);
      if (const RejectCode code = engine_reject(state); code != RejectCode::none)
        reject_queued(state, slot, code);
      else
        take_accepted(state, slot);
    }
    slot = next;
  }
}

} // namespace cmatch
