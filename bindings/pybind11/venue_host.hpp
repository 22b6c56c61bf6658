// What a Python venue object holds: the venue, its output buffer, and the flag that says a thread is inside.
#pragma once

#include <atomic>
#include <utility>

#include "cmatch/io/replayer.hpp"
#include "cmatch/owner_guard.hpp"
#include "cmatch/venue/venue.hpp"
#include "shared/errors.hpp"

namespace cmatch::face {

struct VenueHost {
  explicit VenueHost(Venue made) : venue(std::move(made)) {}

  Venue venue;
  Output output; // of the last call
  io::Replayer replayer;
  std::atomic<bool> busy{false};
};

// One thread's stay in a venue. Throws EngineBusy where another is inside.
class VenueStay {
 public:
  explicit VenueStay(VenueHost& host) : guard_(host.busy) {
    if (!guard_) [[unlikely]]
      throw EngineBusy();
  }

 private:
  OwnerGuard guard_;
};

} // namespace cmatch::face
