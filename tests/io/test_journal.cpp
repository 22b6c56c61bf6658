// The journal by itself: what is appended is read, across segments, groups and restarts; misuse is refused.
#include <doctest/doctest.h>

#include <cstring>

#include "script.hpp"

TEST_SUITE_BEGIN("test_journal");

using namespace cmatch::test;

namespace {

std::string refusal(Disk& disk, const JournalOptions& options) {
  try {
    const Journal journal(disk, kDirectory, options);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("append: records of many segments are read as they were written, and again after a restart") {
  MemoryDisk disk;
  Session session(disk);
  session.open();
  CHECK(session.journal().recovery().created);
  session.run(60);
  CHECK(session.journal().counters().rotations > 5);
  CHECK(session.journal().written_sequence() == last_of(session.written()));
  CHECK(read_all(disk) == session.written());
  const std::uint64_t id = session.journal().journal_id();
  session.close();

  Session again(disk);
  again.open();
  CHECK_FALSE(again.journal().recovery().created);
  CHECK_FALSE(again.journal().recovery().cut.has_value());
  CHECK(again.journal().recovery().records == session.written().size());
  CHECK(again.journal().journal_id() == id);
  CHECK(again.journal().durable_sequence() == last_of(session.written()));
  CHECK(again.written() == session.written());
  again.run(20);
  CHECK(begins(again.written(), session.written()));
  CHECK(read_all(disk) == again.written());
}

TEST_CASE("append: what a record was written with is what a reader sees") {
  MemoryDisk disk;
  Journal journal(disk, kDirectory, small_options());
  const Bytes payload{1, 2, 3};
  REQUIRE(journal.append({1, 4, 50, payload}) == AppendResult::written);
  journal.sync();
  journal.raise_epoch(8);
  REQUIRE(journal.append({5, 1, 50, {}}) == AppendResult::written);

  JournalReader reader(disk, kDirectory, 0);
  auto view = reader.next();
  REQUIRE(view.has_value());
  CHECK(copied(*view) == Record{1, 4, 50, payload});
  CHECK(view->epoch == 3);
  CHECK(view->durable_sequence == 0);
  CHECK(reinterpret_cast<std::uintptr_t>(view->payload.data()) % 8 == 0);
  view = reader.next();
  REQUIRE(view.has_value());
  CHECK(copied(*view) == Record{5, 1, 50, {}});
  CHECK(view->epoch == 8);
  CHECK(view->durable_sequence == 4);
  CHECK_FALSE(reader.next().has_value());
}

TEST_CASE("reserve and commit: a payload may be written in place, and shorter than was reserved") {
  MemoryDisk disk;
  Journal journal(disk, kDirectory, small_options());
  for (const std::uint8_t byte : {std::uint8_t{7}, std::uint8_t{9}}) {
    const std::span<std::uint8_t> room = journal.reserve(64);
    REQUIRE(room.size() == 64);
    CHECK(reinterpret_cast<std::uintptr_t>(room.data()) % 8 == 0);
    std::memset(room.data(), byte, room.size());
    journal.commit(byte == 7 ? 1 : 2, 1, 10, 5);
  }
  CHECK(read_all(disk).empty());
  CHECK(journal.write() == AppendResult::written);
  CHECK(journal.counters().writes == 1);
  CHECK(read_all(disk) == std::vector<Record>{{1, 1, 10, Bytes(5, 7)}, {2, 1, 10, Bytes(5, 9)}});
  CHECK(journal.write() == AppendResult::written); // of nothing
  CHECK(journal.counters().writes == 1);
}

TEST_CASE("append_many: one write of the disk, however many records") {
  MemoryDisk disk;
  Journal journal(disk, kDirectory, small_options());
  const std::uint64_t before = disk.operations(DiskOperation::write);
  REQUIRE(append(journal, group_at(1, 3)) == AppendResult::written);
  CHECK(disk.operations(DiskOperation::write) == before + 1);
}

TEST_CASE("commit: a wrong sequence, a time that steps back and no commands at all change nothing") {
  MemoryDisk disk;
  Journal journal(disk, kDirectory, small_options());
  REQUIRE(journal.append({1, 2, 10, {}}) == AppendResult::written);
  const Bytes large(512);
  CHECK_THROWS_AS(journal.append({1, 1, 10, {}}), std::invalid_argument);
  CHECK_THROWS_AS(journal.append({4, 1, 10, {}}), std::invalid_argument);
  CHECK_THROWS_AS(journal.append({3, 0, 10, {}}), std::invalid_argument);
  CHECK_THROWS_AS(journal.append({3, 1, 9, {}}), std::invalid_argument);
  CHECK_THROWS_AS(journal.append({3, 1, 10, large}), std::invalid_argument);
  CHECK_THROWS_AS(append(journal, {{3, 1, 10, {}}, {5, 1, 10, {}}}), std::invalid_argument);
  CHECK_THROWS_AS(journal.reserve(SIZE_MAX), std::invalid_argument);
  static_cast<void>(journal.reserve(8));
  CHECK_THROWS_AS(journal.commit(3, 1, 10, 9), std::invalid_argument);
  CHECK(journal.write() == AppendResult::written);
  CHECK_THROWS_AS(journal.note_durable(3), std::invalid_argument);
  CHECK_THROWS_AS(journal.raise_epoch(2), std::invalid_argument);
  REQUIRE(journal.append({3, 1, 10, {}}) == AppendResult::written);
  CHECK(read_all(disk) == std::vector<Record>{{1, 2, 10, {}}, {3, 1, 10, {}}});
}

TEST_CASE("sync: is durable to what was written, once, and the next record says so") {
  MemoryDisk disk;
  Session session(disk);
  session.open();
  REQUIRE(append(session.journal(), group_at(1, 2)) == AppendResult::written);
  CHECK(session.journal().durable_sequence() == 0);
  session.journal().sync();
  CHECK(session.journal().durable_sequence() == session.journal().written_sequence());
  const std::uint64_t operations = disk.operations();
  session.journal().sync();
  CHECK(disk.operations() == operations);
}

TEST_CASE("note_durable: another process may do the syncing") {
  MemoryDisk disk;
  Journal journal(disk, kDirectory, small_options());
  std::uint64_t sequence = 1;
  while (journal.counters().rotations < 1) {
    REQUIRE(append(journal, group_at(sequence, 1)) == AppendResult::written);
    sequence = journal.next_sequence();
  }
  const std::uint64_t written = journal.written_sequence();
  const std::vector<Record> before = read_all(disk);
  sync_segments(disk, kDirectory);
  journal.note_durable(written);
  CHECK(journal.durable_sequence() == written);
  disk.crash(CrashKind::lost, 1);
  Session again(disk);
  again.open();
  CHECK(again.written() == before);
}

TEST_CASE("rotation: takes the spare where there is one of its size, and counts the segments made late") {
  MemoryDisk disk;
  Journal journal(disk, kDirectory, small_options());
  const auto fill = [&](std::uint64_t rotations) {
    while (journal.counters().rotations < rotations)
      REQUIRE(append(journal, group_at(journal.next_sequence(), 2)) == AppendResult::written);
  };
  fill(1);
  CHECK(journal.counters().segments_made_late == 1);
  journal.prepare_spare();
  const std::uint64_t allocations = disk.operations(DiskOperation::allocate);
  journal.prepare_spare(); // it is there
  fill(2);
  CHECK(journal.counters().segments_made_late == 1);
  CHECK(disk.operations(DiskOperation::allocate) == allocations);
  CHECK(prepare_spare(disk, kDirectory, kSegmentHeaderBytes)); // of a size that is not ours
  fill(3);
  CHECK(journal.counters().segments_made_late == 2);
  CHECK(list_segments(disk, kDirectory).size() == 4);
  read_all(disk);
}

TEST_CASE("prepare_spare: steps back where another is at it") {
  MemoryDisk disk;
  std::string holder;
  const auto lock = disk.lock(kDirectory + kSpareLockFile, "process 77", holder);
  CHECK_FALSE(prepare_spare(disk, kDirectory, 8'192));
  CHECK(disk.list(kDirectory) == std::vector<std::string>{"spare.lock"});
}

TEST_CASE("rotation: all but the last two segments are durable though nobody syncs") {
  MemoryDisk disk;
  Session session(disk);
  session.open();
  while (session.journal().counters().rotations < 5) {
    const std::vector<Record> group = group_at(session.journal().next_sequence(), 2);
    REQUIRE(append(session.journal(), group) == AppendResult::written);
  }
  const std::vector<std::uint64_t> segments = list_segments(disk, kDirectory);
  REQUIRE(segments.size() == 6);
  CHECK(session.journal().durable_sequence() == segments[4] - 1);
  session.close();
  disk.crash(CrashKind::lost, 0);
  Session again(disk);
  again.open();
  CHECK(last_of(again.written()) == segments[4] - 1);
}

TEST_CASE("remove_segments_before: takes whole segments, never the last, and a restart goes on behind them") {
  MemoryDisk disk;
  Session session(disk);
  session.open();
  session.run(40);
  const std::vector<std::uint64_t> segments = list_segments(disk, kDirectory);
  REQUIRE(segments.size() > 4);
  CHECK(remove_segments_before(disk, kDirectory, segments[2] - 1) == 1);
  CHECK(remove_segments_before(disk, kDirectory, segments[2]) == 1);
  CHECK(list_segments(disk, kDirectory).front() == segments[2]);
  std::vector<Record> kept = session.written();
  std::erase_if(kept, [&](const Record& record) { return record.first_sequence < segments[2]; });
  CHECK(read_all(disk) == kept);
  CHECK_THROWS_AS(read_all(disk, segments[2] - 1), JournalGap);
  session.close();

  JournalOptions options = small_options();
  options.recover_from = segments[2] - 1;
  CHECK(refusal(disk, options).find("begins at sequence") != std::string::npos);
  options.recover_from = segments[3] + 1;
  {
    const Journal journal(disk, kDirectory, options);
    CHECK(journal.recovery().segments == segments.size() - 3); // earlier ones are not read
    CHECK(journal.written_sequence() == last_of(kept));
  }
  options.recover_from = last_of(kept) + 2;
  CHECK(refusal(disk, options).find("ends before sequence") != std::string::npos);
  CHECK(remove_segments_before(disk, kDirectory, UINT64_MAX) == segments.size() - 3);
  CHECK(list_segments(disk, kDirectory).size() == 1);
  Session again(disk);
  again.open();
  CHECK(last_of(again.written()) == last_of(kept));
}

TEST_CASE("remove_segments_before: what becomes the first segment survives a power cut") {
  MemoryDisk disk;
  std::uint64_t last = 0;
  {
    Journal journal(disk, kDirectory, small_options());
    while (journal.counters().rotations < 1)
      REQUIRE(append(journal, group_at(journal.next_sequence(), 2)) == AppendResult::written);
    last = journal.written_sequence();
    remove_segments_before(disk, kDirectory, journal.segment());
  }
  disk.crash(CrashKind::lost, 0);
  const Journal again(disk, kDirectory, small_options());
  CHECK(again.written_sequence() == last);
}

TEST_CASE("open: a second writer is refused and told who the first is; afterwards it may") {
  MemoryDisk disk;
  {
    const Journal journal(disk, kDirectory + "/", small_options());
    CHECK(refusal(disk, small_options()).find("is written by process ") != std::string::npos);
    CHECK_THROWS_AS(Journal(disk, kDirectory, small_options()), JournalLocked);
  }
  CHECK(refusal(disk, small_options()).empty());
}

TEST_CASE("open: an epoch behind the journal's is refused, and its own is in every record from then on") {
  MemoryDisk disk;
  JournalOptions options = small_options();
  {
    Journal journal(disk, kDirectory, options);
    REQUIRE(journal.append({1, 1, 0, {}}) == AppendResult::written);
  }
  options.epoch = 2;
  CHECK(refusal(disk, options).find("another writer has taken over") != std::string::npos);
  options.epoch = 4;
  {
    Journal journal(disk, kDirectory, options);
    REQUIRE(journal.append({2, 1, 0, {}}) == AppendResult::written);
  }
  JournalReader reader(disk, kDirectory, 2);
  CHECK(reader.next()->epoch == 4);
}

TEST_CASE("open: options that cannot be are refused before anything is made") {
  MemoryDisk disk;
  const auto with = [&](auto change) {
    JournalOptions options = small_options();
    change(options);
    return refusal(disk, options);
  };
  CHECK(with([](JournalOptions& o) { o.write_bytes = 511; }) != "");
  CHECK(with([](JournalOptions& o) { o.write_bytes = 64; }) != "");
  CHECK(with([](JournalOptions& o) { o.segment_bytes = kSegmentHeaderBytes + 504; }) != "");
  CHECK(with([](JournalOptions& o) { o.segment_bytes += 4; }) != "");
  CHECK(with([](JournalOptions& o) { o.segment_bytes = kMaxSegmentBytes + 8; }) != "");
  CHECK(with([](JournalOptions& o) { o.first_sequence = 0; }) != "");
  CHECK(disk.list(kDirectory).empty());
  CHECK(with([](JournalOptions& o) { o.recover_from = 9; }).find("there is no journal") != std::string::npos);
  CHECK(list_segments(disk, kDirectory).empty());
  CHECK(with([](JournalOptions& o) { o.first_sequence = o.recover_from = 9; }) == "");
  CHECK(list_segments(disk, kDirectory) == std::vector<std::uint64_t>{9});
}

TEST_CASE("open: with larger writes than an empty segment holds, makes a larger one; readers come along") {
  MemoryDisk disk;
  {
    const Journal journal(disk, kDirectory, small_options());
  }
  JournalReader reader(disk, kDirectory, 1);
  CHECK_FALSE(reader.next().has_value());
  JournalOptions options = small_options();
  options.write_bytes = 4'096;
  options.segment_bytes = 4 * 4'096;
  const Record record{1, 1, 0, Bytes(3'000, 5)};
  {
    Journal journal(disk, kDirectory, options);
    REQUIRE(append(journal, {record}) == AppendResult::written);
    journal.sync();
  }
  std::optional<RecordView> view;
  for (int look = 0; look < 100 && !view; ++look)
    view = reader.next();
  REQUIRE(view.has_value());
  CHECK(copied(*view) == record);
  CHECK(read_all(disk) == std::vector<Record>{record});
  disk.crash(CrashKind::lost, 0);
  CHECK(Journal(disk, kDirectory, options).written_sequence() == 1);
}

TEST_CASE("records: their bytes are what the format says") {
  MemoryDisk disk;
  Journal journal(disk, kDirectory, small_options());
  REQUIRE(journal.append({1, 2, 77, Bytes{0xAA}}) == AppendResult::written);
  const Bytes file = disk.contents(segment_path(kDirectory, 1));
  CHECK(file.size() == small_options().segment_bytes);
  CHECK(std::memcmp(file.data(), "CMJRNL1\0\1\0\0\0", 12) == 0);
  const Bytes record(file.begin() + kSegmentHeaderBytes, file.begin() + kSegmentHeaderBytes + 72);
  const Bytes expected{
      0,    0,    0,    0,    0,    0,    0,    0,    // crc (below), chain
      1,    0,    0,    0,    2,    0,    0,    0,    // length, count
      0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, // journal_id
      1,    0,    0,    0,    0,    0,    0,    0,    // first_sequence
      77,   0,    0,    0,    0,    0,    0,    0,    // ts_ns
      0,    0,    0,    0,    0,    0,    0,    0,    // durable_sequence
      3,    0,    0,    0,    0,    0,    0,    0,    // epoch
      0,    2,    0,    0,    0,    0,    0,    0,    // place, left
      0xAA, 0,    0,    0,    0,    0,    0,    0,    // payload, padded
  };
  CHECK(Bytes(record.begin() + 4, record.end()) == Bytes(expected.begin() + 4, expected.end()));
  CHECK(is_sealed(record));
}

TEST_SUITE_END();
