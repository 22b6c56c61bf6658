// The last reports, by event sequence: what a client that comes back, or reads too slowly, is sent again.
// Owns a ring whose pages are touched as it fills. Not thread-safe. O(1) a report.
#pragma once

#include <cstdint>
#include <span>

#include "cmatch/lazy_array.hpp"
#include "cmatch/venue/records.hpp"

namespace cmatch::io {

class ReportRing {
 public:
  explicit ReportRing(std::uint32_t capacity) : reports_(capacity) {}

  void append(std::span<const ExecutionReport> reports) {
    for (const ExecutionReport& report : reports) {
      reports_[end_ % reports_.size()] = report;
      ++end_;
    }
  }

  // Every report after this event is still here.
  std::uint64_t complete_after() const {
    return end_ <= reports_.size() ? first_event_ : at(begin()).event_sequence;
  }
  // The position of the first report of an event after `event_sequence`. O(log n).
  std::uint64_t position_after(std::uint64_t event_sequence) const {
    std::uint64_t low = begin(), high = end_;
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      if (at(middle).event_sequence <= event_sequence)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }
  std::uint64_t begin() const { return end_ < reports_.size() ? 0 : end_ - reports_.size(); }
  std::uint64_t end() const { return end_; }
  const ExecutionReport& at(std::uint64_t position) const { return reports_[position % reports_.size()]; }

  void list_memory(MemoryList& list) const { reports_.list_memory(list); }

  // Nothing up to this event was ever appended: the state came from a snapshot.
  void start_after(std::uint64_t event_sequence) { first_event_ = event_sequence; }

 private:
  LazyArray<ExecutionReport> reports_;
  std::uint64_t end_ = 0;
  std::uint64_t first_event_ = 0;
};

} // namespace cmatch::io
