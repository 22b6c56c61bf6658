#include "cmatch/venue/venue.hpp"

#include <algorithm>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "cmatch/planted.hpp"
#include "cmatch/venue/administration.hpp"
#include "cmatch/venue/money.hpp"
#include "cmatch/venue/requests.hpp"
#include "cmatch/venue/shards.hpp"
#include "cmatch/venue/snapshot.hpp"
#include "cmatch/venue/venue_state.hpp"

namespace cmatch {
namespace {

VenueLimits checked(const VenueLimits& limits) {
  constexpr std::uint32_t kMost = 1u << 28;
  const std::pair<const char*, std::uint64_t> sizes[] = {{"max_accounts", limits.ledger.max_accounts},
                                                         {"max_assets", limits.ledger.max_assets},
                                                         {"max_balances", limits.ledger.max_balances},
                                                         {"max_holds", limits.ledger.max_holds},
                                                         {"max_transfers", limits.ledger.max_transfers},
                                                         {"max_positions", limits.max_positions},
                                                         {"max_client_ids", limits.max_client_ids},
                                                         {"max_recent_orders", limits.max_recent_orders},
                                                         {"max_sessions", limits.max_sessions},
                                                         {"queue_capacity", limits.queue_capacity},
                                                         {"max_unposted_trades", limits.max_unposted_trades}};
  for (const auto& [name, size] : sizes)
    if (size < 1 || size > kMost)
      throw std::invalid_argument(std::string(name) + " must be from 1 to 268435456");
  if (limits.queue_ttl < 0) throw std::invalid_argument("queue_ttl must not be negative");
  return limits;
}

template <class Record>
std::uint64_t digest_records(std::uint64_t seed, const RecordBuffer<Record>& records, std::size_t from) {
  for (std::size_t i = from; i < records.size(); ++i) {
    seed = mix(seed ^ record_digest(records[i]), 0x9E3779B97F4A7C15ull);
  }
  return seed;
}

void begin_batch(VenueState& state, const BatchHeader& header) {
  CM_CHECK(header.first_sequence == state.sequence + 1);
  constexpr std::uint32_t kForgetAtMost = 4096;
  if (planted(Bug::forgets_client_ids) && header.epoch != state.epoch)
    state.client_ids.forget_due(kEndOfTime, kForgetAtMost);
  state.epoch = header.epoch;
  ++state.sequence; // what is due happens under the first command's
  state.cause = {};
  if (header.timestamp > state.clock) {
    state.clock = header.timestamp;
    state.client_ids.forget_due(state.clock, kForgetAtMost);
    if (next_timer(state) <= state.clock) [[unlikely]]
      run_timers(state);
  }
  retire_order_ids(state, state.local, state.engine, state.events, state.engine_time());
  if (state.runs != 0) [[unlikely]]
    retire_shard_ids(state);
}

// What a command will look for is not likely to be in a cache. Each step over the next commands asks for what the one
// before has brought near: what their ids and accounts lead to; the requests and positions; the orders; whatever is linked
// with those. The commands of one group are applied while the next takes its steps, so that memory has the time of several
// commands for each; only the first group of a batch has to take them at once. New orders and those that name one take
// turns at random: each kind has its own list, so that no step has to guess which comes next.
class LookAhead {
 public:
  LookAhead(const VenueState& state, std::span<const OrderCommand> commands, Sequence first)
      : state_(state), commands_(commands), first_(first) {
    for (std::size_t step = 0; step < kSteps; ++step)
      take(step, 0);
  }

  struct Ahead {
    std::uint64_t hash;  // of its client order id
    std::uint64_t named; // of that of the order that it names; 0: it does so by order_id
    AccountSlot account; // kNoSlot where it is not open: then nothing else is known
    std::uint32_t instrument;
    PositionSlot position;  // of a new order
    ClientIds::Entry entry; // of the request that made the order that it names
    VenueSlot order;        // that it names
    OrderId order_id;       // 0: not known
  };

