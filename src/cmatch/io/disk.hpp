// The storage interface: what the journal asks of a disk, so that a real one and a simulated one can be put under it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace cmatch::io {

// An operation of the disk failed: code() is its errno, path() what it was about.
class DiskError : public std::system_error {
 public:
  DiskError(int error, const char* operation, const std::string& path)
      : std::system_error(error, std::generic_category(), std::string(operation) + " " + path), path_(path) {}

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What a write did. It may be short without an error; after an error, bytes that it does not count may have landed.
struct Written {
  std::size_t bytes = 0;
  int error = 0; // errno; 0 where there is none
};

enum class OpenMode : std::uint8_t {
  read = 1,   // an existing file
  update = 2, // an existing file, to read and write
  create = 3, // to read and write; an absent one is made, empty
};

// One open file; closed by its destructor. Offsets and sizes in bytes. One thread at a time.
// Writing and syncing answer with an errno, because their failures have answers; all else throws DiskError.
class DiskFile {
 public:
  DiskFile() = default;
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;
  virtual ~DiskFile() = default;

  // How many bytes were read: fewer than asked for only at the end of the file.
  virtual std::size_t read(std::uint64_t offset, std::span<std::uint8_t> out) = 0;
  virtual Written write(std::uint64_t offset, std::span<const std::uint8_t> bytes) = 0;
  // Makes what was written survive a power cut (fdatasync). After a failure nothing is known of unsynced bytes.
  virtual int sync() = 0;
  virtual std::uint64_t size() = 0;
  // Grows the file to `bytes` with zeros that are written, not promised: a sync of them later moves data only.
  virtual void allocate(std::uint64_t bytes) = 0;
  virtual void truncate(std::uint64_t bytes) = 0;
};

// Held while it lives.
class DiskLock {
 public:
  DiskLock() = default;
  DiskLock(const DiskLock&) = delete;
  DiskLock& operator=(const DiskLock&) = delete;
  virtual ~DiskLock() = default;
};

// Files by path. A disk may be used by many threads and processes; each file of it by one thread at a time.
class Disk {
 public:
  Disk() = default;
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  virtual ~Disk() = default;

  // nullptr where there is no such file and `mode` does not make one.
  virtual std::unique_ptr<DiskFile> open(const std::string& path, OpenMode mode) = 0;
  // Replaces `to`. False where there is no `from`.
  virtual bool rename(const std::string& from, const std::string& to) = 0;
  // False where there is no such file.
  virtual bool remove(const std::string& path) = 0;
  // Makes new, renamed and removed names survive a power cut.
  virtual void sync_directory(const std::string& path) = 0;
  // With its parents; private to the owner. An existing one is left as it is.
  virtual void make_directory(const std::string& path) = 0;
  // The names of the files in a directory, sorted; none where it does not exist.
  virtual std::vector<std::string> list(const std::string& path) = 0;
  virtual std::uint64_t free_bytes(const std::string& path) = 0;
  // Locks a file, which is made where it is absent, and leaves `owner` in it for others to read. nullptr where another
  // holds it; `holder` is then what that one left.
  virtual std::unique_ptr<DiskLock> lock(const std::string& path, const std::string& owner,
                                         std::string& holder) = 0;
};

} // namespace cmatch::io
