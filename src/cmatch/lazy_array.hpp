// A zeroed array of fixed length whose pages cost memory only once they are touched.
// Owns its mapping. Not thread-safe. Addresses never move.
#pragma once

#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

#include <sys/mman.h>

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

  // Brings the first `count` elements into memory, on huge pages where the system has them.
  void prefault(std::size_t count) {
    if (count > size_) count = size_;
    if (count == 0) return;
#ifdef MADV_HUGEPAGE
    ::madvise(data_, bytes(), MADV_HUGEPAGE);
#endif
    constexpr std::size_t kPage = 4096;
    auto* memory = reinterpret_cast<volatile unsigned char*>(data_);
    for (std::size_t at = 0; at < count * sizeof(T); at += kPage)
      memory[at] = memory[at];
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

} // namespace cmatch