  // The command with that number in the batch comes next: they come in order.
  const Ahead& next(std::size_t number) {
    const std::size_t place = number % kGroup;
    if (place % kPace == 0) take(place / kPace, number / kGroup + 1);
    return ahead_[number % kHeld];
  }

 private:
  static constexpr std::size_t kSteps = 6;
  static constexpr std::size_t kPace = 2; // commands between two steps
  static constexpr std::size_t kGroup = kSteps * kPace;
  static constexpr std::size_t kHeld = 2 * kGroup;

  struct List { // of commands of the group that takes its steps, by number in the batch
    std::size_t numbers[kGroup];
    std::size_t count = 0;

    void add(std::size_t number, bool counts) {
      numbers[count] = number;
      count += counts;
    }
    const std::size_t* begin() const { return numbers; }
    const std::size_t* end() const { return numbers + count; }
  };

  void take(std::size_t step, std::size_t group) {
    const std::size_t from = group * kGroup;
    if (from >= commands_.size()) return;
    const std::size_t until = std::min(from + kGroup, commands_.size());
    switch (step) {
    case 0:
      for (std::size_t i = from; i < until; ++i)
        state_.ledger.prefetch_account(commands_[i].account);
      return;
    case 1:
      fresh_.count = naming_.count = 0;
      for (std::size_t i = from; i < until; ++i)
        seek_account(i);
      for (const std::size_t i : fresh_)
        seek_index(i);
      for (const std::size_t i : naming_)
        seek_named(i);
      return;
    case 2:
      for (const std::size_t i : fresh_)
        seek_position(ahead_[i % kHeld]);
      for (const std::size_t i : naming_)
        seek_entry(ahead_[i % kHeld]);
      return;
    case 3:
      for (const std::size_t i : fresh_)
        seek_balance(commands_[i], ahead_[i % kHeld]);
      for (const std::size_t i : naming_)
        seek_order_id(ahead_[i % kHeld]);
      return;
    case 4:
      for (const std::size_t i : naming_)
        seek_order(ahead_[i % kHeld]);
      return;
    default:
      for (const std::size_t i : naming_)
        seek_neighbours(ahead_[i % kHeld]);
    }
  }

  void seek_account(std::size_t number) {
    const OrderCommand& command = commands_[number];
    Ahead& ahead = ahead_[number % kHeld];
    ahead.account = state_.ledger.find_account(command.account);
    ahead.position = ahead.entry = ahead.order = kNoSlot;
    ahead.hash = ahead.named = 0;
    if (ahead.account == kNoSlot) return;
    ahead.instrument = state_.find_instrument(command.instrument_id);
    ahead.order_id = command.order_id;
    ahead.hash =
        state_.client_ids.hash(ahead.account, command.client_order_id_head, command.client_order_id_tail);
    state_.client_ids.prefetch_hash(ahead.hash);
    const auto action = static_cast<OrderAction>(command.kind);
    fresh_.add(number, action == OrderAction::new_order);
    naming_.add(number, action == OrderAction::cancel || action == OrderAction::replace);
  }

  void seek_index(std::size_t number) const {
    const Ahead& ahead = ahead_[number % kHeld];
    seek_id(first_ + number);
    if (ahead.instrument != VenueState::kNoInstrument)
      state_.positions.prefetch_index(ahead.account, ahead.instrument);
  }
  void seek_named(std::size_t number) {
    const OrderCommand& command = commands_[number];
    Ahead& ahead = ahead_[number % kHeld];
    if (ahead.order_id != 0) return;
    ahead.named = state_.client_ids.hash(ahead.account, command.orig_client_order_id_head,
                                         command.orig_client_order_id_tail);
    state_.client_ids.prefetch_hash(ahead.named);
  }

