#include "cmatch/io/memory_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

namespace cmatch::io {

// A change to a file that no sync has made durable yet.
struct UnsyncedChange {
  std::uint64_t offset = 0;
  std::vector<std::uint8_t> bytes;
  std::optional<std::uint64_t> new_size; // of a truncation
};

namespace {

constexpr std::uint64_t kSector = 512;

using Bytes = std::vector<std::uint8_t>;

std::uint64_t random_below(std::uint64_t& seed, std::uint64_t bound) {
  seed += 0x9E3779B97F4A7C15ull;
  std::uint64_t value = seed;
  value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9ull;
  value = (value ^ value >> 27) * 0x94D049BB133111EBull;
  value ^= value >> 31;
  return bound == 0 ? 0 : value % bound;
}

void put(Bytes& image, std::uint64_t offset, std::span<const std::uint8_t> bytes) {
  if (image.size() < offset + bytes.size()) image.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), image.begin() + static_cast<std::ptrdiff_t>(offset));
}

void make(Bytes& image, const UnsyncedChange& change) {
  if (change.new_size)
    image.resize(*change.new_size);
  else
    put(image, change.offset, change.bytes);
}

// The sectors of a change that reached the disk, each by its own chance.
void make_sectors(Bytes& image, const UnsyncedChange& change, std::uint64_t& seed) {
  if (change.new_size) {
    if (random_below(seed, 2) == 0) image.resize(*change.new_size);
    return;
  }
  for (std::uint64_t at = 0; at < change.bytes.size();) {
    const std::uint64_t to_edge = kSector - (change.offset + at) % kSector;
    const std::uint64_t part = std::min<std::uint64_t>(to_edge, change.bytes.size() - at);
    if (random_below(seed, 2) == 0) put(image, change.offset + at, std::span(change.bytes).subspan(at, part));
    at += part;
  }
}

} // namespace

struct MemoryDisk::Inode {
  Bytes live;
  Bytes durable;
  std::vector<UnsyncedChange> unsynced;
  bool locked = false;

  void change(UnsyncedChange what, bool tracked) {
    make(live, what);
    if (tracked) unsynced.push_back(std::move(what));
  }

  void sync() {
    for (const UnsyncedChange& one : unsynced)
      make(durable, one);
    unsynced.clear();
  }

  void crash(CrashKind kind, std::uint64_t& seed) {
    if (kind == CrashKind::torn) {
      const std::uint64_t whole = random_below(seed, unsynced.size() + 1);
      for (std::uint64_t i = 0; i < whole; ++i)
        make(durable, unsynced[i]);
      if (whole < unsynced.size() && !unsynced[whole].new_size) {
        const UnsyncedChange& last = unsynced[whole];
        put(durable, last.offset, std::span(last.bytes).first(random_below(seed, last.bytes.size() + 1)));
      }
    } else if (kind == CrashKind::reordered) {
      for (const UnsyncedChange& one : unsynced)
        make_sectors(durable, one, seed);
    }
    unsynced.clear();
    live = durable;
  }
};

// A new name, a name that is gone, or both at once.
struct MemoryDisk::NameChange {
  std::string added;
  std::shared_ptr<Inode> inode;
  std::string removed;

  void make(Names& names) const {
    if (inode != nullptr) names[added] = inode;
    if (!removed.empty()) names.erase(removed);
  }
};

struct MemoryDisk::Planned {
  std::optional<DiskOperation> operation; // none: any
  std::uint64_t from = 0;                 // the count at which it begins
  DiskFault fault;
};

