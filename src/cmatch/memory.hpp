// Memory that was reserved and is to be had before anybody needs it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sys/mman.h>

namespace cmatch {

using MemorySpan = std::span<std::byte>; // whole pages, but for the end of the last one

// What of it comes into memory from now on does so by huge pages, where the system has them.
inline void prefer_huge_pages(MemorySpan memory) {
#ifdef MADV_HUGEPAGE
  ::madvise(memory.data(), memory.size(), MADV_HUGEPAGE);
#endif
}

// Brings a span into memory, on huge pages where the system has them, until `stopped`. What lies there stays as it is, so
// that its owner may be at work on it in another thread. What the system has no room for is left as it was. O(pages).
inline void touch(MemorySpan memory, const std::atomic<bool>& stopped) {
  constexpr std::size_t kPage = 4096, kAtOnce = std::size_t{2} << 20;
#ifdef MADV_POPULATE_WRITE
  bool populates = true;
#else
  bool populates = false;
#endif
  prefer_huge_pages(memory);
  while (!memory.empty() && !stopped.load(std::memory_order_relaxed)) {
    // Steps end where huge pages do: one that is cut in two would be two faults.
    const std::size_t past = reinterpret_cast<std::uintptr_t>(memory.data()) % kAtOnce;
    const MemorySpan part = memory.first(std::min(memory.size(), kAtOnce - past));
#ifdef MADV_POPULATE_WRITE
    if (populates && ::madvise(part.data(), part.size(), MADV_POPULATE_WRITE) != 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      if (errno != EINVAL) return;
      populates = false; // Linux before 5.14
    }
#endif
    for (std::size_t at = 0; !populates && at < part.size(); at += kPage)
      std::atomic_ref(reinterpret_cast<unsigned char&>(part[at])).fetch_or(0, std::memory_order_relaxed);
    memory = memory.subspan(part.size());
  }
}

// What is to be touched. The memory is somebody else's.
class MemoryList {
 public:
  void add(MemorySpan memory) {
    if (!memory.empty()) spans_.push_back(memory);
  }
  const std::vector<MemorySpan>& spans() const { return spans_; }
  void prefer_huge_pages() const {
    for (const MemorySpan span : spans_)
      cmatch::prefer_huge_pages(span);
  }
  void touch_all() const {
    const std::atomic<bool> never{false};
    for (const MemorySpan span : spans_)
      touch(span, never);
  }

 private:
  std::vector<MemorySpan> spans_;
};

} // namespace cmatch
