// One price of one side: the displayed queue, then the hidden queue, each first in, first out.
// Owned by LevelPool; the orders in it are linked through their slots.
#pragma once

#include <cstdint>

#include "cmatch/check.hpp"
#include "cmatch/ladder.hpp"
#include "cmatch/lazy_array.hpp"
#include "cmatch/order_pool.hpp"

namespace cmatch {

struct Queue {
  Slot head, tail;
};

struct alignas(64) PriceLevel {
  Ticks price;
  Lots shown;  // of the displayed queue
  Lots unseen; // reserves of icebergs, and all of the hidden queue
  Queue displayed;
  Queue hidden;
  std::uint32_t displayed_count;
  std::uint32_t hidden_count;
  std::uint32_t displayed_pegs;
  Side side;
  Ladder::Place place;

  Lots total() const { return shown + unseen; } // all leaves
  bool empty() const { return displayed.head == kNone && hidden.head == kNone; }
  Slot front() const { return displayed.head != kNone ? displayed.head : hidden.head; }
};
static_assert(sizeof(PriceLevel) == 64);

class LevelPool {
 public:
  explicit LevelPool(std::uint32_t capacity) : levels_(std::size_t{capacity} + 1) {}

  PriceLevel& operator[](std::uint32_t level) { return levels_[level]; }
  const PriceLevel& operator[](std::uint32_t level) const { return levels_[level]; }

  std::uint32_t take(Side side, Ticks price) {
    std::uint32_t level = free_;
    if (level != kNone) {
      free_ = levels_[level].displayed.head;
    } else {
      CM_CHECK(fresh_ < levels_.size());
      level = fresh_++;
    }
    PriceLevel& made = levels_[level];
    made.price = price;
    made.shown = made.unseen = 0;
    made.displayed = made.hidden = {kNone, kNone};
    made.displayed_count = made.hidden_count = made.displayed_pegs = 0;
    made.side = side;
    made.place = {kNone, 0};
    return level;
  }

  void give_back(std::uint32_t level) {
    levels_[level].displayed.head = free_;
    free_ = level;
  }

  [[gnu::always_inline]] void prefetch(std::uint32_t level) const { __builtin_prefetch(&levels_[level]); }
  std::size_t bytes() const { return levels_.bytes(); }
  void list_memory(MemoryList& list) const { levels_.list_memory(list); }

 private:
  LazyArray<PriceLevel> levels_;
  std::uint32_t free_ = kNone;
  std::uint32_t fresh_ = 1;
};

} // namespace cmatch
