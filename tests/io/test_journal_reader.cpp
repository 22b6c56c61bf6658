// Followers: what they see of a journal that is being written, from anywhere in it, and where they stop.
#include <doctest/doctest.h>

#include <cerrno>
#include <functional>
#include <thread>

#include "cmatch/io/posix_disk.hpp"
#include "script.hpp"

TEST_SUITE_BEGIN("test_journal_reader");

using namespace cmatch::test;

namespace {

// A disk that does something before it opens a file.
class HookedDisk final : public Disk {
 public:
  explicit HookedDisk(Disk& disk) : disk_(disk) {}

  std::function<void(const std::string&)> before_open;

  std::unique_ptr<DiskFile> open(const std::string& path, OpenMode mode) override {
    if (before_open) before_open(path);
    return disk_.open(path, mode);
  }
  bool rename(const std::string& from, const std::string& to) override { return disk_.rename(from, to); }
  bool remove(const std::string& path) override { return disk_.remove(path); }
  void sync_directory(const std::string& path) override { disk_.sync_directory(path); }
  void make_directory(const std::string& path) override { disk_.make_directory(path); }
  std::vector<std::string> list(const std::string& path) override { return disk_.list(path); }
  std::uint64_t free_bytes(const std::string& path) override { return disk_.free_bytes(path); }
  std::unique_ptr<DiskLock> lock(const std::string& path, const std::string& owner,
                                 std::string& holder) override {
    return disk_.lock(path, owner, holder);
  }

 private:
  Disk& disk_;
};

std::vector<Record> drained(JournalReader& reader) {
  std::vector<Record> records;
  while (const auto view = reader.next())
    records.push_back(copied(*view));
  return records;
}

} // namespace

TEST_CASE("reader: sees every record once, as soon as it is written, across rotations") {
  MemoryDisk disk;
  JournalReader early(disk, kDirectory, 1);
  CHECK_FALSE(early.next().has_value()); // there is no journal yet
  early.check_tail();
  CHECK(early.next_sequence() == 1);
  CHECK(early.path().empty());
  Session session(disk);
  session.open();
  CHECK_FALSE(early.next().has_value());
  std::vector<Record> seen;
  for (std::size_t i = 0; i < 60; ++i) {
    session.step(i);
    for (Record& record : drained(early))
      seen.push_back(std::move(record));
    REQUIRE(seen == session.written());
    REQUIRE(early.next_sequence() == session.journal().next_sequence());
    REQUIRE(early.path() == segment_path(kDirectory, session.journal().segment()));
    REQUIRE(early.offset() == session.journal().tail_offset());
    early.check_tail();
  }
}

TEST_CASE("reader: a record that came while it was busy with another is not overlooked") {
  MemoryDisk disk;
  Journal journal(disk, kDirectory, small_options());
  JournalReader reader(disk, kDirectory, 0);
  for (int turn = 0; turn < 40; ++turn) {
    REQUIRE(append(journal, group_at(journal.next_sequence(), 1)) == AppendResult::written);
    const auto view = reader.next(); // what it reads ahead is zeros still
    REQUIRE(view.has_value());
    REQUIRE(copied(*view) == record_at(view->first_sequence));
  }
  REQUIRE_FALSE(reader.next().has_value());
}

TEST_CASE("reader: takes no offence at what was taken back while it looked") {
  MemoryDisk memory;
  HookedDisk disk(memory);
  Journal journal(memory, kDirectory, small_options());
  JournalReader reader(disk, kDirectory, 0);
  std::vector<Record> written;
  const auto write = [&](std::size_t payload) {
    written.push_back({journal.next_sequence(), 1, 0, Bytes(payload, 7)});
    return append(journal, {written.back()});
  };
  for (int turn = 0; turn < 2; ++turn)
    REQUIRE(write(320) == AppendResult::written); // 256 of 1,024 bytes are left
  REQUIRE(drained(reader) == written);
  // Some bytes of a write land and cannot be zeroed at once.
  memory.fail(DiskOperation::write, 1, {.error = 0, .bytes = 90});
  memory.fail(DiskOperation::write, 2, {.error = ENOSPC, .bytes = 0, .times = 2});
  REQUIRE(write(190) == AppendResult::refused);
  written.pop_back();
  bool rotated = false;
  disk.before_open = [&](const std::string& path) {
    if (rotated || path != segment_path(kDirectory, journal.next_sequence())) return;
    rotated = true;
    REQUIRE(journal.try_resume());
    REQUIRE(write(400) == AppendResult::written); // needs a segment, of the name that is being looked for
  };
  const std::vector<Record> more = drained(reader);
  CHECK(more == std::vector<Record>{written.back()});
  CHECK(rotated);
  CHECK(journal.counters().rotations == 1);
}

