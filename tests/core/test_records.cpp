// The records are read by NumPy, files and the wire: where each field lies is a promise.
#include <doctest/doctest.h>

#include <cstddef>

#include "cmatch/event.hpp"
#include "cmatch/event_buffer.hpp"
#include "commands.hpp"

TEST_SUITE_BEGIN("test_records");

using namespace cmatch;

TEST_CASE("command: every field lies where the array dtype says") {
  CHECK(offsetof(Command, timestamp) == 0);
  CHECK(offsetof(Command, instrument_id) == 8);
  CHECK(offsetof(Command, kind) == 12);
  CHECK(offsetof(Command, side) == 13);
  CHECK(offsetof(Command, type) == 14);
  CHECK(offsetof(Command, time_in_force) == 15);
  CHECK(offsetof(Command, order_id) == 16);
  CHECK(offsetof(Command, account) == 24);
  CHECK(offsetof(Command, qty) == 32);
  CHECK(offsetof(Command, price) == 40);
  CHECK(offsetof(Command, present) == 48);
  CHECK(offsetof(Command, flags) == 50);
  CHECK(offsetof(Command, stp_mode) == 51);
  CHECK(offsetof(Command, peg) == 52);
  CHECK(offsetof(Command, phase) == 53);
  CHECK(offsetof(Command, stp_group) == 56);
  CHECK(offsetof(Command, stop_price) == 64);
  CHECK(offsetof(Command, trail) == 72);
  CHECK(offsetof(Command, offset) == 80);
  CHECK(offsetof(Command, display_qty) == 88);
  CHECK(offsetof(Command, min_qty) == 96);
  CHECK(offsetof(Command, expire_at) == 104);
  CHECK(offsetof(Command, up_to) == 112);
}

TEST_CASE("definition: every field lies where the array dtype says") {
  CHECK(offsetof(Definition, tick_step) == 16);
  CHECK(offsetof(Definition, lot_step) == 24);
  CHECK(offsetof(Definition, min_price) == 32);
  CHECK(offsetof(Definition, max_price) == 40);
  CHECK(offsetof(Definition, present) == 48);
  CHECK(offsetof(Definition, phase) == 53);
  CHECK(offsetof(Definition, max_qty) == 56);
  CHECK(offsetof(Definition, max_notional) == 64);
  CHECK(offsetof(Definition, max_parts) == 72);
  CHECK(offsetof(Definition, max_pegs) == 80);
  CHECK(offsetof(Definition, collar) == 88);
  CHECK(offsetof(Definition, static_band) == 96);
  CHECK(offsetof(Definition, dynamic_band) == 104);
  CHECK(offsetof(Definition, reference) == 112);
}

TEST_CASE("event: every field lies where the array dtype says") {
  CHECK(offsetof(Event, sequence) == 0);
  CHECK(offsetof(Event, command_sequence) == 8);
  CHECK(offsetof(Event, timestamp) == 16);
  CHECK(offsetof(Event, instrument_id) == 24);
  CHECK(offsetof(Event, kind) == 28);
  CHECK(offsetof(Event, command) == 29);
  CHECK(offsetof(Event, reason) == 30);
  CHECK(offsetof(Event, order_id) == 32);
  CHECK(offsetof(Event, account) == 40);
  CHECK(offsetof(Event, qty) == 48);
  CHECK(offsetof(Event, price) == 56);
  CHECK(offsetof(Event, leaves) == 64);
  CHECK(offsetof(Event, trade_id) == 72);
  CHECK(offsetof(Event, maker_order_id) == 80);
  CHECK(offsetof(Event, maker_account) == 88);
  CHECK(offsetof(Event, maker_leaves) == 96);
  CHECK(offsetof(Event, stop_price) == 104);
  CHECK(offsetof(Event, present) == 112);
  CHECK(offsetof(Event, side) == 113);
  CHECK(offsetof(Event, type) == 114);
  CHECK(offsetof(Event, time_in_force) == 115);
  CHECK(offsetof(Event, phase) == 116);
  CHECK(offsetof(Event, kept) == 117);
  CHECK(offsetof(Event, shown) == 120);
}

TEST_CASE("definition: a command and back is the same definition") {
  Definition definition = test::definition(7, Phase::pre_open);
  definition.collar = 3;
  definition.present = kHasCollar;
  const Definition back = definition_of(command_of(definition));
  CHECK(std::memcmp(&definition, &back, sizeof back) == 0);
}

TEST_CASE("event buffer: grows, keeps what it holds, and is emptied without giving up its memory") {
  EventBuffer buffer;
  for (std::uint64_t i = 1; i <= 1'000; ++i) {
    Event event{};
    event.sequence = i;
    buffer.push() = event;
  }
  EventBuffer other = std::move(buffer);
  REQUIRE(other.size() == 1'000);
  CHECK(other[0].sequence == 1);
  CHECK(other[999].sequence == 1'000);
  const std::size_t capacity = other.capacity();
  other.clear();
  CHECK(other.empty());
  CHECK(other.capacity() == capacity);
}

TEST_SUITE_END();
