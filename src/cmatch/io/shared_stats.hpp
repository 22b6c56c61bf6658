// What the core process tells of itself: counters, gauges and histograms in memory that other processes may read.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "cmatch/check.hpp"
#include "cmatch/io/histogram.hpp"
#include "cmatch/io/stats_table.hpp"

namespace cmatch::io {

// The head of the file; all after it lies where it says, so that a reader needs no table of its own. Little endian.
struct StatsHeader {
  static constexpr std::uint64_t kMagic = 0x0053'5441'5453'4D43; // "CMSTATS\0"
  static constexpr std::uint32_t kVersion = 1;

  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t rows;            // of counters and gauges, then of histograms
  std::uint32_t counters;        // of those rows
  std::uint32_t histograms;      // of those rows
  std::uint32_t rows_offset;     // StatsFileRow[rows]
  std::uint32_t counters_offset; // u64[counters]
  std::uint32_t histograms_offset;
  std::uint32_t histogram_bytes; // each: sum, max, buckets (histogram.hpp)
  std::uint32_t precision_bits;
  std::uint32_t range_bits;
  std::uint64_t total_bytes;
  std::uint64_t reserved0;
  std::uint64_t sequence; // odd while counters and gauges change; alone in its cache line
  std::uint64_t reserved1[7];
};

struct StatsFileRow {
  char name[48]; // padded with zeros
  std::uint16_t kind;
  std::uint16_t unit;
  char help[140];
};
static_assert(sizeof(StatsHeader) == 128 && offsetof(StatsHeader, sequence) == 64 &&
              sizeof(StatsFileRow) == 192);

// Owns the mapping; the file stays when it goes, for those who want to know how it ended.
// One thread writes; any number of threads and processes read. A single value is never torn; counters and gauges that
// change between begin() and end() change together for those who read by the sequence. O(1), no system call.
class SharedStats {
 public:
  // A new file in place of `path`, on memory-backed storage if jitter matters: on a disk's file system each write-back
  // makes the next store wait. Throws std::system_error.
  static SharedStats create(const std::string& path);
  static SharedStats in_memory();

  ~SharedStats();
  SharedStats(SharedStats&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), size_(std::exchange(other.size_, 0)),
        depth_(std::exchange(other.depth_, 0)) {}
  SharedStats& operator=(SharedStats&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(size_, other.size_);
    std::swap(depth_, other.depth_);
    return *this;
  }
  SharedStats(const SharedStats&) = delete;
  SharedStats& operator=(const SharedStats&) = delete;

  // They nest: the outermost pair counts.
  void begin() {
    if (depth_++ == 0) sequence().store(next_sequence(), std::memory_order_relaxed);
  }
  void end() {
    CM_CHECK(depth_ > 0);
    if (--depth_ == 0) sequence().store(next_sequence(), std::memory_order_release);
  }

  void add(Stat stat, std::uint64_t n = 1) { set(stat, get(stat) + n); }
  // Release, so that no reader sees it before the sequence has become odd.
  void set(Stat stat, std::uint64_t value) {
    std::atomic_ref(word(stat)).store(value, std::memory_order_release);
  }
  void raise(Stat stat, std::uint64_t value) {
    if (value > get(stat)) set(stat, value);
  }
  std::uint64_t get(Stat stat) const { return std::atomic_ref(word(stat)).load(std::memory_order_acquire); }

  Histogram& histogram(Timing timing);
  const Histogram& histogram(Timing timing) const;

  // All counters and gauges at one moment; false where the writer did not let us in the given number of tries.
  bool read(std::span<std::uint64_t, kStats.size()> out, int tries = 1000) const;

  std::span<const std::byte> bytes() const { return {memory_, size_}; }

 private:
  SharedStats(std::byte* memory, std::size_t size) : memory_(memory), size_(size) {}

  std::uint64_t& word(Stat stat) const;
  std::atomic_ref<std::uint64_t> sequence() const;
  std::uint64_t next_sequence() const { return sequence().load(std::memory_order_relaxed) + 1; }

  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
  std::uint32_t depth_ = 0; // of begin()
};

} // namespace cmatch::io
