// What goes into a venue and comes out of it: one fixed-size record a command, answer or report, as it lies on the wire
// (Cap'n Proto structs of data only, python/exchange/schema/v1), in the journal and in arrays. Zero is "none" in every enum.
// Ids of clients are ASCII, padded with zeros, in two parts so that short ones make short frames: see text.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cmatch/types.hpp"

namespace cmatch {

using TenantId = std::uint32_t;
using AssetId = std::uint32_t;
using SessionId = std::uint32_t;
using Amount = std::int64_t;    // money or goods, in minor units of an asset
using Sequence = std::uint64_t; // of the journal: one a command, from 1, gapless

// The lists that a frame may hold; a frame, and so a journal record, holds commands of one family.
enum class Family : std::uint16_t {
  orders = 1,
  ledger = 2,
  instruments = 3,
  administration = 4,
  shard_events = 10
};

enum class OrderAction : std::uint16_t { new_order = 1, replace = 2, cancel = 3, mass_cancel = 4 };

// Bits of OrderCommand::present beside those of CommandField, which keep their meaning.
inline constexpr std::uint16_t kHasQuoteQty = 1 << 13; // market buy: spend this much instead of a qty
inline constexpr std::uint16_t kAllOrderFields = (1 << 14) - 1;

struct OrderCommand {
  std::uint16_t kind; // OrderAction
  std::uint16_t side; // Side
  std::uint16_t type; // OrderType
  std::uint16_t time_in_force;
  std::uint32_t instrument_id;
  std::uint16_t stp_mode; // StpMode
  std::uint16_t present;  // CommandField, kHasQuoteQty
  std::uint64_t account;
  std::int64_t sent_at; // the client's clock, ns: with the client order id it names the request
  std::int64_t qty;     // lots
  std::int64_t price;   // ticks
  std::uint64_t
      order_id; // replace, cancel: the target, 0 where orig_client_order_id names it. new: the sequencer's
  char client_order_id_head[16];
  char correlation_id_head[16];
  std::uint32_t session; // the sequencer's, as is tenant
  std::uint16_t flags;   // OrderFlag
  std::uint16_t peg;     // Peg
  std::uint32_t tenant;
  std::uint32_t verdict; // RejectCode of the stage elsewhere that refused it, 0: none; the sequencer's
  char orig_client_order_id_head[16];
  char client_order_id_tail[24];
  char correlation_id_tail[24];
  char orig_client_order_id_tail[24];
  std::int64_t stop_price;
  std::int64_t trail;
  std::int64_t offset;
  std::int64_t display_qty;
  std::int64_t min_qty;
  std::int64_t expire_at; // ns
  std::uint64_t stp_group;
  std::int64_t quote_qty; // minor units of the quote asset
};

enum class LedgerAction : std::uint16_t {
  deposit = 1,
  withdraw = 2,
  transfer = 3,
  reserve = 4,
  post = 5,       // of a reservation: `amount` leaves for counter_account, the rest is freed
  void_hold = 6,  // of a reservation: all is freed
  post_trade = 7, // of a trade that waits for its settlement: both sides and their fees
};

// Bits of LedgerCommand::present.
enum LedgerField : std::uint16_t { kHasVersion = 1 << 0, kHasReservationExpiry = 1 << 1 };

struct LedgerCommand {
  std::uint16_t kind; // LedgerAction
  std::uint16_t present;
  std::uint32_t asset;
  std::uint64_t account;
  std::uint64_t counter_account;   // transfer, post: who receives
  std::int64_t amount;             // minor units, > 0
  std::uint64_t transfer_id[2];    // low, high: names this request for ever
  std::uint64_t reservation_id[2]; // post, void_hold: the transfer_id of the reserve
  std::uint64_t expected_version;  // of the balance of `account` in `asset`
  std::int64_t expire_at;          // reserve, ns
  std::int64_t sent_at;
  std::uint32_t session;
  std::uint32_t tenant;
  char correlation_id[40];
  std::uint64_t trade_id; // post_trade; its fees are minor units of the asset in which the side is charged
  std::int64_t buyer_fee; // negative: a rebate
  std::int64_t seller_fee;
};

enum class InstrumentAction : std::uint16_t {
  define_asset = 1,
  define_instrument = 2,
  set_phase = 3,
  set_reference = 4,
  set_mark = 5,
  assign_shard = 6, // where it is matched from now on; 0: here
};

enum class InstrumentKind : std::uint16_t { spot = 1 };

// Which asset a fee is taken in. received: base from a buyer, quote from a seller.
enum class FeeMode : std::uint16_t { received = 1, quote = 2, base = 3 };

struct InstrumentCommand {
  std::uint16_t kind;    // InstrumentAction
  std::uint16_t present; // DefinitionField
  std::uint32_t instrument_id;
  std::uint32_t asset;
  std::uint32_t base;
  std::uint32_t quote;
  std::uint16_t instrument_kind;
  std::uint16_t fee_mode;
  char symbol[24];
  std::uint16_t asset_scale; // decimals of one minor unit, 0 to 18
  std::uint16_t price_scale; // one tick is 10^-price_scale
  std::uint16_t qty_scale;   // one lot is 10^-qty_scale
  std::uint16_t phase;       // Phase
  std::int64_t maker_rate;   // 1e-9 of the notional; negative: a rebate
  std::int64_t taker_rate;   // 1e-9 of the notional
  std::int64_t price;        // set_reference, set_mark: ticks
  std::int64_t tick_step;
  std::int64_t lot_step;
  std::int64_t min_price;
  std::int64_t max_price;
  std::int64_t max_qty;
  std::int64_t max_notional;
  std::int64_t max_parts;
  std::int64_t max_pegs;
  std::int64_t collar;
  std::int64_t static_band;
  std::int64_t dynamic_band;
  std::int64_t reference;
  std::uint16_t trigger_source;
  std::uint16_t stop_wrong_side;
  std::uint16_t band_mode;
  std::uint16_t reserved0;
  std::int64_t sent_at;
  std::uint32_t session;
  std::uint32_t tenant;
  char correlation_id[40];
  char actor[40];      // who asked
  std::uint32_t shard; // assign_shard
  std::uint32_t reserved1;
};

enum class AdminAction : std::uint16_t {
  open_account = 1,
  set_limits = 2,
  kill = 3,
  open_session = 4,
  lose_session = 5,
  set_countdown = 6,
  tick = 7,
  set_stage = 8,       // the matching stage, or that of a shard, is away (flag 1) or back (flag 0)
  set_collateral = 9,  // how an asset counts as collateral
  set_policy = 10,     // flag: ValidationPolicy
  set_solo = 11,       // flag 1: answers do not wait for a standby, 0: they do again
  promote = 12,        // the sequencer's own: a standby leads from here on, alone
  set_settlement = 13, // flag: SettlementMode; when trades are posted
};

// When money and goods of a trade change hands.
enum class SettlementMode : std::uint16_t { at_once = 0, by_service = 1 };

enum class Scope : std::uint16_t { venue = 1, tenant = 2, account = 3, instrument = 4 };

// Bits of AdminCommand::present, one a limit of set_limits: an absent one is lifted in that scope.
enum LimitField : std::uint16_t {
  kLimitOrderQty = 1 << 0,
  kLimitOrderNotional = 1 << 1,
  kLimitOpenOrders = 1 << 2,
  kLimitPosition = 1 << 3,
  kLimitGrossNotional = 1 << 4,
  kLimitNetNotional = 1 << 5,
  kLimitDailyLoss = 1 << 6,
  kLimitCollar = 1 << 7,
  kLimitOrderRate = 1 << 8,
  kLimitDuplicateWindow = 1 << 9,
};
inline constexpr std::uint16_t kAllLimitFields = (1 << 10) - 1;

struct AdminCommand {
  std::uint16_t kind; // AdminAction
  std::uint16_t present;
  std::uint16_t scope; // kill: Scope
  std::uint16_t
      flag; // kill: 1 on, 0 lifted; open_session: 1 cancels its orders when it is lost; set_stage; set_policy;
            // set_solo; promote: 1; set_settlement
  std::uint64_t account;       // set_limits: 0 = every account
  std::uint32_t tenant;        // open_account, kill: the tenant meant; else the sequencer's
  std::uint32_t instrument_id; // set_limits: 0 = every instrument
  std::uint64_t parent;        // open_account: of a sub-account, else 0
  std::uint32_t session;       // open_session, lose_session: the one meant; else the sequencer's
  std::uint32_t asset;
  std::int64_t timeout; // set_countdown: ns from now until the account's orders are cancelled; 0 ends it
  std::int64_t sent_at;
  std::int64_t max_order_qty;      // lots
  std::int64_t max_order_notional; // minor units of the quote asset, as are the next two notionals
  std::int64_t max_open_orders;
  std::int64_t max_position; // lots
  std::int64_t max_gross_notional;
  std::int64_t max_net_notional;
  std::int64_t max_daily_loss;   // minor units of the quote asset
  std::int64_t price_collar;     // ticks
  std::int64_t order_rate;       // orders
  std::int64_t rate_interval;    // ns in which that many are allowed
  std::int64_t duplicate_window; // ns
  std::int64_t haircut;          // 1e-9
  std::int64_t mark;             // minor units of collateral_asset for one whole unit of `asset`
  std::uint32_t collateral_asset;
  std::uint32_t reserved;
  char correlation_id[40];
  char actor[40];
  std::uint32_t shard; // set_stage: 0 is the core's own
  std::uint32_t reserved2;
};

// Bits of ShardEvent::flags.
enum ShardFlag : std::uint16_t { kShardLast = 1 << 0 }; // of what its engine made of one command

// One event of a shard's engine (event.hpp), on its way into the journal.
struct ShardEvent {
  std::uint16_t kind;   // EventKind
  std::uint16_t reason; // RejectCode of rejected, CancelReason of canceled
  std::uint32_t shard;
  std::uint64_t number;  // in the stream of the shard, from 1, gapless
  std::uint64_t answers; // sequence of the command that was passed on; 0: time alone made it
  std::uint32_t instrument_id;
  std::uint16_t flags;   // ShardFlag
  std::uint16_t present; // EventField
  std::uint64_t order_id;
  std::int64_t qty;    // lots
  std::int64_t price;  // ticks
  std::int64_t leaves; // lots
  std::uint64_t maker_order_id;
  std::int64_t maker_leaves; // lots
  std::int64_t stop_price;   // ticks
  std::uint16_t side;        // trade: the taker's, 0 in an uncross
  std::uint16_t phase;       // Phase
  std::uint16_t kept;        // replaced: 1 where priority was kept
  std::uint16_t reserved;
  std::uint32_t session; // the sequencer's, as is tenant
  std::uint32_t tenant;
};

// FIX ExecType (150), by name.
enum class ExecType : std::uint16_t {
  accepted = 1,
  rejected = 2,
  trade = 3,
  canceled = 4,
  expired = 5,
  replaced = 6,
  triggered = 7,
  restated = 8,        // repriced peg, or self-trade prevention took quantity off
  cancel_rejected = 9, // a cancel or replace was refused: the order is as it was
  done = 10,           // a mass_cancel was carried out: last_qty orders were cancelled
};

// FIX OrdStatus (39), by name: what the order is now.
enum class OrderStatus : std::uint16_t {
  pending_new = 1, // queued while the matching stage is away
  open = 2,        // "new"
  partially_filled = 3,
  filled = 4,
  canceled = 5,
  expired = 6,
  rejected = 7,
  suspended = 8, // a stop that waits for its trigger
};

enum class Liquidity : std::uint16_t { maker = 1, taker = 2, auction = 3 };

// Bits of ExecutionReport::flags.
enum ReportFlag : std::uint16_t {
  kReportPrice = 1 << 0,
  kReportStopPrice = 1 << 1,
  kReportDuplicate = 1 << 2, // the first answer to this client order id, given again
  kReportLimit = 1 << 3,     // limit_value and limit_asked say which bound was met
  kReportKept = 1 << 4,      // replaced: priority was kept
  kReportUnposted = 1 << 5,  // trade: it is not settled yet, and fee is the most that it may be
};

struct ExecutionReport {
  std::uint16_t exec_type;
  std::uint16_t order_status;
  std::uint16_t side;
  std::uint16_t reject; // RejectCode
  std::uint32_t instrument_id;
  std::uint32_t session; // of the order; of an answer the asking session
  std::uint64_t account;
  std::uint64_t order_id;
  std::uint64_t sequence;       // of the command that caused it; 0: it was never journaled
  std::uint64_t event_sequence; // of reports and answers together, from 1, gapless; 0: never journaled
  std::int64_t timestamp;       // journaled time, ns
  char client_order_id_head[16];
  char correlation_id_head[16]; // of the command that caused it, where it was this session's
  std::int64_t leaves_qty;
  std::int64_t cum_qty;
  std::int64_t price; // of the order, where flags say so
  std::int64_t last_qty;
  std::int64_t last_price;
  std::uint64_t trade_id;
  std::int64_t order_qty;
  std::int64_t fee; // minor units of fee_asset; negative: a rebate
  std::uint32_t fee_asset;
  std::uint16_t liquidity;
  std::uint16_t flags; // ReportFlag
  std::int64_t stop_price;
  std::int64_t limit_value;
  std::int64_t limit_asked;
  char client_order_id_tail[24];
  char correlation_id_tail[24];
  std::uint16_t cancel_reason; // CancelReason, VenueCancelReason
  std::uint16_t type;
  std::uint16_t time_in_force;
  std::uint16_t reserved0;
  std::uint64_t reserved1[2];
};

// Why an order ended, beyond the engine's CancelReason, whose numbers these follow.
enum class VenueCancelReason : std::uint16_t {
  kill = 101,
  disconnect = 102,
  countdown = 103,
  queue_ttl = 104,
};

// Bits of Answer::flags.
enum AnswerFlag : std::uint16_t {
  kAnswerDuplicate = 1 << 0,
  kAnswerBalance = 1 << 1,
  kAnswerDetail = 1 << 2
};

// The answer to a command of the ledger, instruments or administration.
struct Answer {
  std::uint16_t family; // Family
  std::uint16_t kind;
  std::uint16_t reject; // RejectCode; 0: done
  std::uint16_t flags;  // AnswerFlag
  std::uint32_t session;
  std::uint32_t asset;
  std::uint64_t account;
  std::uint64_t sequence;
  std::uint64_t event_sequence;
  std::int64_t timestamp;
  std::uint64_t transfer_id[2]; // post_trade: the trade's id
  std::int64_t total;           // where flags say kAnswerBalance: the balance after the command
  std::int64_t reserved;        // of that total
  std::uint64_t version;        // of that balance
  std::int64_t detail_value;    // kAnswerDetail: what there is
  std::int64_t detail_asked;    // kAnswerDetail: what was asked
  char correlation_id[40];
};

static_assert(sizeof(OrderCommand) == 256 && sizeof(LedgerCommand) == 160 &&
              sizeof(InstrumentCommand) == 288);
static_assert(sizeof(AdminCommand) == 256 && sizeof(ExecutionReport) == 256 && sizeof(Answer) == 144 &&
              sizeof(ShardEvent) == 104);
static_assert(std::is_trivially_copyable_v<OrderCommand> && std::is_trivially_copyable_v<ExecutionReport>);

} // namespace cmatch
