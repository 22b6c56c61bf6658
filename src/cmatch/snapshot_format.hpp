// How a snapshot's bytes are written and read: little-endian, field by field, bounds first. Private to snapshot_*.cpp.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
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

static_assert(std::endian::native == std::endian::little, "fields lie in memory as they do in a snapshot");

// Appends to `bytes`; or, made with what should come of it, compares with that and keeps nothing.
class Writer {
 public:
  std::vector<std::uint8_t> bytes;

  Writer() = default;
  explicit Writer(std::span<const std::uint8_t> expected) : expected_(expected), compares_(true) {}

  template <class T>
  void put(T value) {
    put_bytes(&value, sizeof value);
  }
  void put_bytes(const void* from, std::size_t count) {
    const auto* first = static_cast<const std::uint8_t*>(from);
    if (!compares_)
      bytes.insert(bytes.end(), first, first + count);
    else if (same_ && expected_.size() >= count && std::memcmp(expected_.data(), first, count) == 0)
      expected_ = expected_.subspan(count);
    else
      same_ = false;
  }
  void put(std::optional<Ticks> value) {
    put<std::uint8_t>(value.has_value());
    put<std::int64_t>(value.value_or(0));
  }
  // Whether all that was expected was written, and nothing else.
  bool same() const { return same_ && expected_.empty(); }

 private:
  std::span<const std::uint8_t> expected_; // what is left of it
  bool compares_ = false, same_ = true;
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  template <class T>
  T get() {
    T value;
    get_bytes(&value, sizeof value);
    return value;
  }
  void get_bytes(void* to, std::size_t count) {
    if (bytes_.size() - at_ < count) throw SnapshotError("the snapshot ends inside a field");
    std::memcpy(to, bytes_.data() + at_, count);
    at_ += count;
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
  std::span<const std::uint8_t> rest() const { return bytes_.subspan(at_); }
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
