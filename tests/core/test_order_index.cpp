// The index of ids beside a plain map: rising ids, ids far apart, retirements small and large.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

#include <sys/resource.h>

#include "cmatch/order_index.hpp"

TEST_SUITE_BEGIN("test_order_index");

using namespace cmatch;

namespace {

constexpr std::uint64_t kMaxIds = 1024; // the window's cells, too: the least that there are
constexpr Slot kMaxOrders = 512;

// The same in the plainest way, and both compared.
class Twin {
 public:
  explicit Twin(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t end) { return random_() % end; }

  void insert(OrderId id, bool lives) {
    if (used(id) || index_.full() || live_.size() >= kMaxOrders) return;
    REQUIRE(!index_.used(id));
    const Slot slot = lives ? next_++ : kNone;
    index_.insert(id, slot);
    known_[id] = slot;
    if (lives) live_.push_back(id);
  }
  void end_one() {
    if (live_.empty()) return;
    std::swap(live_[below(live_.size())], live_.back());
    index_.set(live_.back(), kNone);
    known_[live_.back()] = kNone;
    live_.pop_back();
  }
  void retire(OrderId up_to) {
    index_.retire(up_to);
    retired_ = std::max(retired_, up_to);
    std::erase_if(known_, [&](const auto& each) { return each.first <= retired_ && each.second == kNone; });
  }
  bool used(OrderId id) const { return id <= retired_ || known_.contains(id); }

  void check(OrderId id) const {
    const auto found = known_.find(id);
    CHECK(index_.find(id) == (found == known_.end() ? kNone : found->second));
    CHECK(index_.used(id) == used(id));
    CHECK((!index_.surely_unused(id) || !used(id)));
  }
  void check_all() const {
    std::vector<std::pair<OrderId, OrderId>> ranges;
    std::uint64_t remembered = 0;
    OrderId highest = retired_;
    for (const auto& [id, slot] : known_) {
      check(id), check(id + 1), check(id - 1);
      check(id + kMaxIds), check(id - kMaxIds); // where the window is a ring, they share a cell
      if (id <= retired_) continue;
      highest = std::max(highest, id);
      ++remembered;
      if (!ranges.empty() && ranges.back().second + 1 == id)
        ranges.back().second = id;
      else
        ranges.emplace_back(id, id);
    }
    CHECK(index_.used_ranges() == ranges);
    CHECK(index_.count() == remembered);
    CHECK(index_.retired() == retired_);
    CHECK(index_.highest() == highest);
  }

  OrderId highest() const { return index_.highest(); }
  // What a snapshot keeps, read back.
  void restart() {
    OrderIndex fresh(kMaxIds, kMaxOrders);
    fresh.retire(retired_);
    for (const auto& [first, last] : index_.used_ranges())
      for (OrderId id = first;; ++id) {
        fresh.insert(id, kNone);
        if (id == last) break;
      }
    for (const auto& [id, slot] : known_)
      if (slot != kNone) fresh.place(id, slot);
    index_ = std::move(fresh);
  }

 private:
  OrderIndex index_{kMaxIds, kMaxOrders};
  std::mt19937_64 random_;
  std::map<OrderId, Slot> known_;
  std::vector<OrderId> live_;
  OrderId retired_ = 0;
  Slot next_ = 1;
};

// Of the calling thread.
long faults() {
  rusage usage{};
  REQUIRE(::getrusage(RUSAGE_THREAD, &usage) == 0);
  return usage.ru_minflt;
}

} // namespace

TEST_CASE("index_agrees_with_a_map_while_ids_rise_and_are_retired") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Twin twin(seed);
    const std::uint64_t kept = twin.below(900), widest = 1 + twin.below(40);
    const std::uint64_t odd = seed % 3 == 0 ? 1'000 : 0; // in so many: an id from elsewhere
    OrderId id = seed % 4 == 0 ? twin.below(1ull << 40) : 0;
    for (int step = 0; step < 12'000; ++step) {
      id += 1 + twin.below(widest);
      twin.insert(id, twin.below(3) != 0);
      if (odd != 0 && twin.below(odd) == 0) twin.insert(1 + twin.below(id + 5'000), true);
      if (odd != 0 && twin.below(10 * odd) == 0) twin.insert(id + (1ull << 50), true);
      if (twin.below(2) == 0) twin.end_one();
      if (twin.below(50) == 0 && id > kept && twin.highest() < 1ull << 50) twin.retire(id - kept);
      twin.check(1 + twin.below(id + 2'000));
      if (twin.below(2'000) == 0) twin.restart();
      if (step % 500 == 0) twin.check_all();
    }
    twin.check_all();
    twin.retire(twin.highest());
    twin.check_all();
    twin.restart();
    twin.check_all();
  }
}

TEST_CASE("index_reaches_the_last_id") {
  Twin twin(1);
  const OrderId last = ~OrderId{0};
  twin.insert(last - 2'000, true);
  twin.retire(last - 1'500);
  for (OrderId id = last - 1'499; id != 0; ++id) {
    twin.insert(id, id % 7 == 0);
    if (id % 64 == 0) twin.retire(id - 10);
  }
  twin.check_all();
  twin.retire(last);
  CHECK(twin.used(last));
  twin.check_all();
}

// A retirement once brought in a table of its own for the orders that lived: tens of thousands of page faults at once.
TEST_CASE("index_of_rising_ids_needs_no_new_memory") {
  constexpr std::uint64_t kIds = 1 << 18, kLife = 5'000;
  OrderIndex index(kIds, 1 << 16);
  long before = 0;
  for (OrderId id = 1; id <= 6 * kIds; ++id) {
    index.insert(id, static_cast<Slot>(id % 60'000 + 1));
    if (id > kLife) index.set(id - kLife, kNone);
    if (id % 256 == 0 && id > kIds / 16) index.retire(id - kIds / 16);
    if (id == 2 * kIds) before = faults();
  }
  CHECK(faults() - before < 10);
  CHECK(index.count() < kIds / 8);
}

TEST_SUITE_END();
