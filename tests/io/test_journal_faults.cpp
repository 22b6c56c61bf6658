// A disk that fails at each operation of a session: what was refused is nowhere, what was accepted is there once, and a
// sync that failed ends the writer.
#include <doctest/doctest.h>

#include <cerrno>
#include <optional>

#include "script.hpp"

TEST_SUITE_BEGIN("test_journal_faults");

using namespace cmatch::test;

namespace {

constexpr std::size_t kSteps = 24;

std::uint64_t operations_of_a_session() {
  MemoryDisk disk;
  Session session(disk);
  session.open();
  session.run(kSteps);
  return disk.operations();
}

enum class End : std::uint8_t { survived = 1, failed = 2, unopened = 3 };

// Lives through a session on a disk with faults.
End live(Session& session) {
  try {
    session.open();
  } catch (const JournalError&) {
    return End::unopened;
  } catch (const DiskError&) {
    return End::unopened;
  }
  try {
    session.run(kSteps);
  } catch (const JournalFailed&) {
    CHECK(session.journal().state() == JournalState::failed);
    CHECK_THROWS_AS(session.journal().append({session.journal().next_sequence(), 1, INT64_MAX, {}}),
                    JournalFailed);
    CHECK_THROWS_AS(session.journal().sync(), JournalFailed);
    CHECK_THROWS_AS(session.journal().try_resume(), JournalFailed);
    return End::failed;
  }
  return End::survived;
}

// After the writer is gone: everything it was told is written is there, once; and what the next one reports to have is
// still there after a power cut, though the sync of the first had failed.
void check_aftermath(MemoryDisk& disk, const Session& session) {
  const auto reopened = [&](CrashKind kind) {
    disk.crash(kind, 1);
    Session next(disk);
    next.open();
    return next.written();
  };
  const std::vector<Record> after = reopened(CrashKind::kept);
  REQUIRE(begins(after, session.written()));
  REQUIRE(begins(session.attempted(), after));
  REQUIRE(reopened(CrashKind::lost) == after);
  Session next(disk);
  disk.crash(CrashKind::kept, 1);
  next.open();
  next.run(kSteps);
  REQUIRE(begins(next.written(), after));
  REQUIRE(read_all(disk) == next.written());
}

} // namespace

// req: none of its own; spec/faults.md 42 and 43
TEST_CASE("faults: one failing operation, at each index, of each kind of failure") {
  const std::uint64_t operations = operations_of_a_session();
  const DiskFault faults[] = {{.error = EIO},
                              {.error = ENOSPC},
                              {.error = EIO, .bytes = 70},     // some bytes land, the error hides it
                              {.error = ENOSPC, .bytes = 500}, // all of them do
                              {.error = 0, .bytes = 9}};       // a short write
  std::size_t refusals = 0;
  std::size_t failures = 0;
  for (std::uint64_t index = 1; index <= operations; ++index) {
    for (const DiskFault& fault : faults) {
      CAPTURE(index);
      CAPTURE(fault.error);
      CAPTURE(fault.bytes);
      MemoryDisk disk;
      disk.fail_any(index, fault);
      Session session(disk);
      const End end = live(session);
      if (end != End::unopened) {
        if (end == End::survived) {
          REQUIRE(session.journal().state() == JournalState::open);
          REQUIRE(read_all(disk) == session.written());
        }
        refusals += session.refused();
        failures += end == End::failed ? 1 : 0;
        // One failing operation is one refusal at most: the resume that follows it succeeds.
        REQUIRE(session.refused() <= 1);
      }
      session.close();
      check_aftermath(disk, session);
    }
  }
  CHECK(refusals > 100);
  CHECK(failures > 10);
}

TEST_CASE("faults: a disk that fails from some operation on, for good") {
  std::size_t refusing = 0;
  const std::uint64_t operations = operations_of_a_session();
  for (std::uint64_t index = 1; index <= operations; ++index) {
    for (const DiskFault& fault : {DiskFault{.error = EIO, .bytes = 0, .times = UINT64_MAX},
                                   DiskFault{.error = EIO, .bytes = 100, .times = UINT64_MAX}}) {
      CAPTURE(index);
      CAPTURE(fault.bytes);
      MemoryDisk disk;
      disk.fail_any(index, fault);
      Session session(disk);
      const End end = live(session);
      if (end == End::survived && session.refused() > 0) {
        ++refusing;
        REQUIRE(session.journal().state() == JournalState::read_only);
      }
      session.close();
      disk.clear_faults();
      check_aftermath(disk, session);
    }
  }
  CHECK(refusing > 0);
}

