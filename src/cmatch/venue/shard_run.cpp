// The engine of a shard, where it runs: what it makes of what was passed on to it.
#include <algorithm>
#include <limits>

#include "cmatch/checks.hpp"
#include "cmatch/venue/affordable.hpp"
#include "cmatch/venue/money.hpp"
#include "cmatch/venue/to_engine.hpp"

namespace cmatch {
namespace {

ShardEvent to_wire(const Event& event) {
  ShardEvent wire{};
  wire.kind = event.kind;
  wire.reason = event.reason;
  wire.instrument_id = event.instrument_id;
  wire.present = event.present;
  wire.order_id = event.order_id;
  wire.qty = event.qty;
  wire.price = event.price;
  wire.leaves = event.leaves;
  wire.maker_order_id = event.maker_order_id;
  wire.maker_leaves = event.maker_leaves;
  wire.stop_price = event.stop_price;
  wire.side = event.side;
  wire.phase = event.phase;
  wire.kept = event.kept;
  return wire;
}

bool is_kind(const Event& event, EventKind kind) { return event.kind == static_cast<std::uint8_t>(kind); }

// Puts what the engine said behind what waits to be sent: the answer first, or, of time, what is none.
void send_events(Shard& shard, Sequence answers) {
  ShardRun& run = *shard.run;
  const std::uint64_t before = run.made;
  for (const Event& event : run.events.view()) {
    if (is_kind(event, EventKind::refreshed)) continue; // nothing of the venue's
    if (answers == 0 && is_kind(event, EventKind::accepted)) continue;
    ShardEvent wire = to_wire(event);
    wire.shard = shard.id;
    wire.number = ++run.made;
    wire.answers = answers;
    run.outbox.push_back(wire);
  }
  if (run.made != before) run.outbox.back().flags = kShardLast;
}

// A market order of a book with a collar was reserved for at what the venue knew as its reference. Where that has moved
// since, the order pays no more for it: it becomes a limit at the price reserved for. True where it did.
bool protect(const Engine& engine, const VenueInstrument& instrument, const OrderCommand& asked,
             Ticks exposure, Command& command) {
  const auto type = static_cast<OrderType>(asked.type);
  const bool to_limit = type == OrderType::market_to_limit;
  const bool immediate = is_immediate(static_cast<TimeInForce>(asked.time_in_force));
  if (asked.side != static_cast<std::uint16_t>(Side::buy) || !instrument.has_collar() ||
      exposure >= instrument.definition.max_price || (asked.present & kHasQuoteQty) != 0)
    return false;
  if (!to_limit && (type != OrderType::market || !immediate)) return false;
  const InstrumentView view = engine.instrument(instrument.id());
  const std::optional<Ticks> market = view.last ? view.last : view.reference;
  if (market && *market + instrument.definition.collar <= exposure) return false;
  const TopOfBook top = engine.top(instrument.id());
  if (to_limit && top.has_ask && top.ask_price <= exposure) return false; // it takes no worse one
  const Ticks step = instrument.definition.tick_step;
  command.type = static_cast<std::uint8_t>(OrderType::limit);
  if (to_limit) command.time_in_force = static_cast<std::uint8_t>(TimeInForce::ioc);
  command.present |= kHasPrice;
  command.price = exposure / step * step;
  return true;
}

// What was protected is told as what it was.
void tell_protected(ShardRun& run, std::uint64_t first, std::uint64_t order_id) {
  for (auto at = run.outbox.rbegin(); at != run.outbox.rend() && at->number >= first; ++at) {
    ShardEvent& event = *at;
    if (event.order_id != order_id) continue;
    if (event.kind == static_cast<std::uint16_t>(EventKind::accepted)) {
      event.present &= static_cast<std::uint16_t>(~kEventPrice);
      event.price = 0;
    }
    if (event.kind == static_cast<std::uint16_t>(EventKind::canceled) &&
        event.reason == static_cast<std::uint16_t>(CancelReason::ioc))
      event.reason = static_cast<std::uint16_t>(CancelReason::collar);
  }
}

void reject_here(Shard& shard, const Passed& passed, RejectCode code) {
  ShardEvent wire{};
  wire.kind = static_cast<std::uint16_t>(EventKind::rejected);
  wire.reason = static_cast<std::uint16_t>(code);
  wire.shard = shard.id;
  wire.number = ++shard.run->made;
  wire.answers = passed.sequence;
  wire.instrument_id = passed.command.instrument_id;
  wire.order_id = passed.order_id;
  wire.present = kEventInstrument | kEventOrderId;
  wire.flags = kShardLast;
  shard.run->outbox.push_back(wire);
}

bool is_new(const Passed& passed) {
  return passed.kind == static_cast<std::uint16_t>(PassedKind::new_order) ||
         passed.kind == static_cast<std::uint16_t>(PassedKind::queued_order);
}

} // namespace

Shard& make_shard(VenueState& state, ShardId id) {
  const auto [at, made] = state.shards.try_emplace(id);
  Shard& shard = at->second;
  if (!made) return shard;
  shard.id = id;
  if (state.runs == kAllShards || state.runs == id)
    shard.run =
        std::make_unique<ShardRun>(ShardRun{Engine(state.limits.engine, state.engine_options), 0, {}, {}});
  return shard;
}

void pass_on(VenueState& state, Shard& shard, const Passed& passed, const Command& command) {
  shard.passed.push_back(passed);
  if (shard.run == nullptr) return;
  ShardRun& run = *shard.run;
  const VenueInstrument& instrument = state.instruments[state.find_instrument(command.instrument_id)];
  Command given = command;
  given.timestamp = shard.stage.away || state.timers_run ? run.engine.clock() : state.clock;
  bool protects = false;
  if (is_new(passed)) {
    if ((passed.command.present & kHasQuoteQty) != 0) {
      given.qty = affordable(run.engine, instrument, passed.command.quote_qty);
      if (given.qty < 1) return reject_here(shard, passed, RejectCode::invalid_qty);
    }
    protects = protect(run.engine, instrument, passed.command, passed.exposure, given);
  }
  const std::uint64_t first = run.made + 1;
  run.events.clear();
  run.engine.apply(given, run.events);
  send_events(shard, passed.sequence);
  if (protects) tell_protected(run, first, passed.order_id);
}

void run_shard_time(VenueState& state, Shard& shard) {
  if (shard.run == nullptr || shard.stage.away) return;
  ShardRun& run = *shard.run;
  if (run.engine.next_expiry() > state.clock) return;
  Command command{};
  command.timestamp = state.clock;
  command.kind = static_cast<std::uint8_t>(CommandKind::advance_time);
  run.events.clear();
  run.engine.apply(command, run.events);
  send_events(shard, 0);
}

TimeNs next_shard_timer(const VenueState& state) {
  TimeNs next = std::numeric_limits<TimeNs>::max();
  if (state.runs == 0) return next;
  for (const auto& [id, shard] : state.shards)
    if (shard.run != nullptr && !shard.stage.away) next = std::min(next, shard.run->engine.next_expiry());
  return next;
}

void retire_order_ids(const VenueState& state, const Stage& stage, Engine& engine, EventBuffer& events,
                      TimeNs time) {
  const std::uint64_t kept = state.limits.engine.max_order_ids / 16,
                      step = std::min<std::uint64_t>(kept, 256);
  if (state.sequence <= kept) return;
  const OrderId to_come = stage.queue_first == 0 ? state.sequence : state.orders[stage.queue_first].order_id;
  const OrderId first = std::min(to_come, state.sequence - kept);
  if (first <= engine.retired_up_to() + step) return;
  Command retire{};
  retire.timestamp = time;
  retire.kind = static_cast<std::uint8_t>(CommandKind::retire_ids);
  retire.up_to = first - 1;
  events.clear();
  engine.apply(retire, events);
}

void retire_shard_ids(VenueState& state) {
  for (auto& [id, shard] : state.shards)
    if (shard.run != nullptr)
      retire_order_ids(state, shard.stage, shard.run->engine, shard.run->events, shard.run->engine.clock());
}

} // namespace cmatch
