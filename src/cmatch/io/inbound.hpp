// What one drain of a transport brought: an array of frames and, back to back, their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cmatch/check.hpp"
#include "cmatch/lazy_array.hpp"

namespace cmatch::io {

using ConnectionId = std::uint32_t; // of one connection while it lives; a peer that comes back gets another

// Longer frames are no orders: they are dropped and answered with a code.
inline constexpr std::uint32_t kMaxFrameBytes = 64 * 1024;

enum class FrameKind : std::uint8_t {
  whole = 0,
  oversize = 1,  // longer than kMaxFrameBytes
  malformed = 2, // more than one part
};

struct InboundFrame {
  ConnectionId connection;
  std::uint32_t offset; // into the arena, a multiple of 8
  std::uint32_t length; // bytes that came; those of an accident are dropped
  FrameKind kind;
  std::uint8_t first; // 1: of its connection, as far as the transport remembers; user_id() has who it is
  std::uint16_t reserved;
};
static_assert(sizeof(InboundFrame) == 16);

// Owns a reusable arena; allocates nothing once made, but for the names of new connections.
// Units: bytes; frames are 8-byte aligned and padded with zeros to the next 8. Not thread-safe. Everything is O(1) a frame.
class Inbound {
 public:
  // Reserves place for that many frames and bytes, and for one largest frame more; throws std::bad_alloc.
  Inbound(std::uint32_t max_frames, std::uint32_t max_bytes);

  std::uint32_t max_frames() const { return static_cast<std::uint32_t>(frames_.size()); }
  std::uint32_t max_bytes() const { return max_bytes_; }
  std::uint32_t size() const { return count_; }
  std::uint32_t bytes_used() const { return static_cast<std::uint32_t>(words_used_ * sizeof(std::uint64_t)); }

  std::span<const InboundFrame> frames() const { return {&frames_[0], count_}; }
  std::span<const std::byte> arena() const { return {base(), bytes_used()}; }
  std::span<const std::byte> bytes(const InboundFrame& frame) const {
    return {base() + frame.offset, frame.kind == FrameKind::whole ? frame.length : 0};
  }

  // Who sent frame `index`, as the transport's authentication has it; empty where it has none, or for a frame that is
  // not its connection's first.
  std::string_view user_id(std::uint32_t index) const;

  // For transports. A frame may be appended where there is room; the bytes are copied.
  void clear();
  bool has_room() const { return count_ < max_frames() && bytes_used() < max_bytes_; }
  void append(ConnectionId connection, std::span<const std::byte> bytes, bool first);
  void append_accident(ConnectionId connection, FrameKind kind, std::size_t length, bool first);
  void name_last(std::string_view user_id);

 private:
  std::byte* base() { return reinterpret_cast<std::byte*>(&words_[0]); }
  const std::byte* base() const { return reinterpret_cast<const std::byte*>(&words_[0]); }

  LazyArray<InboundFrame> frames_;
  LazyArray<std::uint64_t> words_;
  std::uint32_t max_bytes_;
  std::uint32_t count_ = 0;
  std::size_t words_used_ = 0;
  std::vector<std::pair<std::uint32_t, std::string>> users_; // by index of the frame, ascending
};

} // namespace cmatch::io
