// Quotients of money: the same whether they are taken in 64 bits or in 128.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "cmatch/venue/wide.hpp"

TEST_SUITE_BEGIN("test_wide");

using namespace cmatch;

namespace {

constexpr Wide kLeastWide = std::numeric_limits<Amount>::min(),
               kMostWide = std::numeric_limits<Amount>::max();

// About zero, about the ends of 64 bits and beyond them.
std::vector<Wide> dividends() {
  std::vector<Wide> values;
  for (const Wide around :
       {Wide{0}, kLeastWide, kMostWide, kMostWide * 1'000'000'000, kLeastWide * 1'000'000'000})
    for (Wide by = -12; by <= 12; ++by)
      values.push_back(around + by);
  return values;
}

const std::vector<Wide> kDivisors{
    1, 2, 3, 4, 5, 7, 10, 1'000'000'000, kMostWide - 1, kMostWide, kMostWide + 1};

// The quotient rounded down, by definition.
Wide floored(Wide a, Wide b) { return (a - (a % b + b) % b) / b; }

} // namespace

TEST_CASE("div_up: any dividend and divisor, gives the least whole number that is no less") {
  for (const Wide a : dividends())
    for (const Wide b : kDivisors)
      CHECK(div_up(a, b) == -floored(-a, b));
}

TEST_CASE("div_half_even: any dividend and divisor, gives the nearest whole number, of two the even one") {
  for (const Wide a : dividends())
    for (const Wide b : kDivisors) {
      const Wide below = floored(a, b), rest = a - below * b;
      const bool up = rest > b - rest || (rest == b - rest && below % 2 != 0);
      CHECK(div_half_even(a, b) == below + up);
    }
}

TEST_CASE("share_half_even: any part of any whole, is the rounded quotient, also where the product is more "
          "than fits") {
  constexpr Wide kMostPart = Wide{1} << 62;
  for (const Wide a : dividends())
    for (const Wide whole : {Wide{1}, Wide{2}, Wide{3}, Wide{7}, Wide{10}, kMostPart - 1, kMostPart})
      for (const Wide part : {Wide{1}, Wide{2}, whole / 2, whole - 1, whole}) {
        if (part < 1 || part > whole) continue;
        Wide product = 0;
        if (__builtin_mul_overflow(a, part, &product)) continue;
        CHECK(share_half_even(a, part, whole) == div_half_even(product, whole));
      }
  for (const Wide sign : {1, -1}) {
    CHECK(share_half_even(sign * (Wide{1} << 125), 3, 4) == sign * 3 * (Wide{1} << 123));
    CHECK(share_half_even(sign * ((Wide{1} << 125) + 2), kMostPart - 1, kMostPart) ==
          sign * ((Wide{1} << 125) + 2 - (Wide{1} << 63)));
  }
}
