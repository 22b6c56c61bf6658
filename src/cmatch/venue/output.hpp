// Where a venue's reports and answers go: two growable arrays that are reused, in order of event_sequence together.
// Owned by the caller of the venue. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "cmatch/venue/records.hpp"

namespace cmatch {

// Zeroes a record piece by piece, which are stores of vectors. In one go GCC makes it a `rep stos`, several times as slow.
template <class Record>
[[gnu::always_inline]] inline void zero(Record& record) {
  static_assert(std::is_trivially_copyable_v<Record> && sizeof record % 8 == 0);
  constexpr std::size_t kPiece = sizeof record % 16 == 0 ? 16 : 8;
  auto* const bytes = reinterpret_cast<unsigned char*>(&record);
  [&]<std::size_t... piece>(std::index_sequence<piece...>) {
    (std::memset(bytes + piece * kPiece, 0, kPiece), ...);
  }(std::make_index_sequence<sizeof record / kPiece>());
}

// A growable array of records that is reused without being cleared to zero.
template <class Record>
class RecordBuffer {
  static_assert(std::is_trivially_copyable_v<Record>);

 public:
  RecordBuffer() = default;
  ~RecordBuffer() { std::free(begin_); }
  RecordBuffer(RecordBuffer&& other) noexcept
      : begin_(std::exchange(other.begin_, nullptr)), size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  RecordBuffer& operator=(RecordBuffer&& other) noexcept {
    std::swap(begin_, other.begin_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  RecordBuffer(const RecordBuffer&) = delete;
  RecordBuffer& operator=(const RecordBuffer&) = delete;

  // A new last record, not yet written. Throws std::bad_alloc.
  Record& push() {
    if (size_ == capacity_) [[unlikely]]
      reserve(capacity_ == 0 ? 1024 : capacity_ * 2);
    return begin_[size_++];
  }
  Record& push_zero() { // the same, all zero
    Record& record = push();
    zero(record);
    return record;
  }
  void reserve(std::size_t count) {
    if (count <= capacity_) return;
    void* memory = std::realloc(static_cast<void*>(begin_), count * sizeof(Record));
    if (memory == nullptr) throw std::bad_alloc();
    begin_ = static_cast<Record*>(memory);
    capacity_ = count;
  }
  void resize(std::size_t count) { // what is new is not written
    reserve(count);
    size_ = count;
  }

  void clear() { size_ = 0; }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  Record* data() { return begin_; }
  const Record* data() const { return begin_; }
  Record& operator[](std::size_t i) { return begin_[i]; }
  const Record& operator[](std::size_t i) const { return begin_[i]; }
  Record& back() { return begin_[size_ - 1]; }
  std::span<const Record> view() const { return {begin_, size_}; }

 private:
  Record* begin_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

struct Output {
  RecordBuffer<ExecutionReport> reports;
  RecordBuffer<Answer> answers;

  void clear() {
    reports.clear();
    answers.clear();
  }
};

} // namespace cmatch
