// How a snapshot's bytes are written and read: little-endian, field by field, bounds first. Private to snapshot_*.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cmatch/engine_state.hpp"
#include "cmatch/snapshot.hpp"

namespace cmatch {

// Magic, version, reserved, length of the whole; then clock, sequences, tape; then the state; then the digest.
inline constexpr std::uint8_t kSnapshotMagic[8] = {'C', 'M', 'A', 'T', 'C', 'H', 'S', 'N'};
inline constexpr std::size_t kSnapshotPrefix = 24, kSnapshotDigest = 8;
inline constexpr std::size_t kTapeEntryBytes = 61;

class Writer {
 public:
  std::vector<std::uint8_t> bytes;

  template <class T>
  void put(T value) {
    const std::size_t at = bytes.size();
    bytes.resize(at + sizeof(T));
    auto wide = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i, wide >>= 8)
      bytes[at + i] = static_cast<std::uint8_t>(wide);
  }
  void put(std::optional<Ticks> value) {
    put<std::uint8_t>(value.has_value());
    put<std::int64_t>(value.value_or(0));
  }
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  template <class T>
  T get() {
    if (bytes_.size() - at_ < sizeof(T)) throw SnapshotError("the snapshot ends inside a field");
    std::uint64_t wide = 0;
    for (std::size_t i = sizeof(T); i-- > 0;)
      wide = wide << 8 | bytes_[at_ + i];
    at_ += sizeof(T);
    return static_cast<T>(wide);
  }
  std::optional<Ticks> get_optional() {
    const auto has = get<std::uint8_t>();
    const auto value = get<std::int64_t>();
    return has != 0 ? std::optional(value) : std::nullopt;
  }
  // A count of records of at least `size` bytes each: no more than can follow.
  std::uint64_t get_count(std::size_t size) {
    const auto count = get<std::uint64_t>();
    if (count > (bytes_.size() - at_) / size)
      throw SnapshotError("the snapshot counts more records than it holds");
    return count;
  }
  std::span<const std::uint8_t> take(std::uint64_t count) { // of at most what is left
    const auto taken = bytes_.subspan(at_, count);
    at_ += count;
    return taken;
  }
  bool done() const { return at_ == bytes_.size(); }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

// A stop_limit that has not triggered, or a limit before its call: its price is not that of a level.
inline bool waits_with_price(const Order& order) {
  return (order.place == OrderPlace::waiting_close && order.type == OrderType::limit) ||
         (order.place == OrderPlace::waiting_stop && order.type == OrderType::stop_limit);
}

// The part of a snapshot that influences later behaviour: what state_hash() digests.
void write_state(const EngineState& state, Writer& out);
// Throws SnapshotError where the bytes are no state.
void read_state(EngineState& state, Reader& in);
void read_tape(EngineState& state, Reader& in);

} // namespace cmatch
