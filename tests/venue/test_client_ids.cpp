// Requests are remembered, forgotten in order, and never pass as new again (docs/venue.md, 3).
#include <doctest/doctest.h>

#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cmatch/command.hpp"
#include "cmatch/snapshot_format.hpp"
#include "cmatch/venue/client_ids.hpp"

TEST_SUITE_BEGIN("test_client_ids");

using namespace cmatch;

namespace {

constexpr AccountSlot kAliceSlot = 2, kBobSlot = 3;
constexpr TimeNs kSecond = 1'000'000'000;

struct Name {
  IdHead head{};
  IdTail tail{};
  explicit Name(const std::string& text) {
    char padded[kIdLength] = {};
    std::memcpy(padded, text.data(), std::min(text.size(), kIdLength));
    std::memcpy(head, padded, sizeof head);
    std::memcpy(tail, padded + sizeof head, sizeof tail);
  }
  explicit Name(std::uint64_t number) // short and long ones
      : Name((number % 3 == 0 ? "a-client-order-id-of-two-parts-" : "o") + std::to_string(number)) {}
};

RequestOutcome outcome_of(std::uint64_t number) {
  RequestOutcome outcome{};
  outcome.digest = number * 0x9E3779B97F4A7C15ull;
  outcome.order_id = outcome.sequence = number;
  outcome.detail_value = -static_cast<std::int64_t>(number);
  outcome.detail_asked = 1;
  outcome.order_qty = 3;
  outcome.price = -4;
  outcome.instrument_id = 5;
  outcome.reject = 6;
  outcome.exec_type = 7;
  outcome.action = 8;
  outcome.flags = 9;
  outcome.side = 10;
  outcome.type = 11;
  outcome.time_in_force = 12;
  return outcome;
}

// `number` is that of its outcome.
ClientIds::Entry remember(ClientIds& ids, AccountSlot account, const Name& name, std::uint64_t number,
                          TimeNs sent_at, bool live, TimeNs clock) {
  const ClientIds::Entry entry = ids.remember(ids.hash(account, name.head, name.tail), account, name.head,
                                              name.tail, sent_at, live, clock);
  if (entry != kNoSlot) ids.outcome(entry) = outcome_of(number);
  return entry;
}

ClientIds::Entry remember(ClientIds& ids, AccountSlot account, std::uint64_t number, TimeNs sent_at,
                          bool live, TimeNs clock) {
  return remember(ids, account, Name(number), number, sent_at, live, clock);
}

bool knows(const ClientIds& ids, AccountSlot account, std::uint64_t number) {
  const Name name(number);
  const ClientIds::Entry entry = ids.find(account, name.head, name.tail);
  CM_CHECK(entry == kNoSlot || ids.outcome(entry).sequence == number);
  return entry != kNoSlot;
}

std::vector<std::uint8_t> bytes_of_ids(const ClientIds& ids) {
  Writer out;
  ids.write(out);
  return std::move(out.bytes);
}

} // namespace

TEST_CASE("remember: is found by account and whole id, with what was kept of it") {
  ClientIds ids(16, 8);
  const ClientIds::Entry entry = remember(ids, kAliceSlot, 3, 50, false, 100);
  const Name name(3);
  CHECK(ids.find(kAliceSlot, name.head, name.tail) == entry);
  CHECK(ids.find(kBobSlot, name.head, name.tail) == kNoSlot);
  CHECK(ids.find(kAliceSlot, name.head, Name(6).tail) == kNoSlot); // another tail only
  CHECK(ids.find(kAliceSlot, Name(4).head, name.tail) == kNoSlot);
  CHECK(ids.outcome(entry) == outcome_of(3));
  CHECK(same_id(ids.head(entry), ids.tail(entry), name.head, name.tail));
  CHECK(ids.sent_at(entry) == 50);
  CHECK(ids.account(entry) == kAliceSlot);
  CHECK_FALSE(ids.live(entry));
  CHECK_FALSE(ids.too_old(kAliceSlot, std::numeric_limits<TimeNs>::min() + 1));
}

