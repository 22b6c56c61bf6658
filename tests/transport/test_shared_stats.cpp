// The shared statistics: files, one writer with readers beside it, and what the loop's stopwatch and tallies write.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstring>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <stdio.h>  // P_tmpdir
#include <stdlib.h> // mkdtemp
#include <sys/stat.h>
#include <unistd.h>

#include "cmatch/io/loop_timer.hpp"
#include "cmatch/io/memory_transport.hpp"
#include "cmatch/io/shared_stats.hpp"
#include "cmatch/io/tally.hpp"

TEST_SUITE_BEGIN("test_shared_stats");

using namespace cmatch;
using namespace cmatch::io;

namespace {

class Folder {
 public:
  Folder() {
    char name[] = P_tmpdir "/cmatch-stats-XXXXXX"; // NOLINT
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder() {
    ::unlink(file().c_str());
    ::rmdir(path_.c_str());
  }
  std::string file() const { return path_ + "/stats"; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string content(const std::string& path) {
  std::string text(1 << 20, '\0');
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  const ssize_t got = ::read(file, text.data(), text.size());
  ::close(file);
  REQUIRE(got >= 0);
  text.resize(static_cast<std::size_t>(got));
  return text;
}

std::string memory(const SharedStats& stats) {
  return {reinterpret_cast<const char*>(stats.bytes().data()), stats.bytes().size()};
}

std::array<std::uint64_t, kStats.size()> values(const SharedStats& stats) {
  std::array<std::uint64_t, kStats.size()> out{};
  REQUIRE(stats.read(out));
  return out;
}

std::uint64_t of(const std::array<std::uint64_t, kStats.size()>& values, Stat stat) {
  return values[static_cast<std::size_t>(stat)];
}

} // namespace

TEST_CASE("shared stats: a file holds what is written, under a mode for its owner, and stays") {
  const Folder folder;
  {
    SharedStats stats = SharedStats::create(folder.file());
    stats.add(Stat::orders, 3);
    stats.set(Stat::epoch, 7);
    stats.raise(Stat::batch_size_max, 9);
    stats.raise(Stat::batch_size_max, 8);
    stats.histogram(Timing::stage_apply).record(1'500);
    CHECK(stats.get(Stat::orders) == 3);
    CHECK(stats.get(Stat::batch_size_max) == 9);
    CHECK(content(folder.file()) == memory(stats));
  }
  struct stat about{};
  REQUIRE(::stat(folder.file().c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
  StatsHeader header{};
  std::memcpy(&header, content(folder.file()).data(), sizeof(header));
  CHECK(header.magic == StatsHeader::kMagic);
  CHECK(header.total_bytes == static_cast<std::uint64_t>(about.st_size));
}

TEST_CASE("shared stats: a new file replaces the old one, which its readers keep") {
  const Folder folder;
  SharedStats before = SharedStats::create(folder.file());
  before.set(Stat::epoch, 1);
  SharedStats after = SharedStats::create(folder.file());
  after.set(Stat::epoch, 2);
  CHECK(before.get(Stat::epoch) == 1);
  CHECK(content(folder.file()) == memory(after));
}

TEST_CASE("shared stats: a folder that is not there is an error that names it, and leaves nothing") {
  const Folder folder;
  try {
    SharedStats::create(folder.path() + "/none/stats");
    FAIL("it was made");
  } catch (const std::system_error& error) {
    CHECK(error.code().value() == ENOENT);
    CHECK(std::string(error.what()).find("/none/stats") != std::string::npos);
  }
}

TEST_CASE("shared stats: readers in other threads see counters of one moment only") {
  SharedStats stats = SharedStats::in_memory();
  std::atomic<bool> stop{false};
  std::atomic<int> seen{0};
  std::atomic<int> torn{0};
  const auto look = [&] {
    std::array<std::uint64_t, kStats.size()> got{};
    while (!stop) {
      if (!stats.read(got, 1)) continue;
      ++seen;
      if (of(got, Stat::orders) != of(got, Stat::reports) || of(got, Stat::orders) != of(got, Stat::epoch))
        ++torn;
    }
  };
  std::thread first(look), second(look);
  for (std::uint64_t i = 1; i <= 200'000 || seen < 100; ++i) {
    stats.begin();
    stats.add(Stat::orders);
    stats.set(Stat::reports, i);
    stats.set(Stat::epoch, i);
    stats.end();
    stats.histogram(Timing::batch_size).record(i % 100);
  }
  stop = true;
  first.join();
  second.join();
  CHECK(torn == 0);
  CHECK(seen >= 100);
}

TEST_CASE("shared stats: a reader beside a writer that stopped in between gives up") {
  SharedStats stats = SharedStats::in_memory();
  std::array<std::uint64_t, kStats.size()> got{};
  stats.begin();
  CHECK_FALSE(stats.read(got, 10));
  stats.begin();
  stats.end();
  CHECK_FALSE(stats.read(got, 10));
  stats.end();
  CHECK(stats.read(got, 1));
  CHECK_THROWS_AS(stats.end(), InvariantViolation);
}

TEST_CASE("loop timer: a turn with frames is a batch, one without is none, and time is busy or idle") {
  SharedStats stats = SharedStats::in_memory();
  MemoryTransport transport(8);
  const ConnectionId connection = transport.open();
  const std::byte data[4] = {};
  transport.push(connection, data);
  Inbound inbound(8, 64);
  LoopTimer timer(stats);

  timer.idle();
  transport.drain(inbound, 8, 64);
  timer.stage(Timing::stage_drain);
  timer.stage(Timing::stage_send);
  CHECK(transport.send(connection, data) == SendResult::sent);
  timer.finish(transport, inbound.size());
  timer.idle();
  timer.finish(transport, 0);

  const auto got = values(stats);
  CHECK(of(got, Stat::loop_iterations) == 2);
  CHECK(of(got, Stat::batches) == 1);
  CHECK(of(got, Stat::batch_size_max) == 1);
  CHECK(of(got, Stat::frames_in) == 1);
  CHECK(of(got, Stat::in_bytes) == 4);
  CHECK(of(got, Stat::frames_out) == 1);
  CHECK(of(got, Stat::out_bytes) == 4);
  CHECK(of(got, Stat::heartbeat_ns) > 0);
  CHECK(stats.histogram(Timing::stage_drain).count() == 1);
  CHECK(stats.histogram(Timing::stage_decode).count() == 0);
  CHECK(stats.histogram(Timing::stage_send).count() == 1);
  CHECK(stats.histogram(Timing::batch_size).sum() == 1);
  const Histogram& service = stats.histogram(Timing::batch_service);
  CHECK(service.count() == 1);
  CHECK(service.sum() <= of(got, Stat::busy_ns));
  CHECK(stats.histogram(Timing::stage_drain).sum() + stats.histogram(Timing::stage_send).sum() <=
        service.sum());
  CHECK_THROWS_AS(timer.stage(Timing::batch_size), std::invalid_argument);
}

TEST_CASE("tally: reports count once each by what they say, trades once a match") {
  SharedStats stats = SharedStats::in_memory();
  std::vector<ExecutionReport> reports;
  const auto report = [&](ExecType type) -> ExecutionReport& {
    reports.push_back({});
    reports.back().exec_type = static_cast<std::uint16_t>(type);
    return reports.back();
  };
  report(ExecType::accepted);
  report(ExecType::accepted).flags = kReportDuplicate;
  for (const std::uint16_t code : {1007, 2003, 3001, 3002, 4010, 5001, 17})
    report(ExecType::rejected).reject = code;
  report(ExecType::cancel_rejected).reject = 4001;
  report(ExecType::trade).liquidity = static_cast<std::uint16_t>(Liquidity::maker);
  report(ExecType::trade).liquidity = static_cast<std::uint16_t>(Liquidity::taker);
  for (const Side side : {Side::buy, Side::sell}) {
    ExecutionReport& uncrossed = report(ExecType::trade);
    uncrossed.liquidity = static_cast<std::uint16_t>(Liquidity::auction);
    uncrossed.side = static_cast<std::uint16_t>(side);
  }
  report(ExecType::canceled);
  report(ExecType::expired);
  report(ExecType::replaced);
  report(ExecType::triggered);
  report(ExecType::done);
  tally(stats, reports);

  const auto got = values(stats);
  CHECK(of(got, Stat::reports) == reports.size());
  CHECK(of(got, Stat::orders) == 1);
  CHECK(of(got, Stat::duplicates) == 1);
  CHECK(of(got, Stat::rejects_gateway) == 1);
  CHECK(of(got, Stat::rejects_accounts) == 1);
  CHECK(of(got, Stat::rejects_risk) == 2);
  CHECK(of(got, Stat::rejects_matching) == 3);
  CHECK(of(got, Stat::rejects_settlement) == 1);
  CHECK(of(got, Stat::trades) == 2);
  CHECK(of(got, Stat::cancels) == 1);
  CHECK(of(got, Stat::expiries) == 1);
  CHECK(of(got, Stat::replaces) == 1);
}

TEST_CASE("tally: answers count, and their rejects by class") {
  SharedStats stats = SharedStats::in_memory();
  std::vector<Answer> answers(3);
  answers[1].reject = 2001;
  answers[2].reject = 2001;
  answers[2].flags = kAnswerDuplicate;
  tally(stats, answers);
  const auto got = values(stats);
  CHECK(of(got, Stat::answers) == 3);
  CHECK(of(got, Stat::rejects_accounts) == 1);
  CHECK(of(got, Stat::duplicates) == 1);
}

TEST_SUITE_END();
