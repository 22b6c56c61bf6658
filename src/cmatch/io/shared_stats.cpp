#include "cmatch/io/shared_stats.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmatch/io/descriptor.hpp"

namespace cmatch::io {

namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t round_up(std::size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

constexpr std::size_t kRowsOffset = sizeof(StatsHeader);
constexpr std::size_t kCountersOffset =
    round_up(kRowsOffset + (kStats.size() + kTimings.size()) * sizeof(StatsFileRow));
constexpr std::size_t kHistogramsOffset = round_up(kCountersOffset + kStats.size() * sizeof(std::uint64_t));
constexpr std::size_t kHistogramBytes = round_up(sizeof(Histogram));
constexpr std::size_t kTotalBytes = kHistogramsOffset + kTimings.size() * kHistogramBytes;

// A name or a help that would not fit is an error of the table, and shows when it is compiled.
constexpr bool table_fits() {
  for (const auto& rows : {std::span<const StatRow>(kStats), std::span<const StatRow>(kTimings)})
    for (const StatRow& row : rows)
      if (row.name.size() >= sizeof(StatsFileRow::name) || row.help.size() >= sizeof(StatsFileRow::help))
        return false;
  return true;
}
static_assert(table_fits());

StatsFileRow file_row(const StatRow& row) {
  StatsFileRow out{};
  std::copy(row.name.begin(), row.name.end(), out.name);
  out.kind = static_cast<std::uint16_t>(row.kind);
  out.unit = static_cast<std::uint16_t>(row.unit);
  std::copy(row.help.begin(), row.help.end(), out.help);
  return out;
}

// The memory is zero.
void write_head(std::byte* memory) {
  const StatsHeader header{.magic = StatsHeader::kMagic,
                           .version = StatsHeader::kVersion,
                           .rows = kStats.size() + kTimings.size(),
                           .counters = kStats.size(),
                           .histograms = kTimings.size(),
                           .rows_offset = kRowsOffset,
                           .counters_offset = kCountersOffset,
                           .histograms_offset = kHistogramsOffset,
                           .histogram_bytes = kHistogramBytes,
                           .precision_bits = Histogram::kPrecisionBits,
                           .range_bits = Histogram::kRangeBits,
                           .total_bytes = kTotalBytes,
                           .reserved0 = 0,
                           .sequence = 0,
                           .reserved1 = {}};
  std::memcpy(memory, &header, sizeof(header));
  std::byte* at = memory + kRowsOffset;
  for (const auto& rows : {std::span<const StatRow>(kStats), std::span<const StatRow>(kTimings)})
    for (const StatRow& row : rows) {
      const StatsFileRow out = file_row(row);
      std::memcpy(at, &out, sizeof(out));
      at += sizeof(out);
    }
}

std::byte* map(int descriptor) {
  const int kind = descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void* const memory =
      ::mmap(nullptr, kTotalBytes, PROT_READ | PROT_WRITE, kind | MAP_POPULATE, descriptor, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mapping the statistics");
  ::mlock(memory, kTotalBytes); // where the limits allow it: nothing depends on it
  return static_cast<std::byte*>(memory);
}

[[noreturn]] void fail(int error, const std::string& path) {
  throw std::system_error(error, std::generic_category(), path);
}

} // namespace

SharedStats SharedStats::in_memory() {
  std::byte* const memory = map(-1);
  write_head(memory);
  return {memory, kTotalBytes};
}

// Under another name first: nobody ever maps half a file, and who has mapped the old one keeps it.
SharedStats SharedStats::create(const std::string& path) {
  const std::string draft = path + "." + std::to_string(::getpid()) + ".draft";
  ::unlink(draft.c_str());
  const Descriptor file(::open(draft.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) fail(errno, draft);
  try {
    // Allocated, not just long: on a full disk a store into a hole would kill the process.
    const int error = ::posix_fallocate(file.get(), 0, kTotalBytes);
    if (error != 0) fail(error, draft);
    SharedStats stats(map(file.get()), kTotalBytes);
    write_head(stats.memory_);
    if (::rename(draft.c_str(), path.c_str()) != 0) fail(errno, path);
    return stats;
  } catch (...) {
    ::unlink(draft.c_str());
    throw;
  }
}

SharedStats::~SharedStats() {
  if (memory_ != nullptr) ::munmap(memory_, size_);
}

std::uint64_t& SharedStats::word(Stat stat) const {
  return *(reinterpret_cast<std::uint64_t*>(memory_ + kCountersOffset) + static_cast<std::size_t>(stat));
}

std::atomic_ref<std::uint64_t> SharedStats::sequence() const {
  return std::atomic_ref(reinterpret_cast<StatsHeader*>(memory_)->sequence);
}

Histogram& SharedStats::histogram(Timing timing) {
  return *reinterpret_cast<Histogram*>(memory_ + kHistogramsOffset +
                                       static_cast<std::size_t>(timing) * kHistogramBytes);
}

const Histogram& SharedStats::histogram(Timing timing) const {
  return const_cast<SharedStats*>(this)->histogram(timing); // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

bool SharedStats::read(std::span<std::uint64_t, kStats.size()> out, int tries) const {
  for (; tries > 0; --tries) {
    const std::uint64_t before = sequence().load(std::memory_order_acquire);
    if ((before & 1U) != 0) continue;
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = get(static_cast<Stat>(i));
    if (sequence().load(std::memory_order_relaxed) == before) return true;
  }
  return false;
}

} // namespace cmatch::io
