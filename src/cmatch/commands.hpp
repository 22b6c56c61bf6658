// One function a command: check, answer, work, settle.
#pragma once

#include "cmatch/engine_state.hpp"

namespace cmatch {

void apply_command(EngineState& state, const Command& command);

// Expires the GTD orders that are due and settles their books.
void expire_due(EngineState& state);

} // namespace cmatch
