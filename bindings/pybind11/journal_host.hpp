// What the Python objects of a journal hold: the journal or its reader, the disk under it, and the flag that says a
// thread is inside.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include <pybind11/pybind11.h>

#include "cmatch/io/journal.hpp"
#include "cmatch/io/journal_reader.hpp"
#include "cmatch/owner_guard.hpp"
#include "shared/errors.hpp"

namespace cmatch::face {

struct JournalHost {
  JournalHost(std::shared_ptr<io::Disk> of, const std::string& directory, const io::JournalOptions& options)
      : disk(std::move(of)), open(std::make_unique<io::Journal>(*disk, directory, options)) {}

  // Throws ValueError where it was closed.
  io::Journal& journal() const {
    if (open == nullptr) throw pybind11::value_error("the journal is closed");
    return *open;
  }

  std::shared_ptr<io::Disk> disk;
  std::unique_ptr<io::Journal> open;
  std::atomic<bool> busy{false};
};

struct JournalReaderHost {
  JournalReaderHost(std::shared_ptr<io::Disk> of, std::string directory, std::uint64_t from_sequence)
      : disk(std::move(of)), reader(*disk, std::move(directory), from_sequence) {}

  std::shared_ptr<io::Disk> disk;
  io::JournalReader reader;
  std::atomic<bool> busy{false};
};

// What a reader gives out: a `JournalRecord` with a copy of the payload.
pybind11::object record_of(const io::RecordView& record);

// One thread's stay in a host. Throws EngineBusy where another is inside.
class JournalStay {
 public:
  explicit JournalStay(std::atomic<bool>& busy) : guard_(busy) {
    if (!guard_) [[unlikely]]
      throw EngineBusy();
  }

 private:
  OwnerGuard guard_;
};

} // namespace cmatch::face
