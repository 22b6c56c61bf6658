// The arenas of drained and of outgoing frames, the set of known connections, and the transport in memory.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cmatch/io/connection_set.hpp"
#include "cmatch/io/memory_transport.hpp"

TEST_SUITE_BEGIN("test_frames");

using namespace cmatch::io;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string taken(MemoryTransport& transport, ConnectionId connection) {
  MemoryTransport::Bytes bytes;
  return transport.take(connection, bytes) ? text_of(bytes) : "nothing";
}

} // namespace

TEST_CASE("inbound: frames lie aligned, back to back, padded with zeros, also when the arena is used again") {
  Inbound inbound(8, 256);
  for (int round = 0; round < 2; ++round) {
    inbound.clear();
    inbound.append(7, bytes_of(round == 0 ? "xxxxxxxxxxxxxxxx" : "abc"), true);
    inbound.append(8, bytes_of("12345678"), false);
    inbound.append(9, {}, false);
    inbound.append(7, bytes_of("z"), false);
  }
  REQUIRE(inbound.size() == 4);
  const auto frames = inbound.frames();
  CHECK(text_of(inbound.bytes(frames[0])) == "abc");
  CHECK(text_of(inbound.bytes(frames[1])) == "12345678");
  CHECK(text_of(inbound.bytes(frames[2])).empty());
  CHECK(text_of(inbound.bytes(frames[3])) == "z");
  CHECK(text_of(inbound.arena()) == std::string("abc\0\0\0\0\0"
                                                "12345678"
                                                "z\0\0\0\0\0\0\0",
                                                24));
  for (const InboundFrame& frame : frames)
    CHECK(frame.offset % 8 == 0);
  CHECK(frames[0].first == 1);
  CHECK(frames[3].first == 0);
}

TEST_CASE("inbound: the last frame before the limit may be of any length, and none comes after it") {
  Inbound inbound(8, 8);
  const std::string longest(kMaxFrameBytes, 'x');
  inbound.append(1, bytes_of("1234"), true);
  CHECK_FALSE(inbound.has_room());
  inbound.clear();
  inbound.append(1, {}, true);
  inbound.append(1, bytes_of(longest), true);
  CHECK(text_of(inbound.bytes(inbound.frames()[1])) == longest);
  CHECK_FALSE(inbound.has_room());
  CHECK_THROWS_AS(inbound.append(1, {}, false), cmatch::InvariantViolation);
  inbound.clear();
  CHECK_THROWS_AS(inbound.append(1, bytes_of(longest + "x"), false), cmatch::InvariantViolation);
}

TEST_CASE("inbound: users are named by frame and forgotten with it") {
  Inbound inbound(8, 256);
  inbound.append(1, bytes_of("a"), true);
  inbound.name_last("alice");
  inbound.append(1, bytes_of("b"), false);
  inbound.append(2, bytes_of("c"), true);
  inbound.name_last("bob");
  CHECK(inbound.user_id(0) == "alice");
  CHECK(inbound.user_id(1).empty());
  CHECK(inbound.user_id(2) == "bob");
  inbound.clear();
  CHECK(inbound.user_id(0).empty());
}

TEST_CASE("inbound: sizes out of bounds are refused") {
  CHECK_THROWS_AS(Inbound(0, 8), std::invalid_argument);
  CHECK_THROWS_AS(Inbound(8, 0), std::invalid_argument);
  CHECK_THROWS_AS(Inbound(8, (1U << 30U) + 1), std::invalid_argument);
  CHECK_THROWS_AS(Inbound((1U << 24U) + 1, 8), std::invalid_argument);
}

TEST_CASE("connection set: like std::set, until it is full and forgets all") {
  ConnectionSet connections;
  std::set<ConnectionId> model;
  std::mt19937 random(1);
  const ConnectionId base = 0xFFFF'FF00U; // ids wrap
  for (int i = 0; i < 200'000; ++i) {
    const ConnectionId connection = base + static_cast<ConnectionId>(random() % 600);
    if (random() % 2 == 0) {
      REQUIRE(connections.insert(connection) == model.insert(connection).second);
    } else {
      connections.erase(connection);
      model.erase(connection);
    }
    REQUIRE(connections.size() == model.size());
  }
  ConnectionSet full;
  for (ConnectionId connection = 0; connection < ConnectionSet::kMost; ++connection)
    REQUIRE(full.insert(connection));
  CHECK_FALSE(full.insert(17));
  CHECK(full.insert(1U << 20U));
  CHECK(full.size() == 1);
  CHECK(full.insert(17));
}