TEST_CASE("faults: each write fails twice, so that its undoing fails too") {
  std::size_t failures = 0;
  for (std::uint64_t nth = 1; nth <= 40; ++nth) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{80}, std::size_t{512}}) {
      CAPTURE(nth);
      CAPTURE(bytes);
      MemoryDisk disk;
      disk.fail(DiskOperation::write, nth, {.error = EIO, .bytes = bytes, .times = 1});
      disk.fail(DiskOperation::write, nth + 1, {.error = EIO, .bytes = 0, .times = 1});
      Session session(disk);
      const End end = live(session);
      failures += end == End::failed ? 1 : 0;
      session.close();
      if (end != End::failed) {
        check_aftermath(disk, session);
        continue;
      }
      // The whole group is there and could not be taken back: the writer must not say that it was refused, and did not.
      disk.crash(CrashKind::kept, 0);
      Session next(disk);
      next.open();
      REQUIRE(next.written() == session.attempted());
    }
  }
  CHECK(failures > 20);
}

TEST_CASE("faults: a full disk refuses, at each capacity; with room it goes on without gap or double") {
  const std::uint64_t segment = small_options().segment_bytes;
  for (std::uint64_t capacity = segment + 100; capacity <= 5 * segment; capacity += 131) {
    CAPTURE(capacity);
    MemoryDisk disk({.capacity_bytes = capacity});
    Session session(disk);
    session.open();
    session.run(kSteps);
    REQUIRE(session.refused() > 0);
    REQUIRE(session.journal().state() == JournalState::read_only);
    REQUIRE(session.journal().reason().find("No space left") != std::string::npos);
    REQUIRE(read_all(disk) == session.written());
    const std::uint64_t refused = session.refused();
    REQUIRE_FALSE(session.journal().try_resume());
    disk.set_capacity(100 * segment);
    REQUIRE(session.journal().try_resume());
    session.run(kSteps);
    REQUIRE(session.refused() == refused);
    REQUIRE(read_all(disk) == session.written());
    session.close();
    check_aftermath(disk, session);
  }
}

TEST_CASE("faults: ENOSPC inside a segment, as a file system that copies on write has it") {
  for (std::size_t landed = 0; landed <= 300; landed += 7) {
    CAPTURE(landed);
    MemoryDisk disk;
    Session session(disk);
    session.open();
    REQUIRE(append(session.journal(), group_at(1, 1)) == AppendResult::written);
    const std::vector<Record> before = read_all(disk);
    const std::vector<Record> group = group_at(session.journal().next_sequence(), 3);
    if (landed > 0) disk.fail(DiskOperation::write, 1, {.error = 0, .bytes = landed});
    disk.fail(DiskOperation::write, landed == 0 ? 1 : 2, {.error = ENOSPC});
    REQUIRE(append(session.journal(), group) == AppendResult::refused);
    REQUIRE(append(session.journal(), group) == AppendResult::refused); // it stays so
    REQUIRE(session.journal().counters().refusals == 2);
    REQUIRE(read_all(disk) == before);
    session.journal().sync(); // what was written before may still be made durable
    REQUIRE(session.journal().durable_sequence() == last_of(before));
    disk.fail(DiskOperation::write, 1, {.error = ENOSPC});
    REQUIRE_FALSE(session.journal().try_resume());
    REQUIRE(session.journal().try_resume());
    REQUIRE(append(session.journal(), group) == AppendResult::written);
    std::vector<Record> all = before;
    all.insert(all.end(), group.begin(), group.end());
    REQUIRE(read_all(disk) == all);
  }
}

TEST_CASE("faults: a failed sync is not forgiven; the next writer writes again what it lost") {
  MemoryDisk disk;
  Session session(disk);
  session.open();
  session.run(3);
  disk.fail(DiskOperation::sync, 1, {.error = EIO});
  CHECK_THROWS_AS(session.journal().sync(), JournalFailed);
  CHECK_THROWS_AS(session.journal().sync(), JournalFailed); // the disk would say yes now
  CHECK(session.journal().durable_sequence() == 0);
  session.close();
  check_aftermath(disk, session);
}

TEST_SUITE_END();
