#include "cmatch/io/clock.hpp"

#include <ctime>

namespace cmatch::io {

std::int64_t SystemClock::now_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

} // namespace cmatch::io