class MemoryDisk::File final : public DiskFile {
 public:
  File(MemoryDisk& disk, std::shared_ptr<Inode> inode, std::string path, bool writable)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)), generation_(disk.generation_),
        writable_(writable) {}

  std::size_t read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    const std::lock_guard lock(disk_.mutex_);
    begin(DiskOperation::read, &path_);
    if (offset >= inode_->live.size()) return 0;
    const std::size_t count = std::min<std::uint64_t>(out.size(), inode_->live.size() - offset);
    std::copy_n(inode_->live.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
    return count;
  }

  Written write(std::uint64_t offset, std::span<const std::uint8_t> bytes) override {
    const std::lock_guard lock(disk_.mutex_);
    const DiskFault fault = begin(DiskOperation::write, nullptr);
    if (!writable_) return {.bytes = 0, .error = EBADF};
    const bool faulty = fault.error != 0 || fault.bytes != 0;
    const std::size_t wanted = faulty ? std::min(fault.bytes, bytes.size()) : bytes.size();
    const std::size_t count = fitting(offset, wanted);
    put_live(offset, bytes.first(count));
    if (faulty && fault.error != 0) return {.bytes = 0, .error = fault.error};
    if (count == 0 && !bytes.empty()) return {.bytes = 0, .error = ENOSPC};
    return {.bytes = count, .error = 0};
  }

  int sync() override {
    const std::lock_guard lock(disk_.mutex_);
    const DiskFault fault = begin(DiskOperation::sync, nullptr);
    if (fault.error == 0) {
      inode_->sync();
      return 0;
    }
    // As Linux has it: the pages count as clean though they never reached the disk, and no later sync writes them.
    inode_->unsynced.clear();
    return fault.error;
  }

  std::uint64_t size() override {
    const std::lock_guard lock(disk_.mutex_);
    begin(DiskOperation::size, &path_);
    return inode_->live.size();
  }

  void allocate(std::uint64_t bytes) override {
    const std::lock_guard lock(disk_.mutex_);
    begin(DiskOperation::allocate, &path_);
    const std::uint64_t before = inode_->live.size();
    if (bytes <= before) return;
    const std::size_t count = fitting(before, bytes - before);
    put_live(before, Bytes(count));
    if (count < bytes - before) throw DiskError(ENOSPC, "allocate", path_);
  }

  void truncate(std::uint64_t bytes) override {
    const std::lock_guard lock(disk_.mutex_);
    begin(DiskOperation::truncate, &path_);
    inode_->change({.offset = 0, .bytes = {}, .new_size = bytes}, disk_.options_.tracks_crashes);
  }

 private:
  DiskFault begin(DiskOperation operation, const std::string* path) {
    if (generation_ != disk_.generation_) throw PowerCut();
    return disk_.step(operation, path);
  }

  // How many of `bytes` bytes at `offset` the disk still has room for.
  std::size_t fitting(std::uint64_t offset, std::size_t bytes) const {
    const std::uint64_t size = inode_->live.size();
    const std::uint64_t used = disk_.used_bytes();
    const std::uint64_t room =
        used >= disk_.options_.capacity_bytes ? 0 : disk_.options_.capacity_bytes - used;
    const std::uint64_t inside = offset >= size ? 0 : size - offset;
    return bytes <= inside ? bytes : inside + std::min<std::uint64_t>(bytes - inside, room);
  }

  void put_live(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
    if (disk_.options_.tracks_crashes)
      inode_->change({.offset = offset, .bytes = Bytes(bytes.begin(), bytes.end()), .new_size = {}}, true);
    else
      put(inode_->live, offset, bytes);
  }

  MemoryDisk& disk_;
  std::shared_ptr<Inode> inode_;
  std::string path_;
  std::uint64_t generation_;
  bool writable_;
};

class MemoryDisk::Lock final : public DiskLock {
 public:
  Lock(MemoryDisk& disk, std::shared_ptr<Inode> inode)
      : disk_(disk), inode_(std::move(inode)), generation_(disk.generation_) {}
  ~Lock() override {
    const std::lock_guard lock(disk_.mutex_);
    if (generation_ == disk_.generation_) inode_->locked = false;
  }

 private:
  MemoryDisk& disk_;
  std::shared_ptr<Inode> inode_;
  std::uint64_t generation_;
};

MemoryDisk::MemoryDisk(const Options& options) : options_(options) {}
MemoryDisk::~MemoryDisk() = default;

std::shared_ptr<MemoryDisk::Inode> MemoryDisk::find(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? nullptr : found->second;
}

DiskFault MemoryDisk::step(DiskOperation operation, const std::string* path) {
  if (operations_ >= power_until_) throw PowerCut();
  ++operations_;
  const std::uint64_t count = ++counts_[static_cast<std::size_t>(operation)];
  for (const Planned& plan : planned_) {
    if (plan.operation && *plan.operation != operation) continue;
    const std::uint64_t now = plan.operation ? count : operations_;
    if (now < plan.from || now - plan.from >= plan.fault.times) continue;
    if (path != nullptr && plan.fault.error != 0) throw DiskError(plan.fault.error, "use", *path);
    return plan.fault;
  }
  return {};
}

std::uint64_t MemoryDisk::used_bytes() const {
  if (options_.capacity_bytes == UINT64_MAX) return 0;
  std::uint64_t sum = 0;
  for (const auto& [name, inode] : names_)
    sum += inode->live.size();
  return sum;
}

void MemoryDisk::change_names(NameChange change) {
  change.make(names_);
  if (options_.tracks_crashes) name_changes_.push_back(std::move(change));
}

std::unique_ptr<DiskFile> MemoryDisk::open(const std::string& path, OpenMode mode) {
  const std::lock_guard lock(mutex_);
  step(DiskOperation::open, &path);
  std::shared_ptr<Inode> inode = find(path);
  if (inode == nullptr) {
    if (mode != OpenMode::create) return nullptr;
    inode = std::make_shared<Inode>();
    change_names({.added = path, .inode = inode, .removed = {}});
  }
  return std::make_unique<File>(*this, std::move(inode), path, mode != OpenMode::read);
}

bool MemoryDisk::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  step(DiskOperation::rename, &from);
  std::shared_ptr<Inode> inode = find(from);
  if (inode == nullptr) return false;
  change_names({.added = to, .inode = std::move(inode), .removed = from});
  return true;
}

bool MemoryDisk::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  step(DiskOperation::remove, &path);
  if (find(path) == nullptr) return false;
  change_names({.added = {}, .inode = nullptr, .removed = path});
  return true;
}

