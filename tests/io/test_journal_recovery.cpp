// Damage to a journal at rest: every truncation, bit and sector. It is cut exactly where nothing says that what is lost
// was durable, and refused everywhere else; no wrong record is ever accepted.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <map>
#include <optional>

#include "cmatch/io/crc32c.hpp"
#include "script.hpp"

TEST_SUITE_BEGIN("test_journal_recovery");

using namespace cmatch::test;

namespace {

// A group, or the header of a segment, with where it lies and what it knows.
struct Part {
  std::uint64_t segment = 0; // first sequence
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0; // first_sequence - 1 of a header
  std::uint64_t durable_sequence = 0;

  bool is_header() const { return begin == 0; }
};

// A journal at rest and everything a test needs to know to say what becomes of it.
struct Rest {
  std::map<std::string, Bytes> files;
  std::vector<std::uint64_t> segments;
  std::vector<Part> parts;
  std::vector<Record> records;

  void restore(MemoryDisk& disk) const {
    for (const auto& [path, bytes] : files)
      disk.set_contents(path, bytes);
  }
  const Bytes& file(std::uint64_t segment) const { return files.at(segment_path(kDirectory, segment)); }
};

// Syncs as `syncs` says of each group's number.
Rest make_rest(std::size_t groups, const std::function<bool(std::size_t)>& syncs) {
  MemoryDisk disk;
  Rest rest;
  Journal journal(disk, kDirectory, small_options());
  const auto note_header = [&] {
    rest.segments.push_back(journal.segment());
    rest.parts.push_back({.segment = journal.segment(),
                          .begin = 0,
                          .end = kSegmentHeaderBytes,
                          .first_sequence = journal.segment(),
                          .last_sequence = journal.segment() - 1,
                          .durable_sequence = journal.durable_sequence()});
  };
  note_header();
  for (std::size_t i = 0; i < groups; ++i) {
    const std::vector<Record> group = group_at(journal.next_sequence(), 1 + i % 3);
    REQUIRE(append(journal, group) == AppendResult::written);
    if (journal.segment() != rest.segments.back()) note_header();
    std::uint64_t bytes = 0;
    for (const Record& record : group)
      bytes += record_bytes(record.payload.size());
    rest.parts.push_back({.segment = journal.segment(),
                          .begin = journal.tail_offset() - bytes,
                          .end = journal.tail_offset(),
                          .first_sequence = group.front().first_sequence,
                          .last_sequence = group.back().last_sequence(),
                          .durable_sequence = journal.durable_sequence()});
    if (syncs(i)) journal.sync();
  }
  rest.records = read_all(disk);
  for (const std::uint64_t segment : rest.segments) {
    const std::string path = segment_path(kDirectory, segment);
    rest.files[path] = disk.contents(path);
  }
  return rest;
}

struct Outcome {
  std::optional<std::string> refusal;
  std::vector<Record> records;
  std::optional<JournalCut> cut;
};

Outcome recover(MemoryDisk& disk) {
  Outcome outcome;
  try {
    Session session(disk);
    session.open();
    outcome.records = session.written();
    outcome.cut = session.journal().recovery().cut;
    // What it left can be written on and read again.
    REQUIRE(append(session.journal(), {{session.journal().next_sequence(), 1, INT64_MAX, Bytes(5, 1)}}) ==
            AppendResult::written);
    REQUIRE(read_all(disk).size() == outcome.records.size() + 1);
  } catch (const JournalCorrupt& error) {
    outcome.refusal = error.what();
    CHECK_FALSE(error.file().empty());
  }
  return outcome;
}

// What has to become of a journal some of whose parts are damaged. What a damaged part knew is not counted.
void check_outcome(const Rest& rest, const std::function<bool(const Part&)>& is_damaged,
                   const Outcome& outcome) {
  std::uint64_t lost = 0; // first sequence of the first damaged part
  std::uint64_t known_durable = 0;
  bool first_header = false;
  for (const Part& part : rest.parts) {
    if (!is_damaged(part)) {
      known_durable = std::max(known_durable, part.durable_sequence);
    } else if (lost == 0) {
      lost = part.first_sequence;
      first_header = &part == &rest.parts.front();
    }
  }
  const bool refuses = first_header || (lost > 0 && known_durable >= lost);
  if (lost == 0) {
    REQUIRE_FALSE(outcome.refusal.has_value());
    REQUIRE(outcome.records == rest.records);
    return;
  }
  REQUIRE(outcome.refusal.has_value() == refuses);
  if (refuses) return;
  std::vector<Record> expected = rest.records;
  std::erase_if(expected, [&](const Record& record) { return record.first_sequence >= lost; });
  REQUIRE(outcome.records == expected);
}

bool never(std::size_t) { return false; }
bool often(std::size_t group) { return group % 2 == 1; }
bool once(std::size_t group) { return group == 3; }

const std::vector<std::function<bool(std::size_t)>> kHabits{never, often, once};

void put_record(Bytes& file, std::uint64_t at, const std::function<void(RecordHeader&)>& change) {
  RecordHeader header;
  std::memcpy(&header, file.data() + at, sizeof header);
  change(header);
  std::memcpy(file.data() + at, &header, sizeof header);
  seal_record(std::span(file).subspan(at, record_bytes(header.length)));
}

} // namespace

