#include "cmatch/io/inbound.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace cmatch::io {

namespace {

constexpr std::uint32_t kMostBytes = 1U << 30U; // offsets and lengths stay far from their 32 bits

std::uint32_t within(std::uint32_t value, std::uint32_t most, const char* what) {
  if (value == 0 || value > most) throw std::invalid_argument(what);
  return value;
}

} // namespace

Inbound::Inbound(std::uint32_t max_frames, std::uint32_t max_bytes)
    : frames_(within(max_frames, 1U << 24U, "max_frames has to be 1 to 16,777,216")),
      words_((std::size_t{within(max_bytes, kMostBytes, "max_bytes has to be 1 to 1,073,741,824")} +
              kMaxFrameBytes + 7) /
             sizeof(std::uint64_t)),
      max_bytes_(max_bytes) {
  MemoryList memory;
  frames_.list_memory(memory);
  words_.list_memory(memory);
  memory.touch_all();
}

std::string_view Inbound::user_id(std::uint32_t index) const {
  const auto at = std::lower_bound(users_.begin(), users_.end(), index,
                                   [](const auto& user, std::uint32_t i) { return user.first < i; });
  return at != users_.end() && at->first == index ? std::string_view(at->second) : std::string_view();
}

void Inbound::clear() {
  count_ = 0;
  words_used_ = 0;
  users_.clear();
}

void Inbound::append(ConnectionId connection, std::span<const std::byte> bytes, bool first) {
  CM_CHECK(has_room());
  CM_CHECK(bytes.size() <= kMaxFrameBytes);
  const auto offset = bytes_used();
  const std::size_t words = (bytes.size() + 7) / sizeof(std::uint64_t);
  if (words != 0) {
    words_[words_used_ + words - 1] = 0;
    std::memcpy(base() + offset, bytes.data(), bytes.size());
    words_used_ += words;
  }
  frames_[count_++] = {.connection = connection,
                       .offset = offset,
                       .length = static_cast<std::uint32_t>(bytes.size()),
                       .kind = FrameKind::whole,
                       .first = static_cast<std::uint8_t>(first),
                       .reserved = 0};
}

void Inbound::append_accident(ConnectionId connection, FrameKind kind, std::size_t length, bool first) {
  append(connection, {}, first);
  frames_[count_ - 1].kind = kind;
  frames_[count_ - 1].length = static_cast<std::uint32_t>(std::min<std::size_t>(length, 0xFFFF'FFFFU));
}

void Inbound::name_last(std::string_view user_id) {
  CM_CHECK(count_ > 0);
  CM_CHECK(users_.empty() || users_.back().first < count_ - 1);
  users_.emplace_back(count_ - 1, user_id);
}

} // namespace cmatch::io
