#include "cmatch/io/crc32c.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#include "cmatch/check.hpp"

#ifdef __x86_64__
#include <nmmintrin.h>
#endif

namespace cmatch::io {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78; // reflected

using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

// tables[k][b]: what byte b does to the checksum k bytes later.
constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ (crc % 2 != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t byte = 0; byte < 256; ++byte)
      tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 0xFF];
  return tables;
}

constexpr Tables kTables = make_tables();

} // namespace

std::uint32_t crc32c_by_table(std::uint32_t crc, std::span<const std::uint8_t> bytes) {
  crc = ~crc;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    crc ^= static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8 |
           static_cast<std::uint32_t>(at[2]) << 16 | static_cast<std::uint32_t>(at[3]) << 24;
    crc = kTables[7][crc & 0xFF] ^ kTables[6][crc >> 8 & 0xFF] ^ kTables[5][crc >> 16 & 0xFF] ^
          kTables[4][crc >> 24] ^ kTables[3][at[4]] ^ kTables[2][at[5]] ^ kTables[1][at[6]] ^
          kTables[0][at[7]];
  }
  for (; left > 0; ++at, --left)
    crc = crc >> 8 ^ kTables[0][(crc ^ *at) & 0xFF];
  return ~crc;
}

#ifdef __x86_64__

bool has_crc32c_instruction() { return __builtin_cpu_supports("sse4.2") != 0; }

[[gnu::target("sse4.2")]] std::uint32_t crc32c_by_instruction(std::uint32_t crc,
                                                              std::span<const std::uint8_t> bytes) {
  std::uint64_t sum = ~crc;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    sum = _mm_crc32_u64(sum, word);
  }
  auto tail = static_cast<std::uint32_t>(sum);
  for (; left > 0; ++at, --left)
    tail = _mm_crc32_u8(tail, *at);
  return ~tail;
}

#else

bool has_crc32c_instruction() { return false; }

std::uint32_t crc32c_by_instruction(std::uint32_t, std::span<const std::uint8_t>) {
  fail_invariant("this processor has an instruction for CRC-32C");
}

#endif

std::uint32_t crc32c(std::uint32_t crc, std::span<const std::uint8_t> bytes) {
  static const auto way = has_crc32c_instruction() ? crc32c_by_instruction : crc32c_by_table;
  return way(crc, bytes);
}

} // namespace cmatch::io
