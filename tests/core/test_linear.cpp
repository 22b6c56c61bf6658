// Cascades and sweeps are loops: they take a stack of fixed size, however many orders they go through.
#include <doctest/doctest.h>

#include <functional>
#include <pthread.h>

#include "cmatch/engine.hpp"
#include "commands.hpp"

TEST_SUITE_BEGIN("test_linear");

using namespace cmatch;
using namespace cmatch::test;

namespace {

constexpr EngineLimits kLinearLimits{.max_instruments = 1, .max_orders = 1u << 18, .max_order_ids = 1u << 20};

// Runs `work` on a stack of 256 KiB, which a recursion of 10,000 steps would overflow.
void on_small_stack(std::function<void()> work) {
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, 256 * 1024) == 0);
  pthread_t thread{};
  const auto run = [](void* work) -> void* {
    (*static_cast<std::function<void()>*>(work))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, run, &work) == 0);
  REQUIRE(pthread_join(thread, nullptr) == 0);
  pthread_attr_destroy(&attributes);
}

struct Counts {
  std::size_t events = 0, trades = 0, triggered = 0;
  Lots traded = 0;
  bool in_order = true; // triggered orders came by ascending id
};

Counts count(std::span<const Event> events) {
  Counts counts;
  counts.events = events.size();
  OrderId last = 0;
  for (const Event& event : events) {
    if (event.kind == raw(EventKind::trade)) {
      ++counts.trades;
      counts.traded += event.qty;
    }
    if (event.kind != raw(EventKind::triggered)) continue;
    ++counts.triggered;
    counts.in_order = counts.in_order && event.order_id > last;
    last = event.order_id;
  }
  return counts;
}

// `n` sell stops, each of which is triggered by the trade of the one before it: one price lower every time.
Counts cascade(OrderId n) {
  Engine engine(kLinearLimits);
  EventBuffer events;
  engine.apply(define(), events);
  const auto price = [n](OrderId i) { return static_cast<Ticks>(n + 100 - i); };
  for (OrderId i = 0; i <= n; ++i)
    engine.apply(by(2, limit(i + 1, Side::buy, price(i), 1)), events);
  for (OrderId i = 0; i < n; ++i)
    engine.apply(stop(n + 2 + i, Side::sell, price(i), 1), events);
  events.clear();
  on_small_stack([&] { engine.apply(by(3, limit(2 * n + 2, Side::sell, price(0), 1)), events); });
  engine.check_invariants();
  CHECK(engine.live_orders() == 0);
  return count(events.view());
}

// `n` orders at ever worse prices, and one that takes them all.
Counts sweep(OrderId n) {
  Engine engine(kLinearLimits);
  EventBuffer events;
  engine.apply(define(), events);
  for (OrderId i = 1; i <= n; ++i)
    engine.apply(by(2, limit(i, Side::sell, 1 + static_cast<Ticks>(i / 4), 1)), events);
  events.clear();
  const Command taker = order(OrderType::market, n + 1, Side::buy, static_cast<Lots>(n));
  on_small_stack([&] { engine.apply(taker, events); });
  engine.check_invariants();
  CHECK(engine.live_orders() == 0);
  return count(events.view());
}

} // namespace

TEST_CASE("stops: a cascade of 10,000 releases each once, in order, in one command") {
  const Counts counts = cascade(10'000);
  CHECK(counts.triggered == 10'000);
  CHECK(counts.trades == 10'001);
  CHECK(counts.events == 1 + 10'001 + 10'000);
  CHECK(counts.in_order);
}

TEST_CASE("sweep: one order takes 100,000 others, each with one trade") {
  const Counts counts = sweep(100'000);
  CHECK(counts.trades == 100'000);
  CHECK(counts.traded == 100'000);
  CHECK(counts.events == 1 + 100'000);
}

TEST_CASE("stops: twice the cascade makes twice the events") {
  const Counts once = cascade(2'000);
  const Counts twice = cascade(4'000);
  CHECK(twice.events - 2 == 2 * (once.events - 2));
}

TEST_SUITE_END();
