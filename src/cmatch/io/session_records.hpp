// The records that never reach the journal: sessions, the two queries that the core itself answers, and the answer to a
// frame that could not be read. As venue/records.hpp: data-only Cap'n Proto structs, zero is "none" in every enum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cmatch/venue/records.hpp"

namespace cmatch::io {

enum class SessionAction : std::uint16_t { logon = 1, logoff = 2, heartbeat = 3 };

// Bits of SessionRequest::flags.
enum SessionFlag : std::uint16_t { kCancelOnDisconnect = 1 << 0 };
inline constexpr std::uint16_t kAllSessionFlags = kCancelOnDisconnect;

struct SessionRequest {
  std::uint16_t kind; // SessionAction
  std::uint16_t flags;
  std::uint32_t heartbeat_ms;        // silence after which either side gives up; 0: the core's default
  std::uint64_t last_event_sequence; // logon: the last event seen; what follows is sent again
  std::uint32_t tenant;
  std::uint16_t schema_version;
  std::uint16_t judge;  // Judge; heartbeat of such a stage's process: which it is
  std::int64_t sent_at; // ns
  char name[40];        // of the session: the same name takes up where it left
  char user[40];
  std::uint32_t shard; // heartbeat of a shard's process: which it is
  std::uint32_t reserved2;
  std::uint64_t followed; // of such a heartbeat: the journal sequence that it has applied
};

enum class SessionOutcome : std::uint16_t {
  welcome = 1,
  refused = 2,
  heartbeat = 3,
  resync = 4, // what was asked for is gone: query instead
  bye = 5,
};

// How safe what is answered was when it was answered.
enum class Durability : std::uint16_t {
  process = 1, // written: survives a crash of the process
  disk = 2,    // fdatasync
  replica = 3, // an in-sync follower has it
};

struct SessionAnswer {
  std::uint16_t kind;   // SessionOutcome
  std::uint16_t reject; // RejectCode; refused: why
  std::uint32_t session;
  std::uint64_t epoch;
  std::uint64_t sequence; // of the journal
  std::uint64_t durable_sequence;
  std::uint64_t event_sequence;
  std::uint64_t oldest_event_sequence; // the oldest that can still be sent again
  std::int64_t timestamp;              // ns
  std::uint16_t durability;            // Durability
  std::uint16_t schema_version;
  std::uint32_t max_frame; // bytes of the largest frame that is read
};

struct OrderQuery {
  std::uint64_t account;
  std::uint64_t order_id; // 0: client_order_id names it
  char client_order_id[40];
  std::uint64_t request; // comes back in the answer
};

struct OrderState {
  std::uint64_t request;
  std::uint64_t account;
  std::uint64_t order_id;
  std::uint32_t instrument_id;
  std::uint16_t side;
  std::uint16_t type;
  std::uint16_t time_in_force;
  std::uint16_t order_status; // OrderStatus
  std::uint16_t reject;       // RejectCode; 0: here it is
  std::uint16_t flags;        // kReportPrice, kReportStopPrice
  std::int64_t order_qty;     // lots, as are the next two
  std::int64_t cum_qty;
  std::int64_t leaves_qty;
  std::int64_t price; // ticks, where flags say so, as is the next
  std::int64_t stop_price;
  std::int64_t reserved_amount; // minor units of reserved_asset
  std::uint32_t reserved_asset;
  std::uint32_t padding;
  char client_order_id[40];
  std::uint64_t sequence;  // of the journal: as of
  std::int64_t entered_at; // journaled time, ns
};

struct BalanceQuery {
  std::uint64_t request; // comes back in the answer
  std::uint64_t account;
  std::uint32_t asset;
  std::uint32_t padding;
};

struct BalanceState {
  std::uint64_t request;
  std::uint64_t account;
  std::uint32_t asset;
  std::uint16_t reject; // RejectCode; 0: here it is
  std::uint16_t padding;
  std::int64_t total;    // minor units
  std::int64_t reserved; // of that total
  std::uint64_t version;
  std::uint64_t sequence; // of the journal: as of
};

// The answer to a frame that could not be read, or was not taken: nothing in it was applied.
struct Refusal {
  std::uint16_t reject; // RejectCode
  std::uint16_t reason; // FrameFault
  std::uint32_t size;   // bytes of the frame
  std::int64_t detail_value;
  std::int64_t detail_asked;
};

static_assert(sizeof(SessionRequest) == 128 && sizeof(SessionAnswer) == 64 && sizeof(Refusal) == 24);
static_assert(sizeof(OrderQuery) == 64 && sizeof(OrderState) == 152);
static_assert(sizeof(BalanceQuery) == 24 && sizeof(BalanceState) == 56);
static_assert(std::is_trivially_copyable_v<SessionRequest> && std::is_trivially_copyable_v<OrderState>);

} // namespace cmatch::io
