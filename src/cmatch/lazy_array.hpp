// A zeroed array of fixed length whose pages cost memory only once they are touched.
// Owns its mapping. Not thread-safe. Addresses never move.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include <sys/mman.h>

#include "cmatch/memory.hpp"

namespace cmatch {

template <class T>
class LazyArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  LazyArray() = default;

  // Reserves address space for `size` elements; throws std::bad_alloc where the system refuses it.
  explicit LazyArray(std::size_t size) : size_(size) {
    if (size == 0) return;
    if (size > std::numeric_limits<std::size_t>::max() / 2 / sizeof(T)) throw std::bad_alloc();
    void* memory =
        ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<T*>(memory);
  }

  ~LazyArray() {
    if (data_ != nullptr) ::munmap(data_, bytes());
  }

  LazyArray(LazyArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  LazyArray& operator=(LazyArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  LazyArray(const LazyArray&) = delete;
  LazyArray& operator=(const LazyArray&) = delete;

  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }

  void zero(std::size_t first, std::size_t count) {
    if (count != 0) std::memset(static_cast<void*>(data_ + first), 0, count * sizeof(T));
  }

  // Names the first `count` elements as memory to be had.
  void list_memory(MemoryList& list, std::size_t count = std::numeric_limits<std::size_t>::max()) const {
    list.add(std::as_writable_bytes(std::span(data_, std::min(count, size_))));
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

} // namespace cmatch
