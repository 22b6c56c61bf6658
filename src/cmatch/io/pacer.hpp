// An open-loop load generator: every frame has its time, and latency counts from that time, whenever it really left.
// With a limit of what is in flight it is a closed loop, which finds out how much can be answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <poll.h>

#include "cmatch/io/histogram.hpp"
#include "cmatch/io/zmq_library.hpp"

namespace cmatch::io {

// A frame that was encoded beforehand. Requests are numbered from 0 in the order of the plan, without gaps.
struct PlannedFrame {
  std::uint64_t at_ns;  // from the start; never falls
  std::uint64_t offset; // into the arena, bytes
  std::uint32_t length; // bytes
  std::uint32_t socket; // index
  std::uint32_t first_request;
  std::uint32_t requests; // at least 1
};
static_assert(sizeof(PlannedFrame) == 32);

// Takes note of answers: see LoadGenerator.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  virtual void answered(std::uint64_t request) = 0;
};

// Knows the layout of answers: names the requests that a received frame answers first; what follows an answer (fills,
// cancels by others) is none.
class AnswerReader {
 public:
  virtual ~AnswerReader() = default;
  virtual void read(std::uint32_t socket, std::span<const std::byte> frame, AnswerSink& sink) = 0;
};

// Of a peer that sends each frame back: the first word is the frame's first request, the next its number of requests.
class EchoReader final : public AnswerReader {
 public:
  void read(std::uint32_t socket, std::span<const std::byte> frame, AnswerSink& sink) override;
};

struct LoadCounts {
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t requests_sent = 0;
  std::uint64_t answered = 0;
  std::uint64_t duplicates = 0; // answers to a request that had one
  std::uint64_t unknown = 0;    // answers to a request that was not sent
  std::uint64_t blocked = 0;    // times a socket took no more; the frame goes as soon as it does
  std::uint64_t elapsed_ns = 0; // from the start to the last answer
};

// Borrows sockets (DEALER, connected), plan, arena and reader. One thread, which ought to own the sockets.
// It never skips a frame before the end: one that is late goes at once. It sleeps until `spin_ns` before a frame is due, then it polls.
// O(1) a frame and a request; memory: 16 bytes a request, taken at start().
class LoadGenerator final : private AnswerSink {
 public:
  struct Options {
    std::uint64_t measure_from_ns = 0; // requests due earlier are warm-up: counted, not in the histograms
    std::uint64_t linger_ns = 1'000'000'000; // how long to wait for answers after the last frame
    std::uint64_t settle_ns = 10'000'000;    // how long to listen for surplus answers once all are answered
    std::uint64_t spin_ns = 5'000;
    // 0: an open loop. Else a closed one: no more requests than this, or one frame, wait for an answer; requests
    // are due when they are sent.
    std::uint64_t in_flight = 0;
    std::uint64_t stop_ns = 0; // since the start: nothing more is sent from then on; 0: all of the plan is
  };

  // Throws TransportError.
  LoadGenerator(const std::vector<std::uintptr_t>& sockets, const std::string& library);

  // Forgets the last run. Throws std::invalid_argument, naming the frame, where the plan is not in order.
  void start(std::span<const PlannedFrame> plan, std::span<const std::byte> arena, AnswerReader& reader,
             const Options& options);
  // Goes on for about `slice_ns`; true once all is sent, and answered or waited for. Throws TransportError.
  bool run(std::uint64_t slice_ns);

  const LoadCounts& counts() const { return counts_; }
  std::uint64_t lost() const { return counts_.requests_sent - counts_.answered; }
  const Histogram& latency() const { return latency_; }   // ns, from the intended time to the answer
  const Histogram& lateness() const { return lateness_; } // ns, from the intended time to the send
  // Of each request in ns; 0: no answer yet.
  std::span<const std::uint64_t> latencies() const { return latencies_; }

 private:
  void answered(std::uint64_t request) override;
  bool send(const PlannedFrame& frame);
  bool send_due();
  bool only_listens() const;
  bool has_room(const PlannedFrame& frame) const;
  bool receive();
  void listen(std::uint64_t until_ns); // until then, or until a socket has something to say
  std::uint64_t wake_ns(std::uint64_t slice_end_ns) const;
  bool over(std::uint64_t now_ns) const;

  ZmqLibrary zmq_;
  std::vector<void*> sockets_;
  std::vector<pollfd> descriptors_;
  std::vector<bool> may_have_frames_; // by socket
  std::span<const PlannedFrame> plan_;
  std::span<const std::byte> arena_;
  AnswerReader* reader_ = nullptr;
  Options options_;
  std::size_t next_ = 0;       // of the plan
  std::uint64_t start_ns_ = 0; // monotonic clock
  std::uint64_t last_ns_ = 0;  // of the last frame that was sent or received
  LoadCounts counts_;
  Histogram latency_{};
  Histogram lateness_{};
  std::vector<std::uint64_t> due_ns_;    // by request, from the start
  std::vector<std::uint64_t> latencies_; // by request
};

} // namespace cmatch::io
