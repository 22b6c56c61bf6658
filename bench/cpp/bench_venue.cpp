// What a command costs on its way back from the journal into a venue: ns of CPU, single-threaded, median of the rounds.
// The flow is that of `exchange bench`. Each round folds the same journal into a new venue, as a restart does.
// `bench_venue [--commands N] [--accounts N] [--resting N] [--batch N] [--rounds N]`
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "cmatch/io/journal.hpp"
#include "cmatch/io/journal_reader.hpp"
#include "cmatch/io/posix_disk.hpp"
#include "cmatch/io/replayer.hpp"
#include "venue_flow.hpp"

namespace {

using namespace cmatch;
using namespace cmatch::io;

struct Settings {
  std::uint32_t commands = 2'000'000;
  std::uint32_t accounts = 1'000;
  std::uint32_t resting = 20'000; // orders that live at a time, about
  std::uint32_t batch = 10;       // commands in a record of the journal
  std::uint32_t rounds = 5;
};

double cpu_ns() { return static_cast<double>(std::clock()) * (1e9 / CLOCKS_PER_SEC); }

template <class Record>
void record(Journal& journal, std::span<const Record> records, TimeNs time) {
  const Sequence first = journal.next_sequence();
  const std::span<std::uint8_t> room = journal.reserve(FrameWriter::largest_frame<Record>(records.size()));
  const std::size_t bytes = bench::write_record(std::as_writable_bytes(room), records, first, time);
  journal.commit(first, static_cast<std::uint32_t>(records.size()), time, bytes);
  journal.write();
}

struct Fold {
  std::uint64_t commands = 0, records = 0, trades = 0, live = 0;
  std::uint64_t state_hash = 0;
  double ns = 0;
};

template <class Each>
void read_all(PosixDisk& disk, const std::string& directory, Each&& each) {
  JournalReader reader(disk, directory, 1);
  while (const auto record = reader.next())
    each(*record);
}

Fold read_alone(PosixDisk& disk, const std::string& directory) {
  Fold fold;
  const double start = cpu_ns();
  read_all(disk, directory, [&](const RecordView& record) {
    fold.commands += record.count;
    ++fold.records;
  });
  fold.ns = cpu_ns() - start;
  return fold;
}

Fold fold_all(PosixDisk& disk, const std::string& directory) {
  Fold fold;
  VenueOptions options;
  options.engine.prefault = true;
  Venue venue({}, options);
  Replayer replayer;
  Output output;
  const double start = cpu_ns();
  read_all(disk, directory, [&](const RecordView& record) {
    output.clear();
    replayer.apply(std::as_bytes(record.payload), venue, output);
    fold.commands += record.count;
  });
  fold.ns = cpu_ns() - start;
  fold.trades = venue.status().trades;
  fold.live = venue.status().live_orders;
  fold.state_hash = venue.state_hash();
  return fold;
}

void print(const char* what, const std::vector<Fold>& folds) {
  std::vector<double> each;
  for (const Fold& fold : folds)
    each.push_back(fold.ns / static_cast<double>(fold.commands));
  std::sort(each.begin(), each.end());
  std::printf("%-34s %8.1f ns a command  (%.1f to %.1f)  %6.2f million a second\n", what,
              each[each.size() / 2], each.front(), each.back(), 1e3 / each[each.size() / 2]);
}

std::uint32_t number(const char* text) { return static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10)); }

} // namespace

int main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    std::uint32_t* const into = option == "--commands"   ? &settings.commands
                                : option == "--accounts" ? &settings.accounts
                                : option == "--resting"  ? &settings.resting
                                : option == "--batch"    ? &settings.batch
                                : option == "--rounds"   ? &settings.rounds
                                                         : nullptr;
    if (into == nullptr) {
      std::fprintf(stderr, "unknown option %s\n", argv[i]);
      return 2;
    }
    *into = number(argv[i + 1]);
  }
  const std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("bench-venue-" + std::to_string(std::random_device{}()));
  PosixDisk disk;
  {
    std::filesystem::create_directories(directory);
    Journal journal(disk, directory.string(), {});
    bench::VenueFlow flow({.accounts = settings.accounts, .resting = settings.resting});
    record<InstrumentCommand>(journal, bench::VenueFlow::market(), 1);
    record<AdminCommand>(journal, flow.accounts(), 1);
    record<LedgerCommand>(journal, flow.funds(), 1);
    std::vector<OrderCommand> batch(settings.batch);
    TimeNs time = 2;
    for (std::uint32_t left = settings.commands; left > 0; left -= static_cast<std::uint32_t>(batch.size())) {
      batch.resize(std::min(settings.batch, left));
      for (OrderCommand& command : batch)
        command = flow.next();
      record<OrderCommand>(journal, batch, time += 10'000 * batch.size());
    }
  }
  std::vector<Fold> reads, folds;
  for (std::uint32_t round = 0; round < settings.rounds; ++round) {
    reads.push_back(read_alone(disk, directory.string()));
    folds.push_back(fold_all(disk, directory.string()));
  }
  std::filesystem::remove_all(directory);
  std::printf("%lu commands in records of %u, %u accounts, %lu trades, %lu live orders, state %016lx\n",
              folds[0].commands, settings.batch, settings.accounts, folds[0].trades, folds[0].live,
              folds[0].state_hash);
  print("read and checked", reads);
  print("read, checked, decoded, applied", folds);
  return std::any_of(folds.begin(), folds.end(),
                     [&](const Fold& fold) { return fold.state_hash != folds[0].state_hash; });
}
