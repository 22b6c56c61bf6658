#include "cmatch/venue/requests.hpp"

#include "cmatch/venue/entry.hpp"
#include "cmatch/venue/passing.hpp"

namespace cmatch {
namespace {

template <class T>
bool within(std::uint16_t value, T first, T last) {
  return value >= static_cast<std::uint16_t>(first) && value <= static_cast<std::uint16_t>(last);
}

bool has(const OrderCommand& command, std::uint16_t field) { return (command.present & field) != 0; }

bool new_is_sound(const OrderCommand& command) {
  if (!within(command.side, Side::buy, Side::sell) ||
      !within(command.type, OrderType::limit, OrderType::pegged) ||
      !within(command.time_in_force, TimeInForce::day, TimeInForce::at_close) ||
      !within(command.stp_mode, StpMode::none, StpMode::decrement) || command.flags > kAllOrderFlags)
    return false;
  if (has(command, kHasPeg) && !within(command.peg, Peg::primary, Peg::midpoint)) return false;
  if (!has(command, kHasQuoteQty)) return true;
  // What it would trade with is counted from the book: no order of it may vanish on the way.
  return command.stp_mode != static_cast<std::uint16_t>(StpMode::cancel_oldest) &&
         command.type == static_cast<std::uint16_t>(OrderType::market) &&
         command.side == static_cast<std::uint16_t>(Side::buy) &&
         command.time_in_force == static_cast<std::uint16_t>(TimeInForce::ioc);
}

// The first answer, once more. A new order that was accepted is told as it is now, or as it ended.
void answer_again(VenueState& state, const OrderCommand& command, ClientIds::Entry entry) {
  const RequestOutcome& outcome = state.client_ids.outcome(entry);
  if (outcome.exec_type == 0) return; // it is on its way to a shard: the answer comes when that has decided
  const VenueSlot slot =
      outcome.action == static_cast<std::uint16_t>(OrderAction::new_order) && outcome.reject == 0
          ? state.orders.find(outcome.order_id)
          : kNoSlot;
  if (slot != kNoSlot) {
    ExecutionReport& report = report_of(state, state.orders[slot], static_cast<ExecType>(outcome.exec_type));
    report.flags |= kReportDuplicate;
    report.session = command.session;
    correlate(state, report);
    return;
  }
  ExecutionReport& report = state.report(static_cast<ExecType>(outcome.exec_type));
  report.order_status = outcome.final_status;
  report.side = outcome.side;
  report.reject = outcome.reject;
  report.instrument_id = outcome.instrument_id;
  report.session = command.session;
  report.account = command.account;
  report.order_id = outcome.order_id;
  set_ids(report, command.client_order_id_head, command.client_order_id_tail);
  correlate(state, report);
  report.cum_qty = outcome.final_cum_qty;
  if (outcome.exec_type == static_cast<std::uint16_t>(ExecType::replaced))
    report.leaves_qty = outcome.order_qty - outcome.final_cum_qty;
  report.order_qty = outcome.order_qty;
  report.price = outcome.price;
  report.flags = outcome.flags | kReportDuplicate;
  if ((outcome.flags & kReportLimit) != 0) {
    report.limit_value = outcome.detail_value;
    report.limit_asked = outcome.detail_asked;
  } else {
    report.stop_price = outcome.detail_value;
    report.last_qty = outcome.detail_asked;
  }
  report.cancel_reason = outcome.cancel_reason;
  report.type = outcome.type;
  report.time_in_force = outcome.time_in_force;
}

// Is the request new, and in time? What else it is has been answered.
RejectCode check_identity(const VenueState& state, AccountSlot account, const OrderCommand& command) {
  if (state.client_ids.too_old(account, command.sent_at)) return RejectCode::too_old;
  if (command.sent_at > state.clock + kClientSkew) return RejectCode::timestamp_out_of_window;
  if (!state.client_ids.has_room()) return RejectCode::capacity_client_ids;
  return RejectCode::none;
}

Refusal carry_out(VenueState& state, AccountSlot account, const OrderCommand& command) {
  switch (static_cast<OrderAction>(command.kind)) {
  case OrderAction::new_order:
    return enter_new(state, account, command);
  case OrderAction::replace:
    return enter_replace(state, account, command);
  case OrderAction::cancel:
    return enter_cancel(state, account, command);
  case OrderAction::mass_cancel:
    return enter_mass_cancel(state, account, command);
  }
  return {RejectCode::unknown_command};
}

} // namespace

RejectCode check_shape(const OrderCommand& command) {
  if (!within(command.kind, OrderAction::new_order, OrderAction::mass_cancel))
    return RejectCode::unknown_command;
  const bool is_new = command.kind == static_cast<std::uint16_t>(OrderAction::new_order);
  if ((command.present & ~kAllOrderFields) != 0 || (is_new && !new_is_sound(command)) ||
      (!is_new && has(command, kHasQuoteQty)))
    return RejectCode::invalid_field;
  if (command.kind == static_cast<std::uint16_t>(OrderAction::mass_cancel) && has(command, kHasSide) &&
      !within(command.side, Side::buy, Side::sell))
    return RejectCode::invalid_field;
  if (!is_printable_id(command.client_order_id_head, command.client_order_id_tail))
    return RejectCode::bad_client_order_id;
  if (!is_empty_id(command.correlation_id_head, command.correlation_id_tail) &&
      !is_printable_id(command.correlation_id_head, command.correlation_id_tail))
    return RejectCode::bad_correlation_id;
  return RejectCode::none;
}

ClientIds::Entry remember(VenueState& state, AccountSlot account, const OrderCommand& command, bool live) {
  const ClientIds::Entry entry =
      state.client_ids.remember(state.id_hash, account, command.client_order_id_head,
                                command.client_order_id_tail, command.sent_at, live, state.clock);
  CM_CHECK(entry != kNoSlot); // check_identity() saw room
  RequestOutcome& outcome = state.client_ids.outcome(entry);
  outcome.digest = content_digest(command);
  outcome.order_id = 0;
  outcome.sequence = state.sequence;
  outcome.detail_value = outcome.detail_asked = 0;
  outcome.final_cum_qty = 0;
  outcome.order_qty = command.qty;
  outcome.price = 0;
  outcome.instrument_id = command.instrument_id;
  outcome.reject = outcome.exec_type = 0;
  outcome.action = command.kind;
  outcome.final_status = outcome.cancel_reason = outcome.flags = 0;
  outcome.side = command.side;
  outcome.type = command.type;
  outcome.time_in_force = command.time_in_force;
  outcome.reserved = 0;
  return entry;
}

ExecutionReport& refuse(VenueState& state, const OrderCommand& command, const Refusal& refusal) {
  const bool is_new = command.kind == static_cast<std::uint16_t>(OrderAction::new_order);
  ExecutionReport& report = state.report(is_new ? ExecType::rejected : ExecType::cancel_rejected);
  report.reject = static_cast<std::uint16_t>(refusal.code);
  tell_refused(report, command);
  correlate(state, report);
  if (refusal.detailed) {
    report.flags = kReportLimit;
    report.limit_value = refusal.value;
    report.limit_asked = refusal.asked;
  }
  return report;
}

void apply_request(VenueState& state, const OrderCommand& command, AccountSlot account) {
  if (const RejectCode code = check_shape(command); code != RejectCode::none) {
    refuse(state, command, {code});
    return;
  }
  if (!state.ledger.belongs(account, command.tenant)) {
    refuse(state, command, {RejectCode::unknown_account});
    return;
  }
  const ClientIds::Entry known = state.client_ids.find(state.id_hash, account, command.client_order_id_head,
                                                       command.client_order_id_tail);
  if (known != kNoSlot) {
    if (state.client_ids.outcome(known).digest == content_digest(command))
      answer_again(state, command, known);
    else
      refuse(state, command, {RejectCode::duplicate_id_different});
    return;
  }
  if (const RejectCode code = check_identity(state, account, command); code != RejectCode::none) {
    refuse(state, command, {code});
    return;
  }
  const Refusal refusal = carry_out(state, account, command);
  if (!refusal) return;
  const ExecutionReport& report = refuse(state, command, refusal);
  if (is_passing(refusal.code)) return;
  RequestOutcome& outcome = state.client_ids.outcome(remember(state, account, command, false));
  outcome.reject = report.reject;
  outcome.exec_type = report.exec_type;
  outcome.final_status = report.order_status;
  outcome.order_id = report.order_id;
  outcome.order_qty = report.order_qty;
  outcome.flags = report.flags;
  outcome.detail_value = report.limit_value;
  outcome.detail_asked = report.limit_asked;
}

} // namespace cmatch
