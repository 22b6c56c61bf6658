// Settling a book after a step (section 5): pegs are priced anew, stops trigger and are released one by one.
// A loop, never recursion.
#pragma once

#include <optional>

#include "cmatch/engine_state.hpp"

namespace cmatch {

void settle_conditional(EngineState& state, OrderBook& book);

inline void settle(EngineState& state, OrderBook& book) {
  if (book.unconditional()) [[likely]]
    book.step_traded = false;
  else
    settle_conditional(state, book);
}

// The price of a peg among what rests now, none where it has to wait. `best_opposite` is what it must not take.
std::optional<Ticks> peg_price(const EngineState& state, const OrderBook& book, Slot slot,
                               const PegReference& reference, std::optional<Ticks> best_opposite);

} // namespace cmatch
