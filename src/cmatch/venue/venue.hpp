// An exchange as one state machine: ledger, limits and matching engine behind one apply (docs/venue.md).
// Pure: no I/O, clock, thread or randomness. Units: ticks, lots, minor units, ns. Not thread-safe.
// Memory is reserved from the limits when it is made.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cmatch/engine.hpp"
#include "cmatch/memory.hpp"
#include "cmatch/venue/ledger.hpp"
#include "cmatch/venue/output.hpp"
#include "cmatch/venue/records.hpp"
#include "cmatch/venue/views.hpp"

namespace cmatch {

using ShardId = std::uint32_t; // from 1; 0: matched here
inline constexpr ShardId kAllShards = 0xFFFFFFFF;
inline constexpr ShardId kMostShards = 1024;

// Reaching one is a reject, Capacity...
struct VenueLimits {
  LedgerLimits ledger{};
  EngineLimits engine{};
  std::uint32_t max_positions = 1u << 18;
  std::uint32_t max_client_ids = 1u << 22;
  std::uint32_t max_recent_orders = 1u << 18; // for the duplicate-order window
  std::uint32_t max_sessions = 1u << 14;
  std::uint32_t queue_capacity = 10'000; // orders while the matching stage is away
  TimeNs queue_ttl = 5'000'000'000;
  std::uint32_t max_unposted_trades = 1u << 20; // as many that wait for settlement refuse new orders

  bool operator==(const VenueLimits&) const = default;
};

// None of these changes what the venue answers.
struct VenueOptions {
  EngineOptions engine{};      // `prefault` and `huge_pages` are the whole venue's
  std::uint64_t hash_seed = 0; // where strangers choose client order ids: one that they do not know
  ShardId shard = 0;           // whose engine runs here too; kAllShards: those of all; 0: none
};

// The header of a journaled batch: command i of it has sequence first_sequence + i.
struct BatchHeader {
  std::uint64_t epoch;
  Sequence first_sequence;
  TimeNs timestamp;
};

class VenueState;

// Begins work beside its caller and gives what waits for it, which throws what the work threw.
using Beside = std::function<std::function<void()>(std::function<void()> work)>;
std::function<void()> at_once(std::function<void()> work); // done when it is waited for

class Venue {
 public:
  // Throws std::invalid_argument on a limit that is 0 or too large, std::bad_alloc where memory is refused.
  explicit Venue(const VenueLimits& limits = {}, const VenueOptions& options = {});
  ~Venue();
  Venue(Venue&&) noexcept;
  Venue& operator=(Venue&&) noexcept;

  // Applies one batch and appends what comes of it to `out`. Throws InvariantViolation, also where first_sequence is not
  // sequence() + 1, or std::bad_alloc: either poisons the venue, whose later calls throw InvariantViolation.
  void apply(const BatchHeader& header, std::span<const OrderCommand> commands, Output& out);
  void apply(const BatchHeader& header, std::span<const LedgerCommand> commands, Output& out);
  void apply(const BatchHeader& header, std::span<const InstrumentCommand> commands, Output& out);
  void apply(const BatchHeader& header, std::span<const AdminCommand> commands, Output& out);
  void apply(const BatchHeader& header, std::span<const ShardEvent> commands, Output& out);

  Sequence sequence() const; // of the last command applied
  std::uint64_t event_sequence() const;
  std::uint64_t event_digest() const; // over every report and answer ever made
  TimeNs clock() const;
  std::uint64_t epoch() const; // of the last batch
  TimeNs next_timer() const;   // when time alone changes something; the largest TimeNs where nothing does
  bool away() const;           // the matching stage
  bool solo() const;           // answers do not wait for a standby
  SettlementMode settlement() const;
  std::uint64_t unposted_trades() const; // that wait for their settlement: the last so many
  std::uint32_t queue_room() const;
  bool away(ShardId shard) const; // the matching stage of a shard
  const VenueLimits& limits() const;
  const Engine& engine() const;
  // Where the instrument is matched, as far as that is here; null where it is elsewhere.
  const Engine* engine_of(InstrumentId instrument) const;
  const Ledger& ledger() const;

  void list_memory(MemoryList& list) const; // what `prefault` touches
  std::uint64_t state_hash() const;
  std::vector<std::uint8_t> snapshot() const;
  // Throws SnapshotError, whose what() says why; nothing is half loaded. Parts may be made beside the rest.
  static Venue restore(std::span<const std::uint8_t> bytes, const VenueOptions& options = {},
                       const Beside& beside = at_once);
  // Throws InvariantViolation where the state contradicts itself. O(state).
  void check_invariants() const;

  // Views; absent things give nothing.
  VenueStatus status() const;
  std::optional<VenueOrderView> order(std::uint64_t order_id) const;
  // What a client order id stands for: its live order, or how the request ended, while it is remembered.
  std::optional<VenueOrderView> request(AccountId account, const char (&head)[16],
                                        const char (&tail)[24]) const;
  std::vector<VenueOrderView> open_orders(AccountId account,
                                          InstrumentId instrument = 0) const;        // by order_id
  std::vector<PositionView> positions(AccountId account) const;                      // by instrument
  std::optional<Limits> limits_of(AccountId account, InstrumentId instrument) const; // those that bind
  std::vector<AccountView> accounts() const;                                         // in order of opening
  std::vector<SessionView> sessions() const;                                         // by number
  std::vector<ShardView> shards() const;                                             // by number
  // What the engine of a shard that runs here made and the journal does not have yet, from that number on.
  std::vector<ShardEvent> shard_events(ShardId shard, std::uint64_t from, std::size_t most) const;
  std::vector<InstrumentCommand> instruments() const; // as last defined, with the phase of now; by id

 private:
  explicit Venue(std::unique_ptr<VenueState> state);
  std::unique_ptr<VenueState> state_;
};

} // namespace cmatch
