// Event buffers that wait for the next batch, so that it meets memory whose pages are there already.
// Shared by an engine and the arrays it gave away; safe from any thread.
#pragma once

#include <array>
#include <mutex>
#include <utility>

#include "cmatch/event_buffer.hpp"

namespace cmatch::face {

class BufferPool {
 public:
  // An empty buffer, the one with the most room.
  EventBuffer take() {
    const std::lock_guard lock(mutex_);
    EventBuffer& best = free_[0].capacity() >= free_[1].capacity() ? free_[0] : free_[1];
    EventBuffer buffer = std::exchange(best, EventBuffer());
    buffer.clear();
    return buffer;
  }

  // Keeps the buffer in place of a smaller one, else frees it.
  void give_back(EventBuffer buffer) {
    const std::lock_guard lock(mutex_);
    EventBuffer& least = free_[0].capacity() < free_[1].capacity() ? free_[0] : free_[1];
    if (least.capacity() < buffer.capacity()) least = std::move(buffer);
  }

 private:
  std::mutex mutex_;
  // Two, for the caller who still holds the last answer while the next one is made.
  std::array<EventBuffer, 2> free_;
};

} // namespace cmatch::face
