// New, replace, cancel and mass_cancel of a known account, identified and new (docs/venue.md, sections 5 and 7).
// Each answers and remembers what it does, or returns why it does nothing.
#pragma once

#include "cmatch/venue/limit_checks.hpp"
#include "cmatch/venue/venue_state.hpp"

namespace cmatch {

Refusal enter_new(VenueState& state, AccountSlot account, const OrderCommand& command);
Refusal enter_replace(VenueState& state, AccountSlot account, const OrderCommand& command);
Refusal enter_cancel(VenueState& state, AccountSlot account, const OrderCommand& command);
Refusal enter_mass_cancel(VenueState& state, AccountSlot account, const OrderCommand& command);

// Cancels one live order, wherever it is; its reports say `reason`.
void cancel_order(VenueState& state, VenueSlot slot, std::uint16_t reason);
// Cancels every live order that `wanted` picks, by order_id.
template <class F>
void cancel_where(VenueState& state, std::uint16_t reason, F&& wanted);
void cancel_all_of(VenueState& state, AccountSlot account, std::uint16_t reason);
void cancel_selected(VenueState& state, std::uint16_t reason); // of state.selected, which it empties

// Gives the engine, or the shard, the orders that waited for it, in order.
void submit_queue(VenueState& state, Stage& stage);
void reject_queued(VenueState& state, VenueSlot slot, RejectCode code); // that the engine did not take

// From the engine's `accepted`, `replaced` on, which is the first of state.events.
void take_accepted(VenueState& state, VenueSlot slot);
void tell_replaced(VenueState& state, VenueOrder& order, const OrderCommand& command);

// A cancel or replace that is carried out; complete() says what its retry will hear: the answer that was given.
ClientIds::Entry remember_done(VenueState& state, AccountSlot account, const OrderCommand& command,
                               std::uint64_t order_id, ExecType exec_type, std::uint16_t status, Lots qty);
void complete(VenueState& state, ClientIds::Entry entry);

template <class F>
void cancel_where(VenueState& state, std::uint16_t reason, F&& wanted) {
  state.selected.clear();
  state.orders.for_each([&](VenueSlot slot) {
    if (wanted(state.orders[slot])) state.selected.push_back(slot);
  });
  cancel_selected(state, reason);
}

} // namespace cmatch
