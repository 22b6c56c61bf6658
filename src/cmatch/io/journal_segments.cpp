#include "cmatch/io/journal_segments.hpp"

#include <unistd.h>

#include <algorithm>

#include "cmatch/io/journal_format.hpp"

namespace cmatch::io {
namespace {

// A file that is gone needs no sync.
void sync_file(Disk& disk, const std::string& path) {
  const auto file = disk.open(path, OpenMode::update);
  if (file == nullptr) return;
  if (const int error = file->sync(); error != 0) throw DiskError(error, "sync", path);
}

} // namespace

std::vector<std::uint64_t> list_segments(Disk& disk, const std::string& directory) {
  std::vector<std::uint64_t> sequences;
  for (const std::string& name : disk.list(directory))
    if (const auto sequence = segment_sequence(name)) sequences.push_back(*sequence);
  std::sort(sequences.begin(), sequences.end());
  return sequences;
}

std::string segment_path(const std::string& directory, std::uint64_t first_sequence) {
  return directory + "/" + segment_name(first_sequence);
}

std::unique_ptr<DiskFile> make_zeros(Disk& disk, const std::string& path, std::uint64_t bytes) {
  disk.remove(path);
  std::unique_ptr<DiskFile> file = disk.open(path, OpenMode::create);
  try {
    file->allocate(bytes);
    if (const int error = file->sync(); error != 0) throw DiskError(error, "sync", path);
  } catch (const DiskError&) {
    file.reset();
    disk.remove(path); // half a file would hold what room there is
    throw;
  }
  return file;
}

bool prepare_spare(Disk& disk, const std::string& directory, std::uint64_t segment_bytes) {
  std::string holder;
  const auto lock = disk.lock(directory + kSpareLockFile, "process " + std::to_string(::getpid()), holder);
  if (lock == nullptr) return false;
  const std::string path = directory + kSpareFile;
  if (const auto spare = disk.open(path, OpenMode::read); spare != nullptr && spare->size() == segment_bytes)
    return true;
  make_zeros(disk, directory + kNewSpareFile, segment_bytes);
  disk.rename(directory + kNewSpareFile, path);
  return true;
}

std::size_t remove_segments_before(Disk& disk, const std::string& directory, std::uint64_t sequence) {
  const std::vector<std::uint64_t> segments = list_segments(disk, directory);
  std::size_t most = 0;
  while (most + 1 < segments.size() && segments[most + 1] <= sequence)
    ++most;
  if (most == 0) return 0;
  // The chain will begin with its header.
  sync_file(disk, segment_path(directory, segments[most]));
  std::size_t removed = 0;
  while (removed < most) {
    disk.remove(segment_path(directory, segments[removed]));
    disk.sync_directory(directory);
    ++removed;
  }
  return removed;
}

void sync_segments(Disk& disk, const std::string& directory) {
  const std::vector<std::uint64_t> segments = list_segments(disk, directory);
  for (std::size_t i = segments.size() < 2 ? 0 : segments.size() - 2; i < segments.size(); ++i)
    sync_file(disk, segment_path(directory, segments[i]));
  disk.sync_directory(directory);
}

} // namespace cmatch::io
