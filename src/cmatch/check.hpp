// Invariants that stay on in release: a broken one throws, and the engine that threw is poisoned.
#pragma once

#include <stdexcept>
#include <string>

namespace cmatch {

// The engine's own state contradicts itself. The engine refuses every further call.
class InvariantViolation : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

[[noreturn, gnu::cold, gnu::noinline]] inline void fail_invariant(const char* what) {
  throw InvariantViolation(std::string("broken invariant: ") + what);
}

} // namespace cmatch

#define CM_CHECK(condition)                                                                                  \
  do {                                                                                                       \
    if (!(condition)) [[unlikely]]                                                                           \
      ::cmatch::fail_invariant(#condition);                                                                  \
  } while (false)