TEST_CASE("memory transport: frames come in order of arrival, with their accidents and who sent them") {
  MemoryTransport transport(8);
  const ConnectionId alice = transport.open("alice"), bob = transport.open();
  CHECK_FALSE(transport.wait(0));
  CHECK(transport.push(alice, bytes_of("a1")));
  CHECK(transport.push(bob, bytes_of("b1")));
  CHECK(transport.push(alice, bytes_of(std::string(kMaxFrameBytes + 1, 'x'))));
  CHECK(transport.push(alice, bytes_of("two parts"), 2));
  CHECK(transport.wait(0));

  Inbound inbound(16, 1024);
  CHECK(transport.drain(inbound, 16, 1024) == 4);
  const auto frames = inbound.frames();
  CHECK(frames[0].connection == alice);
  CHECK(text_of(inbound.bytes(frames[0])) == "a1");
  CHECK(frames[0].first == 1);
  CHECK(inbound.user_id(0) == "alice");
  CHECK(frames[1].connection == bob);
  CHECK(frames[1].first == 1);
  CHECK(inbound.user_id(1).empty());
  CHECK(frames[2].kind == FrameKind::oversize);
  CHECK(frames[2].length == kMaxFrameBytes + 1);
  CHECK(inbound.bytes(frames[2]).empty());
  CHECK(frames[2].first == 0);
  CHECK(frames[3].kind == FrameKind::malformed);
  CHECK(frames[3].length == 9);
  CHECK(inbound.bytes(frames[3]).empty());
  CHECK(transport.user_id(alice) == "alice");
  CHECK(transport.user_id(bob).empty());
  const TransportCounts& counts = transport.counts();
  CHECK(counts.frames_in == 2);
  CHECK(counts.bytes_in == 4);
  CHECK(counts.frames_oversize == 1);
  CHECK(counts.frames_malformed == 1);
}

TEST_CASE("memory transport: a drain stops at its limits and leaves the rest") {
  MemoryTransport transport(100);
  const ConnectionId connection = transport.open();
  for (int i = 0; i < 10; ++i)
    transport.push(connection, bytes_of("0123456789abcdef"));
  Inbound inbound(16, 1024);
  CHECK(transport.drain(inbound, 3, 1024) == 3);
  CHECK(transport.drain(inbound, 16, 17) == 2);
  CHECK(transport.drain(inbound, 0, 1024) == 0);
  CHECK(transport.drain(inbound, 16, 1024) == 5);
  CHECK(transport.waiting() == 0);
}

TEST_CASE("memory transport: a peer that does not read blocks, one that left is gone, and only that one") {
  MemoryTransport transport(2);
  const ConnectionId slow = transport.open(), quick = transport.open();
  std::vector<SendResult> results;
  for (const ConnectionId connection : {slow, slow, slow, quick, quick + 1})
    results.push_back(transport.send(connection, bytes_of("answer")));
  CHECK(results == std::vector{SendResult::sent, SendResult::sent, SendResult::would_block, SendResult::sent,
                               SendResult::gone});
  CHECK(taken(transport, slow) == "answer");
  CHECK(transport.send(slow, bytes_of("late")) == SendResult::sent);
  CHECK(taken(transport, slow) == "answer");
  CHECK(taken(transport, slow) == "late");
  CHECK(taken(transport, slow) == "nothing");
  CHECK(transport.close(quick));
  CHECK_FALSE(transport.close(quick));
  CHECK(transport.send(quick, bytes_of("x")) == SendResult::gone);
  const TransportCounts& counts = transport.counts();
  CHECK(counts.frames_out == 4);
  CHECK(counts.bytes_out == 22);
  CHECK(counts.sends_blocked == 1);
  CHECK(counts.sends_gone == 2);
}

TEST_CASE(
    "memory transport: a full inbound queue refuses its own peer only; forgotten ones are first again") {
  MemoryTransport transport(1);
  const ConnectionId alice = transport.open("alice"), bob = transport.open();
  CHECK(transport.push(alice, bytes_of("1")));
  CHECK_FALSE(transport.push(alice, bytes_of("2")));
  CHECK(transport.push(bob, bytes_of("3")));
  CHECK_THROWS_AS(transport.push(99, bytes_of("4")), std::invalid_argument);
  Inbound inbound(16, 1024);
  CHECK(transport.drain(inbound, 16, 1024) == 2);
  transport.forget(alice);
  CHECK(transport.user_id(alice).empty());
  transport.forget(99);
  CHECK(transport.push(alice, bytes_of("5")));
  CHECK(transport.close(alice));
  CHECK(transport.drain(inbound, 16, 1024) == 1);
  CHECK(inbound.frames()[0].first == 1);
  CHECK(inbound.user_id(0) == "alice");
}

TEST_SUITE_END();
