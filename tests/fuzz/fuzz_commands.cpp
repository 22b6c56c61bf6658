// Any bytes as commands: nothing crashes or hangs, every command has one answer, invariants hold after each, a reject
// leaves the state as it was, and neither batches nor snapshots make a difference.
#include <algorithm>
#include <cstring>

#include "cmatch/engine.hpp"
#include "expect.hpp"
#include "narrow.hpp"

namespace {

using namespace cmatch;
using namespace cmatch::test;

constexpr EngineLimits kLimits{.max_instruments = 3, .max_orders = 24, .max_order_ids = 96};
constexpr EngineOptions kOptions{.prefault = false, .deltas = true, .tape = 8};
constexpr std::size_t kMostCommands = 400;

bool same_bytes(std::span<const Event> a, std::span<const Event> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

// Applies one command and looks at everything that must hold whatever it was.
void apply_checked(Engine& engine, const Command& command, EventBuffer& all) {
  Command clock = fuzz::plain(CommandKind::advance_time);
  clock.timestamp = command.timestamp;
  engine.apply(clock, all); // what expires does so here, so that a reject has nothing to change
  const std::uint64_t hash = engine.state_hash();
  const std::size_t before = all.size();
  const std::uint64_t sequence = engine.event_sequence();
  engine.apply(command, all);
  engine.check_invariants();

  const std::span<const Event> events = all.view().subspan(before);
  FUZZ_EXPECT(!events.empty());
  for (std::size_t i = 0; i < events.size(); ++i) {
    FUZZ_EXPECT(events[i].sequence == sequence + 1 + i);
    FUZZ_EXPECT(events[i].command_sequence == engine.command_sequence());
    FUZZ_EXPECT(events[i].kind != raw(EventKind::trade) || events[i].qty > 0);
  }
  if (events[0].kind == raw(EventKind::rejected)) {
    FUZZ_EXPECT(events.size() == 1);
    FUZZ_EXPECT(engine.state_hash() == hash);
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<Command> commands = fuzz::commands_of({data, size}, kMostCommands);
  Engine engine(kLimits, kOptions);
  EventBuffer events;
  for (const Command& command : commands)
    apply_checked(engine, command, events);

  const std::vector<std::uint8_t> bytes = engine.snapshot();
  Engine restored = Engine::restore(bytes, kOptions);
  FUZZ_EXPECT(restored.snapshot() == bytes);
  FUZZ_EXPECT(restored.state_hash() == engine.state_hash());

  // The two go on alike, one by single commands, the other by a batch.
  EventBuffer of_engine;
  EventBuffer of_restored;
  for (const Command& command : commands)
    engine.apply(command, of_engine);
  restored.apply_batch(commands, of_restored);
  FUZZ_EXPECT(same_bytes(of_engine.view(), of_restored.view()));
  FUZZ_EXPECT(engine.snapshot() == restored.snapshot());
  return 0;
}
