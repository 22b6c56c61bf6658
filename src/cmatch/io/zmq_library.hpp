// The libzmq that is in this process already: pyzmq brings its own, and its sockets work with no other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "cmatch/io/transport.hpp"

namespace cmatch::io {

// ROUTER numbers its connections from libc's rand(), which nobody seeds, and aborts the process when a peer has chosen the
// very number that is due next. Makes the numbers unpredictable; has to run before the socket is made. Whoever knows a
// number can guess the next, so none is ever told to a client. Throws std::system_error.
void seed_addresses();
bool are_addresses_seeded();

// As zmq.h has it, since 4.2.
struct alignas(void*) ZmqRawMessage {
  unsigned char bytes[64];
};

// libzmq's functions by the names of zmq.h, and the few of its numbers that we need.
// Owns nothing: the library stays as long as the process. Immutable once loaded; any thread may use it.
struct ZmqLibrary {
  static constexpr int kDontWait = 1, kSendMore = 2;
  static constexpr int kRouterType = 6, kDealerType = 5;
  static constexpr int kOptionFd = 14, kOptionEvents = 15, kOptionType = 16;
  static constexpr int kOptionRouterMandatory = 33, kOptionRouterHandover = 56;
  static constexpr int kPollIn = 1, kPollOut = 2;

  // `path` as the dynamic linker knows it; empty: the one loaded library whose name begins with libzmq. Nothing is ever
  // loaded anew. Throws TransportError, saying what is missing and what helps.
  static ZmqLibrary load(const std::string& path);

  // The paths of all libzmq in this process.
  static std::string loaded_path();

  std::string path;
  int version = 0; // 40305 is 4.3.5

  int (*msg_init)(ZmqRawMessage*) = nullptr;
  int (*msg_init_size)(ZmqRawMessage*, std::size_t) = nullptr;
  int (*msg_recv)(ZmqRawMessage*, void*, int) = nullptr;
  int (*msg_send)(ZmqRawMessage*, void*, int) = nullptr;
  int (*msg_close)(ZmqRawMessage*) = nullptr;
  void* (*msg_data)(ZmqRawMessage*) = nullptr;
  std::size_t (*msg_size)(const ZmqRawMessage*) = nullptr;
  int (*msg_more)(const ZmqRawMessage*) = nullptr;
  const char* (*msg_gets)(const ZmqRawMessage*, const char*) = nullptr;
  int (*getsockopt)(void*, int, void*, std::size_t*) = nullptr;
  int (*setsockopt)(void*, int, const void*, std::size_t) = nullptr;
  int (*last_errno)() = nullptr;
  const char* (*strerror)(int) = nullptr;

  // An option that is an int. Throws TransportError.
  int option(void* socket, int name) const;
  void set_option(void* socket, int name, int value) const;
  // Until the socket has one of `events` or the time is over (0: only looks, negative: for ever); the events it has. A
  // signal ends it early, with 0. Throws TransportError.
  int wait_for(void* socket, int events, std::int64_t timeout_ns) const;
  // The error that the last call left, as an exception.
  [[noreturn]] void fail(const char* what) const;
};

// One message part. Owns what libzmq allocated for it.
class ZmqMessage {
 public:
  explicit ZmqMessage(const ZmqLibrary& zmq) : zmq_(&zmq) { zmq.msg_init(&raw_); }
  ~ZmqMessage() { zmq_->msg_close(&raw_); }
  ZmqMessage(const ZmqMessage&) = delete;
  ZmqMessage& operator=(const ZmqMessage&) = delete;

  ZmqRawMessage* raw() { return &raw_; }
  std::size_t size() const { return zmq_->msg_size(&raw_); }
  bool more() const { return zmq_->msg_more(&raw_) != 0; }
  std::span<const std::byte> bytes() {
    return {static_cast<const std::byte*>(zmq_->msg_data(&raw_)), size()};
  }

  // Replaces the content by a copy of `bytes`. Throws std::bad_alloc.
  void assign(std::span<const std::byte> bytes);

 private:
  const ZmqLibrary* zmq_;
  ZmqRawMessage raw_;
};

} // namespace cmatch::io
