// The replica's memory: rings against deques, and orders as their reports tell them.
#include <doctest/doctest.h>

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cmatch/snapshot.hpp"
#include "cmatch/venue/history.hpp"

TEST_SUITE_BEGIN("test_history");

using namespace cmatch;

namespace {

struct Numbered {
  std::uint64_t key, number;
  std::uint64_t filler[3];
};

// Random pushes for few keys into a small pool; the model keeps what must be kept: at most `per_key` of a key, and
// whole blocks of the pool, the ones longest in use forgotten first.
void compare_with_deques(std::uint32_t keys, std::uint32_t per_key, std::uint32_t max_records, int steps) {
  KeyedRings<Numbered> rings(keys, per_key, max_records);
  std::map<std::uint64_t, std::deque<std::uint64_t>> held;
  std::mt19937_64 random(keys * 1000 + per_key);
  std::uint64_t total = 0;
  for (int step = 1; step <= steps; ++step) {
    const std::uint64_t key = 7 + random() % keys * 11;
    Numbered* const record = rings.push(key, [&](const Numbered& gone) {
      REQUIRE(!held[gone.key].empty());
      REQUIRE(held[gone.key].front() == gone.number); // always the oldest of its key
      held[gone.key].pop_front();
      --total;
    });
    REQUIRE(record != nullptr);
    *record = {key, static_cast<std::uint64_t>(step), {}};
    held[key].push_back(record->number);
    ++total;
    REQUIRE(rings.at(rings.place_of(record)).number == record->number);
    REQUIRE(rings.newest(key)->number == record->number);
    REQUIRE(rings.records() == total);
    REQUIRE(held[key].size() <= per_key);
    if (step % 97 == 0) {
      rings.check_invariants();
      for (const auto& [each, numbers] : held) {
        REQUIRE(rings.count(each) == numbers.size());
        std::vector<std::uint64_t> seen;
        rings.newest_first(each, [&](const Numbered& one) {
          seen.push_back(one.number);
          return true;
        });
        REQUIRE(std::vector<std::uint64_t>(numbers.rbegin(), numbers.rend()) == seen);
      }
    }
  }
}

class Teller { // makes reports in order of their events
 public:
  ExecutionReport operator()(ExecType type, std::uint64_t order_id, std::uint64_t account, OrderStatus status,
                             Lots qty, Lots cum) {
    ExecutionReport report{};
    report.exec_type = static_cast<std::uint16_t>(type);
    report.order_status = static_cast<std::uint16_t>(status);
    report.side = 1;
    report.instrument_id = 3;
    report.account = account;
    report.order_id = order_id;
    report.event_sequence = ++events_;
    report.sequence = events_;
    report.timestamp = static_cast<std::int64_t>(1000 * events_);
    report.order_qty = qty;
    report.cum_qty = cum;
    report.leaves_qty = qty - cum;
    report.flags = kReportPrice;
    report.price = 100;
    std::memcpy(report.client_order_id_head, "first", 5);
    return report;
  }

 private:
  std::uint64_t events_ = 0;
};

HistoryLimits small() {
  HistoryLimits limits;
  limits.max_accounts = limits.max_instruments = 8;
  limits.orders_per_account = 5;
  limits.fills_per_account = limits.trades_per_instrument = 4;
  limits.max_orders = limits.max_fills = limits.max_trades = 512;
  return limits;
}

} // namespace