// req: spec/faults.md 44
TEST_CASE("damage: every bit of every record and header is cut or refused as the records say") {
  const Rest rest = make_rest(11, once);
  REQUIRE(rest.segments.size() == 3);
  std::size_t refusals = 0;
  std::size_t cuts = 0;
  for (const Part& part : rest.parts) {
    const std::string path = segment_path(kDirectory, part.segment);
    for (std::uint64_t at = part.begin; at < part.end; ++at) {
      // The zeros of a header's block behave alike: one bit of some is enough.
      if (part.is_header() && at >= sizeof(SegmentHeader) && at % 61 != 0) continue;
      for (int bit = 0; bit < 8; ++bit) {
        CAPTURE(part.segment);
        CAPTURE(at);
        CAPTURE(bit);
        MemoryDisk disk({.capacity_bytes = UINT64_MAX, .tracks_crashes = false});
        rest.restore(disk);
        Bytes bytes = rest.file(part.segment);
        bytes[at] ^= static_cast<std::uint8_t>(1 << bit);
        disk.set_contents(path, bytes);
        const Outcome outcome = recover(disk);
        check_outcome(rest, [&](const Part& one) { return &one == &part; }, outcome);
        refusals += outcome.refusal ? 1 : 0;
        cuts += outcome.cut ? 1 : 0;
      }
    }
  }
  CHECK(refusals > 1'000);
  CHECK(cuts > 1'000);
}

TEST_CASE("damage: a bit in the zeros behind the last record is discarded, and nothing else") {
  const Rest rest = make_rest(5, often);
  const std::uint64_t segment = rest.segments.back();
  const Bytes& whole = rest.file(segment);
  for (std::uint64_t at = rest.parts.back().end; at < whole.size(); at += 3) {
    CAPTURE(at);
    MemoryDisk disk;
    rest.restore(disk);
    Bytes bytes = whole;
    bytes[at] ^= 0x10;
    disk.set_contents(segment_path(kDirectory, segment), bytes);
    const Outcome outcome = recover(disk);
    REQUIRE_FALSE(outcome.refusal.has_value());
    REQUIRE(outcome.records == rest.records);
    REQUIRE(outcome.cut.has_value());
    REQUIRE(outcome.cut->lost_last == 0);
  }
}

TEST_CASE("damage: every truncation of every segment") {
  for (const auto& habit : kHabits) {
    const Rest rest = make_rest(11, habit);
    for (const std::uint64_t segment : rest.segments) {
      const Bytes& whole = rest.file(segment);
      for (std::uint64_t size = 0; size <= whole.size();
           size += size < sizeof(SegmentHeader) || size >= 4'000 ? 1 : 97) {
        CAPTURE(segment);
        CAPTURE(size);
        MemoryDisk disk({.capacity_bytes = UINT64_MAX, .tracks_crashes = false});
        rest.restore(disk);
        disk.set_contents(segment_path(kDirectory, segment), std::span(whole).first(size));
        const Outcome outcome = recover(disk);
        check_outcome(
            rest, [&](const Part& part) { return part.segment == segment && part.end > size; }, outcome);
        if (!outcome.refusal && segment == rest.segments.back() && size >= kSegmentHeaderBytes)
          REQUIRE(disk.contents(segment_path(kDirectory, segment)).size() == whole.size());
      }
    }
  }
}

TEST_CASE("damage: every zeroed sector, and every zeroed or overwritten part") {
  for (const auto& habit : kHabits) {
    const Rest rest = make_rest(14, habit);
    const auto damage = [&](std::uint64_t segment, std::uint64_t begin, std::uint64_t end,
                            std::uint8_t fill) {
      CAPTURE(segment);
      CAPTURE(begin);
      MemoryDisk disk;
      rest.restore(disk);
      Bytes bytes = rest.file(segment);
      std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                bytes.begin() + static_cast<std::ptrdiff_t>(end), fill);
      disk.set_contents(segment_path(kDirectory, segment), bytes);
      const auto touches = [&](const Part& part) {
        if (part.segment != segment || part.begin >= end || part.end <= begin) return false;
        // Zeros over zeros change nothing.
        const auto from = static_cast<std::ptrdiff_t>(std::max(part.begin, begin));
        const auto to = static_cast<std::ptrdiff_t>(std::min(part.end, end));
        return !std::equal(bytes.begin() + from, bytes.begin() + to, rest.file(segment).begin() + from);
      };
      check_outcome(rest, touches, recover(disk));
    };
    for (const std::uint64_t segment : rest.segments)
      for (std::uint64_t at = 0; at < rest.file(segment).size(); at += 512)
        damage(segment, at, at + 512, 0);
    for (const Part& part : rest.parts)
      for (const std::uint8_t fill : {std::uint8_t{0}, std::uint8_t{0xFF}})
        damage(part.segment, part.begin, part.end, fill);
  }
}

TEST_CASE("damage: a missing segment is refused where a later one knew it to be durable") {
  for (const auto& habit : kHabits) {
    const Rest rest = make_rest(30, habit);
    REQUIRE(rest.segments.size() > 5);
    for (const std::uint64_t missing : rest.segments) {
      if (missing == rest.segments.front()) continue;
      CAPTURE(missing);
      MemoryDisk disk;
      rest.restore(disk);
      disk.remove(segment_path(kDirectory, missing));
      check_outcome(rest, [&](const Part& part) { return part.segment == missing; }, recover(disk));
    }
  }
}

TEST_CASE("damage: a segment of another journal, of another place, or of another past is refused") {
  const Rest rest = make_rest(11, never);
  REQUIRE(rest.segments.size() == 3);
  const std::string last = segment_path(kDirectory, rest.segments[2]);
  const auto refused = [&](const std::function<void(Bytes&, SegmentHeader&)>& change) {
    MemoryDisk disk;
    rest.restore(disk);
    Bytes bytes = rest.file(rest.segments[2]);
    SegmentHeader header;
    std::memcpy(&header, bytes.data(), sizeof header);
    change(bytes, header);
    header.crc = crc32c(0, {reinterpret_cast<const std::uint8_t*>(&header), offsetof(SegmentHeader, crc)});
    std::memcpy(bytes.data(), &header, sizeof header);
    disk.set_contents(last, bytes);
    try {
      const Journal journal(disk, kDirectory, small_options());
    } catch (const JournalError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string at = last + " at offset 0: ";
  CHECK(refused([](Bytes&, SegmentHeader&) {}).empty());
  CHECK(refused([](Bytes&, SegmentHeader& header) { header.journal_id ^= 1; }) ==
        at + "the segment belongs to another journal");
  CHECK(refused([](Bytes&, SegmentHeader& header) { header.first_sequence += 1; }) ==
        at + "the segment was made for another name");
  CHECK(refused([](Bytes&, SegmentHeader& header) { header.chain ^= 1; }) ==
        at + "the segment does not continue the one before it");
  CHECK(refused([](Bytes&, SegmentHeader& header) { header.epoch -= 1; }) ==
        at + "the segment's epoch is behind that of the one before it");
  CHECK(refused([](Bytes&, SegmentHeader& header) { header.version = 2; }) ==
        "the journal has version 2, not 1");
  // Even where the journal ends before it.
  MemoryDisk disk;
  rest.restore(disk);
  disk.remove(segment_path(kDirectory, rest.segments[1]));
  Bytes bytes = rest.file(rest.segments[2]);
  ChainPoint point{.journal_id = 99, .next_sequence = rest.segments[2]};
  write_segment_header(point, bytes.size(), std::span(bytes).first(kSegmentHeaderBytes));
  disk.set_contents(last, bytes);
  CHECK_THROWS_WITH_AS(Journal(disk, kDirectory, small_options()),
                       (at + "the segment belongs to another journal").c_str(), JournalCorrupt);
}

TEST_CASE("damage: a whole record that cannot be where it is, is refused, whatever was durable") {
  const Rest rest = make_rest(4, often);
  const Part group = rest.parts.back();
  REQUIRE(group.durable_sequence > 1);
  const std::string path = segment_path(kDirectory, group.segment);
  const auto refusal = [&](const std::function<void(RecordHeader&)>& change) {
    MemoryDisk disk;
    rest.restore(disk);
    Bytes bytes = rest.file(group.segment);
    put_record(bytes, group.begin, change);
    disk.set_contents(path, bytes);
    const Outcome outcome = recover(disk);
    return outcome.refusal.value_or("");
  };
  const std::string at = path + " at offset " + std::to_string(group.begin) + ": ";
  CHECK(refusal([](RecordHeader& header) { header.chain ^= 1; }) ==
        at + "the record does not continue the one before it");
  CHECK(refusal([](RecordHeader& header) { header.first_sequence += 1; }) ==
        at + "the record's sequence is not the next one");
  CHECK(refusal([](RecordHeader& header) { header.epoch -= 1; }) ==
        at + "the record's epoch is behind that of the record before it");
  CHECK(refusal([](RecordHeader& header) { header.ts_ns = 0; }) ==
        at + "the record's time is behind that of the record before it");
  const Part before = *(&rest.parts.back() - 1);
  REQUIRE(before.segment == group.segment);
  CHECK(refusal([&](RecordHeader& header) { header.durable_sequence = before.durable_sequence - 1; }) ==
        at + "the record knows less to be durable than the record before it");
}

TEST_CASE("damage: what only a later segment's header knew to be durable is missed, too") {
  Rest rest = make_rest(11, often);
  const std::uint64_t last = rest.segments.back();
  Bytes& bytes = rest.files[segment_path(kDirectory, last)];
  std::fill(bytes.begin() + kSegmentHeaderBytes, bytes.end(), std::uint8_t{0});
  const auto header = std::find_if(rest.parts.begin(), rest.parts.end(), [&](const Part& part) {
    return part.segment == last && part.is_header();
  });
  for (const Part& part : rest.parts) {
    if (part.is_header() || part.segment == last) continue;
    CAPTURE(part.first_sequence);
    MemoryDisk disk;
    rest.restore(disk);
    Bytes damaged = rest.file(part.segment);
    std::fill(damaged.begin() + static_cast<std::ptrdiff_t>(part.begin), damaged.end(), std::uint8_t{0});
    disk.set_contents(segment_path(kDirectory, part.segment), damaged);
    for (const std::uint64_t between : rest.segments)
      if (between > part.segment && between < last) disk.remove(segment_path(kDirectory, between));
    REQUIRE(recover(disk).refusal.has_value() == (header->durable_sequence >= part.first_sequence));
  }
}

TEST_CASE("damage: records that do not make a group are none, and are cut") {
  const auto outcome_of = [](const std::function<void(Bytes&, std::uint64_t, std::uint64_t)>& change) {
    MemoryDisk disk;
    Journal(disk, kDirectory, small_options()).append({1, 1, 0, Bytes(8, 1)});
    {
      Journal journal(disk, kDirectory, small_options());
      REQUIRE(append(journal, {{2, 1, 0, Bytes(8, 2)}, {3, 1, 0, Bytes(8, 3)}}) == AppendResult::written);
    }
    const std::string path = segment_path(kDirectory, 1);
    Bytes bytes = disk.contents(path);
    change(bytes, kSegmentHeaderBytes + record_bytes(8), kSegmentHeaderBytes + 2 * record_bytes(8));
    disk.set_contents(path, bytes);
    return recover(disk);
  };
  const auto chain_to = [](Bytes& bytes, std::uint64_t before, std::uint64_t at) {
    std::uint32_t crc = 0;
    std::memcpy(&crc, bytes.data() + before, sizeof crc);
    put_record(bytes, at, [&](RecordHeader& header) { header.chain = crc; });
  };
  const std::vector<Record> whole{{1, 1, 0, Bytes(8, 1)}, {2, 1, 0, Bytes(8, 2)}, {3, 1, 0, Bytes(8, 3)}};
  const std::vector<Record> first{whole[0]};

  const Outcome same =
      outcome_of([&](Bytes& bytes, std::uint64_t one, std::uint64_t two) { chain_to(bytes, one, two); });
  CHECK(same.records == whole);
  const Outcome miscounted = outcome_of([&](Bytes& bytes, std::uint64_t one, std::uint64_t two) {
    put_record(bytes, one, [](RecordHeader& header) { header.left = 2; });
    chain_to(bytes, one, two);
  });
  CHECK(miscounted.records == first);
  CHECK(miscounted.cut->reason == "the record is not the next one of its group");
  // As when a group that was taken back and written again is half of either.
  const Outcome mixed = outcome_of([&](Bytes& bytes, std::uint64_t, std::uint64_t two) {
    put_record(bytes, two, [](RecordHeader& header) { header.chain ^= 1; });
  });
  CHECK_FALSE(mixed.refusal.has_value());
  CHECK(mixed.records == first);
  const Outcome boasting = outcome_of([&](Bytes& bytes, std::uint64_t one, std::uint64_t two) {
    put_record(bytes, one, [](RecordHeader& header) { header.durable_sequence = 2; });
    chain_to(bytes, one, two);
    put_record(bytes, two, [](RecordHeader& header) { header.durable_sequence = 3; });
  });
  CHECK_FALSE(boasting.refusal.has_value());
  CHECK(boasting.records == first);
}

TEST_CASE("damage: a record that a payload carries is no record, though it is whole and of this journal") {
  MemoryDisk disk;
  Bytes forged(record_bytes(16));
  {
    Journal journal(disk, kDirectory, small_options());
    REQUIRE(journal.append({1, 1, 0, Bytes(16, 3)}) == AppendResult::written);
    journal.sync();
    REQUIRE(journal.append({2, 1, 0, Bytes(16, 4)}) == AppendResult::written);
    // Who knows a record of the journal sends it as an order: it would say that sequence 2 was durable.
    const Bytes file = disk.contents(segment_path(kDirectory, 1));
    std::copy_n(file.begin() + kSegmentHeaderBytes + static_cast<std::ptrdiff_t>(record_bytes(16)),
                forged.size(), forged.begin());
    put_record(forged, 0, [](RecordHeader& header) {
      header.first_sequence = 9;
      header.durable_sequence = 8;
    });
    REQUIRE(journal.append({3, 1, 0, forged}) == AppendResult::written);
  }
  Bytes file = disk.contents(segment_path(kDirectory, 1));
  file[kSegmentHeaderBytes + record_bytes(16)] ^= 1; // the second record is torn
  disk.set_contents(segment_path(kDirectory, 1), file);
  const Outcome outcome = recover(disk);
  CHECK_FALSE(outcome.refusal.has_value());
  CHECK(outcome.records == std::vector<Record>{{1, 1, 0, Bytes(16, 3)}});
  REQUIRE(outcome.cut.has_value());
  CHECK(outcome.cut->lost_first == 2);
  CHECK(outcome.cut->lost_last == 3);
}

TEST_CASE("recovery: of a part is the same as of all; a lost header sends it further back") {
  const Rest rest = make_rest(30, often);
  for (std::uint64_t from = 1; from <= last_of(rest.records) + 1; ++from) {
    CAPTURE(from);
    MemoryDisk disk;
    rest.restore(disk);
    JournalOptions options = small_options();
    options.recover_from = from;
    const Journal journal(disk, kDirectory, options);
    REQUIRE(journal.written_sequence() == last_of(rest.records));
    REQUIRE_FALSE(journal.recovery().cut.has_value());
    REQUIRE(journal.recovery().segments <= rest.segments.size());
  }
  // A power cut between the making of a segment and its first sync.
  MemoryDisk disk;
  const Rest young = make_rest(11, never);
  young.restore(disk);
  const std::string path = segment_path(kDirectory, young.segments.back());
  disk.set_contents(path, Bytes(young.file(young.segments.back()).size()));
  JournalOptions options = small_options();
  options.recover_from = young.segments.back();
  const Journal journal(disk, kDirectory, options);
  CHECK(journal.next_sequence() == young.segments.back());
  CHECK(journal.recovery().cut->file == path);
}

TEST_CASE("recovery: what is left over from a rotation that was cut short is no segment") {
  const Rest rest = make_rest(5, often);
  MemoryDisk disk;
  rest.restore(disk);
  for (const char* name : {kNextFile, kSpareFile, kNewSpareFile})
    disk.set_contents(kDirectory + name, rest.file(rest.segments[0]));
  for (const char* name :
       {"/1.journal", "/00000000000000000009.journal.bak", "/0000000000000000000x.journal"})
    disk.set_contents(kDirectory + name, Bytes(10));
  const Outcome outcome = recover(disk);
  CHECK_FALSE(outcome.refusal.has_value());
  CHECK(outcome.records == rest.records);
  const std::vector<std::string> left = disk.list(kDirectory);
  CHECK(std::count(left.begin(), left.end(), "next") == 0);
  CHECK(std::count(left.begin(), left.end(), "spare") == 0);
}

TEST_SUITE_END();
