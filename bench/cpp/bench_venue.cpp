// What a command costs on its way back from the journal into a venue: ns of CPU, single-threaded, median of the rounds.
// The flow is that of `exchange bench`: one new order in three takes, every other one is cancelled later. Each round folds
// the same journal into a new venue, as a restart does.
// `bench_venue [--commands N] [--accounts N] [--resting N] [--batch N] [--rounds N]`
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "cmatch/io/frames.hpp"
#include "cmatch/io/journal.hpp"
#include "cmatch/io/journal_reader.hpp"
#include "cmatch/io/posix_disk.hpp"
#include "cmatch/io/replayer.hpp"

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
  FrameWriter writer(std::as_writable_bytes(room), kRecordBytes);
  CommandHeader header{};
  header.epoch = 1;
  header.first_seq = first;
  header.ts_ns = time;
  const WrittenFrame written = writer.write<Record>(header, records);
  journal.commit(first, static_cast<std::uint32_t>(records.size()), time, written.bytes.size());
  journal.write();
}

void open_market(Journal& journal, std::uint32_t accounts) {
  std::vector<InstrumentCommand> definitions(3);
  for (std::uint32_t asset = 1; asset <= 2; ++asset) {
    InstrumentCommand& command = definitions[asset - 1];
    command.kind = static_cast<std::uint16_t>(InstrumentAction::define_asset);
    command.asset = asset;
    command.asset_scale = 8;
    std::memcpy(command.symbol, asset == 1 ? "BTC" : "USD", 3);
  }
  InstrumentCommand& market = definitions[2];
  market.kind = static_cast<std::uint16_t>(InstrumentAction::define_instrument);
  market.instrument_id = 1;
  std::memcpy(market.symbol, "BTC-USD", 7);
  market.base = 1;
  market.quote = 2;
  market.instrument_kind = static_cast<std::uint16_t>(InstrumentKind::spot);
  market.fee_mode = static_cast<std::uint16_t>(FeeMode::received);
  market.maker_rate = 0;
  market.taker_rate = 1'000'000;
  market.price_scale = 2;
  market.qty_scale = 4;
  market.phase = static_cast<std::uint16_t>(Phase::continuous);
  market.tick_step = market.lot_step = market.min_price = 1;
  market.max_price = 10'000'000;
  market.max_qty = 1'000'000;
  market.max_notional = 10'000'000'000'000;
  market.max_parts = market.max_pegs = 1'000;
  market.trigger_source = static_cast<std::uint16_t>(TriggerSource::last);
  market.stop_wrong_side = static_cast<std::uint16_t>(StopWrongSide::reject);
  market.band_mode = 1;
  record<InstrumentCommand>(journal, definitions, 1);
  std::vector<AdminCommand> opened(accounts);
  std::vector<LedgerCommand> funded;
  for (std::uint32_t i = 0; i < accounts; ++i) {
    opened[i].kind = static_cast<std::uint16_t>(AdminAction::open_account);
    opened[i].account = i + 1;
    opened[i].tenant = 1;
    for (std::uint32_t asset = 1; asset <= 2; ++asset) {
      LedgerCommand& command = funded.emplace_back();
      command.kind = static_cast<std::uint16_t>(LedgerAction::deposit);
      command.account = i + 1;
      command.asset = asset;
      command.transfer_id[0] = funded.size();
      command.amount = 1'000'000'000'000'000;
    }
  }
  record<AdminCommand>(journal, opened, 1);
  record<LedgerCommand>(journal, funded, 1);
}

void name(char* id, char letter, std::uint32_t number) { std::snprintf(id, 16, "00%c%08x", letter, number); }

std::vector<OrderCommand> draw(const Settings& settings) {
  std::mt19937_64 random(1);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  std::vector<OrderCommand> commands(settings.commands);
  const std::uint32_t lag = settings.resting * 5 / 2; // of five requests two rest, and are cancelled
  for (std::uint32_t i = 0; i < settings.commands; ++i) {
    OrderCommand& command = commands[i];
    const bool cancels =
        i >= lag && commands[i - lag].time_in_force == static_cast<std::uint16_t>(TimeInForce::gtc);
    command.kind = static_cast<std::uint16_t>(cancels ? OrderAction::cancel : OrderAction::new_order);
    command.instrument_id = 1;
    command.account = cancels ? commands[i - lag].account : 1 + below(settings.accounts);
    command.session = 1 + static_cast<SessionId>(command.account % 16);
    command.sent_at = 2;
    name(command.client_order_id_head, cancels ? 'c' : 'n', i);
    std::snprintf(command.correlation_id_head, 16, "%c%08x", cancels ? 'c' : 'n', i);
    if (cancels) {
      name(command.orig_client_order_id_head, 'n', i - lag);
      continue;
    }
    const bool buys = below(2) == 0, takes = below(3) == 0;
    const std::int64_t distance =
        takes ? -static_cast<std::int64_t>(below(4)) : 1 + static_cast<std::int64_t>(below(11));
    command.side = static_cast<std::uint16_t>(buys ? Side::buy : Side::sell);
    command.type = static_cast<std::uint16_t>(OrderType::limit);
    command.time_in_force = static_cast<std::uint16_t>(takes ? TimeInForce::ioc : TimeInForce::gtc);
    command.qty = 1 + static_cast<Lots>(below(19));
    command.price = 50'000 + (buys ? -distance : distance);
    command.present = kHasPrice;
  }
  return commands;
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
    open_market(journal, settings.accounts);
    const std::vector<OrderCommand> commands = draw(settings);
    TimeNs time = 2;
    for (std::size_t at = 0; at < commands.size(); at += settings.batch) {
      const std::size_t count = std::min<std::size_t>(settings.batch, commands.size() - at);
      record<OrderCommand>(journal, {commands.data() + at, count}, time += 10'000 * count);
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
