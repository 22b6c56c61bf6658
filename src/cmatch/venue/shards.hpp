// Matching elsewhere: what was passed on to a shard's engine and waits for its events; and that engine, where it runs
// here too (docs/venue.md, section 10).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "cmatch/engine.hpp"
#include "cmatch/venue/records.hpp"
#include "cmatch/venue/venue.hpp"
#include "cmatch/venue/venue_order.hpp"

namespace cmatch {

// A matching stage: there, or away with orders that wait for it.
struct Stage {
  bool away = false;
  VenueSlot queue_first = 0, queue_last = 0;
  std::uint32_t queued = 0;
};

enum class PassedKind : std::uint16_t {
  new_order = 1,
  queued_order = 2,
  replace = 3,
  cancel = 4,
  venue_cancel = 5, // that no owner asked for
  phase = 6,
  steering = 7, // answered when it was passed on
};

// A command that a shard has not answered.
struct Passed {
  Sequence sequence;      // under which it was passed on
  std::uint64_t order_id; // 0: it is about the instrument
  Ticks exposure;         // new, replace: the price at which it counts
  std::uint16_t kind;     // PassedKind
  std::uint16_t reason;   // of a venue_cancel
  std::uint32_t asset;    // of an instrument's command, which its answer names
  OrderCommand command;   // as it was asked; of what is no order's: session, correlation id and instrument
};
static_assert(sizeof(Passed) == 288);

// A shard's engine, and what it made. Deterministic: at the same place of the journal each such engine has made the same.
struct ShardRun {
  Engine engine;
  std::uint64_t made = 0;        // events
  std::deque<ShardEvent> outbox; // those that the journal does not have
  EventBuffer events;            // of the running command
};

struct Shard {
  ShardId id = 0;
  std::uint32_t instruments = 0;
  Stage stage;
  std::uint64_t taken = 0;         // events: all of what was answered whole
  std::deque<Passed> passed;       // in order
  std::vector<ShardEvent> partial; // the events so far of what is answered next
  std::unique_ptr<ShardRun> run;

  std::uint64_t expected() const { return taken + partial.size() + 1; }
};

class VenueState;

// The shard with that number, made where it is not there. Where its engine is to run here it does.
Shard& make_shard(VenueState& state, ShardId id);

// Notes a command as passed on and, where the shard's engine runs here, applies it. `command` has the time of neither.
void pass_on(VenueState& state, Shard& shard, const Passed& passed, const Command& command);
// Moves the clocks of the engines that run here.
void run_shard_time(VenueState& state, Shard& shard);
// When time alone changes something in them; the largest TimeNs where nothing does.
TimeNs next_shard_timer(const VenueState& state);
// Order ids are sequences: they only rise, so an engine need not remember those after which many came, but that of an
// order which is still to come to it. A few at a time: no batch waits for many.
void retire_order_ids(const VenueState& state, const Stage& stage, Engine& engine, EventBuffer& events,
                      TimeNs time);
// Those of the shards whose engines run here.
void retire_shard_ids(VenueState& state);

void apply_shard_event(VenueState& state, const ShardEvent& event);

// Whether a whole group of events may be taken: it answers what is due, and follows from the venue's orders. It need not
// be what the engine would have made of them, but no order, amount or position can go wrong by it. O(events).
bool is_sound(const VenueState& state, const Shard& shard);

} // namespace cmatch
