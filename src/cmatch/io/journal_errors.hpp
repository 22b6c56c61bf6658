// What can go wrong with a journal, by what its owner has to do about it.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace cmatch::io {

class JournalError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The disk has no room or refuses writes: nothing of the batch is in the journal. Refuse it; try_resume() later.
class JournalReadOnly : public JournalError {
 public:
  using JournalError::JournalError;
};

// A sync failed, or what a failed write left is unknown: nobody can say what the disk has. The process must exit.
class JournalFailed : public JournalError {
 public:
  using JournalError::JournalError;
};

// Another process writes this journal.
class JournalLocked : public JournalError {
 public:
  using JournalError::JournalError;
};

// The records that were asked for are no longer, or not, in the journal: start from a snapshot.
class JournalGap : public JournalError {
 public:
  using JournalError::JournalError;
};

// Damage that no power cut explains: restore the file from elsewhere.
class JournalCorrupt : public JournalError {
 public:
  JournalCorrupt(const std::string& file, std::uint64_t offset, const std::string& reason)
      : JournalError(file + " at offset " + std::to_string(offset) + ": " + reason), file_(file),
        offset_(offset), reason_(reason) {}

  const std::string& file() const { return file_; }
  std::uint64_t offset() const { return offset_; }
  const std::string& reason() const { return reason_; }

 private:
  std::string file_;
  std::uint64_t offset_;
  std::string reason_;
};

// What follows from the journal here is not what followed where it was written: one of the two is wrong.
class StateParted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

} // namespace cmatch::io
