// The last records of each of many keys: a queue a key, in blocks from one pool.
// Owns its memory, reserved when it is made and touched as it fills. Not thread-safe. push, pop: O(1).
// A key that has its share forgets its own oldest record; where the pool is used up the block that has been in use for
// longest is forgotten, whosever it is.
#pragma once

#include <cstdint>
#include <span>

#include "cmatch/check.hpp"
#include "cmatch/lazy_array.hpp"
#include "cmatch/venue/hash_index.hpp"

namespace cmatch {

template <class Record>
class KeyedRings {
 public:
  static constexpr std::uint32_t kBlock = 64;

  // At most `per_key` records of each of `max_keys` keys; no more than `max_records` in all.
  KeyedRings(std::uint32_t max_keys, std::uint32_t per_key, std::uint32_t max_records)
      : blocks_(std::size_t{1} + (max_records + kBlock - 1) / kBlock), rings_(max_keys), keys_(max_keys),
        per_key_(per_key) {
    CM_CHECK(max_keys > 0 && per_key > 0 && max_records > 0);
  }

  // Where the next record of `key` is to be written. `forget` sees each record that has to go for it, before it goes.
  // nullptr where there is no room for another key.
  template <class Forget>
  Record* push(std::uint64_t key, Forget&& forget) {
    const std::uint32_t number = make(key);
    if (number == kNoSlot) return nullptr;
    if (rings_[number].count == per_key_) drop_oldest(number, forget);
    const Ring& ring = rings_[number];
    if (ring.last == 0 || blocks_[ring.last].end == kBlock) append_block(number, forget);
    Block& block = blocks_[rings_[number].last];
    ++rings_[number].count;
    ++records_;
    return &block.records[block.end++];
  }

  // The newest first, while visit(record) returns true.
  template <class Visit>
  void newest_first(std::uint64_t key, Visit&& visit) const {
    const std::uint32_t number = keys_.find(key);
    if (number == kNoSlot) return;
    for (std::uint32_t at = rings_[number].last; at != 0; at = blocks_[at].previous) {
      const Block& block = blocks_[at];
      for (std::uint32_t i = block.end; i != block.begin; --i)
        if (!visit(block.records[i - 1])) return;
    }
  }

  // visit(key, begin, records) for each block by when it came into use: what push_block makes the same queues of.
  template <class Visit>
  void for_each_block(Visit&& visit) const {
    for (std::uint32_t at = oldest_; at != 0; at = blocks_[at].newer) {
      const Block& block = blocks_[at];
      visit(rings_[block.ring].key, block.begin,
            std::span(block.records + block.begin, block.records + block.end));
    }
  }

  // Whether a block can follow: the one before it is full.
  bool takes_block(std::uint64_t key) const {
    const std::uint32_t number = keys_.find(key);
    return number == kNoSlot || rings_[number].last == 0 || blocks_[rings_[number].last].end == kBlock;
  }

  // A block of the key, which takes one: `begin` places are left empty before its records, `take` sees each of these
  // where it lies. false where there is no room for another key.
  template <class Take, class Forget>
  bool push_block(std::uint64_t key, std::uint32_t begin, std::span<const Record> records, Take&& take,
                  Forget&& forget) {
    CM_CHECK(takes_block(key) && !records.empty() && begin + records.size() <= kBlock);
    const std::uint32_t number = make(key);
    if (number == kNoSlot) return false;
    append_block(number, forget);
    Block& block = blocks_[rings_[number].last];
    block.begin = block.end = begin;
    for (const Record& record : records) {
      Record& place = block.records[block.end++];
      place = record;
      take(place);
    }
    rings_[number].count += static_cast<std::uint32_t>(records.size());
    records_ += records.size();
    while (rings_[number].count > per_key_)
      drop_oldest(number, forget);
    return true;
  }

  // The record last pushed for `key`; nullptr where there is none.
  const Record* newest(std::uint64_t key) const {
    const Record* found = nullptr;
    newest_first(key, [&](const Record& record) {
      found = &record;
      return false;
    });
    return found;
  }

  // A number for a record that is held, and back.
  std::uint32_t place_of(const Record* record) const {
    const auto byte = reinterpret_cast<const char*>(record) - reinterpret_cast<const char*>(&blocks_[0]);
    const auto block = static_cast<std::size_t>(byte) / sizeof(Block);
    return static_cast<std::uint32_t>(block * kBlock +
                                      static_cast<std::size_t>(record - blocks_[block].records));
  }
  Record& at(std::uint32_t place) { return blocks_[place / kBlock].records[place % kBlock]; }
  const Record& at(std::uint32_t place) const { return blocks_[place / kBlock].records[place % kBlock]; }

