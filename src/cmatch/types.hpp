// The words of the matching core: enums whose values are the wire's, and the numbered rejects.
// Zero is "unset" in every enum but StpMode, whose zero is the mode `none`.
#pragma once

#include <cstdint>

namespace cmatch {

using OrderId = std::uint64_t;
using AccountId = std::uint64_t;
using InstrumentId = std::uint32_t;
using Ticks = std::int64_t;  // price, in ticks
using Lots = std::int64_t;   // quantity, in lots
using TimeNs = std::int64_t; // nanoseconds since the Unix epoch, UTC

enum class Side : std::uint8_t { buy = 1, sell = 2 };

constexpr Side opposite(Side side) { return side == Side::buy ? Side::sell : Side::buy; }

enum class OrderType : std::uint8_t {
  limit = 1,
  market = 2,
  market_to_limit = 3,
  stop = 4,
  stop_limit = 5,
  trailing_stop = 6,
  trailing_stop_limit = 7,
  pegged = 8,
};

enum class TimeInForce : std::uint8_t {
  day = 1,
  gtc = 2,
  gtd = 3,
  ioc = 4,
  fok = 5,
  at_open = 6,
  at_close = 7,
};

// Self-trade prevention: what happens when the taker meets an order of its own.
enum class StpMode : std::uint8_t {
  none = 0,
  cancel_newest = 1,
  cancel_oldest = 2,
  cancel_both = 3,
  decrement = 4,
};

enum class Peg : std::uint8_t { primary = 1, midpoint = 2 };

enum class TriggerSource : std::uint8_t { last = 1, quote = 2, mark = 3 };

enum class StopWrongSide : std::uint8_t { reject = 1, trigger = 2 };

enum class BandMode : std::uint8_t { reject = 1, halt = 2 };

enum class Phase : std::uint8_t {
  closed = 1,
  pre_open = 2,
  continuous = 3,
  closing_call = 4,
  halted = 5,
  call_auction = 6,
};

// Bits of Command::flags.
enum OrderFlag : std::uint8_t { kPostOnly = 1, kReduceOnly = 2, kHidden = 4 };
inline constexpr std::uint8_t kAllOrderFlags = kPostOnly | kReduceOnly | kHidden;

enum class CommandKind : std::uint8_t {
  define_instrument = 1,
  set_phase = 2,
  set_reference = 3,
  set_mark = 4,
  new_order = 5,
  replace = 6,
  cancel = 7,
  mass_cancel = 8,
  advance_time = 9,
  retire_ids = 10,
};

enum class EventKind : std::uint8_t {
  accepted = 1,
  rejected = 2,
  trade = 3,
  refreshed = 4,
  prevented = 5,
  canceled = 6,
  expired = 7,
  replaced = 8,
  triggered = 9,
  repriced = 10,
  uncrossed = 11,
  phase_changed = 12,
};

enum class CancelReason : std::uint8_t {
  requested = 1,
  mass = 2,
  replaced = 3,
  ioc = 4,
  fok = 5,
  min_qty = 6,
  no_liquidity = 7,
  collar = 8,
  band = 9,
  halt = 10,
  self_trade = 11,
};

// Why a command was refused. The numbers are append-only: 1xxx sessions and requests, 2xxx accounts, 3xxx risk, 4xxx
// matching, whose checks run in the order of their numbers.
enum class RejectCode : std::uint16_t {
  none = 0,
  bad_frame = 1001,
  frame_too_large = 1002,
  unsupported_version = 1003,
  not_logged_on = 1004,
  bad_client_order_id = 1005,
  bad_correlation_id = 1006,
  session_throttled = 1007,
  queue_full = 1008,
  read_only = 1009,
  duplicate_id_different = 1010,
  too_old = 1011,
  timestamp_out_of_window = 1012,
  not_permitted = 1013,
  slow_consumer = 1014,
  resync_required = 1015,
  capacity_sessions = 1016,
  capacity_client_ids = 1017,
  replaced_session = 1018,
  not_leader = 1019,
  no_replica = 1020,
  stale_epoch = 1021,
  not_in_sync = 1022,
  disk_nearly_full = 1023,
  unknown_account = 2001,
  insufficient_funds = 2002,
  unknown_asset = 2003,
  invalid_amount = 2004,
  invalid_transfer_id = 2005,
  transfer_id_different = 2006,
  version_conflict = 2007,
  unknown_reservation = 2008,
  already_posted = 2009,
  already_voided = 2010,
  reservation_expired = 2011,
  post_exceeds_reserved = 2012,
  balance_overflow = 2013,
  same_account = 2014,
  account_exists = 2015,
  asset_exists = 2016,
  invalid_symbol = 2017,
  invalid_collateral = 2018,
  invalid_account = 2019,
  invalid_asset = 2020,
  capacity_accounts = 2021,
  capacity_assets = 2022,
  capacity_balances = 2023,
  capacity_transfers = 2024,
  capacity_reservations = 2025,
  accounts_unavailable = 2026,
  unexpected_trade = 2027,
  fee_out_of_bounds = 2028,
  trades_not_posted = 2029,
  settlement_behind = 2030,
  symbol_taken = 2031,
  killed = 3001,
  max_order_qty = 3002,
  max_order_notional = 3003,
  max_open_orders = 3004,
  max_position = 3005,
  max_gross_notional = 3006,
  max_net_notional = 3007,
  max_daily_loss = 3008,
  price_collar = 3009,
  order_rate = 3010,
  duplicate_order = 3011,
  reduce_only = 3012,
  invalid_limit = 3013,
  capacity_positions = 3014,
  risk_unavailable = 3015,
  risk_refused = 3016,
  unknown_command = 4001,
  invalid_field = 4002,
  unknown_instrument = 4003,
  phase_forbids = 4004,
  unknown_order = 4005,
  invalid_qty = 4006,
  qty_off_step = 4007,
  price_missing = 4008,
  invalid_price = 4009,
  price_off_step = 4010,
  price_band = 4011,
  stop_price_missing = 4012,
  invalid_stop_price = 4013,
  no_reference = 4014,
  stop_would_trigger = 4015,
  invalid_display_qty = 4016,
  too_many_parts = 4017,
  invalid_min_qty = 4018,
  invalid_combination = 4019,
  invalid_expiry = 4020,
  notional_overflow = 4021,
  side_overflow = 4022,
  invalid_order_id = 4023,
  duplicate_order_id = 4024,
  capacity_ids = 4025,
  capacity_orders = 4026,
  would_cross = 4027,
  invalid_definition = 4028,
  instrument_in_use = 4029,
  capacity_instruments = 4030,
  invalid_phase = 4031,
  invalid_scope = 4032,
  engine_unavailable = 4033,
  unknown_shard = 4034,
  unexpected_shard_event = 4035,
  invalid_shard_event = 4036,
};

// Largest magnitude of a price, trail, offset, collar or band (specification, section 2).
inline constexpr std::int64_t kMaxMagnitude = std::int64_t{1} << 60;

} // namespace cmatch
