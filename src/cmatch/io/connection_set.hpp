// Which connections a transport has heard of: a bounded set that forgets everything when it is full.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cmatch/io/inbound.hpp"
#include "cmatch/lazy_array.hpp"

namespace cmatch::io {

// Owns a table of fixed size (open addressing, linear probes, erasure by shifting back). Not thread-safe. O(1).
// Nobody tells a ROUTER socket that a peer left, so the set can only grow until it is full; then all are unknown again,
// which costs one look at who they are, no more.
class ConnectionSet {
 public:
  static constexpr std::size_t kMost = std::size_t{1} << 16U;

  ConnectionSet() : slots_(2 * kMost) {}

  // True where it was not in the set.
  bool insert(ConnectionId connection) {
    std::size_t at = home(connection);
    for (; slots_[at] != 0; at = next(at))
      if (slots_[at] == key(connection)) return false;
    if (size_ == kMost) {
      slots_.zero(0, slots_.size());
      size_ = 0;
      at = home(connection);
    }
    slots_[at] = key(connection);
    ++size_;
    return true;
  }

  void erase(ConnectionId connection) {
    std::size_t at = home(connection);
    for (; slots_[at] != key(connection); at = next(at))
      if (slots_[at] == 0) return;
    --size_;
    for (std::size_t from = next(at); slots_[from] != 0; from = next(from)) {
      const std::size_t wanted = home(static_cast<ConnectionId>(slots_[from] - 1));
      if (((from - wanted) & kMask) < ((from - at) & kMask)) continue;
      slots_[at] = slots_[from];
      at = from;
    }
    slots_[at] = 0;
  }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kMask = 2 * kMost - 1;

  static std::uint64_t key(ConnectionId connection) { return std::uint64_t{connection} + 1; }
  static std::size_t next(std::size_t at) { return (at + 1) & kMask; }
  static std::size_t home(ConnectionId connection) {
    return static_cast<std::size_t>((connection * 0x9E3779B97F4A7C15ULL) >> 47U); // ids come in a row
  }

  LazyArray<std::uint64_t> slots_; // 0: free
  std::size_t size_ = 0;
};

} // namespace cmatch::io
