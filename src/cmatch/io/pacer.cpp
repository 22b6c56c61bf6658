#include "cmatch/io/pacer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <sys/prctl.h>

#include "cmatch/io/clock.hpp"

namespace cmatch::io {

namespace {

// Of one socket before the others, and the frames that are due, have their turn.
constexpr int kMostInARow = 64;

void check_plan(std::span<const PlannedFrame> plan, std::size_t sockets, std::size_t arena) {
  std::uint64_t at_ns = 0, request = 0;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const PlannedFrame& frame = plan[i];
    const char* wrong = nullptr;
    if (frame.at_ns < at_ns) wrong = "is due before the one before it";
    if (frame.length > arena || frame.offset > arena - frame.length) wrong = "lies outside the arena";
    if (frame.socket >= sockets) wrong = "names a socket that is not there";
    if (frame.first_request != request || frame.requests == 0)
      wrong = "does not number its requests in a row";
    if (wrong != nullptr) throw std::invalid_argument("planned frame " + std::to_string(i) + " " + wrong);
    at_ns = frame.at_ns;
    request += frame.requests;
  }
}

} // namespace

void EchoReader::read(std::uint32_t, std::span<const std::byte> frame, AnswerSink& sink) {
  std::uint64_t words[2] = {};
  if (frame.size() < sizeof(words)) return;
  std::memcpy(words, frame.data(), sizeof(words));
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(words[1], kMaxFrameBytes); ++i)
    sink.answered(words[0] + i);
}

LoadGenerator::LoadGenerator(const std::vector<std::uintptr_t>& sockets, const std::string& library)
    : zmq_(ZmqLibrary::load(library)) {
  if (sockets.empty()) throw std::invalid_argument("a load needs at least one socket");
  for (const std::uintptr_t underlying : sockets) {
    auto* const socket = reinterpret_cast<void*>(underlying); // NOLINT(performance-no-int-to-ptr)
    if (socket == nullptr) throw TransportError("this socket is closed: its address is 0");
    if (zmq_.option(socket, ZmqLibrary::kOptionType) != ZmqLibrary::kDealerType)
      throw TransportError("a load is sent by DEALER sockets, and this is another kind");
    sockets_.push_back(socket);
    descriptors_.push_back(
        {.fd = zmq_.option(socket, ZmqLibrary::kOptionFd), .events = POLLIN, .revents = 0});
  }
}

void LoadGenerator::start(std::span<const PlannedFrame> plan, std::span<const std::byte> arena,
                          AnswerReader& reader, const Options& options) {
  check_plan(plan, sockets_.size(), arena.size());
  plan_ = plan;
  arena_ = arena;
  reader_ = &reader;
  options_ = options;
  next_ = 0;
  counts_ = {};
  latency_.clear();
  lateness_.clear();
  due_ns_.clear();
  for (const PlannedFrame& frame : plan)
    due_ns_.insert(due_ns_.end(), frame.requests, frame.at_ns);
  latencies_.assign(due_ns_.size(), 0);
  may_have_frames_.assign(sockets_.size(), true);
  start_ns_ = last_ns_ = steady_ns();
}

bool LoadGenerator::run(std::uint64_t slice_ns) {
  ::prctl(PR_SET_TIMERSLACK, 1); // the default lets every sleep be 50 us late
  const std::uint64_t slice_end_ns = steady_ns() + slice_ns;
  for (;;) {
    const bool sent_all = send_due();
    const bool heard_all = receive();
    const std::uint64_t now = steady_ns();
    if (over(now)) return true;
    if (now >= slice_end_ns) return false;
    listen(sent_all && heard_all ? wake_ns(slice_end_ns) : 0);
  }
}

// A closed loop whose answers do not come has nothing to send either.
bool LoadGenerator::only_listens() const { return next_ == plan_.size() || !has_room(plan_[next_]); }

bool LoadGenerator::over(std::uint64_t now_ns) const {
  if (!only_listens()) return false;
  return now_ns - last_ns_ >= (lost() == 0 ? options_.settle_ns : options_.linger_ns);
}

