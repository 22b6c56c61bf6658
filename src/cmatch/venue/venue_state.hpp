// All that a venue is. Data and its bookkeeping only; the rules are functions over it (requests, entry, trades,
// administration, timers).
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "cmatch/engine.hpp"
#include "cmatch/venue/client_ids.hpp"
#include "cmatch/venue/ledger.hpp"
#include "cmatch/venue/limits.hpp"
#include "cmatch/venue/positions.hpp"
#include "cmatch/venue/recent_orders.hpp"
#include "cmatch/venue/settlement.hpp"
#include "cmatch/venue/shards.hpp"
#include "cmatch/venue/venue.hpp"
#include "cmatch/venue/venue_order.hpp"
#include "cmatch/venue/wide.hpp"

namespace cmatch {

enum class Policy : std::uint16_t { all = 0, reserve_only = 1, none = 2 };

struct VenueInstrument {
  InstrumentCommand definition{}; // as last accepted
  AssetSlot base = kNoSlot, quote = kNoSlot;
  Amount lot_units = 0;      // minor units of base in a lot
  Amount notional_units = 0; // minor units of quote in a tick times a lot
  std::int64_t worst_rate = 0;
  std::uint32_t live_orders = 0;
  bool killed = false;
  bool has_last = false, has_reference = false, has_mark = false;
  Ticks last = 0, reference = 0, mark = 0;
  Shard* shard = nullptr;   // where it is matched; null: here
  std::uint32_t passed = 0; // commands about it that the shard has not answered
  std::uint16_t phase = 0;  // there, as last told

  InstrumentId id() const { return definition.instrument_id; }
  bool has_collar() const { return (definition.present & kHasCollar) != 0; }
  FeeMode fee_mode() const { return static_cast<FeeMode>(definition.fee_mode); }
  bool priced() const { return has_last || has_reference; }
  Ticks market() const { return has_last ? last : reference; } // R of the matching specification
  // In which asset a fee of that side is.
  bool fee_in_base(Side side) const {
    return fee_mode() == FeeMode::base || (fee_mode() == FeeMode::received && side == Side::buy);
  }
};

struct VenueAccount { // what the ledger does not know of an account
  bool killed;
  TimeNs deadline; // of its countdown; 0: none
};

// The command that runs: reports to its session carry its correlation id.
struct Cause {
  SessionId session = 0;
  const char* head = nullptr; // 16 characters of its correlation id; null: nobody's command
  const char* tail = nullptr; // 24 more
};

struct Session {
  TenantId tenant;
  std::uint16_t cancels_when_lost;
  char name[40];
};

class VenueState {
 public:
  VenueState(const VenueLimits& limits_in, const VenueOptions& options);
  void list_memory(MemoryList& list) const;

  static constexpr std::uint32_t kNoInstrument = 0xFFFFFFFF;
  std::uint32_t find_instrument(InstrumentId id) const {
    if (last_instrument < instruments.size() && instruments[last_instrument].id() == id)
      return last_instrument;
    const auto found = instrument_index.find(id);
    return found == kNoSlot ? kNoInstrument : last_instrument = found;
  }

  // The engine's time stands still while the matching stage is away: what expires there waits.
  TimeNs engine_time() const { return local.away || timers_run ? engine.clock() : clock; }
  Stage& stage_of(const VenueInstrument& instrument) {
    return instrument.shard == nullptr ? local : instrument.shard->stage;
  }

  // --- what comes out: each has its event_sequence, and is digested when the batch ends ---
  ExecutionReport& report(ExecType exec_type) {
    ExecutionReport& report = out->reports.push_zero();
    report.exec_type = static_cast<std::uint16_t>(exec_type);
    report.sequence = sequence;
    report.event_sequence = ++event_sequence;
    report.timestamp = clock;
    return report;
  }
  Answer& answer(Family family, std::uint16_t kind) {
    Answer& answer = out->answers.push_zero();
    answer.family = static_cast<std::uint16_t>(family);
    answer.kind = kind;
    answer.sequence = sequence;
    answer.event_sequence = ++event_sequence;
    answer.timestamp = clock;
    return answer;
  }

  VenueLimits limits;
  Engine engine;
  Ledger ledger;
  ClientIds client_ids;
  VenueOrders orders;
  Positions positions;
  RecentOrders recent;
  LimitSets limit_sets;
  std::vector<VenueInstrument> instruments; // never reallocated
  HashIndex<std::uint64_t> instrument_index;
  mutable std::uint32_t last_instrument = 0; // found last
  LazyArray<VenueAccount> accounts;          // by AccountSlot
  std::set<std::pair<TimeNs, AccountId>> countdowns;
  std::set<TenantId> killed_tenants;
  std::map<SessionId, Session> sessions;
  bool killed = false;
  bool solo = false; // answers do not wait for a standby, whatever the profile says
  Policy policy = Policy::all;
  Stage local;                     // the engine's
  std::map<ShardId, Shard> shards; // never removed
  ShardId runs;                    // VenueOptions::shard
  EngineOptions engine_options;
  std::set<std::pair<TimeNs, std::uint64_t>>
      expiries; // of gtd orders that a shard matches: (expire_at, order_id)

  TimeNs clock = 0;
  std::uint64_t epoch = 0;
  Sequence sequence = 0;
  std::uint64_t event_sequence = 0;
  std::uint64_t digest = 0;
  std::uint64_t trades = 0;
  Settlement settlement;
  bool poisoned = false;
  std::optional<std::uint64_t>
      known_hash; // Venue::state_hash() of a venue that was restored and is as it was

  // Of the running command.
  Output* out = nullptr;
  std::size_t answered = 0;  // which report answered it
  std::uint64_t id_hash = 0; // of a request's client order id, as client_ids has it
  bool timers_run = false;   // what is due before the engine's own
  Cause cause;               // nothing where time is
  EventBuffer events;
  std::vector<VenueSlot> selected;
};

inline constexpr TimeNs kClientSkew = 5'000'000'000; // how far ahead of the clock sent_at may be

} // namespace cmatch
