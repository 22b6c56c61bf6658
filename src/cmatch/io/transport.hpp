// How the core loop reaches its clients: a few calls that never wait, over whole arrays of frames, so that a socket, an
// embedded program and a simulation look alike to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>

#include "cmatch/io/inbound.hpp"

namespace cmatch::io {

// The transport itself is gone or was set up wrongly; no peer can cause this.
class TransportError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class SendResult : std::uint8_t {
  sent = 0,
  would_block = 1, // the peer does not read: its queue is full
  gone = 2,        // there is no such connection, or no longer
};

// What passed since the transport was made; never falls.
struct TransportCounts {
  std::uint64_t frames_in = 0; // whole ones
  std::uint64_t bytes_in = 0;  // of those
  std::uint64_t frames_oversize = 0;
  std::uint64_t frames_malformed = 0;
  std::uint64_t frames_foreign =
      0; // from a peer that chose its own address: dropped, it has no number to answer to
  std::uint64_t frames_out = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t sends_blocked = 0;
  std::uint64_t sends_gone = 0;
};

// The door of the core process. Used by one thread. No call but `wait` ever waits.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // Until a frame is there or `timeout_ns` have passed (0: only looks), true for the former. A signal ends it early, with
  // false. Throws TransportError.
  virtual bool wait(std::int64_t timeout_ns) = 0;

  // Replaces what `out` holds by the frames that are there, in order of arrival: at most `max_frames`, and none after
  // `max_bytes` are reached. Returns how many. Throws TransportError.
  virtual std::uint32_t drain(Inbound& out, std::uint32_t max_frames, std::uint32_t max_bytes) = 0;

  // Hands one frame over, whole or not at all. Throws TransportError.
  virtual SendResult send(ConnectionId connection, std::span<const std::byte> bytes) = 0;

  // Who is at the other end, as the transport's authentication has it, known from its first frame on until it is gone or
  // forgotten; empty where there is no authentication.
  virtual std::string_view user_id(ConnectionId connection) const = 0;

  // The connection ended as far as the caller is concerned: its next frame is a first one again.
  virtual void forget(ConnectionId connection) = 0;

  const TransportCounts& counts() const { return counts_; }

 protected:
  // For those who derive: says what became of a frame, and counts it.
  SendResult counted(SendResult result, std::size_t bytes);
  void count_drained(const Inbound& frames);

  TransportCounts counts_;
};

} // namespace cmatch::io
