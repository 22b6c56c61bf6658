// Runs a seeded session and prints digests of all its events, of the state and of the snapshot.
// Every compiler, sanitizer and machine must print the same line for the same arguments.
//
//   hash_session [--commands N] [--seed N] [--batch N]
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "cmatch/engine.hpp"
#include "session.hpp"

namespace {

// FNV-1a over 64-bit words: enough to tell two streams apart, and to run at the speed of the engine.
std::uint64_t digest_events(std::uint64_t digest, std::span<const cmatch::Event> events) {
  for (const cmatch::Event& event : events) {
    std::uint64_t words[sizeof event / 8];
    std::memcpy(words, &event, sizeof event);
    for (const std::uint64_t word : words)
      digest = (digest ^ word) * 0x100000001b3;
  }
  return digest;
}

struct Arguments {
  std::uint64_t commands = 1'000'000;
  std::uint64_t seed = 1;
  std::uint64_t batch = 1'000;
};

bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string_view value = argv[i + 1];
    std::uint64_t* target = name == "--commands" ? &arguments.commands
                            : name == "--seed"   ? &arguments.seed
                            : name == "--batch"  ? &arguments.batch
                                                 : nullptr;
    if (target == nullptr) return false;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), *target);
    if (error != std::errc() || end != value.data() + value.size() || *target == 0) return false;
  }
  return argc % 2 == 1;
}

} // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::fputs("usage: hash_session [--commands N] [--seed N] [--batch N]\n", stderr);
    return 2;
  }
  cmatch::test::Session session(arguments.seed);
  cmatch::Engine engine({.max_instruments = 4, .max_orders = 1u << 12, .max_order_ids = 1u << 15});
  cmatch::EventBuffer events;
  std::uint64_t event_digest = 0xcbf29ce484222325;
  for (std::uint64_t left = arguments.commands; left > 0;) {
    const std::uint64_t count = std::min(left, arguments.batch);
    events.clear();
    engine.apply_batch(session.take(count), events);
    event_digest = digest_events(event_digest, events.view());
    left -= count;
  }
  engine.check_invariants();
  std::printf(
      "commands %llu seed %llu: events %llu %016llx, trades %llu, live %u, state %016llx, snapshot %016llx\n",
      static_cast<unsigned long long>(engine.command_sequence()),
      static_cast<unsigned long long>(arguments.seed),
      static_cast<unsigned long long>(engine.event_sequence()), static_cast<unsigned long long>(event_digest),
      static_cast<unsigned long long>(engine.trade_sequence()), engine.live_orders(),
      static_cast<unsigned long long>(engine.state_hash()),
      static_cast<unsigned long long>(cmatch::snapshot_digest(engine.snapshot())));
  return 0;
}
