// Clocks: the system's, and one that moves when it is told to.
#include <doctest/doctest.h>

#include <ctime>

#include "cmatch/io/clock.hpp"

TEST_SUITE_BEGIN("test_clock");

using namespace cmatch::io;

TEST_CASE("system clock: is the wall clock, in nanoseconds") {
  SystemClock clock;
  const std::int64_t before = static_cast<std::int64_t>(std::time(nullptr)) * 1'000'000'000;
  const std::int64_t now = clock.now_ns();
  const std::int64_t after = (static_cast<std::int64_t>(std::time(nullptr)) + 2) * 1'000'000'000;
  CHECK(before <= now);
  CHECK(now <= after);
}

TEST_CASE("virtual clock: stands still until it is moved") {
  VirtualClock clock(5);
  CHECK(clock.now_ns() == 5);
  CHECK(clock.now_ns() == 5);
  clock.advance(7);
  CHECK(clock.now_ns() == 12);
  clock.set(3);
  CHECK(clock.now_ns() == 3);
}

TEST_CASE("clocks: steady time goes on where the time of day steps back") {
  VirtualClock clock(5);
  clock.advance(7);
  CHECK(clock.steady_ns() == 12);
  clock.set(3);
  CHECK(clock.steady_ns() == 12);
  clock.set(4);
  CHECK(clock.now_ns() == 4);
  CHECK(clock.steady_ns() == 13);
  SystemClock system;
  const std::int64_t before = system.steady_ns();
  CHECK(before <= system.steady_ns());
}

TEST_SUITE_END();
