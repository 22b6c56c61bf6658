// What reading and writing hot frames costs a record: ns of CPU each, single-threaded, median of the rounds. Frames of
// 1, 10 and 100 orders as clients send them, the reports of each, and a journal record of 1,000. 200,000 records in
// memory, so that caches miss as they do when many clients send.
// `bench_frames [--rounds N]`
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "cmatch/io/frames.hpp"

namespace {

using namespace cmatch;
using namespace cmatch::io;

constexpr std::size_t kRecords = 200'000;

// CPU time of this process, so that what else runs here counts little.
double cpu_ns() { return static_cast<double>(std::clock()) * (1e9 / CLOCKS_PER_SEC); }

OrderCommand order(std::size_t number, bool journaled) {
  OrderCommand command{};
  command.kind = static_cast<std::uint16_t>(OrderAction::new_order);
  command.side = static_cast<std::uint16_t>(1 + number % 2);
  command.type = 1;
  command.time_in_force = 2;
  command.instrument_id = 1;
  command.account = 1 + number % 1000;
  command.sent_at = 1'790'000'000'000'000'000 + static_cast<std::int64_t>(number);
  command.qty = static_cast<std::int64_t>(1 + number % 50);
  command.price = static_cast<std::int64_t>(10'000 + number % 100);
  const std::size_t id = number + 1;
  std::memcpy(command.client_order_id_head, &id, sizeof id);
  std::memcpy(command.correlation_id_head, &id, sizeof id);
  command.session = journaled ? 7 : 0;
  return command;
}

ExecutionReport report(std::size_t number, bool) {
  ExecutionReport report{};
  report.exec_type = 1;
  report.order_status = 2;
  report.side = 1;
  report.instrument_id = 1;
  report.session = 7;
  report.account = 1 + number % 1000;
  report.order_id = report.sequence = report.event_sequence = number + 1;
  report.timestamp = 1'790'000'000'000'000'000;
  std::memcpy(report.client_order_id_head, &report.order_id, sizeof report.order_id);
  std::memcpy(report.correlation_id_head, &report.order_id, sizeof report.order_id);
  report.leaves_qty = report.order_qty = 10;
  report.price = 10'000;
  report.fee_asset = 2;
  return report;
}

template <class F>
double median_ns(int rounds, F&& run) {
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    const double start = cpu_ns();
    run();
    times.push_back((cpu_ns() - start) / kRecords);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

FrameFault decode(std::span<const std::byte> bytes, CommandFrame& frame) {
  return decode_commands(bytes, frame, kRecordBytes);
}
FrameFault decode(std::span<const std::byte> bytes, ReportFrame& frame) {
  return decode_reports(bytes, frame, kRecordBytes);
}

// One line: writes all records in frames of `batch`, reads them back, compares.
template <class Frame, class Record>
void measure(const char* name, std::size_t batch, int rounds, const std::vector<Record>& records) {
  const typename Wire<Record>::Header header{};
  std::vector<std::byte> memory(kRecords / batch * FrameWriter::largest_frame<Record>(batch));
  std::vector<std::span<const std::byte>> frames;
  const double writing = median_ns(rounds, [&] {
    frames.clear();
    std::span<std::byte> rest = memory;
    for (std::size_t at = 0; at < records.size(); at += batch) {
      FrameWriter writer(rest, kRecordBytes);
      const WrittenFrame frame = writer.write(header, std::span(records).subspan(at, batch));
      frames.push_back(frame.bytes);
      rest = rest.subspan(frame.bytes.size());
    }
  });
  std::vector<Record> read(records.size());
  const double reading = median_ns(rounds, [&] {
    Record* out = read.data();
    for (const std::span<const std::byte> bytes : frames) {
      Frame frame{};
      if (decode(bytes, frame) != FrameFault::none) std::abort();
      copy_records(frame.records, out);
      out += frame.records.count;
    }
  });
  if (std::memcmp(read.data(), records.data(), records.size() * sizeof(Record)) != 0) std::abort();
  const double bytes = static_cast<double>(frames.front().size()) / static_cast<double>(batch);
  std::printf("%-22s %6zu %10.1f %10.1f %10.1f\n", name, batch, bytes, writing, reading);
}

template <class Record>
std::vector<Record> make(Record (*one)(std::size_t, bool), bool journaled) {
  std::vector<Record> records;
  for (std::size_t i = 0; i < kRecords; ++i)
    records.push_back(one(i, journaled));
  return records;
}

} // namespace

int main(int argc, char** argv) {
  int rounds = 7;
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc || std::string(argv[i]) != "--rounds") {
      std::fputs("usage: bench_frames [--rounds N]\n", stderr);
      return 2;
    }
    rounds = std::atoi(argv[i + 1]);
  }
  const std::vector<OrderCommand> orders = make(order, false);
  const std::vector<ExecutionReport> reports = make(report, false);
  std::printf("%-22s %6s %10s %10s %10s\n", "a record", "batch", "bytes", "write ns", "read ns");
  for (const std::size_t batch : {1, 10, 100}) {
    measure<CommandFrame>("order", batch, rounds, orders);
    measure<ReportFrame>("execution report", batch, rounds, reports);
  }
  measure<CommandFrame>("order in the journal", 1000, rounds, make(order, true));
  return 0;
}