TEST_CASE("reader: begins at the record that holds the sequence it was given, or waits for it") {
  MemoryDisk disk;
  Session session(disk);
  session.open();
  session.run(25);
  const std::vector<Record> all = session.written();
  for (std::uint64_t from = 0; from <= last_of(all) + 30; ++from) {
    CAPTURE(from);
    std::vector<Record> expected = all;
    std::erase_if(expected, [&](const Record& record) { return record.last_sequence() < from; });
    JournalReader reader(disk, kDirectory, from);
    REQUIRE(drained(reader) == expected);
    REQUIRE(reader.next_sequence() == std::max(from, last_of(all) + 1));
  }
  JournalReader waiting(disk, kDirectory, last_of(all) + 20);
  CHECK_FALSE(waiting.next().has_value());
  session.run(25);
  std::vector<Record> expected = session.written();
  std::erase_if(expected, [&](const Record& record) { return record.last_sequence() < last_of(all) + 20; });
  CHECK(drained(waiting) == expected);
}

TEST_CASE("reader: gives out nothing of a group until its last byte is there") {
  MemoryDisk source;
  const std::vector<Record> first = group_at(1, 2);
  const std::vector<Record> second = group_at(first.back().last_sequence() + 1, 3);
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  {
    Journal journal(source, kDirectory, small_options());
    REQUIRE(append(journal, first) == AppendResult::written);
    begin = journal.tail_offset();
    REQUIRE(append(journal, second) == AppendResult::written);
    end = journal.tail_offset();
  }
  const std::string path = segment_path(kDirectory, 1);
  const Bytes whole = source.contents(path);
  // The last bytes may be padding, zero before and after they are written.
  std::uint64_t last = end;
  while (whole[last - 1] == 0)
    --last;
  MemoryDisk disk;
  disk.set_contents(path, whole);
  const auto file = disk.open(path, OpenMode::update);
  REQUIRE(file->write(begin, Bytes(end - begin)).bytes == end - begin);
  JournalReader reader(disk, kDirectory, 0);
  REQUIRE(drained(reader) == first);
  for (std::uint64_t at = begin; at < last; ++at) {
    CAPTURE(at);
    REQUIRE_FALSE(reader.next().has_value());
    reader.check_tail();
    REQUIRE(file->write(at, std::span(whole).subspan(at, 1)).bytes == 1);
  }
  CHECK(drained(reader) == second);
}

TEST_CASE("reader: stops loudly where the journal goes on behind damage, not where it is being written") {
  MemoryDisk disk;
  Session session(disk);
  session.open();
  JournalReader reader(disk, kDirectory, 0);
  REQUIRE(append(session.journal(), group_at(1, 1)) == AppendResult::written);
  REQUIRE(drained(reader).size() == 1);
  const std::uint64_t damaged = session.journal().tail_offset();
  REQUIRE(append(session.journal(), group_at(session.journal().next_sequence(), 1)) == AppendResult::written);
  const auto file = disk.open(segment_path(kDirectory, 1), OpenMode::update);
  Bytes byte(1);
  REQUIRE(file->read(damaged, byte) == 1);
  byte[0] ^= 4;
  REQUIRE(file->write(damaged, byte).bytes == 1);
  CHECK_FALSE(reader.next().has_value());
  reader.check_tail(); // nothing lies behind it: it may be on its way
  REQUIRE(append(session.journal(), group_at(session.journal().next_sequence(), 1)) == AppendResult::written);
  CHECK_FALSE(reader.next().has_value());
  const std::string place = segment_path(kDirectory, 1) + " at offset " + std::to_string(damaged);
  CHECK_THROWS_WITH_AS(reader.check_tail(),
                       (place + ": the record's checksum is wrong, and whole records lie behind").c_str(),
                       JournalCorrupt);
  while (session.journal().counters().rotations == 0)
    REQUIRE(append(session.journal(), group_at(session.journal().next_sequence(), 2)) ==
            AppendResult::written);
  CHECK_THROWS_AS(reader.check_tail(), JournalCorrupt);
  JournalReader later(disk, kDirectory, session.journal().segment());
  CHECK_FALSE(drained(later).empty());
}

