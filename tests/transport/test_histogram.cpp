// The latency histogram against sorted samples.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "cmatch/io/histogram.hpp"

TEST_SUITE_BEGIN("test_histogram");

using cmatch::io::Histogram;

namespace {

constexpr std::uint64_t kMicrosecond = 1'000, kMinute = 60'000'000'000;

// The value at the rank that percentile() names.
std::uint64_t exact(const std::vector<std::uint64_t>& sorted, std::uint32_t parts) {
  const std::size_t rank = (sorted.size() * parts + 999'999) / 1'000'000;
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

std::vector<std::uint64_t> samples(std::uint32_t seed, std::size_t count) {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> values;
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned bits = 1 + static_cast<unsigned>(random() % 36);
    values.push_back(std::clamp<std::uint64_t>(random() >> (64 - bits), kMicrosecond, kMinute));
  }
  return values;
}

} // namespace

TEST_CASE("histogram: buckets follow each other without gap or overlap") {
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    const std::uint64_t highest = Histogram::highest_in(bucket);
    REQUIRE(Histogram::bucket_of(highest) == bucket);
    const std::size_t above = Histogram::bucket_of(highest + 1);
    REQUIRE(above == std::min(bucket + 1, Histogram::kBuckets - 1));
  }
}

TEST_CASE("histogram: percentiles of samples are at most 1 % above the sorted ones and never below") {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    std::vector<std::uint64_t> values = samples(seed, 5'000);
    Histogram histogram{};
    std::uint64_t sum = 0;
    for (const std::uint64_t value : values) {
      histogram.record(value);
      sum += value;
    }
    std::ranges::sort(values);
    CHECK(histogram.count() == values.size());
    CHECK(histogram.sum() == sum);
    CHECK(histogram.max() == values.back());
    for (const std::uint32_t parts :
         {0U, 1U, 1'000U, 100'000U, 500'000U, 900'000U, 990'000U, 999'000U, 999'900U, 1'000'000U}) {
      const std::uint64_t want = exact(values, parts), got = histogram.percentile(parts);
      CHECK(got >= want);
      CHECK((got - want) * 100 <= want);
    }
    CHECK(histogram.percentile(1'000'000) == values.back());
  }
}

TEST_CASE("histogram: values below 128 are exact") {
  Histogram histogram{};
  for (std::uint64_t value = 0; value < 128; ++value)
    histogram.record(value);
  for (std::uint32_t i = 1; i <= 128; ++i)
    CHECK(histogram.percentile(i * 7'812 + i / 2) == i - 1);
}

TEST_CASE("histogram: values beyond its range count as the largest") {
  Histogram histogram{};
  histogram.record(1'000);
  histogram.record(~std::uint64_t{0} >> 1U);
  CHECK(histogram.count() == 2);
  CHECK(histogram.percentile(1'000'000) == ~std::uint64_t{0} >> 1U);
  CHECK(histogram.in_bucket(Histogram::kBuckets - 1) == 1);
}

TEST_CASE("histogram: merged ones are that of all values, cleared ones empty") {
  Histogram left{}, right{}, both{};
  for (const std::uint64_t value : samples(1, 500)) {
    left.record(value);
    both.record(value);
  }
  for (const std::uint64_t value : samples(2, 700)) {
    right.record(value, 3);
    both.record(value, 3);
  }
  left.merge(right);
  CHECK(left.count() == 500 + 3 * 700);
  CHECK(left.sum() == both.sum());
  CHECK(left.max() == both.max());
  for (std::size_t bucket = 0; bucket < Histogram::kBuckets; ++bucket)
    REQUIRE(left.in_bucket(bucket) == both.in_bucket(bucket));
  left.clear();
  CHECK(left.count() == 0);
  CHECK(left.sum() == 0);
  CHECK(left.max() == 0);
}

TEST_CASE("histogram: an empty one has no percentile, and no percentile is above all") {
  const Histogram histogram{};
  CHECK(histogram.percentile(990'000) == 0);
  CHECK_THROWS_AS(static_cast<void>(histogram.percentile(1'000'001)), std::invalid_argument);
}

TEST_SUITE_END();
