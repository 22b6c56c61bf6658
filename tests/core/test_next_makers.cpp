// Whom the next taker of a side meets, as far as they are displayed at its best price.
#include <doctest/doctest.h>

#include <utility>
#include <vector>

#include "cmatch/engine.hpp"
#include "commands.hpp"

TEST_SUITE_BEGIN("test_next_makers");

using namespace cmatch;
using namespace cmatch::test;

namespace {

std::vector<OrderId> makers(const Engine& engine, Side side, std::size_t most, InstrumentId instrument = 1) {
  std::vector<OrderId> ids(most);
  ids.resize(engine.next_makers(instrument, side, ids));
  return ids;
}

} // namespace

TEST_CASE("next_makers: orders at two prices, gives those at the better one by time, as many as fit") {
  Engine engine({.max_instruments = 1, .max_orders = 16, .max_order_ids = 16});
  EventBuffer events;
  engine.apply(define(), events);
  CHECK(makers(engine, Side::sell, 3).empty());
  for (const auto& [order_id, price] : {std::pair<OrderId, Ticks>{1, 101}, {2, 100}, {3, 100}, {4, 100}})
    engine.apply(limit(order_id, Side::sell, price, 5), events);
  CHECK(makers(engine, Side::sell, 2) == std::vector<OrderId>{2, 3});
  CHECK(makers(engine, Side::sell, 4) == std::vector<OrderId>{2, 3, 4});
  CHECK(makers(engine, Side::buy, 4).empty());
  CHECK(makers(engine, Side::sell, 4, 2).empty());

  engine.apply(limit(5, Side::buy, 100, 7), events); // all of 2, and 2 of 3
  CHECK(makers(engine, Side::sell, 4) == std::vector<OrderId>{3, 4});
  engine.apply(limit(6, Side::buy, 100, 8), events);
  CHECK(makers(engine, Side::sell, 4) == std::vector<OrderId>{1});
}
