// The clients of an embedded core: queues in the same process, with the limits and accidents of the real ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cmatch/io/transport.hpp"

namespace cmatch::io {

// Owns both queues of every connection. Not thread-safe. O(log connections) a frame.
class MemoryTransport final : public Transport {
 public:
  using Bytes = std::vector<std::byte>;

  // Each connection holds at most `capacity` frames that nobody took.
  explicit MemoryTransport(std::uint32_t capacity);

  // A new connection, numbered from 1; `user_id` is what authentication would have found.
  ConnectionId open(std::string_view user_id = {});
  // Frames that it sent stay in the queue, those for it are dropped. False where it is not open.
  bool close(ConnectionId connection);

  // The client's side. push: `parts` above 1 make a malformed frame; false where the inbound queue is full. Throws
  // std::invalid_argument for a connection that is not open. take: the oldest frame, false where there is none.
  bool push(ConnectionId connection, std::span<const std::byte> bytes, std::uint32_t parts = 1);
  bool take(ConnectionId connection, Bytes& out);

  // Never sleeps: time in here is the caller's.
  bool wait(std::int64_t timeout_ns) override;
  std::uint32_t drain(Inbound& out, std::uint32_t max_frames, std::uint32_t max_bytes) override;
  SendResult send(ConnectionId connection, std::span<const std::byte> bytes) override;
  std::string_view user_id(ConnectionId connection) const override;
  void forget(ConnectionId connection) override;

  std::size_t waiting() const { return inbound_.size(); }

 private:
  struct Peer {
    std::string user_id;
    std::deque<Bytes> outbound;
    std::uint32_t unread = 0; // its frames in inbound_
    bool known = false;
  };
  struct Frame {
    ConnectionId connection;
    FrameKind kind;
    Bytes bytes; // none but of whole ones
    std::size_t length;
    bool first;
    std::string user_id;
  };

  std::uint32_t capacity_;
  ConnectionId last_ = 0;
  std::map<ConnectionId, Peer> peers_;
  std::deque<Frame> inbound_;
};

} // namespace cmatch::io
