// Snapshots: an engine that is restored and one that never stopped are the same from then on; damage is refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "cmatch/engine.hpp"
#include "screen.hpp"
#include "session.hpp"

TEST_SUITE_BEGIN("test_snapshot");

using namespace cmatch;
using namespace cmatch::test;

namespace {

constexpr EngineLimits kSnapshotLimits{.max_instruments = 4, .max_orders = 2'048, .max_order_ids = 1u << 16};
constexpr std::size_t kDigestBytes = sizeof(std::uint64_t);

Engine played(std::uint64_t seed, std::size_t commands) {
  Engine engine(kSnapshotLimits);
  EventBuffer events;
  engine.apply_batch(Session(seed).take(commands), events);
  return engine;
}

// Makes the digest right again after the bytes before it were changed.
void repair(std::vector<std::uint8_t>& bytes) {
  const std::size_t body = bytes.size() - kDigestBytes;
  const std::uint64_t digest = snapshot_digest(std::span(bytes).first(body));
  for (std::size_t i = 0; i < kDigestBytes; ++i)
    bytes[body + i] = static_cast<std::uint8_t>(digest >> (8 * i));
}

// What restore says of the bytes: empty where it takes them.
std::string refusal(std::span<const std::uint8_t> bytes) {
  try {
    static_cast<void>(Engine::restore(bytes));
  } catch (const SnapshotError& error) {
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("restore: at any point of a session, goes on as if it had never stopped") {
  const std::vector<Command> commands = Session(21).take(4'000);
  Engine engine(kSnapshotLimits);
  EventBuffer events;
  for (std::size_t at = 0; at < commands.size(); ++at) {
    if (at % 401 == 0) {
      const std::vector<std::uint8_t> bytes = engine.snapshot();
      Engine restored = Engine::restore(bytes);
      restored.check_invariants();
      REQUIRE(restored.snapshot() == bytes);
      REQUIRE(restored.state_hash() == engine.state_hash());
      REQUIRE(restored.limits() == engine.limits());
      REQUIRE(restored.clock() == engine.clock());
      REQUIRE(restored.next_order_id() == engine.next_order_id());

      Engine unstopped = Engine::restore(bytes);
      EventBuffer of_restored;
      EventBuffer of_unstopped;
      restored.apply_batch(std::span(commands).subspan(at), of_restored);
      for (const Command& command : std::span(commands).subspan(at))
        unstopped.apply(command, of_unstopped);
      REQUIRE(describe(of_restored.view()) == describe(of_unstopped.view()));
      REQUIRE(restored.snapshot() == unstopped.snapshot());
    }
    engine.apply(commands[at], events);
  }
  CHECK(engine.snapshot() == played(21, 4'000).snapshot());
}

TEST_CASE("snapshot: engines that came to the same state by other ways have the same bytes and hash") {
  Engine one(kSnapshotLimits);
  Engine two(kSnapshotLimits);
  for (Engine* engine : {&one, &two})
    tell(*engine, define());
  tell(one, limit(1, Side::buy, 100, 5));
  tell(one, limit(2, Side::sell, 105, 5));
  tell(one, replace_qty(1, 3));
  tell(two, limit(1, Side::buy, 100, 3));
  tell(two, limit(2, Side::sell, 105, 5));
  CHECK(one.state_hash() == two.state_hash());
  CHECK(tell(two, test::command(CommandKind::advance_time)) == "accepted");
  CHECK(one.snapshot() == two.snapshot());
}

TEST_CASE("restore: bytes that are cut short at any length are refused") {
  const std::vector<std::uint8_t> bytes = played(22, 300).snapshot();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    REQUIRE(refusal(std::span(bytes).first(size)) != "");
  }
  CHECK(refusal(bytes) == "");
}

TEST_CASE("restore: bytes with anything behind them are refused") {
  std::vector<std::uint8_t> bytes = played(22, 300).snapshot();
  bytes.push_back(0);
  CHECK(refusal(bytes) != "");
}

TEST_CASE("restore: one flipped bit anywhere is refused") {
  std::vector<std::uint8_t> bytes = played(23, 120).snapshot();
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    CAPTURE(bit);
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    REQUIRE(refusal(bytes) != "");
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
  }
  CHECK(refusal(bytes) == "");
}

TEST_CASE("restore: a counter that is about to run over is refused") {
  const std::vector<std::uint8_t> bytes = Engine(kSnapshotLimits).snapshot();
  for (const std::size_t at : {32, 40, 72, 80}) { // sequences of commands, events and trades; arrivals
    CAPTURE(at);
    std::vector<std::uint8_t> changed = bytes;
    std::fill_n(changed.begin() + static_cast<std::ptrdiff_t>(at), 8, std::uint8_t{0xff});
    repair(changed);
    CHECK(refusal(changed) != "");
  }
}

TEST_CASE("restore: any changed byte under a right digest is refused or gives an engine that is sound") {
  const std::vector<std::uint8_t> bytes = played(24, 120).snapshot();
  for (std::size_t at = 0; at < bytes.size() - kDigestBytes; ++at) {
    for (const unsigned change : {0x01u, 0x80u, 0xffu}) {
      CAPTURE(at);
      CAPTURE(change);
      std::vector<std::uint8_t> changed = bytes;
      changed[at] ^= static_cast<std::uint8_t>(change);
      repair(changed);
      if (!refusal(changed).empty()) continue;
      Engine engine = Engine::restore(changed);
      REQUIRE_NOTHROW(engine.check_invariants());
      REQUIRE(engine.snapshot() == changed);
    }
  }
}

TEST_SUITE_END();