  std::uint32_t count(std::uint64_t key) const {
    const std::uint32_t number = keys_.find(key);
    return number == kNoSlot ? 0 : rings_[number].count;
  }
  std::uint64_t records() const { return records_; }

  // Throws InvariantViolation where the queues contradict each other. O(records / 64).
  void check_invariants() const {
    std::uint64_t records = 0, used = 0;
    for (std::uint32_t number = 0; number < keys_.size(); ++number) {
      std::uint32_t count = 0, previous = 0;
      for (std::uint32_t at = rings_[number].first; at != 0; previous = at, at = blocks_[at].next, ++used) {
        const Block& block = blocks_[at];
        CM_CHECK(block.ring == number && block.previous == previous && block.begin < block.end);
        CM_CHECK(block.next == 0 || block.end == kBlock);
        count += block.end - block.begin;
      }
      CM_CHECK(rings_[number].last == previous && rings_[number].count == count && count <= per_key_);
      records += count;
    }
    CM_CHECK(records == records_ && used + free_count_ + (blocks_.size() - 1 - top_) == blocks_.size() - 1);
  }

 private:
  struct Block {
    Record records[kBlock];
    std::uint32_t begin, end; // of the records that are held
    std::uint32_t ring;
    std::uint32_t previous, next; // of the same ring, by age; 0: none
    std::uint32_t older, newer;   // of all blocks in use, by when they came into use
  };
  struct Ring {
    std::uint64_t key;
    std::uint32_t first, last; // blocks; 0: none
    std::uint32_t count;
  };

  // The ring of a key; kNoSlot where there is no room for another.
  std::uint32_t make(std::uint64_t key) {
    const std::uint32_t known = keys_.find(key);
    if (known != kNoSlot || keys_.full()) return known;
    const std::uint32_t number = keys_.size();
    keys_.insert(key, number);
    rings_[number].key = key;
    return number;
  }

  template <class Forget>
  void drop_oldest(std::uint32_t number, Forget& forget) {
    Block& block = blocks_[rings_[number].first];
    forget(block.records[block.begin++]);
    --rings_[number].count;
    --records_;
    if (block.begin == block.end) release(rings_[number].first);
  }

  template <class Forget>
  void append_block(std::uint32_t number, Forget& forget) {
    if (free_ == 0 && top_ + 1 == blocks_.size()) forget_block(oldest_, forget);
    std::uint32_t fresh = free_;
    if (fresh != 0) {
      free_ = blocks_[fresh].next;
      --free_count_;
    } else {
      fresh = ++top_;
    }
    Ring& ring = rings_[number];
    Block& block = blocks_[fresh];
    block.begin = block.end = 0;
    block.ring = number;
    block.previous = ring.last;
    block.next = 0;
    (ring.last == 0 ? ring.first : blocks_[ring.last].next) = fresh;
    ring.last = fresh;
    block.older = newest_;
    block.newer = 0;
    (newest_ == 0 ? oldest_ : blocks_[newest_].newer) = fresh;
    newest_ = fresh;
  }

  template <class Forget>
  void forget_block(std::uint32_t at, Forget& forget) {
    Block& block = blocks_[at];
    Ring& ring = rings_[block.ring];
    CM_CHECK(ring.first == at); // blocks of a ring come into use in order
    for (; block.begin != block.end; ++block.begin, --ring.count, --records_)
      forget(block.records[block.begin]);
    release(at);
  }

  // The first block of its ring, now empty, goes back to the pool.
  void release(std::uint32_t at) {
    Block& block = blocks_[at];
    Ring& ring = rings_[block.ring];
    ring.first = block.next;
    (block.next == 0 ? ring.last : blocks_[block.next].previous) = 0;
    (block.older == 0 ? oldest_ : blocks_[block.older].newer) = block.newer;
    (block.newer == 0 ? newest_ : blocks_[block.newer].older) = block.older;
    block.next = free_;
    free_ = at;
    ++free_count_;
  }

  LazyArray<Block> blocks_; // block 0 is none
  LazyArray<Ring> rings_;
  HashIndex<std::uint64_t> keys_;
  std::uint32_t per_key_;
  std::uint32_t free_ = 0, free_count_ = 0, top_ = 0;
  std::uint32_t oldest_ = 0, newest_ = 0;
  std::uint64_t records_ = 0;
};

} // namespace cmatch
