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

// Two whole numbers divided, of 64 bits where both fit: nearly all do, and a division of 128 bits is a call.
template <class Divide>
constexpr Wide divided(Wide a, Wide b, Divide&& divide) {
  if (fits_amount(a) && fits_amount(b)) [[likely]]
    return divide(static_cast<Amount>(a), static_cast<Amount>(b));
  return divide(a, b);
}

constexpr Wide div_up(Wide a, Wide b) { // b > 0
  return divided(a, b, [](auto x, auto y) -> Wide {
    const auto quotient = x / y;
    return Wide{quotient} + (x - quotient * y > 0);
  });
}

constexpr Wide div_half_even(Wide a, Wide b) { // b > 0
  return divided(a, b, [](auto x, auto y) -> Wide {
    const auto quotient = x / y;
    const auto rest = x < 0 ? quotient * y - x : x - quotient * y;
    const bool down = rest < y - rest || (rest == y - rest && quotient % 2 == 0);
    return down ? Wide{quotient} : Wide{quotient} + (x < 0 ? -1 : 1);
  });
}

// a * part / whole for 0 < part <= whole <= 2^63, as div_half_even rounds it; a * part may be more than fits.
constexpr Wide share_half_even(Wide a, Wide part, Wide whole) {
  const Wide quotient = a / whole, rest = (a - quotient * whole) * part; // |rest| < 2^126
  const Wide more = rest / whole, over = rest - more * whole;
  const Wide share = quotient * part + more, size = over < 0 ? -over : over;
  const bool down = size < whole - size || (size == whole - size && share % 2 == 0);
  return down ? share : share + (over < 0 ? -1 : 1);
}

constexpr std::int64_t pow10(unsigned exponent) { // of at most 18
  std::int64_t power = 1;
  while (exponent-- > 0)
    power *= 10;
  return power;
}

} // namespace cmatch
