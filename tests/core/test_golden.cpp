// Golden examples of the specification (section 10), as a trading screen tells them. All of them, against the
// oracle too, are in tests/matching; these few show at once where a build of the core itself goes wrong.
#include <doctest/doctest.h>

#include "screen.hpp"
#include "session.hpp"

TEST_SUITE_BEGIN("test_golden");

using namespace cmatch;
using namespace cmatch::test;

namespace {

constexpr AccountId kAnn = 1, kBob = 2, kCat = 3, kDan = 4;

Engine open_book() {
  Engine engine({.max_instruments = 4, .max_orders = 1'000, .max_order_ids = 10'000});
  CHECK(tell(engine, define()) == "accepted");
  return engine;
}

} // namespace

TEST_CASE("match: price, then time, at the maker's price") {
  Engine engine = open_book();
  tell(engine, by(kAnn, limit(1, Side::sell, 101, 5)));
  tell(engine, by(kBob, limit(2, Side::sell, 100, 3)));
  tell(engine, by(kCat, limit(3, Side::sell, 101, 4)));
  CHECK(tell(engine, by(kDan, limit(4, Side::buy, 101, 9))) ==
        "accepted o4; trade t1 o2/o4 100 x 3; trade t2 o1/o4 101 x 5; trade t3 o3/o4 101 x 1");
  CHECK(describe_book(engine) == "- | 101 x 3");
}

TEST_CASE("match: icebergs refresh to the back, in rounds, all before hidden orders") {
  Engine engine = open_book();
  Command hidden = by(kBob, limit(2, Side::sell, 100, 2));
  hidden.flags = kHidden;
  tell(engine, by(kAnn, showing(3, limit(1, Side::sell, 100, 9))));
  tell(engine, hidden);
  tell(engine, by(kCat, limit(3, Side::sell, 100, 4)));
  CHECK(describe_book(engine) == "- | 100 x 7");
  CHECK(tell(engine, by(kDan, limit(4, Side::buy, 100, 14))) ==
        "accepted o4; trade t1 o1/o4 100 x 3; refreshed o1 shows 3; trade t2 o3/o4 100 x 4; trade t3 o1/o4 "
        "100 x 3; "
        "refreshed o1 shows 3; trade t4 o1/o4 100 x 3; trade t5 o2/o4 100 x 1");
  CHECK(describe_book(engine) == "- | -");
}

TEST_CASE("replace: to less keeps priority, to more loses it, to what is filled cancels") {
  Engine engine = open_book();
  tell(engine, by(kAnn, limit(1, Side::buy, 100, 5)));
  tell(engine, by(kBob, limit(2, Side::buy, 100, 5)));
  CHECK(tell(engine, by(kAnn, replace_qty(1, 3))) == "replaced o1 kept");
  CHECK(tell(engine, by(kDan, limit(3, Side::sell, 100, 2))) == "accepted o3; trade t1 o1/o3 100 x 2");
  CHECK(tell(engine, by(kAnn, replace_qty(1, 4))) == "replaced o1 lost");
  CHECK(tell(engine, by(kDan, limit(4, Side::sell, 100, 6))) ==
        "accepted o4; trade t2 o2/o4 100 x 5; trade t3 o1/o4 100 x 1");
  CHECK(tell(engine, by(kAnn, replace_qty(1, 3))) == "canceled o1 x 1 replaced");
  CHECK(describe_book(engine) == "- | -");
}

TEST_CASE("uncross: the most volume at one price, then continuous trading") {
  Engine engine({.max_instruments = 1, .max_orders = 10, .max_order_ids = 100});
  Definition call = definition(1, Phase::pre_open);
  call.present = kHasReference;
  call.reference = 100;
  Command market = by(kBob, order(OrderType::market, 2, Side::buy, 2));
  market.time_in_force = raw(TimeInForce::at_open);
  tell(engine, command_of(call));
  tell(engine, by(kAnn, limit(1, Side::buy, 102, 5)));
  tell(engine, market);
  tell(engine, by(kCat, limit(3, Side::sell, 98, 4)));
  tell(engine, by(kDan, limit(4, Side::sell, 101, 2)));
  CHECK(
      tell(engine, set_phase(Phase::continuous)) ==
      "accepted; uncrossed 102 x 6; trade t1 o2/o3 102 x 2; trade t2 o1/o3 102 x 2; trade t3 o1/o4 102 x 2; "
      "phase continuous");
  CHECK(describe_book(engine) == "102 x 1 | -");
}

