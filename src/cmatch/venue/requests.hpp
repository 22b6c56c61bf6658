// Order commands from the outside: shape, identity, and the answer to one that was seen before (docs/venue.md, section 3).
#pragma once

#include "cmatch/venue/reports.hpp"

namespace cmatch {

// What can be said of a command without any state; none: nothing is wrong with it. What fails here need not be journaled.
RejectCode check_shape(const OrderCommand& command);

// `account`: of that number, whosever it is; kNoSlot where it is not open. state.id_hash is that of the request.
void apply_request(VenueState& state, const OrderCommand& command, AccountSlot account);

// Remembers a request, whose outcome then says what it was and nothing yet of what came of it. `live`: it made an order which
// lives on.
ClientIds::Entry remember(VenueState& state, AccountSlot account, const OrderCommand& command, bool live);

} // namespace cmatch
