// Where the time of a batch comes from. The core reads no clock: its time is what was journaled.
#pragma once

#include <atomic>
#include <cstdint>

namespace cmatch::io {

// Nanoseconds since the Unix epoch, UTC. May step back: whoever journals it makes it monotone.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  virtual std::int64_t now_ns() = 0;
  // Never steps back or jumps, and begins anywhere: for how long somebody has been silent.
  virtual std::int64_t steady_ns() = 0;
};

// CLOCK_REALTIME. Any thread may ask.
class SystemClock final : public Clock {
 public:
  std::int64_t now_ns() override;
  std::int64_t steady_ns() override; // CLOCK_MONOTONIC
};

// Stands still until it is moved. Any thread may ask and move it.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(std::int64_t start_ns = 0) : now_ns_(start_ns), steady_ns_(start_ns) {}

  std::int64_t now_ns() override { return now_ns_.load(std::memory_order_relaxed); }
  std::int64_t steady_ns() override { return steady_ns_.load(std::memory_order_relaxed); }
  // Somebody sets the clock: no time passes.
  void set(std::int64_t ns) { now_ns_.store(ns, std::memory_order_relaxed); }
  void advance(std::int64_t ns) {
    now_ns_.fetch_add(ns, std::memory_order_relaxed);
    steady_ns_.fetch_add(ns, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::int64_t> now_ns_, steady_ns_;
};

} // namespace cmatch::io
