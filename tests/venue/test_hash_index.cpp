// The indexes against std::unordered_map: random keys, keys that all collide, runs that wrap, tables that are full.
#include <doctest/doctest.h>

#include <array>
#include <random>
#include <unordered_map>
#include <vector>

#include "cmatch/venue/hash_index.hpp"

TEST_SUITE_BEGIN("test_hash_index");

using namespace cmatch;

namespace {

struct Clustered { // few homes, the last cells of the table among them
  std::uint64_t value;
  std::uint64_t digest() const { return value % 5 == 0 ? ~std::uint64_t{0} : value % 5; }
  bool operator==(const Clustered&) const = default;
};

// Random inserts, erases and look-ups; every known key is looked up after every erase of a small table.
template <class Key, class MakeKey>
void compare_with_map(std::uint32_t entries, std::uint64_t keys, int steps, MakeKey make_key) {
  HashIndex<Key> index(entries);
  std::unordered_map<std::uint64_t, std::uint32_t> known;
  std::mt19937_64 random(entries + keys);
  for (int step = 0; step < steps; ++step) {
    const std::uint64_t value = random() % keys;
    const Key key = make_key(value);
    const auto found = known.find(value);
    REQUIRE(index.find(key) == (found == known.end() ? kNoSlot : found->second));
    if (found != known.end()) {
      index.erase(key);
      known.erase(found);
    } else if (known.size() < entries) {
      const auto slot = static_cast<std::uint32_t>(random() % kNoSlot);
      index.insert(key, slot);
      known.emplace(value, slot);
    }
    REQUIRE(index.size() == known.size());
    REQUIRE(index.full() == (known.size() == entries));
    if (keys > 200) continue;
    for (std::uint64_t other = 0; other < keys; ++other) {
      const auto at = known.find(other);
      REQUIRE(index.find(make_key(other)) == (at == known.end() ? kNoSlot : at->second));
    }
  }
}

} // namespace

TEST_CASE("hash index: random inserts and erases, answers as std::unordered_map") {
  compare_with_map<std::uint64_t>(3'000, 5'000, 400'000, [](std::uint64_t value) { return value * value; });
  compare_with_map<std::uint64_t>(24, 60, 20'000, [](std::uint64_t value) { return value << 40; });
}

TEST_CASE("hash index: keys that collide and wrap around the end, answers as std::unordered_map") {
  compare_with_map<Clustered>(24, 40, 20'000, [](std::uint64_t value) { return Clustered{value}; });
  compare_with_map<Clustered>(4, 8, 20'000, [](std::uint64_t value) { return Clustered{value}; });
}

TEST_CASE("hash index: an erase, leaves no cell behind that a later search would cross") {
  HashIndex<Clustered> index(8);
  for (std::uint64_t round = 0; round < 10'000; ++round) { // tombstones would fill 16 cells long before
    index.insert(Clustered{round}, 7);
    index.erase(Clustered{round});
  }
  CHECK(index.size() == 0);
  CHECK(index.find(Clustered{1}) == kNoSlot);
}

TEST_CASE("hash index: one key more than its entries, or an erase of an unknown one, is a broken invariant") {
  HashIndex<std::uint64_t> index(4);
  for (std::uint64_t key = 0; key < 4; ++key)
    index.insert(key, 0);
  CHECK(index.full());
  CHECK_THROWS_AS(index.insert(9, 0), InvariantViolation);
  CHECK_THROWS_AS(index.insert(1, 0), InvariantViolation); // it is in already
  CHECK_THROWS_AS(index.erase(9), InvariantViolation);
  CHECK_THROWS_AS(HashIndex<std::uint64_t>(4).insert(1, kNoSlot), InvariantViolation);
}

TEST_CASE("slot index: hashes that are equal in all bits or in the low ones, told apart by the caller") {
  constexpr std::uint32_t kEntries = 24;
  SlotIndex index(kEntries);
  std::array<std::uint64_t, kEntries> keys{}; // by slot
  std::unordered_map<std::uint64_t, std::uint32_t> known;
  std::vector<std::uint32_t> free;
  for (std::uint32_t slot = 0; slot < kEntries; ++slot)
    free.push_back(slot);
  // Three homes; the high half of a hash is thrown away, so that those of different keys are the same.
  const auto hash = [](std::uint64_t key) { return key << 32 | (key % 3 == 0 ? 0xFFFFFFFFu : key % 3); };
  const auto find = [&](std::uint64_t key) {
    return index.find(hash(key), [&](std::uint32_t slot) { return keys[slot] == key; });
  };
  std::mt19937_64 random(3);
  for (int step = 0; step < 20'000; ++step) {
    const std::uint64_t key = random() % 50;
    if (const auto found = known.find(key); found != known.end()) {
      index.erase(hash(key), found->second);
      free.push_back(found->second);
      known.erase(found);
    } else if (!free.empty()) {
      keys[free.back()] = key;
      index.insert(hash(key), free.back());
      known.emplace(key, free.back());
      free.pop_back();
    }
    for (std::uint64_t other = 0; other < 50; ++other) {
      const auto at = known.find(other);
      REQUIRE(find(other) == (at == known.end() ? kNoSlot : at->second));
    }
  }
}
