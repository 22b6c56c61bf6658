// One instrument's rules, with what the hot path derives from them once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "cmatch/command.hpp"
#include "cmatch/types.hpp"

namespace cmatch {

constexpr std::int64_t div_floor(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
constexpr std::int64_t div_ceil(std::int64_t a, std::int64_t b) {
  return a / b + (a % b != 0 && (a < 0) == (b < 0));
}

// All bits set for a seller: x ^ turned(side) turns the order of prices around, without a branch on the side.
constexpr std::int64_t turned(Side side) { return -static_cast<std::int64_t>(side == Side::sell); }

// Is `price` worse for a buyer (higher), or for a seller (lower), than `limit`?
constexpr bool beyond(Side taker, Ticks price, Ticks limit) {
  return (price ^ turned(taker)) > (limit ^ turned(taker));
}

struct Instrument {
  // What each order meets, together.
  std::int64_t lowest_step = 0;  // of the prices, in tick_steps
  std::int64_t highest_step = 0; // of the prices, in tick_steps
  Ticks min_price = 0;
  std::uint64_t price_range = 0; // max_price - min_price
  std::uint64_t max_qty = 0;
  bool unit_ticks = false;    // tick_step is 1: no division
  bool unit_lots = false;     // lot_step is 1
  bool banded = false;        // has a band
  bool bounded = false;       // has a band or a collar
  bool notional_fits = false; // max_qty at the widest price is within max_notional
  bool simple = false;        // no step but 1, no band, no notional to test: range checks are all
  Ticks widest_price = 0;     // the larger of |min_price|, |max_price|
  Definition definition{};

  Instrument() = default;
  // Keeps of the definition what stays in force: phase and reference are the book's.
  explicit Instrument(const Definition& d) : definition(d) {
    definition.timestamp = 0;
    definition.kind = static_cast<std::uint8_t>(CommandKind::define_instrument);
    definition.phase = 0;
    definition.reference = 0;
    definition.present = static_cast<std::uint16_t>(d.present & ~kHasReference);
    for (auto& byte : definition.reserved0)
      byte = 0;
    definition.reserved1 = 0;
    definition.reserved2 = 0;
    if ((d.present & kHasCollar) == 0) definition.collar = 0;
    if ((d.present & kHasStaticBand) == 0) definition.static_band = 0;
    if ((d.present & kHasDynamicBand) == 0) definition.dynamic_band = 0;
    min_price = d.min_price;
    price_range = static_cast<std::uint64_t>(d.max_price) - static_cast<std::uint64_t>(d.min_price);
    max_qty = static_cast<std::uint64_t>(d.max_qty);
    lowest_step = div_ceil(d.min_price, d.tick_step);
    highest_step = div_floor(d.max_price, d.tick_step);
    widest_price = std::max(std::abs(d.min_price), std::abs(d.max_price));
    notional_fits = static_cast<__int128>(widest_price) * d.max_qty <= d.max_notional;
    simple = d.tick_step == 1 && d.lot_step == 1 && notional_fits &&
             (d.present & (kHasStaticBand | kHasDynamicBand)) == 0;
    unit_ticks = d.tick_step == 1;
    unit_lots = d.lot_step == 1;
    banded = (d.present & (kHasStaticBand | kHasDynamicBand)) != 0;
    bounded = banded || (d.present & kHasCollar) != 0;
  }

  bool has(DefinitionField field) const { return (definition.present & field) != 0; }
  bool in_range(Ticks price) const {
    return static_cast<std::uint64_t>(price) - static_cast<std::uint64_t>(min_price) <= price_range;
  }
  bool on_tick(Ticks price) const { return unit_ticks || price % definition.tick_step == 0; }
  bool on_lot(Lots qty) const { return unit_lots || qty % definition.lot_step == 0; }

  // The distance of a price from the best possible one of its side, in tick_steps. Requires a valid price.
  std::uint64_t rank(Side side, Ticks price) const {
    const std::int64_t step = unit_ticks ? price : price / definition.tick_step;
    const std::int64_t turn = turned(opposite(side));
    const std::int64_t from = side == Side::buy ? highest_step : lowest_step;
    return static_cast<std::uint64_t>(((step - from) ^ turn) - turn);
  }
  std::uint64_t max_rank() const {
    return highest_step > lowest_step ? static_cast<std::uint64_t>(highest_step - lowest_step) : 0;
  }

  bool notional_within(Ticks price, Lots qty) const {
    const __int128 notional = static_cast<__int128>(price) * qty;
    return (notional < 0 ? -notional : notional) <= definition.max_notional;
  }
};

} // namespace cmatch
