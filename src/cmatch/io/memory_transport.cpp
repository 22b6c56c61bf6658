#include "cmatch/io/memory_transport.hpp"

#include <stdexcept>
#include <utility>

namespace cmatch::io {

MemoryTransport::MemoryTransport(std::uint32_t capacity) : capacity_(capacity) {
  if (capacity == 0) throw std::invalid_argument("capacity has to be at least 1");
}

ConnectionId MemoryTransport::open(std::string_view user_id) {
  CM_CHECK(last_ < 0xFFFF'FFFFU);
  peers_[++last_].user_id = user_id;
  return last_;
}

bool MemoryTransport::close(ConnectionId connection) { return peers_.erase(connection) != 0; }

bool MemoryTransport::push(ConnectionId connection, std::span<const std::byte> bytes, std::uint32_t parts) {
  const auto at = peers_.find(connection);
  if (at == peers_.end()) throw std::invalid_argument("this connection is not open");
  if (parts == 0) throw std::invalid_argument("a frame has at least one part");
  Peer& peer = at->second;
  if (peer.unread == capacity_) return false;
  Frame frame{.connection = connection,
              .kind = FrameKind::whole,
              .bytes = {},
              .length = bytes.size(),
              .first = false,
              .user_id = {}};
  if (parts > 1)
    frame.kind = FrameKind::malformed;
  else if (bytes.size() > kMaxFrameBytes)
    frame.kind = FrameKind::oversize;
  else
    frame.bytes.assign(bytes.begin(), bytes.end());
  if (!std::exchange(peer.known, true)) {
    frame.first = true;
    frame.user_id = peer.user_id;
  }
  inbound_.push_back(std::move(frame));
  ++peer.unread;
  return true;
}

bool MemoryTransport::take(ConnectionId connection, Bytes& out) {
  const auto at = peers_.find(connection);
  if (at == peers_.end() || at->second.outbound.empty()) return false;
  out = std::move(at->second.outbound.front());
  at->second.outbound.pop_front();
  return true;
}

bool MemoryTransport::wait(std::int64_t) { return !inbound_.empty(); }

std::uint32_t MemoryTransport::drain(Inbound& out, std::uint32_t max_frames, std::uint32_t max_bytes) {
  out.clear();
  while (!inbound_.empty() && out.size() < max_frames && out.bytes_used() < max_bytes && out.has_room()) {
    const Frame& frame = inbound_.front();
    if (frame.kind == FrameKind::whole)
      out.append(frame.connection, frame.bytes, frame.first);
    else
      out.append_accident(frame.connection, frame.kind, frame.length, frame.first);
    if (!frame.user_id.empty()) out.name_last(frame.user_id);
    const auto peer = peers_.find(frame.connection);
    if (peer != peers_.end()) --peer->second.unread;
    inbound_.pop_front();
  }
  count_drained(out);
  return out.size();
}

SendResult MemoryTransport::send(ConnectionId connection, std::span<const std::byte> bytes) {
  const auto at = peers_.find(connection);
  if (at == peers_.end()) return counted(SendResult::gone, 0);
  if (at->second.outbound.size() == capacity_) return counted(SendResult::would_block, 0);
  at->second.outbound.emplace_back(bytes.begin(), bytes.end());
  return counted(SendResult::sent, bytes.size());
}

std::string_view MemoryTransport::user_id(ConnectionId connection) const {
  const auto at = peers_.find(connection);
  return at != peers_.end() && at->second.known ? std::string_view(at->second.user_id) : std::string_view();
}

void MemoryTransport::forget(ConnectionId connection) {
  const auto at = peers_.find(connection);
  if (at != peers_.end()) at->second.known = false;
}

} // namespace cmatch::io
