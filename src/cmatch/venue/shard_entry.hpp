// Commands that the venue has looked at and a shard carries out: what they hold until it has answered.
#pragma once

#include "cmatch/venue/venue_state.hpp"

namespace cmatch {

// `engine_command`: what the shard's engine is to do. The order was made, or was queued.
void pass_new(VenueState& state, VenueSlot slot, const OrderCommand& command, const Command& engine_command);
void pass_queued(VenueState& state, VenueSlot slot, const OrderCommand& given, const Command& engine_command);
void pass_replace(VenueState& state, VenueSlot slot, const OrderCommand& command, Lots leaves, Ticks exposure,
                  const Command& engine_command);
// `command`: who asked for it; null: the venue itself, and its report says `reason`.
void pass_cancel(VenueState& state, VenueSlot slot, std::uint16_t reason, const OrderCommand* command);
// The answer to a change of phase is the shard's; of anything else it was given.
void pass_instrument(VenueState& state, const VenueInstrument& instrument, PassedKind kind,
                     const InstrumentCommand& command, const Command& engine_command);

} // namespace cmatch
