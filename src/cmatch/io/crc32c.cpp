#include "cmatch/io/crc32c.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#include "cmatch/check.hpp"

#ifdef __x86_64__
#include <nmmintrin.h>
#include <wmmintrin.h>
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

namespace {

// The instruction's answer takes three cycles, and a processor begins one in each: so three strands of bytes side by side.
constexpr std::size_t kStrand = 128;

// x^n modulo the polynomial, reflected.
constexpr std::uint32_t power_of_x(std::size_t n) {
  std::uint32_t power = 0x80000000;
  for (; n > 0; --n)
    power = power >> 1 ^ (power % 2 != 0 ? kPolynomial : 0);
  return power;
}

// What a checksum has to be multiplied by to be that of its bytes and so many zeros after them. The product of two
// reflected polynomials is one power of x too high, and the instruction, which reduces it, multiplies by x^32.
constexpr std::uint64_t zeros_after(std::size_t bytes) { return power_of_x(8 * bytes - 33); }

[[gnu::target("sse4.2"), gnu::always_inline]] inline std::uint64_t add_word(std::uint64_t sum,
                                                                            const std::uint8_t* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return _mm_crc32_u64(sum, word);
}

[[gnu::target("sse4.2,pclmul"), gnu::always_inline]] inline __m128i times(std::uint64_t sum,
                                                                          std::uint64_t factor) {
  return _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(sum)),
                              _mm_cvtsi64_si128(static_cast<long long>(factor)), 0);
}

} // namespace

bool has_crc32c_instruction() {
  return __builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("pclmul") != 0;
}

[[gnu::target("sse4.2,pclmul")]] std::uint32_t crc32c_by_instruction(std::uint32_t crc,
                                                                     std::span<const std::uint8_t> bytes) {
  std::uint64_t sum = ~crc;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 3 * kStrand; at += 3 * kStrand, left -= 3 * kStrand) {
    std::uint64_t second = 0, third = 0;
    for (std::size_t i = 0; i < kStrand; i += 8) {
      sum = add_word(sum, at + i);
      second = add_word(second, at + kStrand + i);
      third = add_word(third, at + 2 * kStrand + i);
    }
    const __m128i before =
        _mm_xor_si128(times(sum, zeros_after(2 * kStrand)), times(second, zeros_after(kStrand)));
    sum = _mm_crc32_u64(0, static_cast<std::uint64_t>(_mm_cvtsi128_si64(before))) ^ third;
  }
  for (; left >= 8; at += 8, left -= 8)
    sum = add_word(sum, at);
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
