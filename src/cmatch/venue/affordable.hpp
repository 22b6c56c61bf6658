// What a market order for so much money takes (docs/venue.md, section 5).
#pragma once

#include "cmatch/venue/venue_state.hpp"

namespace cmatch {

// What a market buy of `budget` minor units of quote may take: the displayed asks, best first, with their fees. O(levels).
Lots affordable(const Engine& engine, const VenueInstrument& instrument, Amount budget);

} // namespace cmatch