  void seek_position(Ahead& ahead) const {
    state_.client_ids.prefetch_last(ahead.account);
    state_.orders.prefetch_last(ahead.account);
    if (ahead.instrument == VenueState::kNoInstrument) return;
    ahead.position = state_.positions.find(ahead.account, ahead.instrument);
    state_.positions.prefetch(ahead.position);
  }
  void seek_entry(Ahead& ahead) const {
    state_.client_ids.prefetch_last(ahead.account);
    if (ahead.named == 0) return;
    ahead.entry = state_.client_ids.guess(ahead.named);
    state_.client_ids.prefetch(ahead.entry);
  }

  void seek_balance(const OrderCommand& command, const Ahead& ahead) const {
    if (ahead.position == kNoSlot) return;
    const Position& position = state_.positions[ahead.position];
    const bool buys = command.side == static_cast<std::uint16_t>(Side::buy);
    state_.ledger.prefetch(buys ? position.quote_balance : position.base_balance);
  }
  void seek_order_id(Ahead& ahead) const {
    if (ahead.entry != kNoSlot) ahead.order_id = state_.client_ids.outcome(ahead.entry).order_id;
    if (ahead.order_id != 0) seek_id(ahead.order_id);
  }

  void seek_id(OrderId order_id) const {
    state_.orders.prefetch(order_id);
    state_.engine.prefetch_id(order_id);
  }

  void seek_order(Ahead& ahead) const {
    if (ahead.entry != kNoSlot) state_.client_ids.prefetch_neighbours(ahead.entry);
    if (ahead.order_id == 0) return;
    ahead.order = state_.orders.find(ahead.order_id);
    state_.orders.prefetch_slot(ahead.order);
    state_.engine.prefetch_order(ahead.order_id);
  }

  void seek_neighbours(const Ahead& ahead) const {
    if (ahead.order == kNoSlot) return;
    const VenueOrder& order = state_.orders[ahead.order];
    if (ahead.entry == kNoSlot) state_.client_ids.prefetch(order.request);
    state_.positions.prefetch(order.position);
    state_.ledger.prefetch(order.reserve_balance);
    state_.orders.prefetch_neighbours(ahead.order);
    state_.engine.prefetch_neighbours(ahead.order_id);
  }

  const VenueState& state_;
  std::span<const OrderCommand> commands_;
  Sequence first_;
  List fresh_, naming_;
  Ahead ahead_[kHeld]; // of the group that is applied, and of the next
};

template <class Record>
Cause cause_of(const Record& command) {
  return {command.session, command.correlation_id, command.correlation_id + sizeof(IdHead)};
}

void apply_order(VenueState& state, const OrderCommand& command, AccountSlot account, std::uint64_t hash) {
  state.id_hash = hash;
  state.cause = {command.session, command.correlation_id_head, command.correlation_id_tail};
  apply_request(state, command, account);
}
void apply_one(VenueState& state, const LedgerCommand& command) {
  state.cause = cause_of(command);
  apply_ledger(state, command);
}
void apply_one(VenueState& state, const InstrumentCommand& command) {
  state.cause = cause_of(command);
  apply_instrument(state, command);
}
void apply_one(VenueState& state, const AdminCommand& command) {
  state.cause = cause_of(command);
  apply_admin(state, command);
}

void apply_one(VenueState& state, const ShardEvent& event) {
  state.cause = {};
  apply_shard_event(state, event);
}

template <class Record>
void apply_each(VenueState& state, std::span<const Record> commands) {
  for (const Record& command : commands) {
    ++state.sequence;
    apply_one(state, command);
  }
}
void apply_each(VenueState& state, std::span<const OrderCommand> commands) {
  LookAhead look_ahead(state, commands, state.sequence + 1);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    ++state.sequence;
    const LookAhead::Ahead& ahead = look_ahead.next(i);
    apply_order(state, commands[i], ahead.account, ahead.hash);
  }
}

// Whatever is thrown poisons the venue.
template <class Record>
void apply_batch(VenueState& state, const BatchHeader& header, std::span<const Record> commands,
                 Output& out) {
  if (state.poisoned) throw InvariantViolation("the venue is poisoned by an earlier failure");
  if (commands.empty()) return;
  state.poisoned = true;
  state.known_hash.reset();
  state.out = &out;
  const std::size_t reports = out.reports.size(), answers = out.answers.size();
  begin_batch(state, header);
  state.sequence = header.first_sequence - 1;
  apply_each(state, commands);
  state.cause = {};
  state.digest = digest_records(state.digest, out.reports, reports);
  state.digest = digest_records(state.digest, out.answers, answers);
  state.out = nullptr;
  state.poisoned = false;
}

} // namespace