TEST_CASE("reader: bytes that are no record, at the end of a segment that is finished, stop it") {
  MemoryDisk disk;
  Session session(disk);
  session.open();
  std::uint64_t end = 0;
  while (session.journal().counters().rotations == 0) {
    end = session.journal().tail_offset();
    REQUIRE(append(session.journal(), group_at(session.journal().next_sequence(), 2)) ==
            AppendResult::written);
  }
  const auto file = disk.open(segment_path(kDirectory, 1), OpenMode::update);
  REQUIRE(file->write(end, Bytes(8, 1)).bytes == 8);
  JournalReader reader(disk, kDirectory, 0);
  const auto read_on = [&] { static_cast<void>(drained(reader)); };
  CHECK_THROWS_WITH_AS(
      read_on(),
      (segment_path(kDirectory, 1) + " at offset " + std::to_string(end) + ": there is no header of a record")
          .c_str(),
      JournalCorrupt);
  CHECK(reader.next_sequence() == session.journal().segment());
}

TEST_CASE("reader: a missing segment in the middle is no end") {
  MemoryDisk disk;
  Session session(disk);
  session.open();
  session.run(40);
  const std::vector<std::uint64_t> segments = list_segments(disk, kDirectory);
  disk.remove(segment_path(kDirectory, segments[2]));
  JournalReader reader(disk, kDirectory, 0);
  CHECK(last_of(drained(reader)) == segments[2] - 1);
  CHECK_THROWS_AS(reader.check_tail(), JournalCorrupt);
}

TEST_CASE("reader: a laggard whose records were removed learns it") {
  MemoryDisk disk;
  Session session(disk);
  session.open();
  REQUIRE(append(session.journal(), group_at(1, 1)) == AppendResult::written);
  JournalReader reader(disk, kDirectory, 0);
  REQUIRE(drained(reader).size() == 1);
  session.run(40);
  const std::vector<std::uint64_t> segments = list_segments(disk, kDirectory);
  remove_segments_before(disk, kDirectory, segments[3]);
  // What it has open it may read to its end.
  const std::vector<Record> rest = drained(reader);
  CHECK(last_of(rest) == segments[1] - 1);
  const auto look_often = [&] {
    for (int look = 0; look < 100; ++look)
      static_cast<void>(reader.next());
  };
  CHECK_THROWS_AS(look_often(), JournalGap);
}

namespace {

// A writer and a follower side by side: the follower sees exactly what was written.
void follow_beside(Disk& disk, const std::string& directory) {
  constexpr std::size_t kGroups = 2'000;
  JournalOptions options = small_options();
  options.segment_bytes = 32'768;
  Journal journal(disk, directory, options);
  const std::uint64_t last = [] {
    std::uint64_t sequence = 1;
    for (std::size_t i = 0; i < kGroups; ++i)
      sequence = group_at(sequence, 1 + i % 3).back().last_sequence() + 1;
    return sequence - 1;
  }();
  bool same = true;
  std::thread follower([&] {
    JournalReader reader(disk, directory, 1);
    std::uint64_t next = 1;
    while (next <= last) {
      const auto view = reader.next();
      if (!view) {
        std::this_thread::yield();
        continue;
      }
      same = same && copied(*view) == record_at(next);
      next = view->last_sequence() + 1;
    }
  });
  bool written = true;
  for (std::size_t i = 0; i < kGroups; ++i)
    written =
        append(journal, group_at(journal.next_sequence(), 1 + i % 3)) == AppendResult::written && written;
  follower.join();
  CHECK(written);
  CHECK(same);
  CHECK(journal.counters().rotations > 5);
}

} // namespace

TEST_CASE("reader: beside a writer in memory, sees exactly what was written") {
  MemoryDisk disk({.capacity_bytes = UINT64_MAX, .tracks_crashes = false});
  follow_beside(disk, kDirectory);
}

TEST_CASE("reader: beside a writer of files, sees exactly what was written") {
  const ScratchDirectory scratch;
  PosixDisk disk;
  follow_beside(disk, scratch.path());
}

TEST_SUITE_END();
