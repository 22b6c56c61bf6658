// Writes the corpora that the fuzzers start from: seeds DIRECTORY makes DIRECTORY/fuzz_commands, DIRECTORY/fuzz_frames
// and DIRECTORY/fuzz_snapshot. The same files every time.
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "cmatch/engine.hpp"
#include "cmatch/io/frames.hpp"
#include "session.hpp"

namespace {

using namespace cmatch;

void write(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::vector<std::uint8_t> noise(std::uint64_t seed, std::size_t size) {
  test::Random random(seed);
  std::vector<std::uint8_t> bytes(size);
  for (std::uint8_t& byte : bytes)
    byte = static_cast<std::uint8_t>(random.next());
  return bytes;
}

std::vector<std::uint8_t> snapshot(std::uint64_t seed, std::size_t commands) {
  Engine engine({.max_instruments = 4, .max_orders = 64, .max_order_ids = 256});
  EventBuffer events;
  engine.apply_batch(test::Session(seed).take(commands), events);
  return engine.snapshot();
}

// A frame of as many records as the seed says, each with a word that is not zero in another place.
template <class Record>
std::vector<std::uint8_t> frame(std::uint64_t seed) {
  std::vector<std::uint64_t> words(seed * sizeof(Record) / sizeof(std::uint64_t));
  for (std::uint64_t i = 0; i < seed; ++i)
    words[i * io::Wire<Record>::words + i % io::Wire<Record>::words] = seed + i;
  std::vector<Record> records(seed);
  std::memcpy(records.data(), words.data(), seed * sizeof(Record));
  std::vector<std::byte> memory(io::kClientFrameBytes);
  const auto written = io::FrameWriter(memory).write({}, std::span<const Record>(records));
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(written.bytes.data());
  return {bytes, bytes + written.bytes.size()};
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: seeds DIRECTORY\n", stderr);
    return 2;
  }
  const std::filesystem::path root = argv[1];
  for (std::uint64_t i = 1; i <= 24; ++i) {
    write(root / "fuzz_commands" / std::to_string(i), noise(i, 64 * i));
    write(root / "fuzz_frames" / std::to_string(i),
          i % 2 == 0 ? frame<OrderCommand>(i / 2) : frame<ExecutionReport>(i / 2 + 1));
    write(root / "fuzz_snapshot" / std::to_string(i), snapshot(i, 5 * (i - 1)));
  }
  return 0;
}
