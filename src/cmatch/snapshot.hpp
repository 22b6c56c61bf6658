// The bytes of a whole engine: header, state, digest. Versioned, canonical, little-endian.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>

namespace cmatch {

// The bytes are no snapshot that this version can take up; what() names the reason.
class SnapshotError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline constexpr std::uint32_t kSnapshotVersion = 1;

// The digest that ends a snapshot, over all bytes before it. Not cryptographic: it finds damage, not malice.
std::uint64_t snapshot_digest(std::span<const std::uint8_t> bytes);

} // namespace cmatch
