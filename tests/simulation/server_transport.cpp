#include "server_transport.hpp"

namespace cmatch::simulation {

void ServerTransport::arrive(Envelope&& envelope) {
  if (inbox_.size() == kMostWaiting) return; // as a full queue does
  const auto [at, first] =
      connections_.try_emplace(envelope.link, static_cast<io::ConnectionId>(peers_.size() + 1));
  if (first) peers_.push_back({envelope.from, envelope.link});
  inbox_.push_back({at->second, first, std::move(envelope.bytes)});
}

Envelope ServerTransport::envelope_to(const Peer& peer) const {
  Envelope envelope;
  envelope.from = life_->machine;
  envelope.to = peer.endpoint;
  envelope.link = peer.link;
  envelope.sent_at = moment_();
  return envelope;
}

void ServerTransport::reset_all() {
  for (const Peer& peer : peers_) {
    Envelope envelope = envelope_to(peer);
    envelope.reset = true; // of the machine, which outlives the process
    network_.send(std::move(envelope));
  }
}

bool ServerTransport::wait(std::int64_t) { return !inbox_.empty(); }

std::uint32_t ServerTransport::drain(io::Inbound& out, std::uint32_t max_frames, std::uint32_t max_bytes) {
  out.clear();
  while (!inbox_.empty() && out.size() < max_frames && out.bytes_used() < max_bytes && out.has_room()) {
    const Frame& frame = inbox_.front();
    out.append(frame.connection, frame.bytes, frame.first);
    inbox_.pop_front();
  }
  count_drained(out);
  return out.size();
}

io::SendResult ServerTransport::send(io::ConnectionId connection, std::span<const std::byte> bytes) {
  if (connection == 0 || connection > peers_.size()) return counted(io::SendResult::gone, 0);
  Envelope envelope = envelope_to(peers_[connection - 1]);
  envelope.life = life_;
  envelope.bytes.assign(bytes.begin(), bytes.end());
  if (!network_.send(std::move(envelope))) return counted(io::SendResult::would_block, 0);
  return counted(io::SendResult::sent, bytes.size());
}

} // namespace cmatch::simulation
