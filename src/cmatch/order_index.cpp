#include "cmatch/order_index.hpp"

#include <algorithm>

namespace cmatch {

std::vector<std::pair<OrderId, OrderId>> OrderIndex::used_ranges() const {
  std::vector<std::pair<OrderId, OrderId>> ranges;
  bool sorted = true;
  for_each([&](OrderId id, std::uint32_t) {
    if (id <= retired_) return;
    if (!ranges.empty() && ranges.back().second + 1 == id) {
      ranges.back().second = id;
    } else {
      sorted = sorted && (ranges.empty() || ranges.back().second < id);
      ranges.emplace_back(id, id);
    }
  });
  if (sorted) return ranges;
  std::sort(ranges.begin(), ranges.end());
  std::vector<std::pair<OrderId, OrderId>> merged;
  for (const auto& [first, last] : ranges) {
    if (!merged.empty() && merged.back().second + 1 == first)
      merged.back().second = last;
    else
      merged.emplace_back(first, last);
  }
  return merged;
}

} // namespace cmatch
