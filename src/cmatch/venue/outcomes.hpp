// What the engine's events mean for orders, money and positions (docs/venue.md, section 6).
#pragma once

#include "cmatch/venue/venue_state.hpp"

namespace cmatch {

// How an order's leaves count while it lives: in its position and in what is reserved.
void count_in(VenueState& state, VenueOrder& order);
void count_out(VenueState& state, VenueOrder& order);

// Holds that much for the order; false, and nothing changes, where it needs more than is available.
bool set_reserved(VenueState& state, VenueOrder& order, Amount amount);

// An order that is no more: frees what it still has reserved, tells its request, forgets it. The report was made before.
void end_order(VenueState& state, VenueSlot slot, OrderStatus status, std::uint16_t cancel_reason);

// Turns the engine's events from `first` on into reports and postings. `reason`: said of cancels instead of the engine's
// own "requested" where it is not 0. `request`: the running command where its answer is among the reports and it is not
// the order's own; else null.
void take_events(VenueState& state, std::size_t first, std::uint16_t reason, const OrderCommand* request);

} // namespace cmatch
