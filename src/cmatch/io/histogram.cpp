#include "cmatch/io/histogram.hpp"

#include <algorithm>
#include <stdexcept>

namespace cmatch::io {

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i)
    add(buckets_[i], load(other.buckets_[i]));
  add(sum_, other.sum());
  store(max_, std::max(max(), other.max()));
}

void Histogram::clear() {
  for (std::uint64_t& bucket : buckets_)
    store(bucket, 0);
  store(sum_, 0);
  store(max_, 0);
}

std::uint64_t Histogram::count() const {
  std::uint64_t count = 0;
  for (const std::uint64_t& bucket : buckets_)
    count += load(bucket);
  return count;
}

std::uint64_t Histogram::percentile(std::uint32_t parts) const {
  if (parts > kPartsPerMillion)
    throw std::invalid_argument("a percentile is 0 to 1,000,000 parts per million");
  const std::uint64_t all = count();
  if (all == 0) return 0;
  __extension__ using Wide = unsigned __int128;
  const Wide exact = Wide{all} * parts;
  const auto wanted = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>((exact + kPartsPerMillion - 1) / kPartsPerMillion));
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  for (; bucket < kBuckets - 1; ++bucket) {
    seen += load(buckets_[bucket]);
    if (seen >= wanted) break;
  }
  return bucket == kBuckets - 1 ? max() : std::min(highest_in(bucket), max());
}

} // namespace cmatch::io
