// The prices of one side of a book, best first: a 64-way bitmap trie over the price's rank from the best possible one.
// Nodes come from a pool that all books share. A Ladder owns its nodes. Not thread-safe.
// first: O(1). next, insert, erase: O(depth), depth = ceil(bits of the price range / 6); usually one leaf.
#pragma once

#include <bit>
#include <cstdint>

#include "cmatch/check.hpp"
#include "cmatch/lazy_array.hpp"
#include "cmatch/types.hpp"

namespace cmatch {

// No slot, level or node: the element 0 of each pool is never given out, so that even a wild read stays inside.
inline constexpr std::uint32_t kNone = 0;

struct LadderNode {
  std::uint64_t bits; // which children exist
  std::uint64_t key;  // of a leaf: its ranks without their last six bits
  std::uint32_t parent;
  std::uint32_t place;     // in the parent
  std::uint32_t child[64]; // kNone where the bit is not set
};

class LadderNodePool {
 public:
  static constexpr std::uint64_t kMaxDepth = 11; // 61 bits of price range and a bit

  explicit LadderNodePool(std::uint64_t max_levels) : nodes_(max_levels * kMaxDepth + 1) {}

  LadderNode& operator[](std::uint32_t node) { return nodes_[node]; }
  const LadderNode& operator[](std::uint32_t node) const { return nodes_[node]; }

  std::uint32_t take(std::uint32_t parent, std::uint32_t place) {
    std::uint32_t node = free_;
    if (node != kNone) {
      free_ = nodes_[node].parent;
    } else {
      CM_CHECK(fresh_ < nodes_.size());
      node = fresh_++;
    }
    nodes_[node] = LadderNode{};
    nodes_[node].parent = parent;
    nodes_[node].place = place;
    return node;
  }

  void give_back(std::uint32_t node) {
    nodes_[node].parent = free_;
    free_ = node;
  }

  std::size_t bytes() const { return nodes_.bytes(); }
  void list_memory(MemoryList& list, std::size_t count) const { nodes_.list_memory(list, count); }

 private:
  LazyArray<LadderNode> nodes_;
  std::uint32_t free_ = kNone;
  std::uint32_t fresh_ = 1;
};

class Ladder {
 public:
  // A place in a leaf: what a level remembers so that it can be erased without a search.
  struct Place {
    std::uint32_t leaf;
    std::uint32_t bit;
  };

  // For ranks 0 (best) to `max_rank`.
  void reset(std::uint64_t max_rank) {
    CM_CHECK(root_ == kNone);
    const int bits = 64 - std::countl_zero(max_rank | 1);
    top_shift_ = (bits - 1) / 6 * 6;
  }

  bool empty() const { return root_ == kNone; }
  std::uint32_t first() const { return first_; } // the best level, or kNone

  // The level at a rank if its leaf was met lately; kNone says only that find() must look.
  std::uint32_t find_near(std::uint64_t rank) const {
    const Near& near = near_of(rank);
    return near.key == rank >> 6 ? near.node->child[rank & 63] : kNone;
  }

  // The level at a rank, or kNone; `place` is set where the leaf exists.
  std::uint32_t find(const LadderNodePool& pool, std::uint64_t rank, Place& place) const {
    const std::uint32_t leaf = find_leaf(pool, rank);
    place = {leaf, static_cast<std::uint32_t>(rank & 63)};
    if (leaf == kNone) return kNone;
    return pool[leaf].child[place.bit];
  }

  // Puts a level at a rank that find() found empty. `place` is find()'s, its leaf is made where it is missing.
  void insert(LadderNodePool& pool, std::uint64_t rank, std::uint32_t level, Place& place) {
    if (place.leaf == kNone) place.leaf = make_leaf(pool, rank);
    LadderNode& node = pool[place.leaf];
    node.bits |= std::uint64_t{1} << place.bit;
    node.child[place.bit] = level;
    if (first_ == kNone || rank < first_rank_) {
      first_ = level;
      first_rank_ = rank;
    }
  }

