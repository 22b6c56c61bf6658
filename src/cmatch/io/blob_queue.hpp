// Byte strings in order of arrival, in memory that is reserved once, each with a tag that says what it is.
// Owns the memory; its pages are touched as it fills. Not thread-safe. O(bytes) to push, else O(1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <span>

#include "cmatch/lazy_array.hpp"

namespace cmatch::io {

template <class Tag>
class BlobQueue {
 public:
  explicit BlobQueue(std::size_t bytes) : memory_(bytes) {}

  // False, and nothing has changed, where there is no room.
  bool push(const Tag& tag, std::span<const std::byte> bytes) {
    const std::uint64_t capacity = memory_.size();
    if (bytes.size() > capacity || bytes.empty()) return false;
    std::uint64_t at = end_; // each lies in one piece: what is left at the end of the memory is passed over
    if (at % capacity + bytes.size() > capacity) at += capacity - at % capacity;
    const std::uint64_t begin = entries_.empty() ? at : entries_.front().at;
    if (at + bytes.size() - begin > capacity) return false;
    std::memcpy(&memory_[at % capacity], bytes.data(), bytes.size());
    entries_.push_back({tag, at, bytes.size()});
    end_ = at + bytes.size();
    return true;
  }
  void pop() {
    entries_.pop_front();
    ++popped_;
  }
  void clear() {
    popped_ += entries_.size();
    entries_.clear();
  }

  void list_memory(MemoryList& list) const { memory_.list_memory(list); }

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  // Numbers of what is in it, as they were pushed: from first() until end().
  std::uint64_t first() const { return popped_; }
  std::uint64_t end() const { return popped_ + entries_.size(); }
  const Tag& tag(std::uint64_t number) const { return entry(number).tag; }
  std::span<const std::byte> bytes(std::uint64_t number) const {
    return {&memory_[entry(number).at % memory_.size()], entry(number).length};
  }

 private:
  struct Entry {
    Tag tag;
    std::uint64_t at; // grows for ever: its place is the remainder
    std::size_t length;
  };

  const Entry& entry(std::uint64_t number) const { return entries_[number - popped_]; }

  LazyArray<std::byte> memory_;
  std::deque<Entry> entries_;
  std::uint64_t end_ = 0;
  std::uint64_t popped_ = 0;
};

} // namespace cmatch::io
