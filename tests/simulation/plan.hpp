// What a seed means: the world it makes, what its clients will do, and what will go wrong and when. Everything that is
// left to chance while it runs is drawn from the seed and from the step itself, so that a step may be left out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cmatch/io/session_records.hpp"
#include "schedule.hpp"

namespace cmatch::simulation {

enum class StepKind : std::uint8_t {
  // of a client
  orders,      // `count` new orders in a frame
  cancel,      // one of its last orders
  replace,     // the like
  mass_cancel, // all of its account
  deposits,    // `count` deposits in a frame
  again,       // an earlier request, in the same bytes
  reconnect,   // its connection breaks
  silence,     // it says and hears nothing for `length`
  // of a machine; `length` is how long it is down
  kill,               // the process, at any moment between two turns
  kill_at_operation,  // in front of the `count`th operation of its disk
  power,              // cut between two turns
  power_at_operation, // cut in front of the `count`th operation
  pause,              // the process stands still for `length`
  write_error,        // the `count`th write fails
  sync_error,         // the `count`th sync fails
  disk_full,          // for `length`
  slow_disk,          // every operation takes `count` times as long, for `length`
  flip_bit,           // somewhere in the journal
  clock_jump,         // by `length`, either way
  clock_freeze,       // for `length`
  // of the network between `who` and `other`, for `length`
  partition,
  one_way, // from `who` to `other` alone
  loss,
  delay,
  duplicate,
  reorder,
  // of the operator
  promote, // who stands by; `count` 1: whatever is lost
  solo,    // the leader goes on without a standby (`count` 1), or with one again (0)
  rejoin,  // who can neither lead nor follow begins anew as the standby
};

const char* name_of(StepKind kind);

struct Step {
  TimeNs at = 0;
  StepKind kind{};
  std::uint32_t who = 0;   // client or machine, by its own number; an endpoint where the network is meant
  std::uint32_t other = 0; // an endpoint
  std::uint32_t count = 0;
  TimeNs length = 0;
  std::uint64_t salt = 0; // whatever else is to be drawn

  std::string to_string() const;
};

struct World {
  std::uint64_t seed = 0;
  io::Durability durability{};
  bool ordered = true; // the network keeps the order of a connection's messages and loses none while it lives
  std::uint32_t machines = 1;
  std::uint32_t clients = 2;
  std::uint32_t ring_reports = 4096;
  std::uint64_t segment_bytes = 0;
  std::size_t follow_bytes = 0;   // of batches that a leader has at hand for followers
  std::size_t outbox_bytes = 0;   // of answers that wait for the standby
  bool cancels_when_lost = false; // the sessions of clients with odd numbers
  TimeNs duration = 0;            // until when things go wrong

  std::string to_string() const;
};

struct Plan {
  World world;
  std::vector<Step> steps; // by time
};

// Endpoints of the network: machines first, then clients.
inline std::uint32_t endpoint_of_client(const World& world, std::uint32_t client) {
  return world.machines + client;
}

Plan make_plan(std::uint64_t seed);

} // namespace cmatch::simulation
