// Calls: the uncross price and its trades, and the way from phase to phase (section 6).
// uncross_of: O(levels of the book); no walk from tick to tick.
#pragma once

#include "cmatch/engine_state.hpp"

namespace cmatch {

AuctionView uncross_of(const EngineState& state, const OrderBook& book);

// The work of an accepted set_phase, up to settling.
void change_phase(EngineState& state, OrderBook& book, Phase to);

} // namespace cmatch
