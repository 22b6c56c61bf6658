// Records what a command changed in the public book, where a reader asked for it. Off, it costs one test of a flag.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "cmatch/price_level.hpp"
#include "cmatch/views.hpp"

namespace cmatch {

class DeltaLog {
 public:
  explicit DeltaLog(bool on) : on_(on) {}
  bool on() const { return on_; }

  void begin_command(std::uint64_t sequence) {
    sequence_ = sequence;
    touched_.clear();
  }

  // Before a level's displayed queue changes.
  void touch(InstrumentId instrument_id, const PriceLevel& level) {
    touched_.push_back({instrument_id, level.side, level.price, level.shown, level.displayed_count});
  }

  void order(InstrumentId instrument_id, L3Action action, Side side, OrderId order_id, Ticks price,
             Lots qty) {
    l3_.push_back({sequence_, instrument_id, action, side, {}, order_id, price, qty});
  }

  // `totals(instrument, side, price)` gives {shown, count} as they are now. Instruments ascending; bids best first, then asks.
  template <class F>
  void end_command(F&& totals) {
    if (touched_.empty()) return;
    std::stable_sort(touched_.begin(), touched_.end(), before);
    for (std::size_t i = 0; i < touched_.size(); ++i) {
      const Touch& first = touched_[i]; // of several touches the first knows what was there before
      if (i > 0 && same(touched_[i - 1], first)) continue;
      const std::pair<Lots, std::uint32_t> now = totals(first.instrument_id, first.side, first.price);
      if (now.first != first.qty || now.second != first.count)
        l2_.push_back(
            {sequence_, first.instrument_id, first.side, {}, first.price, now.first, now.second, 0});
    }
    touched_.clear();
  }

  std::size_t pending() const { return std::max(l2_.size(), l3_.size()); }
  std::vector<L2Delta> drain_l2() { return std::exchange(l2_, {}); }
  std::vector<L3Delta> drain_l3() { return std::exchange(l3_, {}); }

 private:
  struct Touch {
    InstrumentId instrument_id;
    Side side;
    Ticks price;
    Lots qty;
    std::uint32_t count;
  };

  static bool same(const Touch& a, const Touch& b) {
    return a.instrument_id == b.instrument_id && a.side == b.side && a.price == b.price;
  }
  static bool before(const Touch& a, const Touch& b) {
    if (a.instrument_id != b.instrument_id) return a.instrument_id < b.instrument_id;
    if (a.side != b.side) return a.side == Side::buy;
    return a.side == Side::buy ? a.price > b.price : a.price < b.price;
  }

  bool on_;
  std::uint64_t sequence_ = 0;
  std::vector<Touch> touched_;
  std::vector<L2Delta> l2_;
  std::vector<L3Delta> l3_;
};

} // namespace cmatch
