// Made by `python -m exchange.schema.generate` from python/exchange/schema/v1: edit those, then run it.
// Where every field of a hot frame lies. Everything not said is zero, and so is every default.
// clang-format off
#pragma once

#include "cmatch/io/frame_header.hpp"
#include "cmatch/io/replication_records.hpp"
#include "cmatch/io/session_records.hpp"
#include "cmatch/io/stage_records.hpp"
#include "cmatch/io/wire_field.hpp"
#include "cmatch/venue/records.hpp"

namespace cmatch::io {

enum class CommandList : std::uint16_t { orders = 1, ledger = 2, instruments = 3, administration = 4, sessions = 5, order_queries = 6, balance_queries = 7, follow_requests = 8, follow_answers = 9, shard_events = 10, verdicts = 11 };
static_assert(sizeof(CommandHeader) == 48 && offsetof(CommandHeader, list) == 8);
inline constexpr WireField kCommandHeaderFields[] = {
    CM_WIRE(CommandHeader, schema_version, 0, 'u', 2), CM_WIRE(CommandHeader, stream, 2, 'u', 2),
    CM_WIRE(CommandHeader, count, 4, 'u', 4), CM_WIRE(CommandHeader, epoch, 16, 'u', 8),
    CM_WIRE(CommandHeader, first_seq, 24, 'u', 8), CM_WIRE(CommandHeader, ts_ns, 32, 'i', 8),
    CM_WIRE(CommandHeader, event_digest, 40, 'u', 8),
};

enum class ReportList : std::uint16_t { reports = 1, answers = 2, sessions = 3, order_states = 4, balance_states = 5, refusals = 6 };
static_assert(sizeof(ReportHeader) == 48 && offsetof(ReportHeader, list) == 8);
inline constexpr WireField kReportHeaderFields[] = {
    CM_WIRE(ReportHeader, schema_version, 0, 'u', 2), CM_WIRE(ReportHeader, durability, 2, 'u', 2),
    CM_WIRE(ReportHeader, count, 4, 'u', 4), CM_WIRE(ReportHeader, epoch, 16, 'u', 8),
    CM_WIRE(ReportHeader, sequence, 24, 'u', 8), CM_WIRE(ReportHeader, durable_sequence, 32, 'u', 8),
    CM_WIRE(ReportHeader, ts_ns, 40, 'i', 8),
};

inline constexpr WireField kOrderCommandFields[] = {
    CM_WIRE(OrderCommand, kind, 0, 'u', 2), CM_WIRE(OrderCommand, side, 2, 'u', 2),
    CM_WIRE(OrderCommand, type, 4, 'u', 2), CM_WIRE(OrderCommand, time_in_force, 6, 'u', 2),
    CM_WIRE(OrderCommand, instrument_id, 8, 'u', 4), CM_WIRE(OrderCommand, stp_mode, 12, 'u', 2),
    CM_WIRE(OrderCommand, present, 14, 'u', 2), CM_WIRE(OrderCommand, account, 16, 'u', 8),
    CM_WIRE(OrderCommand, sent_at, 24, 'i', 8), CM_WIRE(OrderCommand, qty, 32, 'i', 8),
    CM_WIRE(OrderCommand, price, 40, 'i', 8), CM_WIRE(OrderCommand, order_id, 48, 'u', 8),
    CM_WIRE(OrderCommand, client_order_id_head, 56, 'S', 16),
    CM_WIRE(OrderCommand, correlation_id_head, 72, 'S', 16), CM_WIRE(OrderCommand, session, 88, 'u', 4),
    CM_WIRE(OrderCommand, flags, 92, 'u', 2), CM_WIRE(OrderCommand, peg, 94, 'u', 2),
    CM_WIRE(OrderCommand, tenant, 96, 'u', 4), CM_WIRE(OrderCommand, verdict, 100, 'u', 4),
    CM_WIRE(OrderCommand, orig_client_order_id_head, 104, 'S', 16),
    CM_WIRE(OrderCommand, client_order_id_tail, 120, 'S', 24),
    CM_WIRE(OrderCommand, correlation_id_tail, 144, 'S', 24),
    CM_WIRE(OrderCommand, orig_client_order_id_tail, 168, 'S', 24),
    CM_WIRE(OrderCommand, stop_price, 192, 'i', 8), CM_WIRE(OrderCommand, trail, 200, 'i', 8),
    CM_WIRE(OrderCommand, offset, 208, 'i', 8), CM_WIRE(OrderCommand, display_qty, 216, 'i', 8),
    CM_WIRE(OrderCommand, min_qty, 224, 'i', 8), CM_WIRE(OrderCommand, expire_at, 232, 'i', 8),
    CM_WIRE(OrderCommand, stp_group, 240, 'u', 8), CM_WIRE(OrderCommand, quote_qty, 248, 'i', 8),
};
CM_WIRE_RECORD(OrderCommand, CommandHeader, CommandList::orders, 32, "ORDER_COMMAND");

inline constexpr WireField kLedgerCommandFields[] = {
    CM_WIRE(LedgerCommand, kind, 0, 'u', 2), CM_WIRE(LedgerCommand, present, 2, 'u', 2),
    CM_WIRE(LedgerCommand, asset, 4, 'u', 4), CM_WIRE(LedgerCommand, account, 8, 'u', 8),
    CM_WIRE(LedgerCommand, counter_account, 16, 'u', 8), CM_WIRE(LedgerCommand, amount, 24, 'i', 8),
    CM_WIRE(LedgerCommand, transfer_id, 32, 'u', 16), CM_WIRE(LedgerCommand, reservation_id, 48, 'u', 16),
    CM_WIRE(LedgerCommand, expected_version, 64, 'u', 8), CM_WIRE(LedgerCommand, expire_at, 72, 'i', 8),
    CM_WIRE(LedgerCommand, sent_at, 80, 'i', 8), CM_WIRE(LedgerCommand, session, 88, 'u', 4),
    CM_WIRE(LedgerCommand, tenant, 92, 'u', 4), CM_WIRE(LedgerCommand, correlation_id, 96, 'S', 40),
    CM_WIRE(LedgerCommand, trade_id, 136, 'u', 8), CM_WIRE(LedgerCommand, buyer_fee, 144, 'i', 8),
    CM_WIRE(LedgerCommand, seller_fee, 152, 'i', 8),
};
CM_WIRE_RECORD(LedgerCommand, CommandHeader, CommandList::ledger, 20, "LEDGER_COMMAND");

inline constexpr WireField kInstrumentCommandFields[] = {
    CM_WIRE(InstrumentCommand, kind, 0, 'u', 2), CM_WIRE(InstrumentCommand, present, 2, 'u', 2),
    CM_WIRE(InstrumentCommand, instrument_id, 4, 'u', 4), CM_WIRE(InstrumentCommand, asset, 8, 'u', 4),
    CM_WIRE(InstrumentCommand, base, 12, 'u', 4), CM_WIRE(InstrumentCommand, quote, 16, 'u', 4),
    CM_WIRE(InstrumentCommand, instrument_kind, 20, 'u', 2), CM_WIRE(InstrumentCommand, fee_mode, 22, 'u', 2),
    CM_WIRE(InstrumentCommand, symbol, 24, 'S', 24), CM_WIRE(InstrumentCommand, asset_scale, 48, 'u', 2),
    CM_WIRE(InstrumentCommand, price_scale, 50, 'u', 2), CM_WIRE(InstrumentCommand, qty_scale, 52, 'u', 2),
    CM_WIRE(InstrumentCommand, phase, 54, 'u', 2), CM_WIRE(InstrumentCommand, maker_rate, 56, 'i', 8),
    CM_WIRE(InstrumentCommand, taker_rate, 64, 'i', 8), CM_WIRE(InstrumentCommand, price, 72, 'i', 8),
    CM_WIRE(InstrumentCommand, tick_step, 80, 'i', 8), CM_WIRE(InstrumentCommand, lot_step, 88, 'i', 8),
    CM_WIRE(InstrumentCommand, min_price, 96, 'i', 8), CM_WIRE(InstrumentCommand, max_price, 104, 'i', 8),
    CM_WIRE(InstrumentCommand, max_qty, 112, 'i', 8), CM_WIRE(InstrumentCommand, max_notional, 120, 'i', 8),
    CM_WIRE(InstrumentCommand, max_parts, 128, 'i', 8), CM_WIRE(InstrumentCommand, max_pegs, 136, 'i', 8),
    CM_WIRE(InstrumentCommand, collar, 144, 'i', 8), CM_WIRE(InstrumentCommand, static_band, 152, 'i', 8),
    CM_WIRE(InstrumentCommand, dynamic_band, 160, 'i', 8), CM_WIRE(InstrumentCommand, reference, 168, 'i', 8),
    CM_WIRE(InstrumentCommand, trigger_source, 176, 'u', 2),
    CM_WIRE(InstrumentCommand, stop_wrong_side, 178, 'u', 2),
    CM_WIRE(InstrumentCommand, band_mode, 180, 'u', 2), CM_WIRE(InstrumentCommand, reserved0, 182, 'u', 2),
    CM_WIRE(InstrumentCommand, sent_at, 184, 'i', 8), CM_WIRE(InstrumentCommand, session, 192, 'u', 4),
    CM_WIRE(InstrumentCommand, tenant, 196, 'u', 4), CM_WIRE(InstrumentCommand, correlation_id, 200, 'S', 40),
    CM_WIRE(InstrumentCommand, actor, 240, 'S', 40), CM_WIRE(InstrumentCommand, shard, 280, 'u', 4),
    CM_WIRE(InstrumentCommand, reserved1, 284, 'u', 4),
};
CM_WIRE_RECORD(InstrumentCommand, CommandHeader, CommandList::instruments, 36, "INSTRUMENT_COMMAND");

inline constexpr WireField kAdminCommandFields[] = {
    CM_WIRE(AdminCommand, kind, 0, 'u', 2), CM_WIRE(AdminCommand, present, 2, 'u', 2),
    CM_WIRE(AdminCommand, scope, 4, 'u', 2), CM_WIRE(AdminCommand, flag, 6, 'u', 2),
    CM_WIRE(AdminCommand, account, 8, 'u', 8), CM_WIRE(AdminCommand, tenant, 16, 'u', 4),
    CM_WIRE(AdminCommand, instrument_id, 20, 'u', 4), CM_WIRE(AdminCommand, parent, 24, 'u', 8),
    CM_WIRE(AdminCommand, session, 32, 'u', 4), CM_WIRE(AdminCommand, asset, 36, 'u', 4),
    CM_WIRE(AdminCommand, timeout, 40, 'i', 8), CM_WIRE(AdminCommand, sent_at, 48, 'i', 8),
    CM_WIRE(AdminCommand, max_order_qty, 56, 'i', 8), CM_WIRE(AdminCommand, max_order_notional, 64, 'i', 8),
    CM_WIRE(AdminCommand, max_open_orders, 72, 'i', 8), CM_WIRE(AdminCommand, max_position, 80, 'i', 8),
    CM_WIRE(AdminCommand, max_gross_notional, 88, 'i', 8),
    CM_WIRE(AdminCommand, max_net_notional, 96, 'i', 8), CM_WIRE(AdminCommand, max_daily_loss, 104, 'i', 8),
    CM_WIRE(AdminCommand, price_collar, 112, 'i', 8), CM_WIRE(AdminCommand, order_rate, 120, 'i', 8),
    CM_WIRE(AdminCommand, rate_interval, 128, 'i', 8), CM_WIRE(AdminCommand, duplicate_window, 136, 'i', 8),
    CM_WIRE(AdminCommand, haircut, 144, 'i', 8), CM_WIRE(AdminCommand, mark, 152, 'i', 8),
    CM_WIRE(AdminCommand, collateral_asset, 160, 'u', 4), CM_WIRE(AdminCommand, reserved, 164, 'u', 4),
    CM_WIRE(AdminCommand, correlation_id, 168, 'S', 40), CM_WIRE(AdminCommand, actor, 208, 'S', 40),
    CM_WIRE(AdminCommand, shard, 248, 'u', 4), CM_WIRE(AdminCommand, reserved2, 252, 'u', 4),
};
CM_WIRE_RECORD(AdminCommand, CommandHeader, CommandList::administration, 32, "ADMIN_COMMAND");

inline constexpr WireField kSessionRequestFields[] = {
    CM_WIRE(SessionRequest, kind, 0, 'u', 2), CM_WIRE(SessionRequest, flags, 2, 'u', 2),
    CM_WIRE(SessionRequest, heartbeat_ms, 4, 'u', 4), CM_WIRE(SessionRequest, last_event_sequence, 8, 'u', 8),
    CM_WIRE(SessionRequest, tenant, 16, 'u', 4), CM_WIRE(SessionRequest, schema_version, 20, 'u', 2),
    CM_WIRE(SessionRequest, judge, 22, 'u', 2), CM_WIRE(SessionRequest, sent_at, 24, 'i', 8),
    CM_WIRE(SessionRequest, name, 32, 'S', 40), CM_WIRE(SessionRequest, user, 72, 'S', 40),
    CM_WIRE(SessionRequest, shard, 112, 'u', 4), CM_WIRE(SessionRequest, reserved2, 116, 'u', 4),
    CM_WIRE(SessionRequest, followed, 120, 'u', 8),
};
CM_WIRE_RECORD(SessionRequest, CommandHeader, CommandList::sessions, 16, "SESSION_REQUEST");

inline constexpr WireField kOrderQueryFields[] = {
    CM_WIRE(OrderQuery, account, 0, 'u', 8), CM_WIRE(OrderQuery, order_id, 8, 'u', 8),
    CM_WIRE(OrderQuery, client_order_id, 16, 'S', 40), CM_WIRE(OrderQuery, request, 56, 'u', 8),
};
CM_WIRE_RECORD(OrderQuery, CommandHeader, CommandList::order_queries, 8, "ORDER_QUERY");

inline constexpr WireField kBalanceQueryFields[] = {
    CM_WIRE(BalanceQuery, request, 0, 'u', 8), CM_WIRE(BalanceQuery, account, 8, 'u', 8),
    CM_WIRE(BalanceQuery, asset, 16, 'u', 4), CM_WIRE(BalanceQuery, padding, 20, 'u', 4),
};
CM_WIRE_RECORD(BalanceQuery, CommandHeader, CommandList::balance_queries, 3, "BALANCE_QUERY");

inline constexpr WireField kFollowRequestFields[] = {
    CM_WIRE(FollowRequest, kind, 0, 'u', 2), CM_WIRE(FollowRequest, flags, 2, 'u', 2),
    CM_WIRE(FollowRequest, reserved, 4, 'u', 4), CM_WIRE(FollowRequest, sequence, 8, 'u', 8),
    CM_WIRE(FollowRequest, epoch, 16, 'u', 8), CM_WIRE(FollowRequest, highest_epoch, 24, 'u', 8),
    CM_WIRE(FollowRequest, sent_at, 32, 'i', 8), CM_WIRE(FollowRequest, name, 40, 'S', 40),
};
CM_WIRE_RECORD(FollowRequest, CommandHeader, CommandList::follow_requests, 10, "FOLLOW_REQUEST");

inline constexpr WireField kFollowAnswerFields[] = {
    CM_WIRE(FollowAnswer, kind, 0, 'u', 2), CM_WIRE(FollowAnswer, reject, 2, 'u', 2),
    CM_WIRE(FollowAnswer, flags, 4, 'u', 2), CM_WIRE(FollowAnswer, reserved, 6, 'u', 2),
    CM_WIRE(FollowAnswer, epoch, 8, 'u', 8), CM_WIRE(FollowAnswer, sequence, 16, 'u', 8),
    CM_WIRE(FollowAnswer, oldest, 24, 'u', 8), CM_WIRE(FollowAnswer, first_lost, 32, 'u', 8),
    CM_WIRE(FollowAnswer, last_lost, 40, 'u', 8), CM_WIRE(FollowAnswer, timestamp, 48, 'i', 8),
};
CM_WIRE_RECORD(FollowAnswer, CommandHeader, CommandList::follow_answers, 7, "FOLLOW_ANSWER");

inline constexpr WireField kShardEventFields[] = {
    CM_WIRE(ShardEvent, kind, 0, 'u', 2), CM_WIRE(ShardEvent, reason, 2, 'u', 2),
    CM_WIRE(ShardEvent, shard, 4, 'u', 4), CM_WIRE(ShardEvent, number, 8, 'u', 8),
    CM_WIRE(ShardEvent, answers, 16, 'u', 8), CM_WIRE(ShardEvent, instrument_id, 24, 'u', 4),
    CM_WIRE(ShardEvent, flags, 28, 'u', 2), CM_WIRE(ShardEvent, present, 30, 'u', 2),
    CM_WIRE(ShardEvent, order_id, 32, 'u', 8), CM_WIRE(ShardEvent, qty, 40, 'i', 8),
    CM_WIRE(ShardEvent, price, 48, 'i', 8), CM_WIRE(ShardEvent, leaves, 56, 'i', 8),
    CM_WIRE(ShardEvent, maker_order_id, 64, 'u', 8), CM_WIRE(ShardEvent, maker_leaves, 72, 'i', 8),
    CM_WIRE(ShardEvent, stop_price, 80, 'i', 8), CM_WIRE(ShardEvent, side, 88, 'u', 2),
    CM_WIRE(ShardEvent, phase, 90, 'u', 2), CM_WIRE(ShardEvent, kept, 92, 'u', 2),
    CM_WIRE(ShardEvent, reserved, 94, 'u', 2), CM_WIRE(ShardEvent, session, 96, 'u', 4),
    CM_WIRE(ShardEvent, tenant, 100, 'u', 4),
};
CM_WIRE_RECORD(ShardEvent, CommandHeader, CommandList::shard_events, 13, "SHARD_EVENT");

inline constexpr WireField kVerdictFields[] = {
    CM_WIRE(Verdict, kind, 0, 'u', 2), CM_WIRE(Verdict, judge, 2, 'u', 2),
    CM_WIRE(Verdict, reject, 4, 'u', 2), CM_WIRE(Verdict, reserved, 6, 'u', 2),
    CM_WIRE(Verdict, epoch, 8, 'u', 8), CM_WIRE(Verdict, sequence, 16, 'u', 8),
    CM_WIRE(Verdict, proposed_at, 24, 'i', 8),
};
CM_WIRE_RECORD(Verdict, CommandHeader, CommandList::verdicts, 4, "VERDICT");

inline constexpr WireField kExecutionReportFields[] = {
    CM_WIRE(ExecutionReport, exec_type, 0, 'u', 2), CM_WIRE(ExecutionReport, order_status, 2, 'u', 2),
    CM_WIRE(ExecutionReport, side, 4, 'u', 2), CM_WIRE(ExecutionReport, reject, 6, 'u', 2),
    CM_WIRE(ExecutionReport, instrument_id, 8, 'u', 4), CM_WIRE(ExecutionReport, session, 12, 'u', 4),
    CM_WIRE(ExecutionReport, account, 16, 'u', 8), CM_WIRE(ExecutionReport, order_id, 24, 'u', 8),
    CM_WIRE(ExecutionReport, sequence, 32, 'u', 8), CM_WIRE(ExecutionReport, event_sequence, 40, 'u', 8),
    CM_WIRE(ExecutionReport, timestamp, 48, 'i', 8),
    CM_WIRE(ExecutionReport, client_order_id_head, 56, 'S', 16),
    CM_WIRE(ExecutionReport, correlation_id_head, 72, 'S', 16),
    CM_WIRE(ExecutionReport, leaves_qty, 88, 'i', 8), CM_WIRE(ExecutionReport, cum_qty, 96, 'i', 8),
    CM_WIRE(ExecutionReport, price, 104, 'i', 8), CM_WIRE(ExecutionReport, last_qty, 112, 'i', 8),
    CM_WIRE(ExecutionReport, last_price, 120, 'i', 8), CM_WIRE(ExecutionReport, trade_id, 128, 'u', 8),
    CM_WIRE(ExecutionReport, order_qty, 136, 'i', 8), CM_WIRE(ExecutionReport, fee, 144, 'i', 8),
    CM_WIRE(ExecutionReport, fee_asset, 152, 'u', 4), CM_WIRE(ExecutionReport, liquidity, 156, 'u', 2),
    CM_WIRE(ExecutionReport, flags, 158, 'u', 2), CM_WIRE(ExecutionReport, stop_price, 160, 'i', 8),
    CM_WIRE(ExecutionReport, limit_value, 168, 'i', 8), CM_WIRE(ExecutionReport, limit_asked, 176, 'i', 8),
    CM_WIRE(ExecutionReport, client_order_id_tail, 184, 'S', 24),
    CM_WIRE(ExecutionReport, correlation_id_tail, 208, 'S', 24),
    CM_WIRE(ExecutionReport, cancel_reason, 232, 'u', 2), CM_WIRE(ExecutionReport, type, 234, 'u', 2),
    CM_WIRE(ExecutionReport, time_in_force, 236, 'u', 2), CM_WIRE(ExecutionReport, reserved0, 238, 'u', 2),
    CM_WIRE(ExecutionReport, reserved1, 240, 'u', 16),
};
CM_WIRE_RECORD(ExecutionReport, ReportHeader, ReportList::reports, 32, "EXECUTION_REPORT");

inline constexpr WireField kAnswerFields[] = {
    CM_WIRE(Answer, family, 0, 'u', 2), CM_WIRE(Answer, kind, 2, 'u', 2), CM_WIRE(Answer, reject, 4, 'u', 2),
    CM_WIRE(Answer, flags, 6, 'u', 2), CM_WIRE(Answer, session, 8, 'u', 4),
    CM_WIRE(Answer, asset, 12, 'u', 4), CM_WIRE(Answer, account, 16, 'u', 8),
    CM_WIRE(Answer, sequence, 24, 'u', 8), CM_WIRE(Answer, event_sequence, 32, 'u', 8),
    CM_WIRE(Answer, timestamp, 40, 'i', 8), CM_WIRE(Answer, transfer_id, 48, 'u', 16),
    CM_WIRE(Answer, total, 64, 'i', 8), CM_WIRE(Answer, reserved, 72, 'i', 8),
    CM_WIRE(Answer, version, 80, 'u', 8), CM_WIRE(Answer, detail_value, 88, 'i', 8),
    CM_WIRE(Answer, detail_asked, 96, 'i', 8), CM_WIRE(Answer, correlation_id, 104, 'S', 40),
};
CM_WIRE_RECORD(Answer, ReportHeader, ReportList::answers, 18, "ANSWER");

inline constexpr WireField kSessionAnswerFields[] = {
    CM_WIRE(SessionAnswer, kind, 0, 'u', 2), CM_WIRE(SessionAnswer, reject, 2, 'u', 2),
    CM_WIRE(SessionAnswer, session, 4, 'u', 4), CM_WIRE(SessionAnswer, epoch, 8, 'u', 8),
    CM_WIRE(SessionAnswer, sequence, 16, 'u', 8), CM_WIRE(SessionAnswer, durable_sequence, 24, 'u', 8),
    CM_WIRE(SessionAnswer, event_sequence, 32, 'u', 8),
    CM_WIRE(SessionAnswer, oldest_event_sequence, 40, 'u', 8), CM_WIRE(SessionAnswer, timestamp, 48, 'i', 8),
    CM_WIRE(SessionAnswer, durability, 56, 'u', 2), CM_WIRE(SessionAnswer, schema_version, 58, 'u', 2),
    CM_WIRE(SessionAnswer, max_frame, 60, 'u', 4),
};
CM_WIRE_RECORD(SessionAnswer, ReportHeader, ReportList::sessions, 8, "SESSION_ANSWER");

inline constexpr WireField kOrderStateFields[] = {
    CM_WIRE(OrderState, request, 0, 'u', 8), CM_WIRE(OrderState, account, 8, 'u', 8),
    CM_WIRE(OrderState, order_id, 16, 'u', 8), CM_WIRE(OrderState, instrument_id, 24, 'u', 4),
    CM_WIRE(OrderState, side, 28, 'u', 2), CM_WIRE(OrderState, type, 30, 'u', 2),
    CM_WIRE(OrderState, time_in_force, 32, 'u', 2), CM_WIRE(OrderState, order_status, 34, 'u', 2),
    CM_WIRE(OrderState, reject, 36, 'u', 2), CM_WIRE(OrderState, flags, 38, 'u', 2),
    CM_WIRE(OrderState, order_qty, 40, 'i', 8), CM_WIRE(OrderState, cum_qty, 48, 'i', 8),
    CM_WIRE(OrderState, leaves_qty, 56, 'i', 8), CM_WIRE(OrderState, price, 64, 'i', 8),
    CM_WIRE(OrderState, stop_price, 72, 'i', 8), CM_WIRE(OrderState, reserved_amount, 80, 'i', 8),
    CM_WIRE(OrderState, reserved_asset, 88, 'u', 4), CM_WIRE(OrderState, padding, 92, 'u', 4),
    CM_WIRE(OrderState, client_order_id, 96, 'S', 40), CM_WIRE(OrderState, sequence, 136, 'u', 8),
    CM_WIRE(OrderState, entered_at, 144, 'i', 8),
};
CM_WIRE_RECORD(OrderState, ReportHeader, ReportList::order_states, 19, "ORDER_STATE");

inline constexpr WireField kBalanceStateFields[] = {
    CM_WIRE(BalanceState, request, 0, 'u', 8), CM_WIRE(BalanceState, account, 8, 'u', 8),
    CM_WIRE(BalanceState, asset, 16, 'u', 4), CM_WIRE(BalanceState, reject, 20, 'u', 2),
    CM_WIRE(BalanceState, padding, 22, 'u', 2), CM_WIRE(BalanceState, total, 24, 'i', 8),
    CM_WIRE(BalanceState, reserved, 32, 'i', 8), CM_WIRE(BalanceState, version, 40, 'u', 8),
    CM_WIRE(BalanceState, sequence, 48, 'u', 8),
};
CM_WIRE_RECORD(BalanceState, ReportHeader, ReportList::balance_states, 7, "BALANCE_STATE");

inline constexpr WireField kRefusalFields[] = {
    CM_WIRE(Refusal, reject, 0, 'u', 2), CM_WIRE(Refusal, reason, 2, 'u', 2),
    CM_WIRE(Refusal, size, 4, 'u', 4), CM_WIRE(Refusal, detail_value, 8, 'i', 8),
    CM_WIRE(Refusal, detail_asked, 16, 'i', 8),
};
CM_WIRE_RECORD(Refusal, ReportHeader, ReportList::refusals, 3, "REFUSAL");

static_assert(numbered_from_one(AdminAction::open_account, AdminAction::set_limits, AdminAction::kill, AdminAction::open_session, AdminAction::lose_session, AdminAction::set_countdown, AdminAction::tick, AdminAction::set_stage, AdminAction::set_collateral, AdminAction::set_policy, AdminAction::set_solo, AdminAction::promote, AdminAction::set_settlement));
static_assert(numbered_from_one(Scope::venue, Scope::tenant, Scope::account, Scope::instrument));
static_assert(numbered_from_one(ExecType::accepted, ExecType::rejected, ExecType::trade, ExecType::canceled, ExecType::expired, ExecType::replaced, ExecType::triggered, ExecType::restated, ExecType::cancel_rejected, ExecType::done));
static_assert(numbered_from_one(OrderStatus::pending_new, OrderStatus::open, OrderStatus::partially_filled, OrderStatus::filled, OrderStatus::canceled, OrderStatus::expired, OrderStatus::rejected, OrderStatus::suspended));
static_assert(numbered_from_one(Liquidity::maker, Liquidity::taker, Liquidity::auction));
static_assert(numbered_from_one(InstrumentAction::define_asset, InstrumentAction::define_instrument, InstrumentAction::set_phase, InstrumentAction::set_reference, InstrumentAction::set_mark, InstrumentAction::assign_shard));
static_assert(numbered_from_one(InstrumentKind::spot));
static_assert(numbered_from_one(FeeMode::received, FeeMode::quote, FeeMode::base));
static_assert(numbered_from_one(Phase::closed, Phase::pre_open, Phase::continuous, Phase::closing_call, Phase::halted, Phase::call_auction));
static_assert(numbered_from_one(TriggerSource::last, TriggerSource::quote, TriggerSource::mark));
static_assert(numbered_from_one(StopWrongSide::reject, StopWrongSide::trigger));
static_assert(numbered_from_one(BandMode::reject, BandMode::halt));
static_assert(numbered_from_one(LedgerAction::deposit, LedgerAction::withdraw, LedgerAction::transfer, LedgerAction::reserve, LedgerAction::post, LedgerAction::void_hold, LedgerAction::post_trade));
static_assert(numbered_from_one(OrderAction::new_order, OrderAction::replace, OrderAction::cancel, OrderAction::mass_cancel));
static_assert(numbered_from_one(Side::buy, Side::sell));
static_assert(numbered_from_one(OrderType::limit, OrderType::market, OrderType::market_to_limit, OrderType::stop, OrderType::stop_limit, OrderType::trailing_stop, OrderType::trailing_stop_limit, OrderType::pegged));
static_assert(numbered_from_one(TimeInForce::day, TimeInForce::gtc, TimeInForce::gtd, TimeInForce::ioc, TimeInForce::fok, TimeInForce::at_open, TimeInForce::at_close));
static_assert(numbered_from_one(StpMode::cancel_newest, StpMode::cancel_oldest, StpMode::cancel_both, StpMode::decrement));
static_assert(numbered_from_one(Peg::primary, Peg::midpoint));
static_assert(numbered_from_one(FollowAction::follow, FollowAction::acknowledge, FollowAction::leave, FollowAction::promote, FollowAction::fence));
static_assert(numbered_from_one(FollowOutcome::streaming, FollowOutcome::behind, FollowOutcome::ahead, FollowOutcome::diverged, FollowOutcome::heartbeat, FollowOutcome::fenced, FollowOutcome::promoted, FollowOutcome::refused));
static_assert(numbered_from_one(SessionAction::logon, SessionAction::logoff, SessionAction::heartbeat));
static_assert(numbered_from_one(SessionOutcome::welcome, SessionOutcome::refused, SessionOutcome::heartbeat, SessionOutcome::resync, SessionOutcome::bye));
static_assert(numbered_from_one(Durability::process, Durability::disk, Durability::replica));
static_assert(numbered_from_one(EventKind::accepted, EventKind::rejected, EventKind::trade, EventKind::refreshed, EventKind::prevented, EventKind::canceled, EventKind::expired, EventKind::replaced, EventKind::triggered, EventKind::repriced, EventKind::uncrossed, EventKind::phase_changed));
static_assert(numbered_from_one(Judge::accounts, Judge::risk));
static_assert(numbered_from_one(VerdictKind::refused, VerdictKind::judged));

} // namespace cmatch::io
