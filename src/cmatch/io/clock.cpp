#include "cmatch/io/clock.hpp"

#include <ctime>

namespace cmatch::io {

namespace {

std::int64_t read(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

} // namespace

std::int64_t steady_ns() { return read(CLOCK_MONOTONIC); }

std::int64_t SystemClock::now_ns() { return read(CLOCK_REALTIME); }

std::int64_t SystemClock::steady_ns() { return io::steady_ns(); }

} // namespace cmatch::io
