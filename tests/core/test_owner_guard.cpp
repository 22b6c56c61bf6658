// Two threads and one engine: whoever comes second is refused, and nothing is raced (the tsan preset watches).
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "cmatch/engine.hpp"
#include "cmatch/owner_guard.hpp"
#include "commands.hpp"

TEST_SUITE_BEGIN("test_owner_guard");

using namespace cmatch;
using namespace cmatch::test;

TEST_CASE("owner guard: one owner at a time, and none once it is gone") {
  std::atomic<bool> busy{false};
  {
    const OwnerGuard first(busy);
    CHECK(static_cast<bool>(first));
    const OwnerGuard second(busy);
    CHECK_FALSE(static_cast<bool>(second));
  }
  const OwnerGuard third(busy);
  CHECK(static_cast<bool>(third));
}

TEST_CASE("owner guard: two threads share an engine, each call is made alone or refused") {
  Engine engine({.max_instruments = 1, .max_orders = 64, .max_order_ids = 1'000'000});
  EventBuffer events;
  engine.apply(define(), events);
  std::atomic<bool> busy{false};
  std::atomic<OrderId> next{0};
  std::atomic<std::uint64_t> made{1};

  const auto hammer = [&](Side side) {
    for (int i = 0; i < 20'000; ++i) {
      const OwnerGuard guard(busy);
      if (!guard) continue;
      events.clear();
      engine.apply(by(side == Side::buy ? 1 : 2, limit(++next, side, 100, 1)), events);
      ++made;
    }
  };
  std::thread buyer(hammer, Side::buy);
  std::thread seller(hammer, Side::sell);
  buyer.join();
  seller.join();

  CHECK(engine.command_sequence() == made);
  CHECK(made > 1);
  CHECK_NOTHROW(engine.check_invariants());
}

TEST_SUITE_END();
