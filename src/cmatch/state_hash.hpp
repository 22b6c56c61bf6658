// A 64-bit digest of bytes: the same on every platform. Not cryptographic.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

namespace cmatch {

// Of bytes that come piece by piece; how many there will be is said first.
class Digester {
 public:
  explicit Digester(std::size_t size) : hash_(0x243F6A8885A308D3ull ^ size) {} // digits of pi

  void add(std::span<const std::uint8_t> bytes) {
    std::size_t at = 0;
    for (; held_ != 0 && at < bytes.size(); ++at)
      hold(bytes[at]);
    for (; bytes.size() - at >= 8; at += 8) {
      std::uint64_t word; // little-endian as all memory that we run on
      std::memcpy(&word, bytes.data() + at, 8);
      take(word);
    }
    for (; at < bytes.size(); ++at)
      hold(bytes[at]);
  }
  std::uint64_t end() {
    if (held_ != 0) take(word_);
    return mix(hash_ ^ 0x082EFA98EC4E6C89ull, 0xD6E8FEB86659FD93ull);
  }

 private:
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  void take(std::uint64_t word) {
    hash_ = mix(hash_ ^ word ^ 0xA4093822299F31D0ull, 0x9E3779B97F4A7C15ull) ^ (hash_ << 23 | hash_ >> 41);
  }
  void hold(std::uint8_t byte) {
    word_ |= std::uint64_t{byte} << 8 * held_;
    if (++held_ < 8) return;
    take(word_);
    word_ = held_ = 0;
  }

  std::uint64_t hash_, word_ = 0;
  unsigned held_ = 0; // bytes of the next word
};

inline std::uint64_t digest(std::span<const std::uint8_t> bytes) {
  Digester digester(bytes.size());
  digester.add(bytes);
  return digester.end();
}

} // namespace cmatch
