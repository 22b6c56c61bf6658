// Where events go: a growable contiguous array that is reused without being cleared to zero.
// Owned by the caller of the engine. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <span>
#include <utility>

#include "cmatch/event.hpp"

namespace cmatch {

class EventBuffer {
 public:
  EventBuffer() = default;
  ~EventBuffer() { std::free(begin_); }
  EventBuffer(EventBuffer&& other) noexcept
      : begin_(std::exchange(other.begin_, nullptr)), end_(std::exchange(other.end_, nullptr)),
        capacity_end_(std::exchange(other.capacity_end_, nullptr)) {}
  EventBuffer& operator=(EventBuffer&& other) noexcept {
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    std::swap(capacity_end_, other.capacity_end_);
    return *this;
  }
  EventBuffer(const EventBuffer&) = delete;
  EventBuffer& operator=(const EventBuffer&) = delete;

  const Event* data() const { return begin_; }
  std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }
  std::size_t capacity() const { return static_cast<std::size_t>(capacity_end_ - begin_); }
  bool empty() const { return begin_ == end_; }
  std::span<const Event> view() const { return {begin_, size()}; }
  const Event& operator[](std::size_t i) const { return begin_[i]; }

  void clear() { end_ = begin_; }

  // A new last event, not yet written. Throws std::bad_alloc.
  Event& push() {
    if (end_ == capacity_end_) [[unlikely]]
      reserve(capacity() == 0 ? 64 : capacity() * 2);
    return *end_++;
  }

  void append(std::span<const Event> events) {
    reserve(size() + events.size());
    for (const Event& event : events)
      *end_++ = event;
  }

  [[gnu::noinline]] void reserve(std::size_t count) {
    if (count <= capacity()) return;
    const std::size_t used = size();
    void* memory = std::realloc(static_cast<void*>(begin_), count * sizeof(Event));
    if (memory == nullptr) throw std::bad_alloc();
    begin_ = static_cast<Event*>(memory);
    end_ = begin_ + used;
    capacity_end_ = begin_ + count;
  }

 private:
  Event* begin_ = nullptr;
  Event* end_ = nullptr;
  Event* capacity_end_ = nullptr;
};

} // namespace cmatch
