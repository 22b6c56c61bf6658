// A venue as bytes: versioned, digested, canonical. The part of it that is state_hash()'s, and the whole.
#pragma once

#include "cmatch/snapshot_format.hpp"
#include "cmatch/venue/venue_state.hpp"

namespace cmatch {

// All that influences later behaviour, but for the clock and the sequences; the engine by its own hash.
void write_state(const VenueState& state, Writer& out);
// What write_state wrote, into a state that was just made. What is read was compared with what would be written. Client
// order ids, the largest part, are read and checked beside the rest. Throws SnapshotError, InvariantViolation.
void read_state(VenueState& state, Reader& in, const Beside& beside);
// What must hold beyond the invariants of its engine and of its client order ids.
void check_whole(const VenueState& state);

} // namespace cmatch
