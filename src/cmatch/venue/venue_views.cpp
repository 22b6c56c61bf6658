#include <algorithm>
#include <cstring>

#include "cmatch/venue/limit_checks.hpp"
#include "cmatch/venue/money.hpp"
#include "cmatch/venue/venue.hpp"
#include "cmatch/venue/venue_state.hpp"

namespace cmatch {
namespace {

std::int64_t clamp(Wide value) {
  constexpr Wide kMost = std::numeric_limits<std::int64_t>::max(),
                 kLeast = std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(std::clamp(value, kLeast, kMost));
}

void copy_id(const ClientIds& ids, ClientIds::Entry entry, char (&out)[40]) {
  std::memcpy(out, ids.head(entry), sizeof(IdHead));
  std::memcpy(out + sizeof(IdHead), ids.tail(entry), sizeof(IdTail));
}

VenueOrderView view_of(const VenueState& state, VenueSlot slot) {
  const VenueOrder& order = state.orders[slot];
  VenueOrderView view{};
  view.order_id = view.sequence = order.order_id;
  view.account = order.account;
  view.instrument_id = state.instruments[order.instrument].id();
  view.session = order.session;
  view.side = order.side;
  view.type = order.type;
  view.time_in_force = order.time_in_force;
  view.order_status = order.status;
  view.order_qty = order.order_qty;
  view.cum_qty = order.cum_qty;
  view.leaves_qty = order.leaves;
  view.price = order.price;
  view.stop_price = order.stop_price;
  view.flags = static_cast<std::uint16_t>((order.has_price ? kReportPrice : 0) |
                                          (order.has_stop_price ? kReportStopPrice : 0));
  if (order.reserve_balance != kNoSlot)
    view.reserved_asset = state.ledger.asset(state.ledger.balance(order.reserve_balance).asset).id;
  view.reserved = order.reserved;
  view.entered_at = order.entered_at;
  copy_id(state.client_ids, order.request, view.client_order_id);
  return view;
}

} // namespace

VenueStatus Venue::status() const {
  const VenueState& state = *state_;
  VenueStatus status{};
  status.epoch = state.epoch;
  status.sequence = state.sequence;
  status.event_sequence = state.event_sequence;
  status.event_digest = state.digest;
  status.clock = state.clock;
  status.trades = state.trades;
  status.live_orders = state.orders.live();
  status.queued_orders = state.local.queued;
  for (const auto& [id, shard] : state.shards)
    status.queued_orders += shard.stage.queued;
  status.accounts = state.ledger.accounts() - kHouseAccounts;
  status.assets = state.ledger.assets();
  status.instruments = static_cast<std::uint32_t>(state.instruments.size());
  status.client_ids = state.client_ids.size();
  status.away = state.local.away;
  status.policy = static_cast<std::uint16_t>(state.policy);
  status.killed = state.killed;
  status.solo = state.solo;
  return status;
}

std::vector<AccountView> Venue::accounts() const {
  std::vector<AccountView> views;
  const VenueState& state = *state_;
  for (AccountSlot slot = kHouseAccounts; slot < state.ledger.accounts(); ++slot) {
    const Account& account = state.ledger.account(slot);
    const VenueAccount& known = state.accounts[slot];
    const bool killed = known.killed || state.killed_tenants.contains(account.tenant);
    views.push_back({account.id, account.parent, account.tenant, killed, 0, known.deadline});
  }
  return views;
}

std::optional<VenueOrderView> Venue::order(std::uint64_t order_id) const {
  const VenueSlot slot = state_->orders.find(order_id);
  return slot == kNoSlot ? std::nullopt : std::optional(view_of(*state_, slot));
}

std::optional<VenueOrderView> Venue::request(AccountId account, const char (&head)[16],
                                             const char (&tail)[24]) const {
  const VenueState& state = *state_;
  const AccountSlot owner = state.ledger.find_account(account);
  if (owner == kNoSlot) return std::nullopt;
  const ClientIds::Entry entry = state.client_ids.find(owner, head, tail);
  if (entry == kNoSlot) return std::nullopt;
  const RequestOutcome& outcome = state.client_ids.outcome(entry);
  const VenueSlot slot = state.orders.find(outcome.order_id);
  if (slot != kNoSlot && state.orders[slot].request == entry) return view_of(state, slot);
  VenueOrderView view{};
  view.order_id = outcome.order_id;
  view.account = account;
  view.instrument_id = outcome.instrument_id;
  view.side = outcome.side;
  view.type = outcome.type;
  view.time_in_force = outcome.time_in_force;
  view.order_status = outcome.final_status;
  view.order_qty = outcome.order_qty;
  view.cum_qty = outcome.final_cum_qty;
  view.price = outcome.price;
  view.flags = outcome.flags;
  view.reject = outcome.reject;
  view.sequence = outcome.sequence;
  copy_id(state.client_ids, entry, view.client_order_id);
  return view;
}

std::vector<VenueOrderView> Venue::open_orders(AccountId account, InstrumentId instrument) const {
  const VenueState& state = *state_;
  std::vector<VenueOrderView> views;
  const AccountSlot owner = state.ledger.find_account(account);
  if (owner == kNoSlot) return views;
  state.orders.for_each_of(owner, [&](VenueSlot slot) {
    if (instrument == 0 || state.instruments[state.orders[slot].instrument].id() == instrument)
      views.push_back(view_of(state, slot));
  });
  return views;
}

std::vector<PositionView> Venue::positions(AccountId account) const {
  const VenueState& state = *state_;
  std::vector<PositionView> views;
  const AccountSlot owner = state.ledger.find_account(account);
  if (owner == kNoSlot) return views;
  for (std::uint32_t number = 0; number < state.instruments.size(); ++number) {
    const PositionSlot slot = state.positions.find(owner, number);
    if (slot == kNoSlot) continue;
    Position position = state.positions[slot];
    touch(state, position);
    const VenueInstrument& instrument = state.instruments[number];
    views.push_back({account, instrument.id(), static_cast<std::uint32_t>(position.live_orders), position.qty,
                     clamp(position.cost), clamp(position.realised), clamp(unrealised(instrument, position)),
                     position.open_lots[0], position.open_lots[1], clamp(position.open_notional[0]),
                     clamp(position.open_notional[1]), clamp(position.base_of_day)});
  }
  std::sort(views.begin(), views.end(),
            [](const PositionView& a, const PositionView& b) { return a.instrument_id < b.instrument_id; });
  return views;
}

std::optional<Limits> Venue::limits_of(AccountId account, InstrumentId instrument) const {
  if (state_->ledger.find_account(account) == kNoSlot) return std::nullopt;
  return state_->limit_sets.resolve(account, instrument);
}

std::vector<SessionView> Venue::sessions() const {
  std::vector<SessionView> views;
  for (const auto& [id, session] : state_->sessions) {
    SessionView view{id, session.tenant, session.cancels_when_lost, {}, {}};
    std::memcpy(view.name, session.name, sizeof view.name);
    views.push_back(view);
  }
  return views;
}

std::vector<ShardView> Venue::shards() const {
  std::vector<ShardView> views;
  for (const auto& [id, shard] : state_->shards)
    views.push_back({id, shard.instruments, shard.stage.away, shard.run != nullptr, shard.stage.queued,
                     shard.passed.size(), shard.expected(), shard.run == nullptr ? 0 : shard.run->made});
  return views;
}

std::vector<ShardEvent> Venue::shard_events(ShardId shard, std::uint64_t from, std::size_t most) const {
  std::vector<ShardEvent> events;
  const auto found = state_->shards.find(shard);
  if (found == state_->shards.end() || found->second.run == nullptr) return events;
  const std::deque<ShardEvent>& outbox = found->second.run->outbox;
  if (outbox.empty() || from > outbox.back().number) return events;
  const std::uint64_t first = outbox.front().number;
  for (std::size_t at = from > first ? from - first : 0; at < outbox.size() && events.size() < most; ++at)
    events.push_back(outbox[at]);
  return events;
}

const Engine* Venue::engine_of(InstrumentId instrument) const {
  const std::uint32_t number = state_->find_instrument(instrument);
  if (number == VenueState::kNoInstrument || state_->instruments[number].shard == nullptr)
    return &state_->engine;
  const Shard& shard = *state_->instruments[number].shard;
  return shard.run == nullptr ? nullptr : &shard.run->engine;
}

std::vector<InstrumentCommand> Venue::instruments() const {
  std::vector<InstrumentCommand> all;
  for (const VenueInstrument& instrument : state_->instruments) {
    all.push_back(instrument.definition);
    all.back().phase = instrument.shard != nullptr
                           ? instrument.phase
                           : static_cast<std::uint16_t>(state_->engine.instrument(instrument.id()).phase);
    all.back().shard = instrument.shard != nullptr ? instrument.shard->id : 0;
  }
  std::sort(all.begin(), all.end(), [](const InstrumentCommand& a, const InstrumentCommand& b) {
    return a.instrument_id < b.instrument_id;
  });
  return all;
}

} // namespace cmatch
