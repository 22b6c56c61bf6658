// The door of one life of a core: what came over the network since its last turn, and the way back.
#pragma once

#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

#include "cmatch/io/transport.hpp"
#include "network.hpp"

namespace cmatch::simulation {

// Owns what has arrived and was not drained. A link that is new to this life is a new connection. One thread. O(1).
class ServerTransport final : public io::Transport {
 public:
  // `moment` is when what is sent now leaves.
  ServerTransport(Network& network, std::shared_ptr<const Life> life, std::function<TimeNs()> moment)
      : network_(network), life_(std::move(life)), moment_(std::move(moment)) {}

  void arrive(Envelope&& envelope);
  // Tells the other ends of all links that this one is gone.
  void reset_all();

  bool wait(std::int64_t timeout_ns) override;
  std::uint32_t drain(io::Inbound& out, std::uint32_t max_frames, std::uint32_t max_bytes) override;
  io::SendResult send(io::ConnectionId connection, std::span<const std::byte> bytes) override;
  std::string_view user_id(io::ConnectionId) const override { return {}; }
  void forget(io::ConnectionId) override {}

 private:
  static constexpr std::size_t kMostWaiting = 1'024;

  struct Peer {
    Endpoint endpoint;
    Link link;
  };
  struct Frame {
    io::ConnectionId connection;
    bool first;
    Bytes bytes;
  };
  Envelope envelope_to(const Peer& peer) const;

  Network& network_;
  std::shared_ptr<const Life> life_;
  std::function<TimeNs()> moment_;
  std::vector<Peer> peers_; // by connection, from 1
  std::unordered_map<Link, io::ConnectionId> connections_;
  std::deque<Frame> inbox_;
};

} // namespace cmatch::simulation
