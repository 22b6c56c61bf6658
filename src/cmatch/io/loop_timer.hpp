// The stopwatch of the core loop: where the time of each turn went, into the shared statistics.
#pragma once

#include <cstdint>

#include "cmatch/io/shared_stats.hpp"
#include "cmatch/io/transport.hpp"

namespace cmatch::io {

// Borrows the statistics, which have to outlive it. Reads the monotonic clock at each call, some 25 ns. One thread.
//   wait -> idle() -> drain -> stage(stage_drain) -> ... -> stage(stage_send) -> finish(...) -> wait
class LoopTimer {
 public:
  explicit LoopTimer(SharedStats& stats);

  // A wait is over: the time since the last finish() was idle.
  void idle();
  // A stage is over: it took the time since the last call. Throws std::invalid_argument where `timing` is no stage.
  void stage(Timing timing);
  // A turn is over. With `frames` above 0 it was a batch: its service time is that since the last idle() or finish().
  // Takes over what `transport` counted.
  void finish(const Transport& transport, std::uint32_t frames);

 private:
  std::uint64_t lap();

  SharedStats* stats_;
  std::uint64_t last_ns_;
  std::uint64_t started_ns_;
};

} // namespace cmatch::io