VenueState::VenueState(const VenueLimits& limits_in, const VenueOptions& options)
    : limits(checked(limits_in)), engine(limits.engine, options.engine), ledger(limits.ledger),
      client_ids(limits.max_client_ids, limits.ledger.max_accounts + kHouseAccounts, ClientIds::kPerAccount,
                 ClientIds::kWindow, options.hash_seed),
      orders(limits.engine.max_orders, limits.ledger.max_accounts), positions(limits.max_positions),
      recent(limits.max_recent_orders), instrument_index(limits.engine.max_instruments),
      accounts(std::size_t{limits.ledger.max_accounts} + kHouseAccounts), runs(options.shard),
      engine_options(options.engine) {
  instruments.reserve(limits.engine.max_instruments);
  MemoryList memory;
  list_memory(memory);
  if (options.engine.huge_pages) memory.prefer_huge_pages();
  if (options.engine.prefault) memory.touch_all();
}

void VenueState::list_memory(MemoryList& list) const {
  engine.list_memory(list);
  ledger.list_memory(list);
  client_ids.list_memory(list);
  orders.list_memory(list);
  positions.list_memory(list);
}

Venue::Venue(const VenueLimits& limits, const VenueOptions& options)
    : state_(std::make_unique<VenueState>(limits, options)) {}
Venue::Venue(std::unique_ptr<VenueState> state) : state_(std::move(state)) {}
Venue::~Venue() = default;
Venue::Venue(Venue&&) noexcept = default;
Venue& Venue::operator=(Venue&&) noexcept = default;

void Venue::list_memory(MemoryList& list) const { state_->list_memory(list); }

void Venue::apply(const BatchHeader& header, std::span<const OrderCommand> commands, Output& out) {
  apply_batch(*state_, header, commands, out);
}
void Venue::apply(const BatchHeader& header, std::span<const LedgerCommand> commands, Output& out) {
  apply_batch(*state_, header, commands, out);
}
void Venue::apply(const BatchHeader& header, std::span<const InstrumentCommand> commands, Output& out) {
  apply_batch(*state_, header, commands, out);
}
void Venue::apply(const BatchHeader& header, std::span<const AdminCommand> commands, Output& out) {
  apply_batch(*state_, header, commands, out);
}
void Venue::apply(const BatchHeader& header, std::span<const ShardEvent> commands, Output& out) {
  apply_batch(*state_, header, commands, out);
}

Sequence Venue::sequence() const { return state_->sequence; }
std::uint64_t Venue::event_sequence() const { return state_->event_sequence; }
std::uint64_t Venue::event_digest() const { return state_->digest; }
TimeNs Venue::clock() const { return state_->clock; }
std::uint64_t Venue::epoch() const { return state_->epoch; }
TimeNs Venue::next_timer() const { return next_tick(*state_); }
bool Venue::away() const { return state_->local.away; }
bool Venue::away(ShardId shard) const {
  const auto found = state_->shards.find(shard);
  return found != state_->shards.end() && found->second.stage.away;
}
std::uint32_t Venue::queue_room() const { return state_->limits.queue_capacity - state_->local.queued; }
bool Venue::solo() const { return state_->solo; }
SettlementMode Venue::settlement() const { return state_->settlement.mode; }
std::uint64_t Venue::unposted_trades() const { return state_->settlement.unposted.size(); }
const VenueLimits& Venue::limits() const { return state_->limits; }
const Engine& Venue::engine() const { return state_->engine; }
const Ledger& Venue::ledger() const { return state_->ledger; }

} // namespace cmatch
