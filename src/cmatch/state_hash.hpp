// A 64-bit digest of bytes: the same on every platform. Not cryptographic.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

namespace cmatch {

inline std::uint64_t digest(std::span<const std::uint8_t> bytes) {
  const auto mix = [](std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  std::uint64_t hash = 0x243F6A8885A308D3ull ^ bytes.size(); // digits of pi
  std::size_t at = 0;
  const auto take = [&](std::size_t count) { // the next word, little-endian as all memory that we run on
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, count);
    hash = mix(hash ^ value ^ 0xA4093822299F31D0ull, 0x9E3779B97F4A7C15ull) ^ (hash << 23 | hash >> 41);
    at += count;
  };
  while (bytes.size() - at >= 8)
    take(8);
  if (at < bytes.size()) take(bytes.size() - at);
  return mix(hash ^ 0x082EFA98EC4E6C89ull, 0xD6E8FEB86659FD93ull);
}

} // namespace cmatch