TEST_CASE("rings keep what deques keep") {
  compare_with_deques(1, 5, 640, 2'000);
  compare_with_deques(3, 64, 640, 20'000);
  compare_with_deques(9, 100, 6'400, 50'000);
}

TEST_CASE("a pool that is used up forgets the block that is longest in use") {
  compare_with_deques(4, 1'000, 256, 20'000);
  compare_with_deques(20, 1'000, 320, 50'000);
  compare_with_deques(5, 1'000, 64, 5'000); // one block for all
}

TEST_CASE("a key beyond the limit is refused and nothing changes") {
  KeyedRings<Numbered> rings(2, 4, 128);
  const auto forget = [](const Numbered&) { FAIL("nothing had to go"); };
  REQUIRE(rings.push(1, forget) != nullptr);
  REQUIRE(rings.push(2, forget) != nullptr);
  CHECK(rings.push(3, forget) == nullptr);
  CHECK(rings.records() == 2);
  rings.check_invariants();
}

TEST_CASE("an order is what its reports made of it") {
  History history(small());
  Teller tell;
  std::vector<ExecutionReport> reports = {tell(ExecType::accepted, 10, 1, OrderStatus::open, 9, 0)};
  for (const Lots cum : {2, 5}) {
    reports.push_back(tell(ExecType::trade, 10, 1, OrderStatus::partially_filled, 9, cum));
    reports.back().last_qty = cum == 2 ? 2 : 3;
    reports.back().last_price = cum == 2 ? 100 : 99;
    reports.back().trade_id = static_cast<std::uint64_t>(cum);
    reports.back().liquidity = static_cast<std::uint16_t>(Liquidity::maker);
  }
  reports.push_back(tell(ExecType::replaced, 10, 1, OrderStatus::partially_filled, 7, 5));
  std::memcpy(reports.back().client_order_id_head, "second", 6);
  reports.push_back(tell(ExecType::cancel_rejected, 10, 1, OrderStatus::rejected, 0, 0));
  reports.push_back(tell(ExecType::canceled, 10, 1, OrderStatus::canceled, 7, 5));
  reports.back().leaves_qty = 0;
  reports.back().cancel_reason = 1;
  history.record(reports);

  const HistoryOrder* const order = history.order(10);
  REQUIRE(order != nullptr);
  CHECK(order->order_status == static_cast<std::uint16_t>(OrderStatus::canceled));
  CHECK(order->order_qty == 7);
  CHECK(order->cum_qty == 5);
  CHECK(order->leaves_qty == 0);
  CHECK(order->cost_low == 2 * 100 + 3 * 99);
  CHECK(order->fills == 2);
  CHECK(order->entered_at == 1000);
  CHECK(order->updated_at == 6000);
  CHECK(order->event_sequence == 6);
  CHECK(order->cancel_reason == 1);
  CHECK(std::string(order->client_order_id) == "second");
  const auto fills = history.fills(1, {}, 10);
  REQUIRE(fills.size() == 2);
  CHECK(fills[0].trade_id == 5);
  CHECK(fills[1].qty == 2);
  const auto trades = history.trades(3, {}, 10);
  REQUIRE(trades.size() == 2);
  CHECK(trades[0].taker_side == 2); // the maker bought
  history.check_invariants();
}

TEST_CASE("both sides of a trade make one trade") {
  History history(small());
  Teller tell;
  std::vector<ExecutionReport> reports = {tell(ExecType::accepted, 1, 1, OrderStatus::open, 5, 0),
                                          tell(ExecType::accepted, 2, 2, OrderStatus::open, 5, 0)};
  for (const std::uint64_t order : {2, 1}) {
    reports.push_back(tell(ExecType::trade, order, order, OrderStatus::filled, 5, 5));
    reports.back().trade_id = 77;
    reports.back().last_qty = 5;
    reports.back().last_price = 100;
    reports.back().side = order == 2 ? 2 : 1;
    reports.back().liquidity = static_cast<std::uint16_t>(order == 2 ? Liquidity::taker : Liquidity::maker);
  }
  history.record(reports);
  const auto trades = history.trades(3, {}, 10);
  REQUIRE(trades.size() == 1);
  CHECK(trades[0].taker_side == 2);
  CHECK(trades[0].qty == 5);
  CHECK(history.fills(1, {}, 10).size() == 1);
  CHECK(history.fills(2, {}, 10).size() == 1);
}

TEST_CASE("an account keeps its last orders and no more, and a page follows a page") {
  History history(small());
  Teller tell;
  std::vector<ExecutionReport> reports;
  for (std::uint64_t order = 1; order <= 8; ++order)
    reports.push_back(tell(ExecType::accepted, order, 1, OrderStatus::open, 5, 0));
  history.record(reports);
  CHECK(history.order_count() == 5);
  CHECK(history.order(3) == nullptr);
  const auto newest = history.orders(1, {}, 3);
  REQUIRE(newest.size() == 3);
  CHECK(newest[0].order_id == 8);
  HistoryFilter next;
  next.before = newest.back().order_id;
  const auto rest = history.orders(1, next, 3);
  REQUIRE(rest.size() == 2);
  CHECK(rest[0].order_id == 5);
  CHECK(rest[1].order_id == 4);
  CHECK(history.orders(2, {}, 3).empty());
}

TEST_CASE("a filter asks for instrument, status, time and client order id") {
  History history(small());
  Teller tell;
  auto first = tell(ExecType::accepted, 1, 1, OrderStatus::open, 5, 0);
  auto second = tell(ExecType::accepted, 2, 1, OrderStatus::filled, 5, 0);
  second.instrument_id = 4;
  auto third = tell(ExecType::accepted, 3, 1, OrderStatus::open, 5, 0);
  std::memcpy(third.client_order_id_head, "third", 5);
  history.record(std::vector{first, second, third});
  const auto ids = [&](const HistoryFilter& filter) {
    std::vector<std::uint64_t> found;
    for (const HistoryOrder& order : history.orders(1, filter, 10))
      found.push_back(order.order_id);
    return found;
  };
  HistoryFilter filter;
  filter.instrument_id = 4;
  CHECK(ids(filter) == std::vector<std::uint64_t>{2});
  filter = {};
  filter.order_status = static_cast<std::uint16_t>(OrderStatus::open);
  CHECK(ids(filter) == std::vector<std::uint64_t>{3, 1});
  filter = {};
  filter.from_ns = filter.to_ns = 2000;
  CHECK(ids(filter) == std::vector<std::uint64_t>{2});
  filter = {};
  const char name[40] = "third";
  filter.client_order_id = name;
  CHECK(ids(filter) == std::vector<std::uint64_t>{3});
}

TEST_CASE("duplicates and what was never journaled change nothing") {
  History history(small());
  Teller tell;
  auto order = tell(ExecType::accepted, 1, 1, OrderStatus::open, 5, 0);
  auto again = order;
  again.flags |= kReportDuplicate;
  again.order_status = static_cast<std::uint16_t>(OrderStatus::filled);
  auto refused = tell(ExecType::rejected, 9, 1, OrderStatus::rejected, 5, 0);
  refused.event_sequence = 0;
  history.record(std::vector{order, again, refused});
  CHECK(history.order_count() == 1);
  CHECK(history.order(1)->order_status == static_cast<std::uint16_t>(OrderStatus::open));
}

TEST_CASE("a report of an order that was forgotten makes it known again") {
  History history(small());
  Teller tell;
  std::vector<ExecutionReport> reports;
  for (std::uint64_t order = 1; order <= 6; ++order)
    reports.push_back(tell(ExecType::accepted, order, 1, OrderStatus::open, 5, 0));
  reports.push_back(tell(ExecType::expired, 1, 1, OrderStatus::expired, 5, 0));
  history.record(reports);
  REQUIRE(history.order(1) != nullptr);
  CHECK(history.order(1)->order_status == static_cast<std::uint16_t>(OrderStatus::expired));
  CHECK(history.order(2) == nullptr); // made room
  history.check_invariants();
}

TEST_CASE("an account beyond the limit is counted, not kept") {
  HistoryLimits limits = small();
  limits.max_accounts = 1;
  History history(limits);
  Teller tell;
  history.record(std::vector{tell(ExecType::accepted, 1, 1, OrderStatus::open, 5, 0),
                             tell(ExecType::accepted, 2, 2, OrderStatus::open, 5, 0)});
  CHECK(history.order_count() == 1);
  CHECK(history.dropped() == 1);
  limits.max_accounts = 0;
  CHECK_THROWS_AS(History{limits}, std::invalid_argument);
}

namespace {

// What can be asked of it, as bytes.
std::vector<std::uint8_t> all_of(const History& history) {
  std::vector<std::uint8_t> bytes;
  const auto put = [&bytes](const auto& found) {
    const auto* const first = reinterpret_cast<const std::uint8_t*>(found.data());
    bytes.insert(bytes.end(), first, first + found.size() * sizeof found[0]);
    bytes.push_back(0xFF);
  };
  for (AccountId account = 1; account <= 9; ++account) {
    put(history.orders(account, {}, 1000));
    put(history.fills(account, {}, 1000));
  }
  put(history.trades(3, {}, 1000));
  for (std::uint64_t order = 1; order < 2'000; ++order)
    bytes.push_back(history.order(order) != nullptr);
  return bytes;
}

// A life of some orders: entered, filled in part, ended.
std::vector<ExecutionReport> random_reports(std::mt19937_64& random, Teller& tell, std::uint64_t& orders,
                                            int count) {
  std::vector<ExecutionReport> reports;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t order = random() % 3 == 0 && orders > 1 ? 1 + random() % orders : ++orders;
    const std::uint64_t account = 1 + order % 9;
    const auto type = order == orders ? ExecType::accepted
                      : random() % 2  ? ExecType::trade
                                      : ExecType::canceled;
    reports.push_back(tell(type, order, account, OrderStatus::open, 9, 0));
    reports.back().trade_id = reports.back().event_sequence;
    reports.back().last_qty = 1;
    reports.back().last_price = 100 + static_cast<Ticks>(random() % 9);
  }
  return reports;
}

} // namespace

TEST_CASE("a history made of its snapshot goes on as the one that it was taken of") {
  std::mt19937_64 random(5);
  for (const std::uint32_t pool : {64u, 512u, 4096u}) // used up again and again, at times, never
    for (const std::uint32_t each : {5u, 100u}) {
      HistoryLimits limits = small();
      limits.max_accounts = 16;
      limits.orders_per_account = limits.fills_per_account = limits.trades_per_instrument = each;
      limits.max_orders = limits.max_fills = limits.max_trades = pool;
      auto live = std::make_unique<History>(limits);
      Teller tell;
      std::uint64_t orders = 0;
      for (std::uint64_t sequence = 1; sequence <= 20; ++sequence) {
        const std::vector<std::uint8_t> bytes = live->snapshot(sequence);
        auto again = std::make_unique<History>(History::restore(bytes, sequence, limits));
        REQUIRE(again->snapshot(sequence) == bytes);
        REQUIRE(all_of(*again) == all_of(*live));
        const auto reports = random_reports(random, tell, orders, 90);
        live->record(reports);
        again->record(reports);
        again->check_invariants();
        REQUIRE(all_of(*again) == all_of(*live));
        REQUIRE(again->dropped() == live->dropped());
        live = std::move(again);
      }
    }
}

TEST_CASE("a history of smaller limits keeps the newest of its snapshot") {
  HistoryLimits limits = small();
  Teller tell;
  History history(limits);
  std::vector<ExecutionReport> reports;
  for (std::uint64_t order = 1; order <= 10; ++order)
    reports.push_back(tell(ExecType::accepted, order, 1 + order % 2, OrderStatus::open, 5, 0));
  history.record(reports);
  const std::vector<std::uint8_t> bytes = history.snapshot(1);
  limits.orders_per_account = 2;
  History smaller = History::restore(bytes, 1, limits);
  smaller.check_invariants();
  const std::vector<HistoryOrder> orders = smaller.orders(1, {}, 10);
  REQUIRE(orders.size() == 2);
  CHECK(orders[0].order_id == 10);
  CHECK(orders[1].order_id == 8);
  CHECK(smaller.order(6) == nullptr);
  limits.max_accounts = 1;
  smaller = History::restore(bytes, 1, limits);
  CHECK(smaller.order_count() == 2);
  CHECK(smaller.dropped() == 1);
}

TEST_CASE("a damaged snapshot of a history is refused") {
  std::mt19937_64 random(6);
  Teller tell;
  std::uint64_t orders = 0;
  History history(small());
  history.record(random_reports(random, tell, orders, 40));
  const std::vector<std::uint8_t> bytes = history.snapshot(40);
  CHECK_THROWS_AS(History::restore(bytes, 41, small()), SnapshotError);
  for (std::size_t length = 0; length < bytes.size(); length += 7)
    CHECK_THROWS_AS(History::restore(std::span(bytes).first(length), 40, small()), SnapshotError);
  for (std::size_t place = 0; place < bytes.size(); ++place) {
    std::vector<std::uint8_t> flipped = bytes;
    flipped[place] ^= static_cast<std::uint8_t>(1u << random() % 8);
    CHECK_THROWS_AS(History::restore(flipped, 40, small()), SnapshotError);
  }
}
