// Products and quotients of money: 128 bits wide, each rounding named.
#pragma once

#include <cstdint>

#include "cmatch/check.hpp"
#include "cmatch/venue/records.hpp"

namespace cmatch {

using Wide = __int128;

inline constexpr std::int64_t kRateUnit = 1'000'000'000; // rates and haircuts are in 1e-9

constexpr bool fits_amount(Wide value) { return value == static_cast<Wide>(static_cast<Amount>(value)); }

inline Amount to_amount(Wide value) {
  CM_CHECK(fits_amount(value));
  return static_cast<Amount>(value);
}

constexpr Wide wide_abs(Wide value) { return value < 0 ? -value : value; }

constexpr Wide div_up(Wide a, Wide b) { // b > 0
  return a / b + (a % b > 0);
}

constexpr Wide div_half_even(Wide a, Wide b) { // b > 0
  const Wide quotient = a / b, rest = wide_abs(a % b);
  if (rest * 2 < b || (rest * 2 == b && quotient % 2 == 0)) return quotient;
  return quotient + (a < 0 ? -1 : 1);
}

constexpr std::int64_t pow10(unsigned exponent) { // of at most 18
  std::int64_t power = 1;
  while (exponent-- > 0)
    power *= 10;
  return power;
}

} // namespace cmatch
