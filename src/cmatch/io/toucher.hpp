// Brings memory in beside those who use it, once it is told to: they may begin before all of it is there.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "cmatch/memory.hpp"

namespace cmatch::io {

// Owns a thread of low rank, which gets no signals and ends with its work. The memory has to outlive it.
class Toucher {
 public:
  // It runs on these processors alone, where they are there; on none: on those of the caller.
  Toucher(MemoryList memory, std::vector<int> processors);
  void begin(); // once
  ~Toucher() { stop(); }
  Toucher(const Toucher&) = delete;
  Toucher& operator=(const Toucher&) = delete;

  // What it has not touched yet, bytes. Free to be called by anyone.
  std::uint64_t left() const { return left_.load(std::memory_order_relaxed); }
  // Ends it, within one step, whatever is left.
  void stop();

 private:
  void run();

  MemoryList memory_;
  std::vector<int> processors_;
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> left_{0};
  std::thread thread_;
};

} // namespace cmatch::io
