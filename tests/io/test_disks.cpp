// The disks: one contract, kept by the real one and by the one in memory; and what only the latter can do.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cerrno>

#include "script.hpp"

TEST_SUITE_BEGIN("test_disks");

using namespace cmatch::test;

namespace {

Bytes some(std::size_t count, std::uint8_t value) { return Bytes(count, value); }

Bytes all_of(DiskFile& file) {
  Bytes bytes(file.size());
  REQUIRE(file.read(0, bytes) == bytes.size());
  return bytes;
}

void put(DiskFile& file, std::uint64_t offset, const Bytes& bytes) {
  const Written written = file.write(offset, bytes);
  REQUIRE(written.error == 0);
  REQUIRE(written.bytes == bytes.size());
}

void check_files(Disk& disk, const std::string& directory) {
  const std::string path = directory + "/file";
  CHECK(disk.open(path, OpenMode::read) == nullptr);
  CHECK(disk.open(path, OpenMode::update) == nullptr);
  const auto file = disk.open(path, OpenMode::create);
  REQUIRE(file != nullptr);
  CHECK(file->size() == 0);
  put(*file, 3, some(4, 7));
  CHECK(all_of(*file) == Bytes{0, 0, 0, 7, 7, 7, 7});
  Bytes out(10, 9);
  CHECK(file->read(5, out) == 2);
  CHECK(file->read(7, out) == 0);
  file->allocate(9);
  CHECK(all_of(*file) == Bytes{0, 0, 0, 7, 7, 7, 7, 0, 0});
  file->allocate(2); // never shrinks
  CHECK(file->size() == 9);
  file->truncate(4);
  CHECK(all_of(*file) == Bytes{0, 0, 0, 7});
  CHECK(file->sync() == 0);
  const auto reader = disk.open(path, OpenMode::read);
  CHECK(reader->write(0, some(1, 1)).error == EBADF);
  put(*file, 0, some(1, 5));
  CHECK(all_of(*reader) == Bytes{5, 0, 0, 7}); // sees what others write
  CHECK(disk.free_bytes(directory) > 0);
}

void check_names(Disk& disk, const std::string& directory) {
  const auto file = disk.open(directory + "/b", OpenMode::create);
  put(*file, 0, some(2, 1));
  CHECK(disk.open(directory + "/a", OpenMode::create) != nullptr);
  CHECK(disk.list(directory) == std::vector<std::string>{"a", "b"});
  CHECK(disk.rename(directory + "/b", directory + "/a"));
  CHECK_FALSE(disk.rename(directory + "/b", directory + "/a"));
  disk.sync_directory(directory);
  CHECK(disk.list(directory) == std::vector<std::string>{"a"});
  put(*file, 2, some(1, 2)); // an open file goes with its new name, and stays when that is gone
  CHECK(all_of(*disk.open(directory + "/a", OpenMode::read)) == Bytes{1, 1, 2});
  CHECK(disk.remove(directory + "/a"));
  CHECK_FALSE(disk.remove(directory + "/a"));
  CHECK(all_of(*file) == Bytes{1, 1, 2});
  CHECK(disk.list(directory).empty());
  CHECK(disk.list(directory + "/none").empty());
}

void check_locks(Disk& disk, const std::string& directory) {
  const std::string path = directory + "/lock";
  std::string holder;
  auto first = disk.lock(path, "one", holder);
  REQUIRE(first != nullptr);
  CHECK(disk.lock(path, "two", holder) == nullptr);
  CHECK(holder == "one");
  first.reset();
  const auto second = disk.lock(path, "two", holder);
  REQUIRE(second != nullptr);
  CHECK(disk.lock(path, "three", holder) == nullptr);
  CHECK(holder == "two");
}

} // namespace

TEST_CASE("disks: files, names and locks, in memory") {
  MemoryDisk disk;
  check_files(disk, "d/files");
  check_names(disk, "d/names");
  check_locks(disk, "d");
}

TEST_CASE("disks: files, names and locks, for real") {
  const ScratchDirectory one;
  const ScratchDirectory two;
  const ScratchDirectory three;
  PosixDisk disk;
  check_files(disk, one.path());
  check_names(disk, two.path());
  check_locks(disk, three.path());
}

