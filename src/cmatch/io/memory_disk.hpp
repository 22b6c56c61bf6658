// A disk in memory: for the embedded exchange, and for tests, which cut its power and break its operations.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <mutex>
#include <stdexcept>

#include "cmatch/io/disk.hpp"

namespace cmatch::io {

enum class DiskOperation : std::uint8_t {
  open = 1,
  read = 2,
  write = 3,
  sync = 4,
  size = 5,
  allocate = 6,
  truncate = 7,
  rename = 8,
  remove = 9,
  sync_directory = 10,
  make_directory = 11,
  list = 12,
  free_bytes = 13,
  lock = 14,
};
inline constexpr std::size_t kDiskOperations = 15; // one more than the largest

// What a power cut leaves of what was not synced.
enum class CrashKind : std::uint8_t {
  lost = 1,      // nothing
  torn = 2,      // all up to a moment that lies inside some write
  reordered = 3, // any sectors of any writes; the last changes of names may be undone
  kept = 4,      // all: the process died, the machine lives on
};

// Thrown by every operation after the power was cut, until crash() starts the disk again.
class PowerCut : public std::runtime_error {
 public:
  PowerCut() : std::runtime_error("the disk has no power") {}
};

// An operation that goes wrong: after `bytes` bytes of a write, with an errno or, where that is 0, as a short write.
struct DiskFault {
  int error = 0;
  std::size_t bytes = 0;
  std::uint64_t times = 1; // how many in a row
};

struct UnsyncedChange; // to a file

// Owns all files. Two images of each: what a reader sees, and what a power cut would leave. Any thread may use it.
// Memory: the bytes written, twice where crashes are tracked, and a copy of every unsynced write.
class MemoryDisk final : public Disk {
 public:
  struct Options {
    std::uint64_t capacity_bytes = UINT64_MAX; // past it: ENOSPC, after what still fits
    bool tracks_crashes = true;                // without it, crash() keeps everything
  };

  MemoryDisk() : MemoryDisk(Options{}) {}
  explicit MemoryDisk(const Options& options);
  ~MemoryDisk() override;

  std::unique_ptr<DiskFile> open(const std::string& path, OpenMode mode) override;
  bool rename(const std::string& from, const std::string& to) override;
  bool remove(const std::string& path) override;
  void sync_directory(const std::string& path) override;
  void make_directory(const std::string& path) override;
  std::vector<std::string> list(const std::string& path) override;
  std::uint64_t free_bytes(const std::string& path) override;
  std::unique_ptr<DiskLock> lock(const std::string& path, const std::string& owner,
                                 std::string& holder) override;

  // Everybody who uses the disk is gone: open files are dead, locks free. `seed` chooses what is left.
  void crash(CrashKind kind, std::uint64_t seed);
  // Lets `operations` more operations happen and then cuts the power.
  void cut_power_after(std::uint64_t operations);
  // The `nth` operation of a kind from now on, counted from 1, goes wrong.
  void fail(DiskOperation operation, std::uint64_t nth, const DiskFault& fault);
  // The `nth` operation of whatever kind goes wrong.
  void fail_any(std::uint64_t nth, const DiskFault& fault);
  void clear_faults();
  void set_capacity(std::uint64_t bytes);

  std::uint64_t operations() const; // so far, of all kinds
  std::uint64_t operations(DiskOperation operation) const;

  // A whole file as a reader sees it, without an operation being counted. Throws DiskError.
  std::vector<std::uint8_t> contents(const std::string& path) const;
  // Of all files, sorted; the like.
  std::vector<std::string> paths() const;
  // Inverts one bit of a file, also of what a power cut would leave: media decay. Nothing where the file is shorter.
  // Throws DiskError.
  void flip_bit(const std::string& path, std::uint64_t bit);
  // Makes or replaces a file, durably.
  void set_contents(const std::string& path, std::span<const std::uint8_t> bytes);

 private:
  class File;
  class Lock;
  struct Inode;
  struct NameChange;
  struct Planned;
  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  std::shared_ptr<Inode> find(const std::string& path) const;
  // Counts an operation; the fault that is planned for it. Throws PowerCut, and DiskError where `path` is given and
  // the fault is an error.
  DiskFault step(DiskOperation operation, const std::string* path = nullptr);
  std::uint64_t used_bytes() const;
  void change_names(NameChange change);
  void lose_names(CrashKind kind, std::uint64_t& seed);

  mutable std::mutex mutex_;
  Options options_;
  Names names_;
  Names durable_names_;
  std::deque<NameChange> name_changes_;
  std::vector<Planned> planned_;
  std::array<std::uint64_t, kDiskOperations> counts_{};
  std::uint64_t operations_ = 0;
  std::uint64_t power_until_ = UINT64_MAX;
  std::uint64_t generation_ = 0; // of the machine's life: files and locks of an earlier one are dead
};

} // namespace cmatch::io
