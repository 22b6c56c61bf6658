// The matching engine: commands in, events out, many books. A pure state machine: no I/O, clock, thread or randomness.
// Units: ticks, lots, nanoseconds. Not thread-safe (see owner_guard.hpp). Memory is bounded by EngineLimits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cmatch/check.hpp"
#include "cmatch/command.hpp"
#include "cmatch/event_buffer.hpp"
#include "cmatch/memory.hpp"
#include "cmatch/snapshot.hpp"
#include "cmatch/types.hpp"
#include "cmatch/views.hpp"

namespace cmatch {

// Reaching one is a reject: CapacityInstruments, CapacityOrders, CapacityIds.
struct EngineLimits {
  std::uint32_t max_instruments = 1024;
  std::uint32_t max_orders = 1u << 20;      // live, waiting ones too; at most 2^28
  std::uint64_t max_order_ids = 1ull << 24; // ids that are remembered as used; at most 2^36

  bool operator==(const EngineLimits&) const = default;
};

// None of these changes what the engine answers.
struct EngineOptions {
  bool prefault = false;     // touch all memory now, so that no order meets a page fault
  bool huge_pages = false;   // memory comes by huge pages, where the system has them, as it is first touched
  bool deltas = false;       // record L2 and L3 deltas
  std::uint32_t tape = 1024; // trades that trades() remembers
};

class EngineState;

class Engine {
 public:
  // Throws std::invalid_argument on a limit that is 0 or too large, std::bad_alloc where memory is refused.
  explicit Engine(const EngineLimits& limits = {}, const EngineOptions& options = {});
  ~Engine();
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  // Appends the command's events to `out`. Throws InvariantViolation, or std::bad_alloc where `out` cannot grow:
  // either poisons the engine, whose later calls throw InvariantViolation.
  void apply(const Command& command, EventBuffer& out);
  void apply_batch(std::span<const Command> commands, EventBuffer& out);

  // Hints that a command about this order comes soon: first the one, a little later the next, and so on.
  void prefetch_id(OrderId order_id) const;
  void prefetch_order(OrderId order_id) const;
  void prefetch_neighbours(OrderId order_id) const;
  // Of the orders at the best price of a side those that trade first, as far as they are displayed: how many of `ids` were
  // set. O(ids). None where the instrument is not defined.
  std::size_t next_makers(InstrumentId instrument_id, Side side, std::span<OrderId> ids) const;

  OrderId next_order_id() const; // highest used + 1; 0 where none is left
  TimeNs clock() const;
  TimeNs next_expiry() const; // of the gtd order that expires first; the largest TimeNs where there is none
  std::uint64_t command_sequence() const;
  std::uint64_t event_sequence() const;
  std::uint64_t trade_sequence() const;
  const EngineLimits& limits() const;
  const EngineOptions& options() const;
  std::uint32_t live_orders() const;
  std::uint64_t remembered_ids() const;
  OrderId retired_up_to() const;
  std::vector<InstrumentId> instruments() const; // ascending
  std::size_t memory_bytes() const;              // of address space; pages count once touched

  // A digest of everything that influences later behaviour, but for the clock and the sequences. O(state).
  void list_memory(MemoryList& list) const; // what `prefault` touches
  std::uint64_t state_hash() const;
  // Canonical: equal states give equal bytes.
  std::vector<std::uint8_t> snapshot() const;
  // Throws SnapshotError, whose what() says why; nothing is half loaded. `hash` takes its state_hash().
  static Engine restore(std::span<const std::uint8_t> bytes, const EngineOptions& options = {},
                        std::uint64_t* hash = nullptr);
  static EngineLimits limits_of(std::span<const std::uint8_t> snapshot);
  // Throws InvariantViolation where the state contradicts itself. O(state).
  void check_invariants() const;

  // Views. Those with an instrument throw std::out_of_range where it is not defined.
  InstrumentView instrument(InstrumentId instrument_id) const;
  TopOfBook top(InstrumentId instrument_id) const;
  std::vector<LevelView> l2(InstrumentId instrument_id, Side side,
                            std::size_t depth = 0) const;   // 0: the whole side
  std::vector<L3View> l3(InstrumentId instrument_id) const; // bids, then asks
  AuctionView indicative(InstrumentId instrument_id) const; // has nothing outside a call
  std::optional<QueuePosition> queue_position(OrderId order_id) const;
  std::optional<OrderView> order(OrderId order_id) const;
  Lots cum_qty(OrderId order_id) const;  // what a live order has traded; 0 for any other id
  std::vector<TapeEntry> trades() const; // the last options().tape of them, oldest first

  // The deltas recorded since the last call, in command order.
  std::vector<L2Delta> drain_l2_deltas();
  std::vector<L3Delta> drain_l3_deltas();
  std::size_t pending_deltas() const; // not drained: of the kind of which there are more

 private:
  explicit Engine(std::unique_ptr<EngineState> state);
  std::unique_ptr<EngineState> state_;
};

} // namespace cmatch