TEST_CASE("posix disk: new files and directories are their owner's alone") {
  const ScratchDirectory scratch;
  PosixDisk disk;
  const std::string deep = scratch.path() + "/a/b";
  disk.make_directory(deep);
  disk.make_directory(deep);
  CHECK(disk.open(deep + "/file", OpenMode::create) != nullptr);
  for (const auto& [path, mode] : {std::pair(deep, 0700u), std::pair(deep + "/file", 0600u)}) {
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777u) == mode);
  }
  CHECK(disk.remove(deep + "/file"));
  CHECK(::rmdir(deep.c_str()) == 0);
  CHECK(::rmdir((scratch.path() + "/a").c_str()) == 0);
}

TEST_CASE("posix disk: what cannot be done names the path and the system's reason") {
  const ScratchDirectory scratch;
  PosixDisk disk;
  const std::string file = scratch.path() + "/file";
  CHECK(disk.open(file, OpenMode::create) != nullptr);
  const auto error_of = [](auto act) {
    try {
      act();
    } catch (const DiskError& error) {
      return error.code().value();
    }
    return 0;
  };
  CHECK(error_of([&] { disk.open(file + "/x", OpenMode::create); }) == ENOTDIR);
  CHECK(error_of([&] { disk.open(scratch.path(), OpenMode::update); }) == EISDIR);
  CHECK(error_of([&] { disk.list(file); }) == ENOTDIR);
  CHECK(error_of([&] { disk.make_directory(file + "/x/y"); }) == ENOTDIR);
  CHECK(error_of([&] { disk.sync_directory(scratch.path() + "/none"); }) == ENOENT);
  CHECK(error_of([&] { disk.free_bytes(scratch.path() + "/none"); }) == ENOENT);
  CHECK(error_of([&] { disk.remove(scratch.path()); }) != 0);
  try {
    disk.list(file);
  } catch (const DiskError& error) {
    CHECK(error.path() == file);
  }
}

TEST_CASE("memory disk: a power cut takes what was not synced, of bytes and of names") {
  MemoryDisk disk;
  {
    const auto file = disk.open("d/kept", OpenMode::create);
    put(*file, 0, some(3, 1));
    CHECK(file->sync() == 0);
    put(*file, 1, some(1, 2));
    disk.sync_directory("d");
    disk.rename("d/kept", "d/renamed");
    disk.open("d/new", OpenMode::create);
    disk.open("e/new", OpenMode::create);
    disk.sync_directory("e");
    disk.crash(CrashKind::lost, 0);
    CHECK_THROWS_AS(file->size(), PowerCut); // of an earlier life
  }
  CHECK(disk.list("d") == std::vector<std::string>{"kept"});
  CHECK(disk.list("e") == std::vector<std::string>{"new"});
  CHECK(disk.contents("d/kept") == some(3, 1));
  CHECK_THROWS_AS(disk.contents("d/new"), DiskError);
}

