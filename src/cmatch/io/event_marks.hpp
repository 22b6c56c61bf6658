// Which event was the last when a sequence was applied: what a standby that has acknowledged that sequence would tell too.
// Memory is reserved once. Not thread-safe. O(1), amortised.
#pragma once

#include <cstdint>
#include <vector>

#include "cmatch/venue/records.hpp"

namespace cmatch::io {

class EventMarks {
 public:
  explicit EventMarks(std::size_t most = 1u << 16) : marks_(most) {}

  // After a batch. Where there is no room it takes the place of the mark before it, which is told a little later then.
  void note(Sequence sequence, std::uint64_t event) {
    if (count_ < marks_.size()) ++count_;
    marks_[(first_ + count_ - 1) % marks_.size()] = {sequence, event};
  }
  // The last event that follows from what has been replicated up to there. Never falls.
  std::uint64_t upto(Sequence replicated) {
    for (; count_ != 0 && marks_[first_].sequence <= replicated; --count_) {
      event_ = marks_[first_].event;
      first_ = (first_ + 1) % marks_.size();
    }
    return event_;
  }
  // What there is needs no standby any more.
  void settle(std::uint64_t event) {
    count_ = 0;
    event_ = event;
  }

 private:
  struct Mark {
    Sequence sequence;
    std::uint64_t event;
  };
  std::vector<Mark> marks_;
  std::size_t first_ = 0, count_ = 0;
  std::uint64_t event_ = 0;
};

} // namespace cmatch::io