  void erase(LadderNodePool& pool, std::uint32_t level, Place place) {
    if (level == first_) set_first(pool, next_of(pool, place));
    std::uint32_t node = place.leaf;
    std::uint32_t bit = place.bit;
    for (;;) {
      CM_CHECK((pool[node].bits >> bit & 1) != 0);
      pool[node].bits &= ~(std::uint64_t{1} << bit);
      pool[node].child[bit] = kNone;
      if (pool[node].bits != 0) return;
      const std::uint32_t parent = pool[node].parent;
      bit = pool[node].place;
      forget(node);
      pool.give_back(node);
      if (parent == kNone) {
        root_ = kNone;
        return;
      }
      node = parent;
    }
  }

  // The next worse level, or kNone.
  static std::uint32_t next(const LadderNodePool& pool, Place place) {
    const Place at = next_of(pool, place);
    return at.leaf == kNone ? kNone : pool[at.leaf].child[at.bit];
  }

 private:
  struct Near {
    std::uint64_t key = ~std::uint64_t{0};
    const LadderNode* node = nullptr;
    std::uint32_t leaf = kNone;
  };
  Near& near_of(std::uint64_t rank) const { return near_[rank >> 6 & 7]; }
  void forget(std::uint32_t leaf) {
    for (Near& near : near_)
      if (near.leaf == leaf) near = Near{};
  }

  static Place next_of(const LadderNodePool& pool, Place place) {
    std::uint32_t node = place.leaf;
    std::uint32_t bit = place.bit;
    int climbed = 0;
    for (;;) {
      const std::uint64_t rest = bit == 63 ? 0 : pool[node].bits >> (bit + 1) << (bit + 1);
      if (rest != 0) {
        bit = static_cast<std::uint32_t>(std::countr_zero(rest));
        break;
      }
      bit = pool[node].place;
      node = pool[node].parent;
      ++climbed;
      if (node == kNone) return {kNone, 0};
    }
    for (; climbed > 0; --climbed) {
      node = pool[node].child[bit];
      bit = static_cast<std::uint32_t>(std::countr_zero(pool[node].bits));
    }
    return {node, bit};
  }

  void set_first(const LadderNodePool& pool, Place place) {
    if (place.leaf == kNone) {
      first_ = kNone;
      return;
    }
    first_ = pool[place.leaf].child[place.bit];
    first_rank_ = pool[place.leaf].key << 6 | place.bit;
  }

  std::uint32_t find_leaf(const LadderNodePool& pool, std::uint64_t rank) const {
    Near& near = near_of(rank);
    if (near.key == rank >> 6) return near.leaf;
    std::uint32_t node = root_;
    for (int shift = top_shift_; shift > 0 && node != kNone; shift -= 6) {
      const std::uint32_t bit = rank >> shift & 63;
      node = pool[node].child[bit];
    }
    if (node != kNone) near = {rank >> 6, &pool[node], node};
    return node;
  }

  [[gnu::noinline]] std::uint32_t make_leaf(LadderNodePool& pool, std::uint64_t rank) {
    if (root_ == kNone) root_ = pool.take(kNone, 0);
    std::uint32_t node = root_;
    for (int shift = top_shift_; shift > 0; shift -= 6) {
      const std::uint32_t bit = rank >> shift & 63;
      if (pool[node].child[bit] == kNone) {
        const std::uint32_t made = pool.take(node, bit);
        pool[node].child[bit] = made;
        pool[node].bits |= std::uint64_t{1} << bit;
      }
      node = pool[node].child[bit];
    }
    pool[node].key = rank >> 6;
    near_of(rank) = {rank >> 6, &pool[node], node};
    return node;
  }

  std::uint32_t first_ = kNone;
  std::uint32_t root_ = kNone;
  std::uint64_t first_rank_ = 0;
  int top_shift_ = 0;
  mutable Near near_[8]; // leaves met lately, by the low bits of their key: most prices lie near the best one
};

} // namespace cmatch
