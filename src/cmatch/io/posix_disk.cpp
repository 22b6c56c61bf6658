#include "cmatch/io/posix_disk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "cmatch/io/descriptor.hpp"

namespace cmatch::io {
namespace {

constexpr std::size_t kZerosAtOnce = 1u << 20;

// Repeats a system call that a signal interrupted.
template <class Call>
auto uninterrupted(Call&& call) {
  auto result = call();
  while (result == -1 && errno == EINTR)
    result = call();
  return result;
}

Descriptor open_file(const std::string& path, int flags) {
  return Descriptor(uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0600); }));
}

class PosixFile final : public DiskFile {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  std::size_t read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const auto place = static_cast<off_t>(offset + done);
      const ssize_t count = uninterrupted(
          [&] { return ::pread(descriptor_.get(), out.data() + done, out.size() - done, place); });
      if (count < 0) throw DiskError(errno, "read", path_);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  Written write(std::uint64_t offset, std::span<const std::uint8_t> bytes) override {
    const ssize_t count = uninterrupted(
        [&] { return ::pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (count < 0) return {.bytes = 0, .error = errno};
    return {.bytes = static_cast<std::size_t>(count), .error = 0};
  }

  int sync() override {
    return uninterrupted([&] { return ::fdatasync(descriptor_.get()); }) == 0 ? 0 : errno;
  }

  std::uint64_t size() override {
    struct stat status{};
    if (::fstat(descriptor_.get(), &status) != 0) throw DiskError(errno, "stat", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  void allocate(std::uint64_t bytes) override {
    const std::uint64_t before = size();
    if (bytes <= before) return;
    // One extent where the file system can give it, and a full disk is known before anything is written.
    const int error = ::posix_fallocate(descriptor_.get(), 0, static_cast<off_t>(bytes));
    if (error != 0 && error != EOPNOTSUPP && error != EINVAL) throw DiskError(error, "allocate", path_);
    const std::vector<std::uint8_t> zeros(kZerosAtOnce);
    for (std::uint64_t at = before; at < bytes;) {
      const std::size_t part = std::min<std::uint64_t>(zeros.size(), bytes - at);
      const Written written = write(at, std::span(zeros).first(part));
      if (written.error != 0) throw DiskError(written.error, "allocate", path_);
      at += written.bytes;
    }
  }

  void truncate(std::uint64_t bytes) override {
    if (uninterrupted([&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(bytes)); }) != 0)
      throw DiskError(errno, "truncate", path_);
  }

 private:
  Descriptor descriptor_;
  std::string path_;
};

class PosixLock final : public DiskLock {
 public:
  explicit PosixLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

} // namespace

std::unique_ptr<DiskFile> PosixDisk::open(const std::string& path, OpenMode mode) {
  const int flags = mode == OpenMode::read ? O_RDONLY : mode == OpenMode::update ? O_RDWR : O_RDWR | O_CREAT;
  Descriptor descriptor = open_file(path, flags);
  if (descriptor) return std::make_unique<PosixFile>(std::move(descriptor), path);
  if (errno == ENOENT && mode != OpenMode::create) return nullptr;
  throw DiskError(errno, "open", path);
}

bool PosixDisk::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  throw DiskError(errno, "rename", from);
}

bool PosixDisk::remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  throw DiskError(errno, "remove", path);
}

void PosixDisk::sync_directory(const std::string& path) {
  const Descriptor directory = open_file(path, O_RDONLY | O_DIRECTORY);
  if (!directory || uninterrupted([&] { return ::fsync(directory.get()); }) != 0)
    throw DiskError(errno, "sync", path);
}

void PosixDisk::make_directory(const std::string& path) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
    if (::mkdir(path.substr(0, end).c_str(), 0700) != 0 && errno != EEXIST)
      throw DiskError(errno, "make directory", path);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) throw DiskError(errno, "make directory", path);
}

std::vector<std::string> PosixDisk::list(const std::string& path) {
  DIR* const directory = ::opendir(path.c_str());
  if (directory == nullptr) {
    if (errno == ENOENT) return {};
    throw DiskError(errno, "list", path);
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> closer(directory, ::closedir);
  std::vector<std::string> names;
  errno = 0;
  // This stream is ours alone, which is all that readdir asks for. NOLINTNEXTLINE(concurrency-mt-unsafe)
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) throw DiskError(errno, "list", path);
  std::sort(names.begin(), names.end());
  return names;
}

std::uint64_t PosixDisk::free_bytes(const std::string& path) {
  struct statvfs status{};
  if (::statvfs(path.c_str(), &status) != 0) throw DiskError(errno, "ask for space at", path);
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

std::unique_ptr<DiskLock> PosixDisk::lock(const std::string& path, const std::string& owner,
                                          std::string& holder) {
  Descriptor descriptor = open_file(path, O_RDWR | O_CREAT);
  if (!descriptor) throw DiskError(errno, "open", path);
  if (uninterrupted([&] { return ::flock(descriptor.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) throw DiskError(errno, "lock", path);
    char text[256];
    const ssize_t count = ::pread(descriptor.get(), text, sizeof text, 0);
    holder.assign(text, count > 0 ? static_cast<std::size_t>(count) : 0);
    return nullptr;
  }
  // Who holds it is for people to read; a full disk may keep it from being written and is no reason to refuse.
  if (::ftruncate(descriptor.get(), 0) != 0 || ::pwrite(descriptor.get(), owner.data(), owner.size(), 0) < 0)
    errno = 0;
  return std::make_unique<PosixLock>(std::move(descriptor));
}

} // namespace cmatch::io
