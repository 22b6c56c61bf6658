// A writer that dies, or whose machine does, at each operation: what sync() returned for is there, what write()
// returned for is there where the machine lived, and nothing else but what was being written.
#include <doctest/doctest.h>

#include "script.hpp"

TEST_SUITE_BEGIN("test_journal_power");

using namespace cmatch::test;

namespace {

constexpr std::size_t kPoweredSteps = 30;

// Runs a session until the power goes. Whether it did.
bool dies(MemoryDisk& disk, Session& session, std::uint64_t after, std::size_t steps = kPoweredSteps) {
  disk.cut_power_after(after);
  try {
    session.open();
    session.run(steps);
  } catch (const PowerCut&) {
    return true;
  }
  return false;
}

void check_survivors(const Session& session, const std::vector<Record>& after, CrashKind kind) {
  REQUIRE(begins(session.attempted(), after));
  REQUIRE(last_of(after) >= session.durable());
  if (kind == CrashKind::kept) REQUIRE(begins(after, session.written()));
}

// Takes up the journal on a disk that may lose its power while that is done, `cuts` times. Then goes on with it.
std::vector<Record> recovered(MemoryDisk& disk, CrashKind kind, Random& random, int cuts) {
  for (; cuts > 0; --cuts) {
    Session attempt(disk);
    const bool died = dies(disk, attempt, random.below(30), 0);
    attempt.close();
    disk.crash(kind, random.next());
    if (!died) break;
  }
  Session next(disk);
  next.open();
  std::vector<Record> found = next.written();
  REQUIRE(next.durable() == last_of(found));
  next.run(7);
  REQUIRE(begins(next.written(), found));
  REQUIRE(read_all(disk) == next.written());
  const std::uint64_t durable = next.durable();
  const std::vector<Record> written = next.written();
  next.close();
  disk.crash(kind, random.next());
  Session last(disk);
  last.open();
  REQUIRE(last_of(last.written()) >= durable);
  REQUIRE(begins(written, last.written()));
  return found;
}

} // namespace

// req: spec/faults.md 45
TEST_CASE("power: cut at each operation; the journal is taken up, cut again, and goes on") {
  MemoryDisk whole;
  Session reference(whole);
  reference.open();
  reference.run(kPoweredSteps);
  CHECK(reference.journal().counters().rotations > 3);
  const std::uint64_t operations = whole.operations();
  for (const CrashKind kind : {CrashKind::lost, CrashKind::torn, CrashKind::reordered, CrashKind::kept}) {
    for (std::uint64_t cut = 0; cut <= operations; ++cut) {
      for (std::uint64_t seed = 0; seed < (kind == CrashKind::reordered || kind == CrashKind::torn ? 6 : 1);
           ++seed) {
        CAPTURE(static_cast<int>(kind));
        CAPTURE(cut);
        CAPTURE(seed);
        Random random(cut * 100 + seed);
        MemoryDisk disk;
        Session session(disk);
        const bool died = dies(disk, session, cut);
        REQUIRE(died == (cut < operations));
        session.close();
        disk.crash(kind, random.next());
        const std::vector<Record> found = recovered(disk, kind, random, static_cast<int>(seed % 3));
        check_survivors(session, found, kind);
      }
    }
  }
}

TEST_CASE("power: sessions that sync rarely lose tails with holes, and say what was lost") {
  std::size_t cuts = 0;
  std::size_t holes = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    MemoryDisk disk;
    Session session(disk);
    session.open();
    const std::size_t groups = 5 + random.below(25);
    std::uint64_t durable = 0;
    for (std::size_t i = 0; i < groups; ++i) {
      const std::vector<Record> group = group_at(session.journal().next_sequence(), 1 + random.below(3));
      REQUIRE(append(session.journal(), group) == AppendResult::written);
      if (random.below(12) == 0) session.journal().sync();
    }
    durable = session.journal().durable_sequence();
    const std::vector<Record> before = read_all(disk);
    session.close();
    disk.crash(CrashKind::reordered, random.next());
    Session next(disk);
    next.open();
    REQUIRE(begins(before, next.written()));
    REQUIRE(last_of(next.written()) >= durable);
    const auto& cut = next.journal().recovery().cut;
    if (!cut) continue;
    ++cuts;
    holes += cut->lost_last > 0 ? 1 : 0;
    REQUIRE(cut->lost_first == last_of(next.written()) + 1);
    REQUIRE(cut->lost_last <= last_of(before));
    REQUIRE(cut->to_string().find("none of them known to have been durable") != std::string::npos);
  }
  CHECK(cuts > 200);
  CHECK(holes > 50);
}

TEST_CASE("power: a group is there whole or not at all, wherever its write was torn") {
  const std::vector<Record> group = group_at(1, 3);
  std::size_t lost = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    CAPTURE(seed);
    MemoryDisk disk;
    {
      Journal journal(disk, kDirectory, small_options());
      REQUIRE(append(journal, group) == AppendResult::written);
    }
    disk.crash(CrashKind::torn, seed);
    Session next(disk);
    next.open();
    lost += next.written().empty() ? 1 : 0;
    REQUIRE((next.written().empty() || next.written() == group));
  }
  CHECK(lost > 100);
  CHECK(lost < 500);
}

TEST_SUITE_END();