std::uint64_t LoadGenerator::wake_ns(std::uint64_t slice_end_ns) const {
  if (!only_listens()) {
    const std::uint64_t due_ns = start_ns_ + plan_[next_].at_ns;
    return std::min(slice_end_ns, due_ns - std::min(due_ns, options_.spin_ns));
  }
  return std::min(slice_end_ns, last_ns_ + (lost() == 0 ? options_.settle_ns : options_.linger_ns));
}

bool LoadGenerator::has_room(const PlannedFrame& frame) const {
  return options_.in_flight == 0 || lost() == 0 || lost() + frame.requests <= options_.in_flight;
}

// False where a socket takes no more: the frame, and those behind it, wait for it.
bool LoadGenerator::send_due() {
  for (; next_ < plan_.size(); ++next_) {
    const PlannedFrame& frame = plan_[next_];
    std::uint64_t due_ns = start_ns_ + frame.at_ns;
    const std::uint64_t now = steady_ns();
    if (options_.stop_ns != 0 && now - start_ns_ >= options_.stop_ns) {
      next_ = plan_.size();
      break;
    }
    if (now < due_ns || !has_room(frame)) return true;
    if (options_.in_flight != 0) {
      due_ns = now;
      std::fill_n(due_ns_.begin() + frame.first_request, frame.requests, now - start_ns_);
    }
    if (!send(frame)) {
      ++counts_.blocked;
      return false;
    }
    if (due_ns - start_ns_ >= options_.measure_from_ns) lateness_.record(now - due_ns);
    ++counts_.frames_sent;
    counts_.requests_sent += frame.requests;
    last_ns_ = now;
  }
  return true;
}

bool LoadGenerator::send(const PlannedFrame& frame) {
  ZmqMessage message(zmq_);
  message.assign(arena_.subspan(frame.offset, frame.length));
  while (zmq_.msg_send(message.raw(), sockets_[frame.socket], ZmqLibrary::kDontWait) < 0) {
    may_have_frames_[frame.socket] = true;
    if (zmq_.last_errno() == EAGAIN) return false;
    if (zmq_.last_errno() != EINTR) zmq_.fail("sending");
  }
  may_have_frames_[frame.socket] = true;
  return true;
}

// False where there may be more. Only after a true one may a socket's descriptor be slept on: it tells of a change once,
// and whoever uses the socket may have heard of it on the way.
bool LoadGenerator::receive() {
  bool heard_all = true;
  ZmqMessage message(zmq_);
  for (std::uint32_t i = 0; i < sockets_.size(); ++i) {
    if (!may_have_frames_[i]) continue;
    int received = 0;
    for (; received < kMostInARow; ++received) {
      if (zmq_.msg_recv(message.raw(), sockets_[i], ZmqLibrary::kDontWait) < 0) {
        if (zmq_.last_errno() == EAGAIN) break;
        if (zmq_.last_errno() != EINTR) zmq_.fail("receiving");
        continue;
      }
      last_ns_ = steady_ns();
      ++counts_.frames_received;
      counts_.bytes_received += message.size();
      reader_->read(i, message.bytes(), *this);
    }
    may_have_frames_[i] = received == kMostInARow;
    heard_all &= !may_have_frames_[i];
  }
  return heard_all;
}

void LoadGenerator::answered(std::uint64_t request) {
  if (request >= counts_.requests_sent) {
    ++counts_.unknown;
    return;
  }
  std::uint64_t& latency = latencies_[request];
  if (latency != 0) {
    ++counts_.duplicates;
    return;
  }
  ++counts_.answered;
  counts_.elapsed_ns = last_ns_ - start_ns_;
  latency = std::max<std::uint64_t>(1, counts_.elapsed_ns - due_ns_[request]);
  if (due_ns_[request] >= options_.measure_from_ns) latency_.record(latency);
}

void LoadGenerator::listen(std::uint64_t until_ns) {
  const std::uint64_t now = steady_ns();
  const auto left = static_cast<std::int64_t>(until_ns <= now ? 0 : until_ns - now);
  const timespec time{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
  const int ready = ::ppoll(descriptors_.data(), descriptors_.size(), &time, nullptr);
  if (ready < 0 && errno != EINTR)
    throw TransportError(std::string("waiting for the sockets: ") + zmq_.strerror(errno));
  for (std::size_t i = 0; ready > 0 && i < descriptors_.size(); ++i)
    if (descriptors_[i].revents != 0) may_have_frames_[i] = true;
}

} // namespace cmatch::io
