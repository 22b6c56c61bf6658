// Frames that wait until the standby has what they answer. In order, in memory that is reserved once; the loop never waits.
// Owns the frames. Not thread-safe. O(bytes) a frame.
#pragma once

#include "cmatch/io/blob_queue.hpp"
#include "cmatch/io/transport.hpp"
#include "cmatch/venue/records.hpp"

namespace cmatch::io {

struct HeldFrame {
  Sequence sequence; // of the journal: what has to be replicated first
  ConnectionId connection;
  SessionId session;         // whose reports these are; 0: others
  std::uint64_t first_event; // the first of those reports
};

class Outbox {
 public:
  explicit Outbox(std::size_t bytes) : frames_(bytes) {}

  // False where it is full.
  bool hold(const HeldFrame& frame, std::span<const std::byte> bytes) { return frames_.push(frame, bytes); }

  // Sends what waited for sequences up to `replicated`; calls failed(frame, result) for what a peer does not take.
  template <class Failed>
  void release(Sequence replicated, Transport& transport, Failed&& failed) {
    while (!frames_.empty() && frames_.tag(frames_.first()).sequence <= replicated) {
      const HeldFrame frame = frames_.tag(frames_.first());
      const SendResult result = transport.send(frame.connection, frames_.bytes(frames_.first()));
      frames_.pop();
      if (result != SendResult::sent) failed(frame, result);
    }
  }
  void clear() { frames_.clear(); }

  void list_memory(MemoryList& list) const { frames_.list_memory(list); }

  bool empty() const { return frames_.empty(); }
  std::size_t size() const { return frames_.size(); }

 private:
  BlobQueue<HeldFrame> frames_;
};

} // namespace cmatch::io