TEST_CASE("memory disk: a torn crash keeps what came before a moment, a reordered one any sectors") {
  bool whole = false;
  bool torn = false;
  bool holes = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    for (const CrashKind kind : {CrashKind::torn, CrashKind::reordered}) {
      MemoryDisk disk;
      {
        const auto file = disk.open("d/f", OpenMode::create);
        file->allocate(4'096);
        REQUIRE(file->sync() == 0);
        disk.sync_directory("d");
        put(*file, 100, some(1'000, 1));
        put(*file, 1'100, some(1'000, 2));
      }
      disk.crash(kind, seed);
      const Bytes bytes = disk.contents("d/f");
      REQUIRE(bytes.size() == 4'096);
      std::size_t written = 0;
      while (100 + written < 2'100 && bytes[100 + written] != 0)
        ++written;
      const bool is_prefix = std::all_of(bytes.begin() + 100 + static_cast<std::ptrdiff_t>(written),
                                         bytes.end(), [](std::uint8_t byte) { return byte == 0; });
      if (kind == CrashKind::torn) REQUIRE(is_prefix);
      whole = whole || written == 2'000;
      torn = torn || (kind == CrashKind::torn && written > 0 && written < 2'000);
      holes = holes || !is_prefix;
    }
  }
  CHECK(whole);
  CHECK(torn);
  CHECK(holes);
}

TEST_CASE("memory disk: a sync that failed has lost its pages, and a later one does not write them") {
  MemoryDisk disk;
  {
    const auto file = disk.open("d/f", OpenMode::create);
    disk.sync_directory("d");
    put(*file, 0, some(3, 1));
    disk.fail(DiskOperation::sync, 1, {.error = EIO});
    CHECK(file->sync() == EIO);
    CHECK(file->sync() == 0);
    CHECK(all_of(*file) == some(3, 1));
  }
  disk.crash(CrashKind::lost, 0);
  CHECK(disk.contents("d/f").empty());
}

TEST_CASE("memory disk: faults come when they were planned, as often, and then no more") {
  MemoryDisk disk;
  const auto file = disk.open("d/f", OpenMode::create);
  disk.fail(DiskOperation::write, 2, {.error = ENOSPC, .bytes = 1, .times = 2});
  CHECK(file->write(0, some(4, 1)).bytes == 4);
  CHECK(file->write(0, some(4, 2)).error == ENOSPC);
  CHECK(all_of(*file) == Bytes{2, 1, 1, 1}); // it had begun
  CHECK(file->write(0, some(4, 3)).error == ENOSPC);
  CHECK(file->write(0, some(4, 4)).bytes == 4);
  disk.fail(DiskOperation::write, 1, {.error = 0, .bytes = 3});
  CHECK(file->write(0, some(4, 5)).bytes == 3);
  disk.fail_any(2, {.error = EIO});
  CHECK(file->size() == 4);
  CHECK_THROWS_AS(file->size(), DiskError);
  CHECK(file->size() == 4);
  CHECK(disk.operations(DiskOperation::write) == 5);
  disk.fail_any(1, {.error = EIO});
  disk.clear_faults();
  CHECK(file->size() == 4);
  disk.cut_power_after(1);
  CHECK(file->size() == 4);
  CHECK_THROWS_AS(file->size(), PowerCut);
  CHECK_THROWS_AS(disk.list("d"), PowerCut);
  disk.crash(CrashKind::kept, 0);
  CHECK(disk.contents("d/f") == Bytes{5, 5, 5, 4});
}

TEST_CASE("memory disk: is full when it is full") {
  MemoryDisk disk({.capacity_bytes = 10});
  const auto file = disk.open("d/f", OpenMode::create);
  CHECK(file->write(0, some(7, 1)).bytes == 7);
  CHECK(disk.free_bytes("d") == 3);
  CHECK(file->write(5, some(7, 2)).bytes == 5); // two in place, three more
  CHECK(file->write(10, some(1, 3)).error == ENOSPC);
  CHECK(file->write(0, some(10, 4)).bytes == 10);
  CHECK_THROWS_AS(file->allocate(11), DiskError);
  disk.set_capacity(12);
  file->allocate(12);
  CHECK(disk.free_bytes("d") == 0);
  disk.remove("d/f");
  CHECK(disk.free_bytes("d") == 12);
}

TEST_CASE("memory disk: a bit that flips is seen at once, and by whoever comes after a power cut") {
  MemoryDisk disk;
  const auto file = disk.open("d/file", OpenMode::create);
  disk.sync_directory("d");
  put(*file, 0, some(3, 4));
  REQUIRE(file->sync() == 0);
  put(*file, 3, some(1, 4));
  const std::uint64_t operations = disk.operations();
  disk.flip_bit("d/file", 8 + 1);
  disk.flip_bit("d/file", 8 * 100);
  CHECK(disk.paths() == std::vector<std::string>{"d/file"});
  CHECK(disk.operations() == operations);
  CHECK(all_of(*file) == Bytes{4, 6, 4, 4});
  disk.crash(CrashKind::lost, 1);
  CHECK(disk.contents("d/file") == Bytes{4, 6, 4});
  CHECK_THROWS_AS(disk.flip_bit("d/none", 0), DiskError);
}

TEST_CASE("memory disk: that tracks no crashes keeps everything") {
  MemoryDisk disk({.capacity_bytes = UINT64_MAX, .tracks_crashes = false});
  put(*disk.open("d/f", OpenMode::create), 0, some(3, 1));
  disk.crash(CrashKind::lost, 0);
  CHECK(disk.contents("d/f") == some(3, 1));
}

TEST_SUITE_END();
