// Any bytes as a snapshot: refused by name, or an engine that is sound, writes the same bytes and lives on.
// The mutator makes length and digest right again, or nothing behind them would ever be reached.
#include <cstring>

#include "cmatch/engine.hpp"
#include "expect.hpp"
#include "session.hpp"

namespace {

using namespace cmatch;

// Where the format (snapshot_format.hpp) has what the mutator and the size check need.
constexpr std::size_t kLengthAt = 16, kHeaderBytes = 24, kTapeAt = 48, kTapeEntryBytes = 61, kDigestBytes = 8;

void put(std::uint8_t* target, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i)
    target[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

// True where the snapshot declares an engine of gigabytes. Restoring it would be right, and of no use here.
bool declares_much(std::span<const std::uint8_t> bytes) {
  const auto get = [&](std::size_t at) {
    std::uint64_t value = 0;
    if (at <= bytes.size() && bytes.size() - at >= sizeof value)
      std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  };
  const std::uint64_t entries = get(kTapeAt);
  if (entries > bytes.size()) return false;
  const std::size_t limits_at = kTapeAt + 8 + entries * kTapeEntryBytes;
  const std::uint64_t instruments_and_orders = get(limits_at);
  return (instruments_and_orders & 0xffff'ffff) > 4'096 || instruments_and_orders >> 32 > 65'536 ||
         get(limits_at + 8) > 1'048'576;
}

} // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  if (seed % 16 == 0 || size <= kHeaderBytes + kDigestBytes || max_size <= kHeaderBytes + kDigestBytes)
    return LLVMFuzzerMutate(data, size, max_size);
  const std::size_t from = seed % 16 == 1 ? 0 : kHeaderBytes;
  size = from + LLVMFuzzerMutate(data + from, size - from - kDigestBytes, max_size - from - kDigestBytes) +
         kDigestBytes;
  if (from != 0) put(data + kLengthAt, size);
  put(data + size - kDigestBytes, snapshot_digest({data, size - kDigestBytes}));
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  if (declares_much(bytes)) return 0;
  try {
    Engine engine = Engine::restore(bytes);
    engine.check_invariants();
    const std::vector<std::uint8_t> again = engine.snapshot();
    FUZZ_EXPECT(again.size() == size && std::memcmp(again.data(), data, size) == 0);

    EventBuffer events;
    for (const Command& command : test::Session(size).take(60)) {
      engine.apply(command, events);
      engine.check_invariants();
    }
  } catch (const SnapshotError& error) {
    FUZZ_EXPECT(std::strlen(error.what()) > 0);
  }
  return 0;
}
