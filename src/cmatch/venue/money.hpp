// What an order may cost at worst: docs/venue.md, sections 5 and 6.
#pragma once

#include <algorithm>

#include "cmatch/checks.hpp"
#include "cmatch/venue/venue_state.hpp"

namespace cmatch {

// The price at which an order's leaves count: its own limit; of a buy without one the highest that it could pay, of a
// sell the reference price.
struct PriceTerms {
  Side side;
  OrderType type;
  TimeInForce time_in_force;
  bool has_price;
  Ticks price;
};

inline Ticks exposure_price(const VenueInstrument& instrument, const PriceTerms& terms) {
  const bool own =
      terms.has_price && (terms.type == OrderType::limit || terms.type == OrderType::stop_limit ||
                          terms.type == OrderType::pegged);
  if (own) return terms.price;
  const Ticks highest = instrument.definition.max_price;
  if (terms.side == Side::sell) {
    if (instrument.has_mark) return instrument.mark;
    return instrument.priced() ? instrument.market() : highest;
  }
  const bool bounded = (terms.type == OrderType::market && is_immediate(terms.time_in_force)) ||
                       terms.type == OrderType::market_to_limit;
  if (!bounded || !instrument.has_collar() || !instrument.priced()) return highest;
  return std::min(highest, instrument.market() + instrument.definition.collar);
}

inline Wide notional(const VenueInstrument& instrument, Ticks price, Lots qty) {
  return static_cast<Wide>(price) * qty * instrument.notional_units;
}

// The fee on `basis` minor units beyond what is due already, rounded up once for all of them.
inline Wide fee_on(Wide due, Wide basis, std::int64_t rate) {
  return div_up(due + basis * rate, kRateUnit) - div_up(due, kRateUnit);
}

// What must be reserved for `leaves`, in minor units of quote (a buy) or base (a sell). `due`: VenueOrder::fee_due.
inline Wide needed(const VenueInstrument& instrument, Side side, Ticks exposure, Lots leaves, Wide due) {
  const Wide basis = side == Side::buy ? notional(instrument, exposure, leaves)
                                       : static_cast<Wide>(leaves) * instrument.lot_units;
  const bool fee_reserved =
      side == Side::buy ? instrument.fee_mode() == FeeMode::quote : instrument.fee_mode() == FeeMode::base;
  return fee_reserved ? basis + fee_on(due, basis, instrument.worst_rate) : basis;
}

inline Wide needed(const VenueInstrument& instrument, const VenueOrder& order) {
  return needed(instrument, static_cast<Side>(order.side), order.exposure_price, order.counted(),
                order.fee_due);
}

} // namespace cmatch
