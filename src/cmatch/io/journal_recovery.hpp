// What a writer does before its first record: finds where the journal ends, and makes what it found durable.
#pragma once

#include <optional>
#include <string>

#include "cmatch/io/disk.hpp"
#include "cmatch/io/journal_format.hpp"

namespace cmatch::io {

// The end of a journal that lost an unsynced tail. No record says that anything of it was durable.
struct JournalCut {
  std::string file; // where the damage lies
  std::uint64_t offset = 0;
  std::string reason;
  std::uint64_t discarded_bytes = 0;
  std::uint64_t lost_first = 0; // the first sequence that is lost
  std::uint64_t lost_last = 0;  // the last that is known to be; 0 where nothing readable was left

  std::string to_string() const;
};

struct RecoveryReport {
  bool created = false;       // there was no journal
  std::uint64_t segments = 0; // read, as are the records
  std::uint64_t records = 0;
  std::uint64_t last_sequence = 0;    // first_sequence - 1 of a journal without records
  std::uint64_t durable_sequence = 0; // as the records said; now all of them are
  std::uint64_t rewritten_bytes = 0;
  std::optional<JournalCut> cut;
};

struct Recovered {
  RecoveryReport report;
  ChainPoint point;
  std::uint64_t segment = 0; // first sequence of the last one
  std::uint64_t segment_bytes = 0;
  std::uint64_t tail = 0; // offset of the next record in it
};

// Reads the journal from the segment that holds `from_sequence` on (0: all of it). At the first bad record it cuts, but
// only if no whole record behind it, in this segment or a later one, says that the bad one's sequence was durable:
// then it is an unsynced tail, with holes or without. What is kept beyond the last sequence known durable is written
// again and synced, because a sync that failed may have left it in memory only. May be cut short at any step and run
// again. Only while the journal's lock is held. O(bytes from there on).
//
// What does not reach `known_durable`, cut or not, is damaged: a snapshot, say, was taken behind a sync of it.
//
// Throws JournalCorrupt for any other damage, JournalGap where the journal does not hold or border on `from_sequence`,
// DiskError. Changes nothing before it throws the former two.
Recovered recover_journal(Disk& disk, const std::string& directory, std::uint64_t from_sequence,
                          std::uint64_t known_durable);

} // namespace cmatch::io
