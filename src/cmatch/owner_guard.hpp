// One thread at a time: a second one that enters is refused, never made to wait and never raced.
#pragma once

#include <atomic>

namespace cmatch {

class OwnerGuard {
 public:
  explicit OwnerGuard(std::atomic<bool>& busy)
      : busy_(busy), owns_(!busy.exchange(true, std::memory_order_acquire)) {}
  ~OwnerGuard() {
    if (owns_) busy_.store(false, std::memory_order_release);
  }
  OwnerGuard(const OwnerGuard&) = delete;
  OwnerGuard& operator=(const OwnerGuard&) = delete;

  // False where another thread is inside.
  explicit operator bool() const { return owns_; }

 private:
  std::atomic<bool>& busy_;
  bool owns_;
};

} // namespace cmatch
