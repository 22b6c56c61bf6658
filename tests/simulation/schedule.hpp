// What happens next, in virtual time: one queue, in order of time and then of asking. The only source of order there is.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace cmatch::simulation {

using TimeNs = std::int64_t;

inline constexpr TimeNs kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000;

// One thread. O(log n) an action.
class Schedule {
 public:
  using Action = std::function<void()>;

  TimeNs now() const { return now_; }

  void at(TimeNs when, Action action) {
    queue_.push_back({std::max(when, now_), ++asked_, std::move(action)});
    std::push_heap(queue_.begin(), queue_.end(), later);
  }
  void after(TimeNs delay, Action action) { at(now_ + delay, std::move(action)); }

  // Runs the next action, unless it is due after `until`: then the time is `until`, and false.
  bool step(TimeNs until) {
    if (queue_.empty() || queue_.front().when > until) {
      now_ = std::max(now_, until);
      return false;
    }
    std::pop_heap(queue_.begin(), queue_.end(), later);
    Entry next = std::move(queue_.back());
    queue_.pop_back();
    now_ = next.when;
    next.action();
    return true;
  }

 private:
  struct Entry {
    TimeNs when;
    std::uint64_t number;
    Action action;
  };
  static bool later(const Entry& left, const Entry& right) {
    return left.when != right.when ? left.when > right.when : left.number > right.number;
  }

  std::vector<Entry> queue_; // a heap
  TimeNs now_ = 0;
  std::uint64_t asked_ = 0;
};

} // namespace cmatch::simulation
