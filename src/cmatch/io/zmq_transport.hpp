// The clients of the core over ZeroMQ: one ROUTER socket, made and set up by pyzmq, read and written here.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "cmatch/io/connection_set.hpp"
#include "cmatch/io/transport.hpp"
#include "cmatch/io/zmq_library.hpp"

namespace cmatch::io {

// Borrows the socket, which has to outlive it and must not be used elsewhere while a call is in here; one thread.
// Addresses are those that ROUTER makes up, one a connection: a peer that brings its own is refused (frames_foreign),
// unless it imitates their form: then it is a connection like any other, because ROUTER never gives an address twice.
// O(parts) a drain: some 100 ns a frame, of which most is libzmq's.
class ZmqTransport final : public Transport {
 public:
  // `underlying` is pyzmq's Socket.underlying; `library` the path of its libzmq, empty: found. Switches ROUTER_MANDATORY
  // on (a full or missing peer is then told apart) and ROUTER_HANDOVER off. `yields`: each wait lets threads of the same
  // SCHED_FIFO rank go first; else a loop that always has something to do keeps the one that moves the bytes off their
  // processor for good. Throws TransportError.
  explicit ZmqTransport(std::uintptr_t underlying, const std::string& library = "", bool yields = false);

  bool wait(std::int64_t timeout_ns) override;
  std::uint32_t drain(Inbound& out, std::uint32_t max_frames, std::uint32_t max_bytes) override;
  SendResult send(ConnectionId connection, std::span<const std::byte> bytes) override;
  std::string_view user_id(ConnectionId connection) const override;
  void forget(ConnectionId connection) override;

  const ZmqLibrary& library() const { return zmq_; }

 private:
  bool receive(ZmqMessage& part);
  void take(Inbound& out, ConnectionId connection, ZmqMessage& body);

  ZmqLibrary zmq_;
  void* socket_;
  ConnectionSet known_;
  std::unordered_map<ConnectionId, std::string> users_; // of those in known_
  bool yields_;
  bool skipping_ = false; // in the middle of a message whose other parts nobody wants
};

} // namespace cmatch::io
