// How long things took: a log-linear histogram of fixed size that can lie in shared memory.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace cmatch::io {

// Counts by value, exact below 128, then 128 buckets for every doubling: what is read back is at most 1/128 (0.8 %) above
// what was recorded, never below. Values from 2^36 (ns: 68 s) on are counted in the last bucket; the largest is kept.
// Owns nothing but its bytes; zeroed memory is an empty one. Units: the caller's, mostly ns. One thread writes, any thread
// or process reads at the same time. record is O(1), all else O(buckets).
class Histogram {
 public:
  static constexpr unsigned kPrecisionBits = 7;
  static constexpr unsigned kRangeBits = 36;
  static constexpr std::size_t kBuckets = std::size_t{kRangeBits - kPrecisionBits + 1} << kPrecisionBits;
  static constexpr std::uint32_t kPartsPerMillion = 1'000'000;

  void record(std::uint64_t value, std::uint64_t times = 1) {
    add(buckets_[bucket_of(value)], times);
    add(sum_, value * times);
    if (value > load(max_)) store(max_, value);
  }

  // Those of `other` too.
  void merge(const Histogram& other);
  void clear();

  std::uint64_t count() const;
  std::uint64_t sum() const { return load(sum_); } // modulo 2^64: 584 years of ns
  std::uint64_t max() const { return load(max_); }
  // The least value that `parts` in a million of all values do not exceed, up to the bucket's width; 0 of an empty one.
  // Throws std::invalid_argument above a million.
  std::uint64_t percentile(std::uint32_t parts) const;
  std::uint64_t in_bucket(std::size_t bucket) const { return load(buckets_[bucket]); }

  static constexpr std::size_t bucket_of(std::uint64_t value) {
    if (value < (std::uint64_t{1} << kPrecisionBits)) return static_cast<std::size_t>(value);
    if (value >= (std::uint64_t{1} << kRangeBits)) return kBuckets - 1;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kPrecisionBits;
    return (std::size_t{shift} << kPrecisionBits) + static_cast<std::size_t>(value >> shift);
  }
  // The largest value that the bucket counts, but for the last one.
  static constexpr std::uint64_t highest_in(std::size_t bucket) {
    if (bucket < (std::size_t{2} << kPrecisionBits)) return bucket;
    const std::size_t shift = (bucket >> kPrecisionBits) - 1;
    return ((bucket - (shift << kPrecisionBits) + 1) << shift) - 1;
  }

 private:
  // Relaxed: a word is never torn, and no order is promised between two of them.
  static std::uint64_t load(const std::uint64_t& word) {
    return std::atomic_ref(const_cast<std::uint64_t&>(word)).load(std::memory_order_relaxed); // NOLINT
  }
  static void store(std::uint64_t& word, std::uint64_t value) {
    std::atomic_ref(word).store(value, std::memory_order_relaxed);
  }
  static void add(std::uint64_t& word, std::uint64_t value) { store(word, load(word) + value); }

  std::uint64_t sum_;
  std::uint64_t max_;
  std::uint64_t buckets_[kBuckets];
};
static_assert(std::is_trivially_copyable_v<Histogram> && std::is_standard_layout_v<Histogram>);
static_assert(sizeof(Histogram) == (Histogram::kBuckets + 2) * 8);

} // namespace cmatch::io
