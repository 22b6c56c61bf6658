#include "cmatch/venue/snapshot.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "cmatch/state_hash.hpp"
#include "cmatch/venue/administration.hpp"
#include "cmatch/venue/venue.hpp"
#include "cmatch/venue/venue_format.hpp"

namespace cmatch {
namespace {

constexpr Wrapping kWrapping{{'C', 'M', 'A', 'T', 'C', 'H', 'V', 'N'}, 3};

void require(bool holds, const char* what) {
  if (!holds) throw SnapshotError(std::string("the snapshot is inconsistent: ") + what);
}

void put_wide(Writer& out, Wide value) {
  out.put(static_cast<std::uint64_t>(value));
  out.put(static_cast<std::int64_t>(value >> 64));
}
Wide get_wide(Reader& in) {
  const auto low = in.get<std::uint64_t>();
  const auto high = in.get<std::int64_t>();
  return static_cast<Wide>(high) * (static_cast<Wide>(1) << 64) + low;
}

// A record of records.hpp, which has no padding and whose integers are little-endian on every machine that we build for.
template <class Record>
void put_record(Writer& out, const Record& record) {
  out.put_bytes(&record, sizeof record);
}
template <class Record>
Record get_record(Reader& in) {
  Record record;
  in.get_bytes(&record, sizeof record);
  return record;
}

std::vector<VenueSlot> by_order_id(const VenueState& state) {
  std::vector<VenueSlot> slots;
  slots.reserve(state.orders.live());
  state.orders.for_each([&](VenueSlot slot) { slots.push_back(slot); });
  const auto before = [&](VenueSlot a, VenueSlot b) {
    return state.orders[a].order_id < state.orders[b].order_id;
  };
  // As they are in a venue that was just restored.
  if (!std::is_sorted(slots.begin(), slots.end(), before)) std::sort(slots.begin(), slots.end(), before);
  return slots;
}

constexpr std::size_t kOrderBytes = 165; // as write_order writes it
constexpr std::size_t kRequestBytes = 146;

void write_order(const VenueOrder& order, Writer& out) {
  out.put(order.order_id);
  out.put(order.account_slot);
  out.put(order.session);
  out.put(order.instrument);
  for (const std::uint16_t word :
       {std::uint16_t{order.side}, std::uint16_t{order.type}, std::uint16_t{order.time_in_force},
        order.status, std::uint16_t{order.stp_mode}})
    out.put(word);
  for (const std::uint8_t byte :
       {order.has_price, order.has_stop_price, order.reduce_only, order.has_budget, order.flags,
        order.has_stp_group, order.has_display_qty, order.has_expire_at, order.queued, order.canceling,
        static_cast<std::uint8_t>(order.reserve_balance != kNoSlot)})
    out.put(byte);
  for (const std::int64_t value :
       {order.order_qty, order.cum_qty, order.leaves, order.price, order.stop_price, order.exposure_price,
        order.reserved, order.entered_at, order.expire_at, static_cast<std::int64_t>(order.stp_group),
        order.display_qty, order.extra_lots, order.own_exposure})
    out.put(value);
  out.put(order.replaces);
  put_wide(out, order.fee_due);
}

// Its id, which is above `last`.
std::uint64_t read_order(VenueState& state, Reader& in, std::uint64_t last) {
  const auto order_id = in.get<std::uint64_t>();
  const auto account = in.get<std::uint32_t>();
  require(order_id > last && !state.orders.full() && account >= kHouseAccounts &&
              account < state.ledger.accounts(),
          "an order");
  const VenueSlot slot = state.orders.add(order_id, account);
  VenueOrder& order = state.orders[slot];
  order.account = state.ledger.account(account).id;
  order.session = in.get<std::uint32_t>();
  order.instrument = in.get<std::uint32_t>();
  const auto narrow = [&in] {
    const auto word = in.get<std::uint16_t>();
    require(word <= 0xFF, "an order");
    return static_cast<std::uint8_t>(word);
  };
  order.side = narrow();
  order.type = narrow();
  order.time_in_force = narrow();
  order.status = in.get<std::uint16_t>();
  order.stp_mode = narrow();
  for (std::uint8_t* byte :
       {&order.has_price, &order.has_stop_price, &order.reduce_only, &order.has_budget, &order.flags,
        &order.has_stp_group, &order.has_display_qty, &order.has_expire_at, &order.queued, &order.canceling})
    *byte = in.get<std::uint8_t>();
  const bool reserves = in.get<std::uint8_t>() != 0;
  for (std::int64_t* value :
       {&order.order_qty, &order.cum_qty, &order.leaves, &order.price, &order.stop_price,
        &order.exposure_price, &order.reserved, &order.entered_at, &order.expire_at})
    *value = in.get<std::int64_t>();
  order.stp_group = in.get<std::uint64_t>();
  order.display_qty = in.get<std::int64_t>();
  order.extra_lots = in.get<std::int64_t>();
  order.own_exposure = in.get<std::int64_t>();
  order.replaces = in.get<std::uint32_t>();
  order.fee_due = get_wide(in);
  require(order.instrument < state.instruments.size() && (order.side == 1 || order.side == 2) &&
              order.leaves > 0,
          "an order");
  order.position = state.positions.find(account, order.instrument);
  require(order.position != kNoSlot, "an order without a position");
  const Position& position = state.positions[order.position];
  order.reserve_balance = kNoSlot;
  if (reserves) order.reserve_balance = order.side == 1 ? position.quote_balance : position.base_balance;
  require(!reserves || order.reserve_balance != kNoSlot, "an order without a balance");
  order.request = kNoSlot;
  order.queue_next = 0;
  const VenueInstrument& instrument = state.instruments[order.instrument];
  if (instrument.shard != nullptr && order.time_in_force == static_cast<std::uint16_t>(TimeInForce::gtd))
    state.expiries.emplace(order.expire_at, order.order_id);
  if (order.queued == 0) return order_id;
  Stage& stage = state.stage_of(instrument);
  (stage.queue_last == 0 ? stage.queue_first : state.orders[stage.queue_last].queue_next) = slot;
  stage.queue_last = slot;
  ++stage.queued;
  return order_id;
}

void write_instruments(const VenueState& state, Writer& out) {
  out.put(std::uint64_t{state.instruments.size()});
  for (const VenueInstrument& instrument : state.instruments) {
    put_record(out, instrument.definition);
    out.put(instrument.live_orders);
    for (const bool flag :
         {instrument.killed, instrument.has_last, instrument.has_reference, instrument.has_mark})
      out.put(static_cast<std::uint8_t>(flag));
    out.put(instrument.last);
    out.put(instrument.reference);
    out.put(instrument.mark);
    out.put(instrument.shard == nullptr ? ShardId{0} : instrument.shard->id);
    out.put(instrument.passed);
    out.put(instrument.phase);
  }
}

void read_instruments(VenueState& state, Reader& in) {
  for (std::uint64_t left = in.get_count(sizeof(InstrumentCommand)); left > 0; --left) {
    VenueInstrument instrument;
    instrument.definition = get_record<InstrumentCommand>(in);
    instrument.live_orders = in.get<std::uint32_t>();
    for (bool* flag :
         {&instrument.killed, &instrument.has_last, &instrument.has_reference, &instrument.has_mark})
      *flag = in.get<std::uint8_t>() != 0;
    instrument.last = in.get<std::int64_t>();
    instrument.reference = in.get<std::int64_t>();
    instrument.mark = in.get<std::int64_t>();
    if (const auto id = in.get<std::uint32_t>(); id != 0) {
      const auto found = state.shards.find(id);
      require(found != state.shards.end(), "an instrument of a shard that is not there");
      instrument.shard = &found->second;
      ++found->second.instruments;
    }
    instrument.passed = in.get<std::uint32_t>();
    instrument.phase = in.get<std::uint16_t>();
    const InstrumentCommand& definition = instrument.definition;
    const AssetSlot base = state.ledger.find_asset(definition.base),
                    quote = state.ledger.find_asset(definition.quote);
    require(base != kNoSlot && quote != kNoSlot && definition.qty_scale <= state.ledger.asset(base).scale &&
                definition.price_scale <= 18 && definition.qty_scale <= 18 &&
                definition.price_scale + definition.qty_scale <= state.ledger.asset(quote).scale &&
                state.instruments.size() < state.limits.engine.max_instruments &&
                state.find_instrument(instrument.id()) == VenueState::kNoInstrument,
            "an instrument");
    derive(instrument, state.ledger);
    state.instrument_index.insert(instrument.id(), static_cast<std::uint32_t>(state.instruments.size()));
    state.instruments.push_back(instrument);
  }
}

constexpr std::size_t kPositionBytes = 24 + 7 * 16 + 8;

void write_positions(const VenueState& state, Writer& out) {
  out.put(std::uint64_t{state.positions.count()});
  for (PositionSlot slot = 0; slot < state.positions.count(); ++slot) {
    const Position& position = state.positions[slot];
    out.put(position.account);
    out.put(position.instrument);
    out.put(position.qty);
    for (const Wide value : {position.cost, position.realised, position.base_of_day,
                             position.open_notional[0], position.open_notional[1]})
      put_wide(out, value);
    for (const std::int64_t value :
         {position.day, position.open_lots[0], position.open_lots[1], position.reduce_only_lots[0],
          position.reduce_only_lots[1], position.live_orders, position.rate_time})
      out.put(value);
  }
}

void read_positions(VenueState& state, Reader& in) {
  for (std::uint64_t left = in.get_count(kPositionBytes); left > 0; --left) {
    const auto account = in.get<std::uint32_t>();
    const auto instrument = in.get<std::uint32_t>();
    require(account >= kHouseAccounts && account < state.ledger.accounts() &&
                instrument < state.instruments.size() && state.positions.find(account, instrument) == kNoSlot,
            "a position");
    const PositionSlot slot = state.positions.make(account, instrument);
    require(slot != kNoSlot, "more positions than its limits allow");
    Position& position = state.positions[slot];
    position.base_balance = state.ledger.find_balance(account, state.instruments[instrument].base);
    position.quote_balance = state.ledger.find_balance(account, state.instruments[instrument].quote);
    position.qty = in.get<std::int64_t>();
    for (Wide* value : {&position.cost, &position.realised, &position.base_of_day, &position.open_notional[0],
                        &position.open_notional[1]})
      *value = get_wide(in);
    for (std::int64_t* value :
         {&position.day, &position.open_lots[0], &position.open_lots[1], &position.reduce_only_lots[0],
          &position.reduce_only_lots[1], &position.live_orders, &position.rate_time})
      *value = in.get<std::int64_t>();
  }
}

void write_limits(const VenueState& state, Writer& out) {
  out.put(std::uint64_t{state.limit_sets.sets().size()});
  for (const auto& [scope, limits] : state.limit_sets.sets()) {
    out.put(scope.first);
    out.put(scope.second);
    out.put(limits.present);
    for (const std::int64_t value :
         {limits.order_qty, limits.order_notional, limits.open_orders, limits.position, limits.gross_notional,
          limits.net_notional, limits.daily_loss, limits.collar, limits.order_rate, limits.rate_interval,
          limits.duplicate_window})
      out.put(value);
  }
}

void read_limits(VenueState& state, Reader& in) {
  for (std::uint64_t left = in.get_count(100); left > 0; --left) {
    const auto account = in.get<std::uint64_t>();
    const auto instrument = in.get<std::uint32_t>();
    Limits limits{};
    limits.present = in.get<std::uint16_t>();
    for (std::int64_t* value :
         {&limits.order_qty, &limits.order_notional, &limits.open_orders, &limits.position,
          &limits.gross_notional, &limits.net_notional, &limits.daily_loss, &limits.collar,
          &limits.order_rate, &limits.rate_interval, &limits.duplicate_window})
      *value = in.get<std::int64_t>();
    require(limits.present != 0 && (!limits.has(kLimitOrderRate) || limits.order_rate > 0),
            "a set of limits");
    state.limit_sets.restore(account, instrument, limits);
  }
}

void write_switches(const VenueState& state, Writer& out) {
  for (const bool flag : {state.killed, state.local.away, state.solo})
    out.put(static_cast<std::uint8_t>(flag));
  out.put(static_cast<std::uint16_t>(state.policy));
  out.put(std::uint64_t{state.killed_tenants.size()});
  for (const TenantId tenant : state.killed_tenants)
    out.put(tenant);
  std::uint64_t marked = 0;
  for (AccountSlot slot = 0; slot < state.ledger.accounts(); ++slot)
    marked += state.accounts[slot].killed || state.accounts[slot].deadline != 0;
  out.put(marked);
  for (AccountSlot slot = 0; slot < state.ledger.accounts(); ++slot) {
    const VenueAccount& account = state.accounts[slot];
    if (!account.killed && account.deadline == 0) continue;
    out.put(slot);
    out.put(static_cast<std::uint8_t>(account.killed));
    out.put(account.deadline);
  }
  out.put(std::uint64_t{state.sessions.size()});
  for (const auto& [id, session] : state.sessions) {
    out.put(id);
    out.put(session.tenant);
    out.put(session.cancels_when_lost);
    put_text(out, session.name);
  }
}

void read_switches(VenueState& state, Reader& in) {
  state.killed = in.get<std::uint8_t>() != 0;
  state.local.away = in.get<std::uint8_t>() != 0;
  state.solo = in.get<std::uint8_t>() != 0;
  const auto policy = in.get<std::uint16_t>();
  require(policy <= static_cast<std::uint16_t>(Policy::none), "the policy");
  state.policy = static_cast<Policy>(policy);
  for (std::uint64_t left = in.get_count(4); left > 0; --left)
    state.killed_tenants.insert(in.get<std::uint32_t>());
  for (std::uint64_t left = in.get_count(13); left > 0; --left) {
    const auto slot = in.get<std::uint32_t>();
    require(slot < state.ledger.accounts(), "a mark on an account");
    VenueAccount& account = state.accounts[slot];
    account.killed = in.get<std::uint8_t>() != 0;
    account.deadline = in.get<std::int64_t>();
    if (account.deadline != 0) state.countdowns.emplace(account.deadline, state.ledger.account(slot).id);
  }
  for (std::uint64_t left = in.get_count(50); left > 0; --left) {
    const auto id = in.get<std::uint32_t>();
    Session& session = state.sessions[id];
    session.tenant = in.get<std::uint32_t>();
    session.cancels_when_lost = in.get<std::uint16_t>();
    get_text(in, session.name);
  }
  require(state.sessions.size() <= state.limits.max_sessions, "more sessions than its limits allow");
}

void write_shards(const VenueState& state, Writer& out) {
  out.put(std::uint64_t{state.shards.size()});
  for (const auto& [id, shard] : state.shards) {
    out.put(id);
    out.put(static_cast<std::uint8_t>(shard.stage.away));
    out.put(shard.taken);
    out.put(std::uint64_t{shard.passed.size()});
    for (const Passed& passed : shard.passed)
      put_record(out, passed);
    out.put(std::uint64_t{shard.partial.size()});
    for (const ShardEvent& event : shard.partial)
      put_record(out, event);
  }
}

void read_shards(VenueState& state, Reader& in) {
  for (std::uint64_t left = in.get_count(29); left > 0; --left) {
    const auto id = in.get<std::uint32_t>();
    require(id >= 1 && id <= kMostShards && !state.shards.contains(id), "a shard");
    Shard& shard = state.shards[id];
    shard.id = id;
    shard.stage.away = in.get<std::uint8_t>() != 0;
    shard.taken = in.get<std::uint64_t>();
    for (std::uint64_t passed = in.get_count(sizeof(Passed)); passed > 0; --passed)
      shard.passed.push_back(get_record<Passed>(in));
    for (std::uint64_t events = in.get_count(sizeof(ShardEvent)); events > 0; --events)
      shard.partial.push_back(get_record<ShardEvent>(in));
  }
}

constexpr std::size_t kUnpostedBytes = 59;

void write_unposted(const VenueState& state, Writer& out) {
  out.put(static_cast<std::uint16_t>(state.settlement.mode));
  out.put(std::uint64_t{state.settlement.unposted.size()});
  for (const UnpostedTrade& trade : state.settlement.unposted) {
    out.put(trade.buyer);
    out.put(trade.seller);
    for (const Amount amount : {trade.cost, trade.goods, trade.buyer_held, trade.seller_held,
                                trade.buyer_fee_most, trade.seller_fee_most})
      out.put(amount);
    for (const bool flag : {trade.moves_money, trade.buyer_fee_in_base, trade.seller_fee_in_base})
      out.put(static_cast<std::uint8_t>(flag));
  }
}

void read_unposted(VenueState& state, Reader& in) {
  const auto mode = in.get<std::uint16_t>();
  require(mode <= static_cast<std::uint16_t>(SettlementMode::by_service), "who settles");
  state.settlement.mode = static_cast<SettlementMode>(mode);
  for (std::uint64_t left = in.get_count(kUnpostedBytes); left > 0; --left) {
    UnpostedTrade trade{};
    trade.buyer = in.get<PositionSlot>();
    trade.seller = in.get<PositionSlot>();
    for (Amount* amount : {&trade.cost, &trade.goods, &trade.buyer_held, &trade.seller_held,
                           &trade.buyer_fee_most, &trade.seller_fee_most})
      *amount = in.get<Amount>();
    for (bool* flag : {&trade.moves_money, &trade.buyer_fee_in_base, &trade.seller_fee_in_base})
      *flag = in.get<std::uint8_t>() != 0;
    require(trade.buyer < state.positions.count() && trade.seller < state.positions.count() &&
                state.positions[trade.buyer].instrument == state.positions[trade.seller].instrument,
            "a trade that is not posted");
    for (const PositionSlot slot : {trade.buyer, trade.seller})
      require(!trade.moves_money || (state.positions[slot].base_balance != kNoSlot &&
                                     state.positions[slot].quote_balance != kNoSlot),
              "a trade that is not posted, of who has no balance");
    state.settlement.unposted.push_back(trade);
  }
}

// The engines that run here: no part of the state, which is the same where they do not.
void write_runs(const VenueState& state, Writer& out) {
  std::uint64_t count = 0;
  for (const auto& [id, shard] : state.shards)
    count += shard.run != nullptr;
  out.put(count);
  for (const auto& [id, shard] : state.shards) {
    if (shard.run == nullptr) continue;
    const std::vector<std::uint8_t> engine = shard.run->engine.snapshot();
    out.put(id);
    out.put(shard.run->made);
    out.put(std::uint64_t{shard.run->outbox.size()});
    for (const ShardEvent& event : shard.run->outbox)
      put_record(out, event);
    out.put(std::uint64_t{engine.size()});
    out.bytes.insert(out.bytes.end(), engine.begin(), engine.end());
  }
}

void read_runs(VenueState& state, Reader& in) {
  for (std::uint64_t left = in.get_count(28); left > 0; --left) {
    const auto found = state.shards.find(in.get<std::uint32_t>());
    require(found != state.shards.end(), "an engine of a shard that is not there");
    Shard& shard = found->second;
    const auto made = in.get<std::uint64_t>();
    std::deque<ShardEvent> outbox;
    for (std::uint64_t events = in.get_count(sizeof(ShardEvent)); events > 0; --events)
      outbox.push_back(get_record<ShardEvent>(in));
    const std::span<const std::uint8_t> engine = in.take(in.get_count(1));
    if (state.runs != kAllShards && state.runs != shard.id) continue;
    shard.run = std::make_unique<ShardRun>(
        ShardRun{Engine::restore(engine, state.engine_options), made, std::move(outbox), {}});
  }
  for (const auto& [id, shard] : state.shards)
    if ((state.runs == kAllShards || state.runs == id) && shard.run == nullptr)
      throw SnapshotError("the snapshot has no books of shard " + std::to_string(id));
}

void link_requests(VenueState& state) {
  state.client_ids.for_each_live([&](ClientIds::Entry entry) {
    const VenueSlot slot = state.orders.find(state.client_ids.outcome(entry).order_id);
    require(slot != kNoSlot && state.orders[slot].request == kNoSlot &&
                state.orders[slot].account_slot == state.client_ids.account(entry),
            "a request whose order is not there");
    state.orders[slot].request = entry;
  });
  state.orders.for_each([&](VenueSlot slot) {
    require(state.orders[slot].request != kNoSlot, "an order without its request");
  });
}

void write_sizes(const VenueLimits& limits, Writer& out) {
  for (const std::uint64_t size :
       {std::uint64_t{limits.ledger.max_accounts}, std::uint64_t{limits.ledger.max_assets},
        std::uint64_t{limits.ledger.max_balances}, std::uint64_t{limits.ledger.max_holds},
        limits.ledger.max_transfers, std::uint64_t{limits.max_positions},
        std::uint64_t{limits.max_client_ids}, std::uint64_t{limits.max_recent_orders},
        std::uint64_t{limits.max_sessions}, std::uint64_t{limits.queue_capacity},
        std::uint64_t{limits.max_unposted_trades}, static_cast<std::uint64_t>(limits.queue_ttl)})
    out.put(size);
}

VenueLimits read_sizes(Reader& in) {
  const auto narrow = [&in] {
    const auto size = in.get<std::uint64_t>();
    require(size >= 1 && size <= 1u << 28, "a limit of size");
    return static_cast<std::uint32_t>(size);
  };
  VenueLimits limits;
  limits.ledger.max_accounts = narrow();
  limits.ledger.max_assets = narrow();
  limits.ledger.max_balances = narrow();
  limits.ledger.max_holds = narrow();
  limits.ledger.max_transfers = narrow();
  limits.max_positions = narrow();
  limits.max_client_ids = narrow();
  limits.max_recent_orders = narrow();
  limits.max_sessions = narrow();
  limits.queue_capacity = narrow();
  limits.max_unposted_trades = narrow();
  limits.queue_ttl = in.get<std::int64_t>();
  require(limits.queue_ttl >= 0, "a limit of time");
  return limits;
}

// A state as bytes: what comes before its client order ids, these, and what comes after.
void write_before_ids(const VenueState& state, Writer& out) {
  state.ledger.write(out);
  write_shards(state, out);
  write_instruments(state, out);
  write_positions(state, out);
  const std::vector<VenueSlot> slots = by_order_id(state);
  out.put(std::uint64_t{slots.size()});
  for (const VenueSlot slot : slots)
    write_order(state.orders[slot], out);
}

void write_after_ids(const VenueState& state, Writer& out) {
  write_limits(state, out);
  write_switches(state, out);
  out.put(std::uint64_t{state.recent.count()});
  state.recent.for_each([&](const RecentOrder& order, TimeNs accepted_at) {
    put_record(out, order);
    out.put(accepted_at);
  });
  write_unposted(state, out);
}

// Canonical: `write` makes again what was read.
template <class Write>
void require_same(std::span<const std::uint8_t> read, Write&& write) {
  Writer again(read);
  write(again);
  require(again.same(), "it is not in canonical form");
}

} // namespace

void write_state(const VenueState& state, Writer& out) {
  write_before_ids(state, out);
  state.client_ids.write(out);
  write_after_ids(state, out);
}

void read_state(VenueState& state, Reader& in, const Beside& beside) {
  const std::span<const std::uint8_t> all = in.rest();
  state.ledger.read(in);
  read_shards(state, in);
  read_instruments(state, in);
  read_positions(state, in);
  const std::uint64_t orders = in.get_count(kOrderBytes);
  Reader of_orders(in.take(orders * kOrderBytes));
  const std::span<const std::uint8_t> before_ids = all.first(all.size() - in.rest().size());
  const std::span<const std::uint8_t> ids = ClientIds::take_written(in);
  const std::function<void()> ids_are_read = beside([&state, ids, accounts = state.ledger.accounts()] {
    Reader of_ids(ids);
    state.client_ids.read(of_ids, accounts);
    require_same(ids, [&](Writer& out) { state.client_ids.write(out); });
    state.client_ids.check_invariants();
  });
  std::uint64_t last = 0;
  for (std::uint64_t left = orders; left > 0; --left)
    last = read_order(state, of_orders, last);
  require_same(before_ids, [&](Writer& out) { write_before_ids(state, out); });
  ids_are_read();
  link_requests(state);
  const std::span<const std::uint8_t> after_ids = in.rest();
  read_limits(state, in);
  read_switches(state, in);
  for (std::uint64_t left = in.get_count(sizeof(RecentOrder) + 8); left > 0; --left) {
    const auto order = get_record<RecentOrder>(in);
    state.recent.add(order, in.get<std::int64_t>());
  }
  read_unposted(state, in);
  require_same(after_ids.first(after_ids.size() - in.rest().size()),
               [&](Writer& out) { write_after_ids(state, out); });
}

namespace {

// Roughly what write_state writes: a vector that grows to hundreds of megabytes costs more than what is in it.
std::size_t likely_bytes(const VenueState& state) {
  return std::size_t{state.orders.live()} * kOrderBytes +
         std::size_t{state.client_ids.size()} * kRequestBytes +
         std::size_t{state.positions.count()} * kPositionBytes + (std::size_t{1} << 20);
}

// Of the written state, the engine's hash behind it.
std::uint64_t hash_of(std::span<const std::uint8_t> written, std::uint64_t engine_hash) {
  Digester digester(written.size() + sizeof engine_hash);
  digester.add(written);
  digester.add({reinterpret_cast<const std::uint8_t*>(&engine_hash), sizeof engine_hash});
  return digester.end();
}

} // namespace

std::uint64_t Venue::state_hash() const {
  if (state_->known_hash) return *state_->known_hash;
  Writer out;
  out.bytes.reserve(likely_bytes(*state_));
  write_state(*state_, out);
  return hash_of(out.bytes, state_->engine.state_hash());
}

std::vector<std::uint8_t> Venue::snapshot() const {
  Writer out;
  kWrapping.begin(out);
  out.put(state_->clock);
  for (const std::uint64_t counter :
       {state_->epoch, state_->sequence, state_->event_sequence, state_->digest, state_->trades})
    out.put(counter);
  write_sizes(state_->limits, out);
  const std::vector<std::uint8_t> engine = state_->engine.snapshot();
  out.bytes.reserve(engine.size() + likely_bytes(*state_));
  out.put(std::uint64_t{engine.size()});
  out.bytes.insert(out.bytes.end(), engine.begin(), engine.end());
  write_state(*state_, out);
  write_runs(*state_, out);
  Wrapping::end(out);
  return std::move(out.bytes);
}

std::function<void()> at_once(std::function<void()> work) { return work; }

Venue Venue::restore(std::span<const std::uint8_t> bytes, const VenueOptions& options, const Beside& beside) {
  Reader in(kWrapping.open(bytes));
  const auto clock = in.get<std::int64_t>();
  std::uint64_t counters[5];
  for (std::uint64_t& counter : counters)
    counter = in.get<std::uint64_t>();
  VenueLimits limits = read_sizes(in);
  const std::span<const std::uint8_t> engine_bytes = in.take(in.get_count(1));
  limits.engine = Engine::limits_of(engine_bytes);
  std::uint64_t engine_hash = 0;
  std::optional<Engine> engine;
  const std::function<void()> engine_is_made =
      beside([&] { engine = Engine::restore(engine_bytes, options.engine, &engine_hash); });
  auto state = std::make_unique<VenueState>(limits, options);
  state->clock = clock;
  state->epoch = counters[0];
  state->sequence = counters[1];
  state->event_sequence = counters[2];
  state->digest = counters[3];
  state->trades = counters[4];
  Venue venue(std::move(state));
  try {
    std::span<const std::uint8_t> section = in.rest();
    read_state(*venue.state_, in, beside);
    section = section.first(section.size() - in.rest().size());
    engine_is_made();
    venue.state_->engine = std::move(*engine);
    read_runs(*venue.state_, in);
    require(in.done(), "bytes follow its end");
    check_whole(*venue.state_);
    venue.state_->known_hash = hash_of(section, engine_hash);
  } catch (const InvariantViolation& error) {
    throw SnapshotError(std::string("the snapshot is inconsistent: ") + error.what());
  }
  return venue;
}

} // namespace cmatch
