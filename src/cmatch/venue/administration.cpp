#include "cmatch/venue/administration.hpp"

#include <algorithm>
#include <cstring>

#include "cmatch/venue/entry.hpp"
#include "cmatch/venue/outcomes.hpp"
#include "cmatch/venue/shard_entry.hpp"
#include "cmatch/venue/text.hpp"
#include "cmatch/venue/to_engine.hpp"

namespace cmatch {
namespace {

constexpr std::uint16_t code_of(RejectCode code) { return static_cast<std::uint16_t>(code); }

template <class Given>
Answer& answer_to(VenueState& state, Family family, const Given& command) {
  Answer& answer = state.answer(family, command.kind);
  answer.session = command.session;
  std::memcpy(answer.correlation_id, command.correlation_id, sizeof answer.correlation_id);
  return answer;
}

// --- instruments -------------------------------------------------------------------------------------------------------

// Runs an administrative command of the engine; its events beyond the answer wait in state.events.
RejectCode run(VenueState& state, const Command& command) {
  state.events.clear();
  state.engine.apply(command, state.events);
  const Event& answer = state.events[0];
  return answer.kind == static_cast<std::uint8_t>(EventKind::rejected)
             ? static_cast<RejectCode>(answer.reason)
             : RejectCode::none;
}

std::uint8_t narrow(std::uint16_t value) { // what is out of range stays so
  return static_cast<std::uint8_t>(std::min<std::uint16_t>(value, 0xFF));
}

Definition definition_for(const VenueState& state, const InstrumentCommand& command) {
  Definition definition{};
  definition.timestamp = state.engine_time();
  definition.instrument_id = command.instrument_id;
  definition.kind = static_cast<std::uint8_t>(CommandKind::define_instrument);
  definition.trigger_source = narrow(command.trigger_source);
  definition.stop_wrong_side = narrow(command.stop_wrong_side);
  definition.band_mode = narrow(command.band_mode);
  definition.tick_step = command.tick_step;
  definition.lot_step = command.lot_step;
  definition.min_price = command.min_price;
  definition.max_price = command.max_price;
  definition.present = command.present;
  definition.phase = narrow(command.phase);
  definition.max_qty = command.max_qty;
  definition.max_notional = command.max_notional;
  definition.max_parts = command.max_parts;
  definition.max_pegs = command.max_pegs;
  definition.collar = command.collar;
  definition.static_band = command.static_band;
  definition.dynamic_band = command.dynamic_band;
  definition.reference = command.reference;
  return definition;
}

bool rates_are_sound(const InstrumentCommand& command) {
  return command.taker_rate >= 0 && command.taker_rate <= kRateUnit && command.maker_rate <= kRateUnit &&
         command.maker_rate >= -command.taker_rate;
}

// Do the units of a lot and of a tick times a lot exist, and do the largest order's amounts fit?
bool units_are_sound(const VenueState& state, const InstrumentCommand& command) {
  const unsigned base_scale = state.ledger.asset(state.ledger.find_asset(command.base)).scale;
  const unsigned quote_scale = state.ledger.asset(state.ledger.find_asset(command.quote)).scale;
  const unsigned price_scale = command.price_scale, qty_scale = command.qty_scale;
  if (qty_scale > base_scale || price_scale + qty_scale > quote_scale) return false;
  const Wide lot_units = pow10(base_scale - qty_scale),
             notional_units = pow10(quote_scale - price_scale - qty_scale);
  return command.max_qty >= 1 && command.max_notional >= 1 && fits_amount(lot_units * command.max_qty * 2) &&
         fits_amount(notional_units * command.max_notional * 2);
}

RejectCode check_definition(const VenueState& state, const InstrumentCommand& command) {
  const AssetSlot base = state.ledger.find_asset(command.base),
                  quote = state.ledger.find_asset(command.quote);
  if (base == kNoSlot || quote == kNoSlot) return RejectCode::unknown_asset;
  if (!is_symbol(command.symbol)) return RejectCode::invalid_symbol;
  const bool known_words = command.instrument_kind == static_cast<std::uint16_t>(InstrumentKind::spot) &&
                           command.fee_mode >= static_cast<std::uint16_t>(FeeMode::received) &&
                           command.fee_mode <= static_cast<std::uint16_t>(FeeMode::base);
  if (base == quote || !known_words || !rates_are_sound(command) || command.min_price < 0 ||
      !units_are_sound(state, command))
    return RejectCode::invalid_definition;
  const std::uint32_t known = state.find_instrument(command.instrument_id);
  for (std::uint32_t each = 0; each < state.instruments.size(); ++each)
    if (each != known &&
        std::memcmp(state.instruments[each].definition.symbol, command.symbol, sizeof command.symbol) == 0)
      return RejectCode::symbol_taken;
  if (known == VenueState::kNoInstrument) return RejectCode::none;
  const VenueInstrument& instrument = state.instruments[known];
  const InstrumentCommand& before = instrument.definition;
  const bool same_units = before.base == command.base && before.quote == command.quote &&
                          before.price_scale == command.price_scale && before.qty_scale == command.qty_scale;
  if (!same_units || instrument.live_orders != 0) return RejectCode::instrument_in_use;
  return RejectCode::none;
}

RejectCode define_instrument(VenueState& state, const InstrumentCommand& command) {
  if (const RejectCode code = check_definition(state, command); code != RejectCode::none) return code;
  for (const AssetId asset : {command.base, command.quote}) {
    const AssetSlot slot = state.ledger.find_asset(asset);
    if (state.ledger.find_balance(kFeesSlot, slot) == kNoSlot && !state.ledger.can_make_balances(2))
      return RejectCode::capacity_balances;
  }
  const Command definition = command_of(definition_for(state, command));
  if (const RejectCode code = run(state, definition); code != RejectCode::none) return code;
  std::uint32_t number = state.find_instrument(command.instrument_id);
  if (number == VenueState::kNoInstrument) {
    number = static_cast<std::uint32_t>(state.instruments.size());
    state.instruments.emplace_back();
    state.instrument_index.insert(command.instrument_id, number);
  }
  VenueInstrument& instrument = state.instruments[number];
  const VenueInstrument before = instrument;
  instrument = VenueInstrument{};
  instrument.killed = before.killed;
  instrument.shard = before.shard;
  instrument.passed = before.passed;
  instrument.definition = command;
  instrument.definition.session = instrument.definition.tenant = 0;
  instrument.definition.shard = instrument.definition.reserved1 = 0;
  instrument.definition.sent_at = 0;
  std::memset(instrument.definition.correlation_id, 0, sizeof command.correlation_id);
  derive(instrument, state.ledger);
  instrument.has_reference = (command.present & kHasReference) != 0;
  instrument.reference = instrument.has_reference ? command.reference : 0;
  state.ledger.make_balance(kFeesSlot, instrument.base);
  state.ledger.make_balance(kFeesSlot, instrument.quote);
  if (instrument.shard != nullptr) {
    instrument.phase = command.phase;
    pass_instrument(state, instrument, PassedKind::steering, command, definition);
  }
  return RejectCode::none;
}

RejectCode steer(VenueState& state, const InstrumentCommand& command) {
  const std::uint32_t number = state.find_instrument(command.instrument_id);
  if (number == VenueState::kNoInstrument) return RejectCode::unknown_instrument;
  const auto action = static_cast<InstrumentAction>(command.kind);
  const CommandKind kind = action == InstrumentAction::set_phase       ? CommandKind::set_phase
                           : action == InstrumentAction::set_reference ? CommandKind::set_reference
                                                                       : CommandKind::set_mark;
  Command steering = engine_command(state, kind, command.instrument_id);
  steering.phase = narrow(command.phase);
  steering.price = command.price;
  steering.present = kHasPrice;
  if (const RejectCode code = run(state, steering); code != RejectCode::none) return code;
  VenueInstrument& instrument = state.instruments[number];
  if (instrument.shard != nullptr)
    pass_instrument(state, instrument, PassedKind::steering, command, steering);
  if (action == InstrumentAction::set_reference) {
    instrument.has_reference = true;
    instrument.reference = command.price;
  } else if (action == InstrumentAction::set_mark) {
    instrument.has_mark = true;
    instrument.mark = command.price;
  }
  return RejectCode::none;
}

// A change of phase of an instrument that a shard matches: its engine judges it, and its answer is the command's.
bool pass_phase(VenueState& state, const InstrumentCommand& command) {
  const std::uint32_t number = state.find_instrument(command.instrument_id);
  if (number == VenueState::kNoInstrument || state.instruments[number].shard == nullptr) return false;
  Command steering = engine_command(state, CommandKind::set_phase, command.instrument_id);
  steering.phase = narrow(command.phase);
  pass_instrument(state, state.instruments[number], PassedKind::phase, command, steering);
  return true;
}

Phase phase_of(const VenueState& state, const VenueInstrument& instrument) {
  return instrument.shard == nullptr ? state.engine.instrument(instrument.id()).phase
                                     : static_cast<Phase>(instrument.phase);
}

// What a new home of an instrument is told of it. It has seen no trade.
void settle_in(VenueState& state, VenueInstrument& instrument, Phase phase,
               const InstrumentCommand& command) {
  InstrumentCommand as_it_is = instrument.definition;
  as_it_is.phase = static_cast<std::uint16_t>(phase);
  as_it_is.present &= static_cast<std::uint16_t>(~kHasReference);
  if (instrument.has_reference) as_it_is.present |= kHasReference;
  as_it_is.reference = instrument.reference;
  const auto tell = [&](const Command& step) {
    CM_CHECK(run(state, step) == RejectCode::none);
    if (instrument.shard != nullptr) pass_instrument(state, instrument, PassedKind::steering, command, step);
  };
  tell(command_of(definition_for(state, as_it_is)));
  if (!instrument.has_mark) return;
  Command marking = engine_command(state, CommandKind::set_mark, instrument.id());
  marking.price = instrument.mark;
  marking.present = kHasPrice;
  tell(marking);
}

RejectCode assign_shard(VenueState& state, const InstrumentCommand& command) {
  const std::uint32_t number = state.find_instrument(command.instrument_id);
  if (number == VenueState::kNoInstrument) return RejectCode::unknown_instrument;
  if (command.shard > kMostShards) return RejectCode::unknown_shard;
  VenueInstrument& instrument = state.instruments[number];
  const ShardId present = instrument.shard == nullptr ? 0 : instrument.shard->id;
  if (present == command.shard) return RejectCode::none;
  if (instrument.live_orders != 0 || instrument.passed != 0) return RejectCode::instrument_in_use;
  const Phase phase = phase_of(state, instrument);
  if (phase != Phase::closed && phase != Phase::pre_open && phase != Phase::continuous)
    return RejectCode::invalid_phase;
  if (instrument.shard != nullptr) --instrument.shard->instruments;
  instrument.shard = command.shard == 0 ? nullptr : &make_shard(state, command.shard);
  if (instrument.shard != nullptr) ++instrument.shard->instruments;
  instrument.phase = command.shard == 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(phase);
  instrument.has_last = false;
  instrument.last = 0;
  settle_in(state, instrument, phase, command);
  return RejectCode::none;
}

// --- administration ----------------------------------------------------------------------------------------------------

void kill(VenueState& state, const AdminCommand& command, AccountSlot account, std::uint32_t instrument) {
  const bool on = command.flag != 0;
  switch (static_cast<Scope>(command.scope)) {
  case Scope::venue:
    state.killed = on;
    break;
  case Scope::tenant:
    if (on)
      state.killed_tenants.insert(command.tenant);
    else
      state.killed_tenants.erase(command.tenant);
    break;
  case Scope::account:
    state.accounts[account].killed = on;
    break;
  case Scope::instrument:
    state.instruments[instrument].killed = on;
    break;
  }
}

void cancel_killed(VenueState& state, const AdminCommand& command, AccountSlot account,
                   std::uint32_t instrument) {
  constexpr auto kReason = static_cast<std::uint16_t>(VenueCancelReason::kill);
  cancel_where(state, kReason, [&](const VenueOrder& order) {
    switch (static_cast<Scope>(command.scope)) {
    case Scope::venue:
      return true;
    case Scope::tenant:
      return state.ledger.account(order.account_slot).tenant == command.tenant;
    case Scope::account:
      return order.account_slot == account;
    case Scope::instrument:
      return order.instrument == instrument;
    }
    return false;
  });
}

void on_kill(VenueState& state, const AdminCommand& command) {
  const auto refuse = [&](RejectCode code) {
    Answer& answer = answer_to(state, Family::administration, command);
    answer.reject = code_of(code);
    answer.account = command.account;
  };
  AccountSlot account = kNoSlot;
  std::uint32_t instrument = VenueState::kNoInstrument;
  const auto scope = static_cast<Scope>(command.scope);
  if (scope < Scope::venue || scope > Scope::instrument || command.flag > 1)
    return refuse(RejectCode::invalid_field);
  if (scope == Scope::account) {
    account = state.ledger.find_account(command.account, command.tenant);
    if (account == kNoSlot) return refuse(RejectCode::unknown_account);
  }
  if (scope == Scope::tenant && command.tenant == 0) return refuse(RejectCode::unknown_account);
  if (scope == Scope::instrument) {
    instrument = state.find_instrument(command.instrument_id);
    if (instrument == VenueState::kNoInstrument) return refuse(RejectCode::unknown_instrument);
  }
  kill(state, command, account, instrument);
  answer_to(state, Family::administration, command).account = command.account;
  if (command.flag != 0) cancel_killed(state, command, account, instrument);
}

RejectCode open_session(VenueState& state, const AdminCommand& command) {
  if (command.session == 0 || command.flag > 1) return RejectCode::invalid_field;
  if (!state.sessions.contains(command.session) && state.sessions.size() >= state.limits.max_sessions)
    return RejectCode::capacity_sessions;
  Session& session = state.sessions[command.session];
  session.tenant = command.tenant;
  session.cancels_when_lost = command.flag;
  std::memcpy(session.name, command.actor, sizeof session.name);
  return RejectCode::none;
}

void lose_session(VenueState& state, const AdminCommand& command) {
  const auto found = state.sessions.find(command.session);
  Answer& answer = answer_to(state, Family::administration, command);
  if (found == state.sessions.end()) {
    answer.reject = code_of(RejectCode::not_logged_on);
    return;
  }
  const bool cancels = found->second.cancels_when_lost != 0;
  state.sessions.erase(found);
  if (!cancels) return;
  cancel_where(state, static_cast<std::uint16_t>(VenueCancelReason::disconnect),
               [&](const VenueOrder& order) { return order.session == command.session; });
}

RejectCode set_countdown(VenueState& state, const AdminCommand& command) {
  const AccountSlot slot = state.ledger.find_account(command.account, command.tenant);
  if (slot == kNoSlot) return RejectCode::unknown_account;
  if (command.timeout < 0 || command.timeout > kEndOfTime - state.clock) return RejectCode::invalid_field;
  VenueAccount& account = state.accounts[slot];
  if (account.deadline != 0) state.countdowns.erase({account.deadline, command.account});
  account.deadline = command.timeout == 0 ? 0 : state.clock + command.timeout;
  if (account.deadline != 0) state.countdowns.emplace(account.deadline, command.account);
  return RejectCode::none;
}

RejectCode set_limits(VenueState& state, const AdminCommand& command) {
  if ((command.present & ~kAllLimitFields) != 0) return RejectCode::invalid_field;
  if (command.account != 0 && state.ledger.find_account(command.account, command.tenant) == kNoSlot)
    return RejectCode::unknown_account;
  if (command.instrument_id != 0 && state.find_instrument(command.instrument_id) == VenueState::kNoInstrument)
    return RejectCode::unknown_instrument;
  return state.limit_sets.set(command);
}

RejectCode set_policy(VenueState& state, const AdminCommand& command) {
  if (command.flag > static_cast<std::uint16_t>(Policy::none)) return RejectCode::invalid_field;
  if (state.orders.live() != 0) return RejectCode::instrument_in_use;
  state.policy = static_cast<Policy>(command.flag);
  return RejectCode::none;
}

// promote: who takes over has nobody behind it yet; its flag is 1.
RejectCode set_solo(VenueState& state, const AdminCommand& command) {
  if (command.flag > 1) return RejectCode::invalid_field;
  state.solo = command.flag != 0;
  return RejectCode::none;
}

RejectCode set_settlement(VenueState& state, const AdminCommand& command) {
  if (command.flag > static_cast<std::uint16_t>(SettlementMode::by_service)) return RejectCode::invalid_field;
  const auto mode = static_cast<SettlementMode>(command.flag);
  if (mode != state.settlement.mode && !state.settlement.unposted.empty())
    return RejectCode::trades_not_posted;
  state.settlement.mode = mode;
  return RejectCode::none;
}

RejectCode simple_admin(VenueState& state, const AdminCommand& command) {
  switch (static_cast<AdminAction>(command.kind)) {
  case AdminAction::open_account:
    return state.ledger.open_account(command);
  case AdminAction::set_limits:
    return set_limits(state, command);
  case AdminAction::open_session:
    return open_session(state, command);
  case AdminAction::set_countdown:
    return set_countdown(state, command);
  case AdminAction::set_collateral:
    return state.ledger.set_collateral(command);
  case AdminAction::set_policy:
    return set_policy(state, command);
  case AdminAction::set_solo:
  case AdminAction::promote:
    return set_solo(state, command);
  case AdminAction::set_settlement:
    return set_settlement(state, command);
  case AdminAction::tick:
    return RejectCode::none;
  case AdminAction::kill:
  case AdminAction::lose_session:
  case AdminAction::set_stage:
    break; // not here: more follows their answers
  }
  return RejectCode::unknown_command;
}

void set_stage(VenueState& state, const AdminCommand& command) {
  Answer& answer = answer_to(state, Family::administration, command);
  const auto shard = state.shards.find(command.shard);
  if (command.flag > 1) {
    answer.reject = code_of(RejectCode::invalid_field);
    return;
  }
  if (command.shard != 0 && shard == state.shards.end()) {
    answer.reject = code_of(RejectCode::unknown_shard);
    return;
  }
  Stage& stage = command.shard == 0 ? state.local : shard->second.stage;
  const bool returns = stage.away && command.flag == 0;
  stage.away = command.flag != 0;
  if (!returns) return;
  if (command.shard == 0) {
    run(state, engine_command(state, CommandKind::advance_time, 0));
    take_events(state, 0, 0, nullptr);
  } else {
    run_shard_time(state, shard->second);
  }
  submit_queue(state, stage);
}

void run_countdowns(VenueState& state) {
  while (!state.countdowns.empty() && state.countdowns.begin()->first <= state.clock) {
    const AccountId id = state.countdowns.begin()->second;
    state.countdowns.erase(state.countdowns.begin());
    const AccountSlot slot = state.ledger.find_account(id, 0);
    state.accounts[slot].deadline = 0;
    cancel_all_of(state, slot, static_cast<std::uint16_t>(VenueCancelReason::countdown));
  }
}

// After which the oldest queued order is expired.
TimeNs queue_deadline(const VenueState& state, const Stage& stage) {
  if (stage.queue_first == 0) return kEndOfTime;
  const TimeNs entered = state.orders[stage.queue_first].entered_at;
  return entered > kEndOfTime - state.limits.queue_ttl - 1 ? kEndOfTime
                                                           : entered + state.limits.queue_ttl + 1;
}

void expire_queue(VenueState& state, const Stage& stage) {
  while (queue_deadline(state, stage) <= state.clock)
    cancel_order(state, stage.queue_first, static_cast<std::uint16_t>(VenueCancelReason::queue_ttl));
}

} // namespace

void derive(VenueInstrument& instrument, const Ledger& ledger) {
  const InstrumentCommand& definition = instrument.definition;
  instrument.base = ledger.find_asset(definition.base);
  instrument.quote = ledger.find_asset(definition.quote);
  const unsigned price_scale = definition.price_scale, qty_scale = definition.qty_scale;
  instrument.lot_units = pow10(ledger.asset(instrument.base).scale - qty_scale);
  instrument.notional_units = pow10(ledger.asset(instrument.quote).scale - price_scale - qty_scale);
  instrument.worst_rate = std::max(definition.maker_rate, definition.taker_rate);
}

void apply_ledger(VenueState& state, const LedgerCommand& command) {
  Answer& answer = answer_to(state, Family::ledger, command);
  const std::uint64_t event_sequence = answer.event_sequence;
  if (command.kind == static_cast<std::uint16_t>(LedgerAction::post_trade))
    post_trade(state, command, answer);
  else
    state.ledger.apply(command, state.clock, answer);
  CM_CHECK(answer.event_sequence == event_sequence);
}

void apply_instrument(VenueState& state, const InstrumentCommand& command) {
  state.events.clear();
  RejectCode code = RejectCode::unknown_command;
  switch (static_cast<InstrumentAction>(command.kind)) {
  case InstrumentAction::define_asset:
    code = state.ledger.define_asset(command);
    break;
  case InstrumentAction::define_instrument:
    code = define_instrument(state, command);
    break;
  case InstrumentAction::set_phase:
    if (pass_phase(state, command)) return;
    [[fallthrough]];
  case InstrumentAction::set_reference:
  case InstrumentAction::set_mark:
    code = steer(state, command);
    break;
  case InstrumentAction::assign_shard:
    code = assign_shard(state, command);
    break;
  }
  Answer& answer = answer_to(state, Family::instruments, command);
  answer.reject = code_of(code);
  answer.asset = command.asset;
  if (code == RejectCode::none) take_events(state, 0, 0, nullptr);
}

void apply_admin(VenueState& state, const AdminCommand& command) {
  switch (static_cast<AdminAction>(command.kind)) {
  case AdminAction::kill:
    return on_kill(state, command);
  case AdminAction::lose_session:
    return lose_session(state, command);
  case AdminAction::set_stage:
    return set_stage(state, command);
  default:
    break;
  }
  const RejectCode code = simple_admin(state, command);
  Answer& answer = answer_to(state, Family::administration, command);
  answer.reject = code_of(code);
  answer.account = command.account;
  answer.asset = command.asset;
}

void run_timers(VenueState& state) {
  state.ledger.expire(state.clock);
  state.timers_run = true;
  run_countdowns(state);
  expire_queue(state, state.local);
  for (const auto& [id, shard] : state.shards)
    expire_queue(state, shard.stage);
  state.timers_run = false;
  if (!state.local.away && state.engine.next_expiry() <= state.clock) {
    run(state, engine_command(state, CommandKind::advance_time, 0));
    take_events(state, 0, 0, nullptr);
  }
  for (auto& [id, shard] : state.shards)
    run_shard_time(state, shard);
}

TimeNs next_timer(const VenueState& state) {
  const TimeNs countdown = state.countdowns.empty() ? kEndOfTime : state.countdowns.begin()->first;
  const TimeNs expiry = state.local.away ? kEndOfTime : state.engine.next_expiry();
  TimeNs next = std::min({state.ledger.next_expiry(), countdown, queue_deadline(state, state.local), expiry});
  for (const auto& [id, shard] : state.shards)
    next = std::min(next, queue_deadline(state, shard.stage));
  return std::min(next, next_shard_timer(state));
}

TimeNs next_tick(const VenueState& state) {
  const auto expiry = state.expiries.upper_bound({state.clock, std::numeric_limits<std::uint64_t>::max()});
  return std::min(next_timer(state), expiry == state.expiries.end() ? kEndOfTime : expiry->first);
}

} // namespace cmatch
