// Assets, instruments, accounts, limits, switches and sessions; and what time alone does (docs/venue.md, 1, 2, 7 and 8).
#pragma once

#include "cmatch/venue/venue_state.hpp"

namespace cmatch {

void apply_ledger(VenueState& state, const LedgerCommand& command);
void apply_instrument(VenueState& state, const InstrumentCommand& command);
void apply_admin(VenueState& state, const AdminCommand& command);

// What is due at the clock, which has just moved.
void run_timers(VenueState& state);
TimeNs next_timer(const VenueState& state);
// When the journal has to say that time has passed: besides, for those whose timers run elsewhere.
TimeNs next_tick(const VenueState& state);

// What an instrument is, as derived from its definition: units and rates.
void derive(VenueInstrument& instrument, const Ledger& ledger);

} // namespace cmatch