TEST_CASE("forget_due: 10 minutes after the answer, oldest first, at most as many as told") {
  ClientIds ids(16, 8);
  remember(ids, kAliceSlot, 1, 50, false, 0);
  remember(ids, kBobSlot, 2, 60, false, 0);
  remember(ids, kAliceSlot, 3, 40, false, 1);
  ids.forget_due(600 * kSecond - 1, 99);
  CHECK(ids.size() == 3);
  ids.forget_due(600 * kSecond, 0);
  CHECK(ids.size() == 3);
  ids.forget_due(600 * kSecond, 1);
  CHECK_FALSE(knows(ids, kAliceSlot, 1));
  CHECK(knows(ids, kBobSlot, 2));
  CHECK(ids.too_old(kAliceSlot, 50));
  CHECK_FALSE(ids.too_old(kAliceSlot, 51));
  CHECK_FALSE(ids.too_old(kBobSlot, 50));
  CHECK(knows(ids, kAliceSlot, 3)); // although its sent_at is not later than the watermark
  ids.forget_due(600 * kSecond, 99);
  CHECK_FALSE(knows(ids, kBobSlot, 2));
  CHECK(ids.too_old(kBobSlot, 60));
  CHECK(knows(ids, kAliceSlot, 3));
  ids.forget_due(600 * kSecond + 1, 99);
  CHECK(ids.size() == 0);
  CHECK(ids.watermark(kAliceSlot) == 50); // the largest forgotten, not the last
  ids.check_invariants();
}

