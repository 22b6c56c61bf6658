// Who led when. (sequence, epoch) names a record: no two leaders write in one epoch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace cmatch::io {

// An epoch is a term and a life: a promotion begins the next term, a restart of the leader the next life of its term.
inline constexpr std::uint64_t kEpochsOfTerm = 1u << 20;
constexpr std::uint64_t next_term(std::uint64_t epoch) { return (epoch / kEpochsOfTerm + 1) * kEpochsOfTerm; }

// The epoch of every record from some sequence on. Not thread-safe; O(log lives).
class EpochTable {
 public:
  // What is before is not known; the record with that sequence, if there is one, is of that epoch.
  void start(std::uint64_t sequence, std::uint64_t epoch) { starts_.assign(1, {sequence, epoch}); }
  void note(std::uint64_t first_sequence, std::uint64_t epoch) {
    if (starts_.empty() || starts_.back().epoch != epoch) starts_.push_back({first_sequence, epoch});
  }
  std::optional<std::uint64_t> of(std::uint64_t sequence) const {
    const auto after =
        std::upper_bound(starts_.begin(), starts_.end(), sequence,
                         [](std::uint64_t wanted, const Start& start) { return wanted < start.sequence; });
    if (after == starts_.begin()) return std::nullopt;
    return std::prev(after)->epoch;
  }

 private:
  struct Start {
    std::uint64_t sequence, epoch;
  };
  std::vector<Start> starts_;
};

} // namespace cmatch::io
