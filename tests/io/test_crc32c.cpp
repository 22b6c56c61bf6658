// CRC-32C: the published vectors, and the two ways against each other.
#include <doctest/doctest.h>

#include <cstring>
#include <numeric>
#include <string_view>
#include <vector>

#include "cmatch/io/crc32c.hpp"
#include "random.hpp"

TEST_SUITE_BEGIN("test_crc32c");

using namespace cmatch::io;
using cmatch::test::Random;

namespace {

using Bytes = std::vector<std::uint8_t>;
using Way = std::uint32_t (*)(std::uint32_t, std::span<const std::uint8_t>);

std::vector<Way> ways() {
  std::vector<Way> result{crc32c, crc32c_by_table};
  if (has_crc32c_instruction()) result.push_back(crc32c_by_instruction);
  return result;
}

} // namespace

TEST_CASE("crc32c: the vectors of RFC 3720, B.4, by every way") {
  Bytes ascending(32);
  std::iota(ascending.begin(), ascending.end(), std::uint8_t{0});
  const Bytes descending(ascending.rbegin(), ascending.rend());
  const std::string_view digits = "123456789";
  const Bytes check(digits.begin(), digits.end());
  const Bytes read_command{0x01, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                           0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
                           0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
                           0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
  for (const Way way : ways()) {
    CHECK(way(0, Bytes(32, 0x00)) == 0x8A9136AA);
    CHECK(way(0, Bytes(32, 0xFF)) == 0x62A8AB43);
    CHECK(way(0, ascending) == 0x46DD794E);
    CHECK(way(0, descending) == 0x113FDB5C);
    CHECK(way(0, read_command) == 0xD9963A56);
    CHECK(way(0, check) == 0xE3069283);
    CHECK(way(0, {}) == 0);
  }
}

TEST_CASE("crc32c: any bytes at any alignment, whole or in two parts, the same by every way") {
  Random random(7);
  Bytes bytes(1'300);
  for (std::uint8_t& byte : bytes)
    byte = static_cast<std::uint8_t>(random.below(256));
  for (std::size_t start = 0; start < 9; ++start) {
    for (std::size_t length = 0; start + length <= bytes.size(); length += 1 + length / 16) {
      const auto part = std::span<const std::uint8_t>(bytes).subspan(start, length);
      const std::uint32_t whole = crc32c_by_table(0, part);
      const std::size_t split = random.below(length + 1);
      for (const Way way : ways()) {
        REQUIRE(way(0, part) == whole);
        REQUIRE(way(way(0, part.first(split)), part.subspan(split)) == whole);
      }
    }
  }
}

TEST_SUITE_END();
