// One function a command: check, answer, work, settle.
#pragma once

#include <span>

#include "cmatch/engine_state.hpp"

namespace cmatch {

void apply_one(EngineState& state, const Command& command);

// The same for many, with what they will touch fetched ahead.
void apply_many(EngineState& state, std::span<const Command> commands);

} // namespace cmatch