TEST_CASE("a live order's request: stays for ever; its 10 minutes start when the order ends") {
  ClientIds ids(16, 8);
  const ClientIds::Entry entry = remember(ids, kAliceSlot, 1, 50, true, 0);
  remember(ids, kAliceSlot, 2, 60, false, 0);
  CHECK(ids.live(entry));
  ids.forget_due(10'000 * kSecond, 99);
  CHECK(ids.size() == 1);
  CHECK(knows(ids, kAliceSlot, 1));
  CHECK(ids.live() == 1);
  ids.ended(entry, 20'000 * kSecond, OrderStatus::canceled, 2, 101);
  CHECK(ids.live() == 0);
  CHECK(ids.outcome(entry).final_status == static_cast<std::uint16_t>(OrderStatus::canceled));
  CHECK(ids.outcome(entry).final_cum_qty == 2);
  CHECK(ids.outcome(entry).cancel_reason == 101);
  ids.forget_due(20'600 * kSecond - 1, 99);
  CHECK(knows(ids, kAliceSlot, 1));
  ids.forget_due(20'600 * kSecond, 99);
  CHECK(ids.size() == 0);
  CHECK_THROWS_AS(ids.ended(entry, 20'600 * kSecond, OrderStatus::filled, 2), InvariantViolation);
}

TEST_CASE(
    "an account's bound: the 65,537th that came to rest forgets its first, no other account's, no live one") {
  ClientIds ids(1u << 18, 8);
  remember(ids, kBobSlot, 1, 1, false, 0);
  remember(ids, kAliceSlot, 1, 1, true, 0);
  for (std::uint64_t number = 2; number < 2 + 65'536; ++number)
    remember(ids, kAliceSlot, number, static_cast<TimeNs>(number), false, 0);
  CHECK(knows(ids, kAliceSlot, 2));
  CHECK(ids.size() == 65'538);
  remember(ids, kAliceSlot, 100'000, 100'000, false, 0);
  CHECK_FALSE(knows(ids, kAliceSlot, 2));
  CHECK(ids.watermark(kAliceSlot) == 2);
  CHECK(knows(ids, kAliceSlot, 3));
  CHECK(knows(ids, kAliceSlot, 1));
  CHECK(knows(ids, kBobSlot, 1));
  CHECK(ids.size() == 65'538);
  // A live one does not count until it ends, and then forgets the first as well.
  remember(ids, kAliceSlot, 100'001, 100'001, true, 0);
  CHECK(knows(ids, kAliceSlot, 3));
  const Name name(1);
  ids.ended(ids.find(kAliceSlot, name.head, name.tail), 0, OrderStatus::filled, 3);
  CHECK_FALSE(knows(ids, kAliceSlot, 3));
  CHECK(knows(ids, kAliceSlot, 1));
  ids.check_invariants();
}

TEST_CASE("a full table: forgets the oldest of all to make room; only live ones, and none is left") {
  ClientIds ids(3, 8);
  remember(ids, kAliceSlot, 1, 10, false, 0);
  const ClientIds::Entry second = remember(ids, kBobSlot, 2, 20, true, 0);
  remember(ids, kBobSlot, 3, 30, false, 0);
  CHECK(ids.has_room());
  remember(ids, kBobSlot, 4, 40, true, 1);
  CHECK_FALSE(knows(ids, kAliceSlot, 1));
  CHECK(ids.too_old(kAliceSlot, 10));
  remember(ids, kAliceSlot, 5, 50, true, 2);
  CHECK_FALSE(knows(ids, kBobSlot, 3));
  CHECK_FALSE(ids.has_room());
  CHECK(remember(ids, kAliceSlot, 6, 60, false, 3) == kNoSlot);
  CHECK(remember(ids, kAliceSlot, 6, 60, true, 3) == kNoSlot);
  CHECK(ids.size() == 3);
  CHECK_FALSE(knows(ids, kAliceSlot, 6));
  ids.ended(second, 4, OrderStatus::filled, 3);
  CHECK(ids.has_room());
  CHECK(remember(ids, kAliceSlot, 6, 60, false, 5) != kNoSlot);
  CHECK_FALSE(knows(ids, kBobSlot, 2));
  ids.check_invariants();
}

TEST_CASE("for_each_live: in order of arrival, whatever ended between") {
  ClientIds ids(8, 8);
  std::vector<ClientIds::Entry> entries;
  for (std::uint64_t number = 1; number <= 5; ++number)
    entries.push_back(remember(ids, kAliceSlot, number, 1, true, 0));
  ids.ended(entries[0], 0, OrderStatus::filled, 0);
  ids.ended(entries[4], 0, OrderStatus::filled, 0);
  ids.ended(entries[2], 0, OrderStatus::filled, 0);
  std::string live;
  ids.for_each_live(
      [&](ClientIds::Entry entry) { live += std::to_string(ids.outcome(entry).sequence) + " "; });
  CHECK(live == "2 4 ");
}

namespace {

// The same rules over maps and a deque.
struct Model {
  struct Known {
    std::uint64_t sequence;
    TimeNs sent_at, settled_at;
    bool live;
  };
  using Key = std::pair<AccountSlot, std::uint64_t>;
  std::map<Key, Known> known;
  std::deque<Key> settled;
  std::map<AccountSlot, TimeNs> watermark;
  std::size_t max_ids, per_account;
  TimeNs window;

  void forget(std::size_t at) {
    const Key key = settled[at];
    TimeNs& mark = watermark.try_emplace(key.first, std::numeric_limits<TimeNs>::min()).first->second;
    mark = std::max(mark, known.at(key).sent_at);
    known.erase(key);
    settled.erase(settled.begin() + static_cast<std::ptrdiff_t>(at));
  }
  bool forget_first_of(AccountSlot account) {
    for (std::size_t at = 0; at < settled.size(); ++at)
      if (settled[at].first == account) {
        forget(at);
        return true;
      }
    return false;
  }
  std::size_t count_of(AccountSlot account) const {
    std::size_t count = 0;
    for (const Key& key : settled)
      count += key.first == account;
    return count;
  }
  bool too_old(AccountSlot account, TimeNs sent_at) const {
    const auto mark = watermark.find(account);
    return mark != watermark.end() && sent_at <= mark->second;
  }
  void settle(const Key& key, TimeNs clock) {
    if (count_of(key.first) == per_account) forget_first_of(key.first);
    known.at(key).settled_at = clock;
    known.at(key).live = false;
    settled.push_back(key);
  }
  bool remember(const Key& key, std::uint64_t sequence, TimeNs sent_at, bool live, TimeNs clock) {
    if (!live && count_of(key.first) == per_account)
      forget_first_of(key.first);
    else if (known.size() == max_ids && !settled.empty())
      forget(0);
    if (known.size() == max_ids) return false;
    known[key] = {sequence, sent_at, clock, live};
    if (!live) settle(key, clock);
    return true;
  }
  void forget_due(TimeNs clock, std::uint32_t at_most) {
    for (; at_most > 0 && !settled.empty() && known.at(settled[0]).settled_at + window <= clock; --at_most)
      forget(0);
  }
};

// A client that sends, retries and sends again; the table and the model must agree, and no retry may pass as new.
class Trial {
 public:
  Trial(std::uint32_t max_ids, std::uint32_t per_account, TimeNs window, std::uint64_t seed)
      : max_ids_(max_ids), per_account_(per_account), window_(window), random_(seed), ids_(make()) {
    model_.max_ids = max_ids;
    model_.per_account = per_account;
    model_.window = window;
  }

  void step() {
    if (below(3) == 0) clock_ += static_cast<TimeNs>(below(8));
    const auto account = static_cast<AccountSlot>(kHouseAccounts + below(3));
    const std::uint64_t number = below(30);
    const Model::Key key{account, number};
    const TimeNs sent_at = clock_ + static_cast<TimeNs>(below(20)) - 15;
    const Name name(number);
    const ClientIds::Entry entry = ids_->find(account, name.head, name.tail);
    const auto known = model_.known.find(key);
    REQUIRE((entry != kNoSlot) == (known != model_.known.end()));
    REQUIRE(ids_->too_old(account, sent_at) == model_.too_old(account, sent_at));
    if (entry != kNoSlot) {
      REQUIRE(ids_->outcome(entry).digest == outcome_of(known->second.sequence).digest);
      REQUIRE(ids_->sent_at(entry) == known->second.sent_at);
      REQUIRE(ids_->live(entry) == known->second.live);
      if (known->second.live && below(2) == 0) {
        ids_->ended(entry, clock_, OrderStatus::filled, 1);
        model_.settle(key, clock_);
      }
    } else if (!ids_->too_old(account, sent_at)) {
      const bool live = below(3) == 0;
      const bool room = ids_->has_room();
      const ClientIds::Entry made = remember(*ids_, account, name, ++sequence_, sent_at, live, clock_);
      REQUIRE((made != kNoSlot) == model_.remember(key, sequence_, sent_at, live, clock_));
      REQUIRE((made != kNoSlot) == room);
      if (made != kNoSlot) sent_.push_back({key, sent_at});
      refused_ += made == kNoSlot;
    } else {
      ++too_old_;
    }
    const auto at_most = static_cast<std::uint32_t>(below(3));
    ids_->forget_due(clock_, at_most);
    model_.forget_due(clock_, at_most);
    ids_->check_invariants();
    REQUIRE(ids_->size() == model_.known.size());
    REQUIRE(ids_->size() - ids_->live() == model_.settled.size());
  }

  // Every request ever remembered, sent once more: known, or too old.
  void retry_all() const {
    for (const auto& [key, sent_at] : sent_) {
      const Name name(key.second);
      const bool known = ids_->find(key.first, name.head, name.tail) != kNoSlot;
      REQUIRE((known || ids_->too_old(key.first, sent_at)));
    }
  }

  void restart() {
    const std::vector<std::uint8_t> bytes = bytes_of_ids(*ids_);
    std::unique_ptr<ClientIds> restored = make();
    Reader in(bytes);
    restored->read(in, 8);
    REQUIRE(in.done());
    REQUIRE(bytes_of_ids(*restored) == bytes);
    ids_ = std::move(restored);
    ids_->check_invariants();
  }

  int refused() const { return refused_; }
  int too_old() const { return too_old_; }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  std::unique_ptr<ClientIds> make() {
    return std::make_unique<ClientIds>(max_ids_, 8, per_account_, window_,
                                       ++seeds_); // the seed changes nothing
  }

  std::uint32_t max_ids_, per_account_;
  TimeNs window_;
  std::uint64_t seeds_ = 0;
  std::mt19937_64 random_;
  std::unique_ptr<ClientIds> ids_;
  Model model_;
  std::vector<std::pair<Model::Key, TimeNs>> sent_;
  TimeNs clock_ = 1'000;
  std::uint64_t sequence_ = 0;
  int refused_ = 0, too_old_ = 0;
};

} // namespace

TEST_CASE("client ids: 100,000 random requests, known and forgotten as the model's; no retry passes as new") {
  int refused = 0, too_old = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Trial trial(seed % 2 == 0 ? 12 : 40, seed % 3 == 0 ? 3 : 9, seed % 5 == 0 ? 1'000 : 40, seed);
    for (int step = 0; step < 2'000; ++step) {
      trial.step();
      if (step % 97 == 0) trial.retry_all();
    }
    trial.retry_all();
    refused += trial.refused();
    too_old += trial.too_old();
  }
  CHECK(refused > 0);
  CHECK(too_old > 0);
}

TEST_CASE("client ids: restored before every step of a run, go on as the model does") {
  Trial trial(16, 5, 60, 99);
  for (int step = 0; step < 2'000; ++step) {
    trial.restart();
    trial.step();
  }
  trial.retry_all();
}

TEST_CASE("client ids: bytes that are cut, changed or of a larger table, are refused") {
  ClientIds ids(12, 8, 4, 100);
  for (std::uint64_t number = 1; number <= 9; ++number)
    remember(ids, number % 2 == 0 ? kAliceSlot : kBobSlot, number, static_cast<TimeNs>(number),
             number % 3 == 0, static_cast<TimeNs>(number));
  ids.forget_due(103, 99);
  const std::vector<std::uint8_t> bytes = bytes_of_ids(ids);
  const auto refusal = [](std::span<const std::uint8_t> some, std::uint32_t max_ids,
                          std::uint32_t per_account, std::uint32_t accounts) -> std::string {
    ClientIds read(max_ids, 8, per_account, 100);
    Reader in(some);
    try {
      read.read(in, accounts);
    } catch (const SnapshotError& error) {
      return error.what();
    }
    read.check_invariants();
    return in.done() && bytes_of_ids(read) == std::vector<std::uint8_t>(some.begin(), some.end()) ? ""
                                                                                                  : "another";
  };
  CHECK(refusal(bytes, 12, 4, 4).empty());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    REQUIRE(refusal(std::span(bytes).first(length), 12, 4, 4) != "");
  CHECK(refusal(bytes, ids.live() - 1, 4, 4) == "the snapshot has more client order ids than the limit");
  CHECK(refusal(bytes, ids.size() - 1, 4, 4) == "the snapshot has more client order ids than the limit");
  CHECK(refusal(bytes, 12, 1, 4) == "the snapshot has more client order ids than an account has");
  CHECK(refusal(bytes, 12, 4, 3) == "the snapshot has a watermark of no account");
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::vector<std::uint8_t> changed = bytes;
    changed[at] ^= static_cast<std::uint8_t>(1u << at % 8);
    const std::string said = refusal(changed, 12, 4, 4);
    REQUIRE((said.empty() || said != "another" || at < 16)); // taken whole, refused, or with bytes left over
  }
}

TEST_CASE("content of a request: every field counts but those of the way it came") {
  OrderCommand base{};
  base.kind = static_cast<std::uint16_t>(OrderAction::new_order);
  base.present = kAllOrderFields;
  const std::uint64_t digest = content_digest(base);
  using Change = std::function<void(OrderCommand&)>;
  const std::vector<Change> counts = {
      [](auto& c) { c.kind = 2; },
      [](auto& c) { c.side = 1; },
      [](auto& c) { c.type = 1; },
      [](auto& c) { c.time_in_force = 1; },
      [](auto& c) { c.instrument_id = 1; },
      [](auto& c) { c.stp_mode = 1; },
      [](auto& c) { c.present = 0; },
      [](auto& c) { c.account = 1; },
      [](auto& c) { c.qty = 1; },
      [](auto& c) { c.price = 1; },
      [](auto& c) { c.client_order_id_head[0] = 1; },
      [](auto& c) { c.client_order_id_tail[23] = 1; },
      [](auto& c) { c.orig_client_order_id_head[15] = 1; },
      [](auto& c) { c.orig_client_order_id_tail[0] = 1; },
      [](auto& c) { c.flags = 1; },
      [](auto& c) { c.peg = 1; },
      [](auto& c) { c.stop_price = 1; },
      [](auto& c) { c.trail = 1; },
      [](auto& c) { c.offset = 1; },
      [](auto& c) { c.display_qty = 1; },
      [](auto& c) { c.min_qty = 1; },
      [](auto& c) { c.expire_at = 1; },
      [](auto& c) { c.stp_group = 1; },
      [](auto& c) { c.quote_qty = 1; },
  };
  std::map<std::uint64_t, std::size_t> digests = {{digest, counts.size()}};
  for (std::size_t i = 0; i < counts.size(); ++i) {
    OrderCommand changed = base;
    counts[i](changed);
    CHECK_MESSAGE(digests.emplace(content_digest(changed), i).second, "change ", i, " does not count");
  }
  OrderCommand way = base;
  way.sent_at = way.session = way.tenant = way.verdict = 7;
  way.correlation_id_head[0] = way.correlation_id_tail[3] = 'x';
  way.order_id = 9; // of a new order: the sequencer's
  CHECK(content_digest(way) == digest);
  for (const OrderAction action : {OrderAction::replace, OrderAction::cancel, OrderAction::mass_cancel}) {
    OrderCommand one = base, other = base;
    one.kind = other.kind = static_cast<std::uint16_t>(action);
    other.order_id = 9; // the target
    CHECK(content_digest(one) != content_digest(other));
  }
}

TEST_CASE("content of a request: an absent optional field counts as zero, whatever lies there") {
  OrderCommand base{};
  base.kind = static_cast<std::uint16_t>(OrderAction::replace);
  OrderCommand noisy = base;
  noisy.price = noisy.stop_price = noisy.trail = noisy.offset = noisy.display_qty = noisy.min_qty = 5;
  noisy.expire_at = noisy.quote_qty = noisy.qty = 5;
  noisy.stp_group = noisy.peg = 5;
  CHECK(content_digest(noisy) == content_digest(base));
  noisy.kind = base.kind = static_cast<std::uint16_t>(OrderAction::new_order); // whose qty is always there
  CHECK(content_digest(noisy) != content_digest(base));
}
