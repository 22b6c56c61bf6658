#include "cmatch/io/zmq_transport.hpp"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace cmatch::io {

namespace {

constexpr std::size_t kAddressBytes = 5; // what ROUTER makes up: a zero, and a number in network order

std::optional<ConnectionId> connection_of(std::span<const std::byte> address) {
  if (address.size() != kAddressBytes || address[0] != std::byte{0}) return std::nullopt;
  ConnectionId id = 0;
  for (const std::byte digit : address.subspan(1))
    id = id << 8U | static_cast<ConnectionId>(digit);
  return id;
}

void write_address(ConnectionId connection, std::span<std::byte, kAddressBytes> address) {
  address[0] = std::byte{0};
  for (std::size_t i = 0; i < 4; ++i)
    address[1 + i] = static_cast<std::byte>(connection >> (24 - 8 * i));
}

} // namespace

ZmqTransport::ZmqTransport(std::uintptr_t underlying, const std::string& library, bool yields)
    : zmq_(ZmqLibrary::load(library)), socket_(reinterpret_cast<void*>(underlying)), // NOLINT
      yields_(yields) {
  if (!are_addresses_seeded())
    throw TransportError(
        "seed_addresses() has to run before the ROUTER socket is made: else a client can guess "
        "the next connection's number and stop the process with it");
  if (socket_ == nullptr) throw TransportError("this socket is closed: its address is 0");
  if (zmq_.option(socket_, ZmqLibrary::kOptionType) != ZmqLibrary::kRouterType)
    throw TransportError("the core listens on a ROUTER socket, and this is another kind");
  zmq_.set_option(socket_, ZmqLibrary::kOptionRouterMandatory, 1);
  zmq_.set_option(socket_, ZmqLibrary::kOptionRouterHandover, 0);
}

bool ZmqTransport::wait(std::int64_t timeout_ns) {
  if (yields_) ::sched_yield();
  return zmq_.wait_for(socket_, ZmqLibrary::kPollIn, std::max<std::int64_t>(timeout_ns, 0)) != 0;
}

bool ZmqTransport::receive(ZmqMessage& part) {
  while (zmq_.msg_recv(part.raw(), socket_, ZmqLibrary::kDontWait) < 0) {
    if (zmq_.last_errno() == EAGAIN) return false;
    if (zmq_.last_errno() != EINTR) zmq_.fail("receiving");
  }
  return true;
}

// Everything that a message costs counts against `parts`, so that one of a million parts cannot hold up the others.
std::uint32_t ZmqTransport::drain(Inbound& out, std::uint32_t max_frames, std::uint32_t max_bytes) {
  out.clear();
  ZmqMessage part(zmq_);
  std::uint64_t parts = 0;
  const std::uint64_t most_parts = 2 * std::uint64_t{max_frames} + 64;
  const auto skip = [&] {
    while (skipping_ && parts < most_parts && receive(part)) {
      ++parts;
      skipping_ = part.more();
    }
  };

  skip();
  while (!skipping_ && out.size() < max_frames && out.bytes_used() < max_bytes && out.has_room() &&
         parts < most_parts && receive(part)) {
    const std::optional<ConnectionId> connection = connection_of(part.bytes());
    parts += 2;
    CM_CHECK(part.more());
    CM_CHECK(receive(part)); // a message comes whole: its body is there when its address is
    if (connection)
      take(out, *connection, part);
    else
      ++counts_.frames_foreign;
    skipping_ = part.more();
    skip();
  }
  count_drained(out);
  return out.size();
}

void ZmqTransport::take(Inbound& out, ConnectionId connection, ZmqMessage& body) {
  const bool first = known_.insert(connection);
  if (body.more())
    out.append_accident(connection, FrameKind::malformed, body.size(), first);
  else if (body.size() > kMaxFrameBytes)
    out.append_accident(connection, FrameKind::oversize, body.size(), first);
  else
    out.append(connection, body.bytes(), first);
  if (!first) return;
  if (known_.size() == 1) users_.clear(); // the set was full and began anew
  const char* const user_id = zmq_.msg_gets(body.raw(), "User-Id");
  if (user_id == nullptr) return;
  users_[connection] = user_id;
  out.name_last(user_id);
}

std::string_view ZmqTransport::user_id(ConnectionId connection) const {
  const auto at = users_.find(connection);
  return at == users_.end() ? std::string_view() : std::string_view(at->second);
}

void ZmqTransport::forget(ConnectionId connection) {
  known_.erase(connection);
  users_.erase(connection);
}

SendResult ZmqTransport::send(ConnectionId connection, std::span<const std::byte> bytes) {
  std::byte address[kAddressBytes];
  write_address(connection, address);
  ZmqMessage part(zmq_);
  part.assign(address);
  while (zmq_.msg_send(part.raw(), socket_, ZmqLibrary::kDontWait | ZmqLibrary::kSendMore) < 0) {
    const int error = zmq_.last_errno();
    if (error == EAGAIN) return counted(SendResult::would_block, 0);
    if (error == EHOSTUNREACH) {
      forget(connection);
      return counted(SendResult::gone, 0);
    }
    if (error != EINTR) zmq_.fail("sending");
  }
  part.assign(bytes);
  while (zmq_.msg_send(part.raw(), socket_, ZmqLibrary::kDontWait) < 0)
    if (zmq_.last_errno() != EINTR) zmq_.fail("sending");
  return counted(SendResult::sent, bytes.size());
}

} // namespace cmatch::io
