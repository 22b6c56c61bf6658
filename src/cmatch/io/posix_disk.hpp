// The real disk: files by their system calls.
#pragma once

#include "cmatch/io/disk.hpp"

namespace cmatch::io {

// Has no state of its own; any thread may use it. Interrupted calls are repeated; locks are flock's, so that they end
// with the process however it ends.
class PosixDisk final : public Disk {
 public:
  std::unique_ptr<DiskFile> open(const std::string& path, OpenMode mode) override;
  bool rename(const std::string& from, const std::string& to) override;
  bool remove(const std::string& path) override;
  void sync_directory(const std::string& path) override;
  void make_directory(const std::string& path) override;
  std::vector<std::string> list(const std::string& path) override;
  std::uint64_t free_bytes(const std::string& path) override;
  std::unique_ptr<DiskLock> lock(const std::string& path, const std::string& owner,
                                 std::string& holder) override;
};

} // namespace cmatch::io
