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
  // Nanoseconds from some moment on, whatever the time of day is set to: for how long something lasts. Never journaled.
  virtual std::int64_t steady_ns() = 0;
};

// CLOCK_MONOTONIC, where how long something took is measured and nobody sets the time.
std::int64_t steady_ns();

// CLOCK_REALTIME, CLOCK_MONOTONIC. Any thread may ask.
class SystemClock final : public Clock {
 public:
  std::int64_t now_ns() override;
  std::int64_t steady_ns() override;
};

// Stands still until it is moved; steps back where it is set back, and counts that as no time. Any thread may ask, one
// moves it.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(std::int64_t start_ns = 0) : now_ns_(start_ns), steady_ns_(start_ns) {}

  std::int64_t now_ns() override { return now_ns_.load(std::memory_order_relaxed); }
  std::int64_t steady_ns() override { return steady_ns_.load(std::memory_order_relaxed); }
  void set(std::int64_t ns) {
    const std::int64_t passed = ns - now_ns_.exchange(ns, std::memory_order_relaxed);
    if (passed > 0) steady_ns_.fetch_add(passed, std::memory_order_relaxed);
  }
  void advance(std::int64_t ns) { set(now_ns() + ns); }

 private:
  std::atomic<std::int64_t> now_ns_, steady_ns_;
};

} // namespace cmatch::io
