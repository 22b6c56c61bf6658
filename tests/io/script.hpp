// A journal session that can be broken anywhere: what it wrote, what it was promised, and what a reader finds.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "cmatch/io/journal.hpp"
#include "cmatch/io/journal_errors.hpp"
#include "cmatch/io/journal_reader.hpp"
#include "cmatch/io/journal_segments.hpp"
#include "cmatch/io/memory_disk.hpp"
#include "cmatch/io/posix_disk.hpp"
#include "random.hpp"

namespace cmatch::test {

using namespace cmatch::io;
using Bytes = std::vector<std::uint8_t>;

inline const std::string kDirectory = "data/journal";
inline constexpr std::uint64_t kJournalId = 0x1122334455667788ull;

// A directory of real files that is gone afterwards.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    const char* const place = std::getenv("TMPDIR");
    path_ = std::string(place != nullptr ? place : P_tmpdir) + "/cmatch-journal-XXXXXX";
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  ~ScratchDirectory() {
    PosixDisk disk;
    for (const std::string& name : disk.list(path_))
      disk.remove(path_ + "/" + name);
    ::rmdir(path_.c_str());
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Small segments, so that a short session has many.
inline JournalOptions small_options() {
  return {.segment_bytes = kSegmentHeaderBytes + 1'024,
          .write_bytes = 512,
          .epoch = 3,
          .first_sequence = 1,
          .journal_id = kJournalId,
          .recover_from = 0};
}

struct Record {
  std::uint64_t first_sequence = 0;
  std::uint32_t count = 0;
  std::int64_t ts_ns = 0;
  Bytes payload;

  bool operator==(const Record&) const = default;
  std::uint64_t last_sequence() const { return first_sequence + count - 1; }
  JournalEntry entry() const { return {first_sequence, count, ts_ns, payload}; }
};

// The record that begins at a sequence is always the same one.
inline Record record_at(std::uint64_t first_sequence) {
  Random random(first_sequence);
  Record record{.first_sequence = first_sequence,
                .count = static_cast<std::uint32_t>(1 + random.below(3)),
                .ts_ns = static_cast<std::int64_t>(1'000 + first_sequence * 10),
                .payload = Bytes(random.below(90))};
  for (std::uint8_t& byte : record.payload)
    byte = static_cast<std::uint8_t>(random.next());
  return record;
}

// `records` records from a sequence on: one group.
inline std::vector<Record> group_at(std::uint64_t first_sequence, std::size_t records) {
  std::vector<Record> group;
  for (std::size_t i = 0; i < records; ++i) {
    group.push_back(record_at(first_sequence));
    first_sequence += group.back().count;
  }
  return group;
}

inline AppendResult append(Journal& journal, const std::vector<Record>& group) {
  std::vector<JournalEntry> entries;
  for (const Record& record : group)
    entries.push_back(record.entry());
  return journal.append_many(entries);
}

inline Record copied(const RecordView& view) {
  return {view.first_sequence, view.count, view.ts_ns, Bytes(view.payload.begin(), view.payload.end())};
}

inline std::vector<Record> read_all(Disk& disk, std::uint64_t from_sequence = 0) {
  JournalReader reader(disk, kDirectory, from_sequence);
  std::vector<Record> records;
  while (const auto view = reader.next())
    records.push_back(copied(*view));
  reader.check_tail();
  return records;
}

// Whether `some` is how `all` begins.
inline bool begins(const std::vector<Record>& all, const std::vector<Record>& some) {
  return some.size() <= all.size() && std::equal(some.begin(), some.end(), all.begin());
}

inline std::uint64_t last_of(const std::vector<Record>& records) {
  return records.empty() ? 0 : records.back().last_sequence();
}

// One writer's life: what is in the journal as far as it was told, and what it had asked for last.
class Session {
 public:
  explicit Session(Disk& disk, const JournalOptions& options = small_options())
      : disk_(disk), options_(options) {}

  // Takes up the journal. What it finds counts as written and as durable.
  void open() {
    journal_ = std::make_unique<Journal>(disk_, kDirectory, options_);
    written_ = read_all(disk_);
    attempted_ = written_;
    durable_ = journal_->durable_sequence();
  }
  void close() { journal_.reset(); }

  // Steps of a fixed session: groups of one to three records, now and then a sync, a spare, a removal.
  void step(std::size_t number) {
    const std::vector<Record> group = group_at(journal_->next_sequence(), 1 + number % 3);
    attempted_ = written_;
    attempted_.insert(attempted_.end(), group.begin(), group.end());
    if (append(*journal_, group) == AppendResult::refused) {
      refused_ += 1;
      attempted_ = written_;
      journal_->try_resume();
    } else {
      written_ = attempted_;
    }
    if (number % 4 == 3) {
      journal_->sync();
      durable_ = journal_->durable_sequence();
    }
    if (number % 9 == 5) prepare();
  }

  void run(std::size_t steps) {
    for (std::size_t i = 0; i < steps; ++i)
      step(i);
  }

  Journal& journal() { return *journal_; }
  const std::vector<Record>& written() const { return written_; }     // what write() took
  const std::vector<Record>& attempted() const { return attempted_; } // and what it was last asked to
  std::uint64_t durable() const { return durable_; }                  // what sync() returned for
  std::uint64_t refused() const { return refused_; }

 private:
  void prepare() {
    try {
      journal_->prepare_spare();
    } catch (const DiskError&) { // a spare is a help, not a need
    }
  }

  Disk& disk_;
  JournalOptions options_;
  std::unique_ptr<Journal> journal_;
  std::vector<Record> written_;
  std::vector<Record> attempted_;
  std::uint64_t durable_ = 0;
  std::uint64_t refused_ = 0;
};

} // namespace cmatch::test
