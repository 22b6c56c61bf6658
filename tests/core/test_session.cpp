// What must hold for any commands whatever, over long random sessions.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "cmatch/engine.hpp"
#include "session.hpp"

TEST_SUITE_BEGIN("test_session");

using namespace cmatch;
using namespace cmatch::test;

namespace {

constexpr EngineLimits kSessionLimits{.max_instruments = 4, .max_orders = 4'096, .max_order_ids = 1u << 16};
constexpr std::size_t kCommands = 20'000;

bool same_bytes(std::span<const Event> a, std::span<const Event> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

} // namespace

TEST_CASE("batch: of any size, gives the events of one command after the other") {
  const std::vector<Command> commands = Session(11).take(kCommands);
  Engine single(kSessionLimits);
  EventBuffer expected;
  for (const Command& command : commands)
    single.apply(command, expected);

  for (const std::size_t size : {std::size_t{2}, std::size_t{7}, std::size_t{1'000}, kCommands}) {
    CAPTURE(size);
    Engine batched(kSessionLimits);
    EventBuffer events;
    for (std::size_t at = 0; at < commands.size(); at += size)
      batched.apply_batch(std::span(commands).subspan(at, std::min(size, commands.size() - at)), events);
    CHECK(same_bytes(events.view(), expected.view()));
    CHECK(batched.state_hash() == single.state_hash());
    CHECK(batched.snapshot() == single.snapshot());
  }
}

TEST_CASE("options: none of them changes what the engine answers") {
  const std::vector<Command> commands = Session(12).take(kCommands);
  Engine plain(kSessionLimits);
  Engine with_all(kSessionLimits, {.prefault = true, .deltas = true});
  Engine short_tape(kSessionLimits, {.tape = 3});
  EventBuffer plain_events;
  EventBuffer other_events;
  plain.apply_batch(commands, plain_events);
  with_all.apply_batch(commands, other_events);
  CHECK(same_bytes(other_events.view(), plain_events.view()));
  CHECK(with_all.snapshot() == plain.snapshot());
  other_events.clear();
  short_tape.apply_batch(commands, other_events);
  CHECK(same_bytes(other_events.view(), plain_events.view()));
  CHECK(short_tape.state_hash() == plain.state_hash());
  CHECK(short_tape.trades().size() == 3);
}

TEST_CASE("events: sequences have no gap, each command has one answer, no trade is of nothing") {
  const std::vector<Command> commands = Session(13).take(kCommands);
  Engine engine(kSessionLimits);
  std::uint64_t sequence = 0;
  std::uint64_t trade_id = 0;
  std::uint64_t command_sequence = 0;
  EventBuffer events;
  for (const Command& command : commands) {
    events.clear();
    engine.apply(command, events);
    ++command_sequence;
    int answers = 0;
    for (const Event& event : events.view()) {
      REQUIRE(event.sequence == ++sequence);
      REQUIRE(event.command_sequence == command_sequence);
      REQUIRE(event.timestamp == engine.clock());
      const auto kind = static_cast<EventKind>(event.kind);
      answers += kind == EventKind::accepted || kind == EventKind::rejected || kind == EventKind::replaced;
      answers += kind == EventKind::canceled && (event.reason == static_cast<int>(CancelReason::requested) ||
                                                 event.reason == static_cast<int>(CancelReason::replaced));
      if (kind != EventKind::trade) continue;
      REQUIRE(event.trade_id == ++trade_id);
      REQUIRE(event.qty > 0);
    }
    REQUIRE(answers == 1);
  }
  CHECK(engine.trade_sequence() == trade_id);
  CHECK(engine.event_sequence() == sequence);
}

TEST_CASE("quantity: what came in is filled, taken off or still live") {
  Engine engine(kSessionLimits);
  EventBuffer events;
  engine.apply_batch(Session(14).take(kCommands), events);
  std::map<OrderId, Lots> open; // order_qty less what was traded or taken off, of each order that lives
  const auto take = [&](OrderId order_id, Lots qty) {
    REQUIRE(open.contains(order_id));
    REQUIRE((open[order_id] -= qty) >= 0);
    if (open[order_id] == 0) open.erase(order_id);
  };
  std::map<OrderId, Lots> filled;
  for (const Event& event : events.view()) {
    switch (static_cast<EventKind>(event.kind)) {
    case EventKind::accepted:
      if (event.order_id != 0) open[event.order_id] = event.qty;
      break;
    case EventKind::trade:
      filled[event.order_id] += event.qty;
      filled[event.maker_order_id] += event.qty;
      take(event.order_id, event.qty);
      take(event.maker_order_id, event.qty);
      break;
    case EventKind::prevented: // only `decrement` takes quantity off; leaves tell
      open[event.order_id] = event.leaves;
      open[event.maker_order_id] = event.maker_leaves;
      break;
    case EventKind::canceled:
    case EventKind::expired:
      REQUIRE(open.contains(event.order_id));
      REQUIRE(open[event.order_id] == event.qty);
      open.erase(event.order_id);
      break;
    case EventKind::replaced:
      open[event.order_id] = event.qty - filled[event.order_id];
      break;
    case EventKind::rejected:
    case EventKind::refreshed:
    case EventKind::triggered:
    case EventKind::repriced:
    case EventKind::uncrossed:
    case EventKind::phase_changed:
      break;
    }
  }
  CHECK(open.size() == engine.live_orders());
  for (const auto& [order_id, qty] : open) {
    const auto order = engine.order(order_id);
    REQUIRE(order.has_value());
    REQUIRE(order->leaves_qty == qty);
    REQUIRE(order->order_qty == order->cum_qty + order->leaves_qty);
  }
}

TEST_CASE("invariants: hold after every command") {
  Engine engine(kSessionLimits);
  EventBuffer events;
  for (const Command& command : Session(15).take(3'000)) {
    engine.apply(command, events);
    REQUIRE_NOTHROW(engine.check_invariants());
  }
}

TEST_CASE("reject: leaves the state as it was once the clock has moved") {
  Engine engine(kSessionLimits);
  EventBuffer events;
  int rejects = 0;
  for (const Command& command : Session(16).take(5'000)) {
    engine.apply(at(command.timestamp, test::command(CommandKind::advance_time)), events);
    const std::uint64_t before = engine.state_hash();
    events.clear();
    engine.apply(command, events);
    if (static_cast<EventKind>(events[0].kind) != EventKind::rejected) continue;
    ++rejects;
    REQUIRE(events.size() == 1);
    REQUIRE(engine.state_hash() == before);
  }
  CHECK(rejects > 100);
}

TEST_SUITE_END();
