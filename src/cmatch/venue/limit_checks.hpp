// The pre-trade limits of docs/venue.md, section 8, on one order.
#pragma once

#include "cmatch/venue/venue_state.hpp"

namespace cmatch {

// A refusal and, where it has them, the bound that was met and what was asked.
struct Refusal {
  RejectCode code = RejectCode::none;
  bool detailed = false;
  std::int64_t value = 0, asked = 0;

  explicit operator bool() const { return code != RejectCode::none; }
};

struct LimitedOrder {
  Side side;
  OrderType type;
  bool has_price; // of its own, a limit
  Ticks price;
  Ticks exposure_price;
  Lots qty;
  bool is_new; // else a replace: it is open already and no duplicate
};

inline constexpr TimeNs kDay = TimeNs{86'400} * 1'000'000'000;

void touch_anew(const VenueState& state, Position& position, std::int64_t today);

// Brings the position to today and its limits up to date; to be called before it is read or written.
inline void touch(const VenueState& state, Position& position) {
  const std::int64_t today = state.clock / kDay + 1; // 0 is never
  if (position.day != today || position.limits_version != state.limit_sets.version()) [[unlikely]]
    touch_anew(state, position, today);
}

// Of a position that was touched and has limits.
Refusal check_limits(VenueState& state, Position& position, const LimitedOrder& order);

// Unrealised profit at the mark, else the last or reference price, else none.
Wide unrealised(const VenueInstrument& instrument, const Position& position);

} // namespace cmatch