TEST_CASE("clock: it moves, and orders expire, before anything else, also before a reject") {
  Engine engine = open_book();
  tell(engine, at(10, by(kAnn, until(50, limit(1, Side::buy, 100, 5)))));
  tell(engine, at(20, by(kAnn, until(30, limit(2, Side::buy, 99, 5)))));
  CHECK(tell(engine, at(40, by(kBob, limit(2, Side::sell, 99, 1)))) == "expired o2 x 5; rejected 4024");
  CHECK(tell(engine, by(kBob, cancel(1))) == "rejected 4005");
  CHECK(engine.clock() == 40);
  CHECK(tell(engine, at(50, by(kCat, limit(3, Side::sell, 100, 1)))) == "expired o1 x 5; accepted o3");
  CHECK(tell(engine, at(7, by(kCat, cancel(3)))) == "canceled o3 x 1 requested");
  CHECK(engine.clock() == 50);
}

TEST_CASE("reject: takes its place in both sequences and leaves the state as it was") {
  Engine engine = open_book();
  tell(engine, limit(1, Side::buy, 100, 5));
  const std::uint64_t before = engine.state_hash();
  EventBuffer events;
  engine.apply(limit(2, Side::buy, 100, 0), events);
  engine.apply(limit(2, Side::buy, 0, 1), events);
  engine.apply(Command{}, events);
  CHECK(describe(events.view()) == "rejected 4006; rejected 4009; rejected 4001");
  CHECK(engine.state_hash() == before);
  CHECK(events[2].sequence == 5);
  CHECK(events[2].command_sequence == 5);
  CHECK(engine.event_sequence() == 5);
  CHECK(engine.command_sequence() == 5);
}

TEST_CASE("order id: zero is refused, also when the highest there is has been used") {
  Engine engine = open_book();
  CHECK(tell(engine, limit(0, Side::buy, 100, 1)) == "rejected 4023");
  CHECK(tell(engine, limit(~OrderId{0}, Side::buy, 100, 1)) == "accepted o18446744073709551615");
  CHECK(engine.next_order_id() == 0);
  CHECK(tell(engine, limit(0, Side::buy, 100, 1)) == "rejected 4023");
  CHECK(tell(engine, limit(~OrderId{0}, Side::buy, 100, 1)) == "rejected 4024");
  CHECK(tell(engine, limit(7, Side::buy, 100, 1)) == "accepted o7");
}

TEST_CASE("limits: an engine of none, or of too much, is refused") {
  CHECK_THROWS_AS(Engine({.max_instruments = 0}), std::invalid_argument);
  CHECK_THROWS_AS(Engine({.max_orders = 0}), std::invalid_argument);
  CHECK_THROWS_AS(Engine({.max_order_ids = 0}), std::invalid_argument);
  CHECK_THROWS_AS(Engine({.max_orders = (1u << 30) + 1}), std::invalid_argument);
  CHECK_THROWS_AS(Engine({.max_order_ids = (1ull << 36) + 1}), std::invalid_argument);
}

TEST_CASE("limits: reaching one is a reject, and room that is made again is used") {
  Engine engine({.max_instruments = 1, .max_orders = 2, .max_order_ids = 4});
  CHECK(tell(engine, define(1)) == "accepted");
  CHECK(tell(engine, define(2)) == "rejected 4030");
  CHECK(tell(engine, limit(1, Side::buy, 100, 1)) == "accepted o1");
  CHECK(tell(engine, limit(2, Side::buy, 100, 1)) == "accepted o2");
  CHECK(tell(engine, limit(3, Side::buy, 100, 1)) == "rejected 4026");
  CHECK(tell(engine, cancel(1)) == "canceled o1 x 1 requested");
  CHECK(tell(engine, limit(3, Side::buy, 100, 1)) == "accepted o3");
  CHECK(tell(engine, cancel(2)) == "canceled o2 x 1 requested");
  CHECK(tell(engine, limit(4, Side::buy, 100, 1)) == "accepted o4");
  CHECK(tell(engine, cancel(3)) == "canceled o3 x 1 requested");
  CHECK(tell(engine, limit(5, Side::buy, 100, 1)) == "rejected 4025");
  CHECK(engine.live_orders() == 1);
  CHECK(engine.remembered_ids() == 4);
}

TEST_SUITE_END();