void MemoryDisk::sync_directory(const std::string& path) {
  const std::lock_guard lock(mutex_);
  step(DiskOperation::sync_directory, &path);
  const auto is_inside = [&](const std::string& name) {
    return name.size() > path.size() && name.starts_with(path) && name.rfind('/') == path.size();
  };
  std::erase_if(name_changes_, [&](const NameChange& change) {
    if (!is_inside(change.inode != nullptr ? change.added : change.removed)) return false;
    change.make(durable_names_);
    return true;
  });
}

void MemoryDisk::make_directory(const std::string& path) {
  const std::lock_guard lock(mutex_);
  step(DiskOperation::make_directory, &path);
}

std::vector<std::string> MemoryDisk::list(const std::string& path) {
  const std::lock_guard lock(mutex_);
  step(DiskOperation::list, &path);
  const std::string prefix = path + "/";
  std::vector<std::string> result;
  for (auto at = names_.lower_bound(prefix); at != names_.end() && at->first.starts_with(prefix); ++at)
    if (at->first.find('/', prefix.size()) == std::string::npos)
      result.push_back(at->first.substr(prefix.size()));
  return result;
}

std::uint64_t MemoryDisk::free_bytes(const std::string& path) {
  const std::lock_guard lock(mutex_);
  step(DiskOperation::free_bytes, &path);
  const std::uint64_t used = used_bytes();
  return used >= options_.capacity_bytes ? 0 : options_.capacity_bytes - used;
}

std::unique_ptr<DiskLock> MemoryDisk::lock(const std::string& path, const std::string& owner,
                                           std::string& holder) {
  const std::lock_guard lock(mutex_);
  step(DiskOperation::lock, &path);
  std::shared_ptr<Inode> inode = find(path);
  if (inode == nullptr) {
    inode = std::make_shared<Inode>();
    change_names({.added = path, .inode = inode, .removed = {}});
  }
  if (inode->locked) {
    holder.assign(inode->live.begin(), inode->live.end());
    return nullptr;
  }
  inode->locked = true;
  inode->live.assign(owner.begin(), owner.end());
  return std::make_unique<Lock>(*this, std::move(inode));
}

// File systems journal changes of names in order: some first ones are kept.
void MemoryDisk::lose_names(CrashKind kind, std::uint64_t& seed) {
  const std::uint64_t kept = kind == CrashKind::lost ? 0 : random_below(seed, name_changes_.size() + 1);
  for (std::uint64_t i = 0; i < kept; ++i)
    name_changes_[i].make(durable_names_);
  name_changes_.clear();
  names_ = durable_names_;
}

void MemoryDisk::crash(CrashKind kind, std::uint64_t seed) {
  const std::lock_guard lock(mutex_);
  ++generation_;
  power_until_ = UINT64_MAX;
  planned_.clear();
  if (kind != CrashKind::kept && options_.tracks_crashes) {
    lose_names(kind, seed);
    for (const auto& [name, inode] : names_)
      inode->crash(kind, seed);
  }
  for (const auto& [name, inode] : names_)
    inode->locked = false;
}

void MemoryDisk::cut_power_after(std::uint64_t operations) {
  const std::lock_guard lock(mutex_);
  power_until_ = operations_ + operations;
}

void MemoryDisk::fail(DiskOperation operation, std::uint64_t nth, const DiskFault& fault) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t from = counts_[static_cast<std::size_t>(operation)] + nth;
  planned_.push_back({.operation = operation, .from = from, .fault = fault});
}

void MemoryDisk::fail_any(std::uint64_t nth, const DiskFault& fault) {
  const std::lock_guard lock(mutex_);
  planned_.push_back({.operation = {}, .from = operations_ + nth, .fault = fault});
}

void MemoryDisk::clear_faults() {
  const std::lock_guard lock(mutex_);
  planned_.clear();
}

void MemoryDisk::set_capacity(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  options_.capacity_bytes = bytes;
}

std::uint64_t MemoryDisk::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

std::uint64_t MemoryDisk::operations(DiskOperation operation) const {
  const std::lock_guard lock(mutex_);
  return counts_[static_cast<std::size_t>(operation)];
}

std::vector<std::uint8_t> MemoryDisk::contents(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Inode> inode = find(path);
  if (inode == nullptr) throw DiskError(ENOENT, "read", path);
  return inode->live;
}

std::vector<std::string> MemoryDisk::paths() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> result;
  for (const auto& [name, inode] : names_)
    result.push_back(name);
  return result;
}

void MemoryDisk::flip_bit(const std::string& path, std::uint64_t bit) {
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<Inode> inode = find(path);
  if (inode == nullptr) throw DiskError(ENOENT, "flip a bit of", path);
  for (Bytes* const image : {&inode->live, &inode->durable})
    if (bit / 8 < image->size()) (*image)[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
}

void MemoryDisk::set_contents(const std::string& path, std::span<const std::uint8_t> bytes) {
  const std::lock_guard lock(mutex_);
  const auto inode = std::make_shared<Inode>();
  inode->live.assign(bytes.begin(), bytes.end());
  inode->durable = inode->live;
  names_[path] = inode;
  durable_names_[path] = inode;
}

} // namespace cmatch::io
