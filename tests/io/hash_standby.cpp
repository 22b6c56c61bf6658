// A seeded flow of orders through a venue, through a standby that journals it, and back from the standby's journal.
// All three must end with the same events and state, and every compiler, sanitizer and machine must print the same line
// for the same arguments.
//
//   hash_standby [--commands N] [--seed N] [--batch N]
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <unistd.h>

#include "cmatch/io/journal.hpp"
#include "cmatch/io/journal_reader.hpp"
#include "cmatch/io/memory_transport.hpp"
#include "cmatch/io/posix_disk.hpp"
#include "cmatch/io/replayer.hpp"
#include "cmatch/io/sequencer.hpp"
#include "cmatch/io/standby.hpp"
#include "venue_flow.hpp"

namespace {

using namespace cmatch;
using namespace cmatch::io;

struct Arguments {
  std::uint64_t commands = 1'000'000;
  std::uint64_t seed = 1;
  std::uint64_t batch = 10;
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

struct End {
  Sequence sequence;
  std::uint64_t trades, event_digest, state_hash;
  bool operator==(const End&) const = default;
};

End end_of(const Venue& venue) {
  return {venue.sequence(), venue.status().trades, venue.event_digest(), venue.state_hash()};
}

// A core that stands by, with its journal below a directory of its own.
struct Follower {
  explicit Follower(const std::string& directory)
      : venue(VenueLimits{}), journal(disk, directory, {}), stats(SharedStats::in_memory()),
        core(venue, journal, transport, clock, stats, {.leads = false}), standby(core, venue, journal, {}) {}

  PosixDisk disk;
  Venue venue;
  Journal journal;
  MemoryTransport transport{1};
  VirtualClock clock;
  SharedStats stats;
  Sequencer core;
  Standby standby;
};

class Run {
 public:
  Run(const Arguments& arguments, const std::string& directory)
      : arguments_(arguments), flow_({.seed = arguments.seed}), live_(VenueLimits{}), follower_(directory) {}

  // False where the standby does not take what it is given.
  bool feed() {
    bool taken = take<InstrumentCommand>(bench::VenueFlow::market()) &&
                 take<AdminCommand>(flow_.accounts()) && take<LedgerCommand>(flow_.funds());
    std::vector<OrderCommand> batch(arguments_.batch);
    for (std::uint64_t left = arguments_.commands; taken && left > 0; left -= batch.size()) {
      batch.resize(std::min(arguments_.batch, left));
      for (OrderCommand& command : batch)
        command = flow_.next();
      taken = take<OrderCommand>(batch);
    }
    return taken && flush();
  }

  End live() const { return end_of(live_); }
  End standby() const { return end_of(follower_.venue); }

 private:
  static constexpr std::uint32_t kTogether = 100; // batches that the standby writes and folds at a time

  template <class Record>
  bool take(std::span<const Record> records) {
    room_.resize(FrameWriter::largest_frame<Record>(records.size()));
    time_ += static_cast<TimeNs>(10'000 * records.size());
    const std::size_t bytes = bench::write_record(std::span(room_), records, live_.sequence() + 1, time_,
                                                  live_.sequence() == 0 ? 0 : live_.event_digest());
    const auto payload = std::span<const std::byte>(room_).first(bytes);
    output_.clear();
    replayer_.apply(payload, live_, output_);
    return follower_.standby.take_history(payload) && (++together_ % kTogether != 0 || flush());
  }

  bool flush() {
    if (!follower_.standby.pending()) return true;
    if (!follower_.standby.write()) return false;
    follower_.standby.fold();
    return true;
  }

  Arguments arguments_;
  bench::VenueFlow flow_;
  Venue live_;
  Follower follower_;
  Replayer replayer_;
  Output output_;
  std::vector<std::byte> room_;
  TimeNs time_ = 1;
  std::uint32_t together_ = 0;
};

End replayed(const std::string& directory) {
  PosixDisk disk;
  Venue venue(VenueLimits{});
  Replayer replayer;
  Output output;
  JournalReader reader(disk, directory, 1);
  while (const auto record = reader.next()) {
    output.clear();
    replayer.apply(std::as_bytes(record->payload), venue, output);
  }
  return end_of(venue);
}

int run(const Arguments& arguments, const std::string& directory) {
  Run run(arguments, directory);
  if (!run.feed()) {
    std::fputs("the standby did not take a batch\n", stderr);
    return 1;
  }
  const End live = run.live(), standby = run.standby(), again = replayed(directory);
  std::printf("%lu commands, %lu trades, events %016lx, state %016lx\n", live.sequence, live.trades,
              live.event_digest, live.state_hash);
  if (live == standby && live == again) return 0;
  std::printf("standby %016lx, its journal %016lx\n", standby.state_hash, again.state_hash);
  return 1;
}

} // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::fputs("usage: hash_standby [--commands N] [--seed N] [--batch N]\n", stderr);
    return 2;
  }
  const std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("hash-standby-" + std::to_string(getpid()));
  std::filesystem::create_directories(directory);
  const int code = run(arguments, directory.string());
  std::filesystem::remove_all(directory);
  return code;
}
