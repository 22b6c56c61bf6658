// Follows a journal: from any sequence, across segments, while its writer appends.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cmatch/io/disk.hpp"
#include "cmatch/io/journal_cursor.hpp"

namespace cmatch::io {

// Owns its place in the journal and one open segment; writes nothing and takes no lock. The disk outlives it. One
// thread at a time. Finding the place is O(segments) + O(bytes of one segment), all else O(bytes read).
class JournalReader {
 public:
  // Begins with the record that holds `from_sequence`, as soon as there is one; 0 is the oldest record there is.
  JournalReader(Disk& disk, std::string directory, std::uint64_t from_sequence);

  // The next record, valid until the next call, or nothing yet: a tail that is not whole is one that is being written.
  // Throws JournalCorrupt for a record that cannot be where it is, and where the journal goes on behind damage;
  // JournalGap where the records that follow were removed; DiskError.
  std::optional<RecordView> next();

  // Whether what follows the last record is an honest end. Throws JournalCorrupt where whole records lie behind bytes
  // that are none: for a follower whose writer is ahead of it, and for whoever reads a journal to its end. A journal
  // that lost power has to be recovered first. O(bytes left).
  void check_tail();

  // The sequence that next() waits for.
  std::uint64_t next_sequence() const;
  // Where it is expected; an empty path before the first segment was found.
  std::string path() const { return cursor_ == nullptr ? std::string() : cursor_->path(); }
  std::uint64_t offset() const { return cursor_ == nullptr ? 0 : cursor_->offset(); }

 private:
  bool begin();
  bool advance();
  std::unique_ptr<SegmentCursor> enter(std::uint64_t first_sequence);
  void check_gap() const;
  [[noreturn]] void refuse() const;

  Disk& disk_;
  std::string directory_;
  std::uint64_t from_sequence_;
  std::unique_ptr<SegmentCursor> cursor_;
  std::string next_path_; // of the segment that would follow at next_path_sequence_
  std::uint64_t next_path_sequence_ = 0;
  std::uint64_t idle_looks_ = 0;
};

} // namespace cmatch::io
