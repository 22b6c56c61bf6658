// Reports about orders: what each says of its order, its request and its command.
#pragma once

#include <cstring>

#include "cmatch/venue/limit_checks.hpp"
#include "cmatch/venue/venue_state.hpp"

namespace cmatch {

inline void set_ids(ExecutionReport& report, const IdHead& head, const IdTail& tail) {
  std::memcpy(report.client_order_id_head, head, sizeof head);
  std::memcpy(report.client_order_id_tail, tail, sizeof tail);
}

// The correlation id of the running command, where it is of the report's session.
inline void correlate(const VenueState& state, ExecutionReport& report) {
  const Cause& cause = state.cause;
  if (cause.head == nullptr || cause.session != report.session) return;
  std::memcpy(report.correlation_id_head, cause.head, sizeof report.correlation_id_head);
  std::memcpy(report.correlation_id_tail, cause.tail, sizeof report.correlation_id_tail);
}

// What the order is now, to its own session and under its own client order id.
inline ExecutionReport& report_of(VenueState& state, const VenueOrder& order, ExecType exec_type) {
  ExecutionReport& report = state.report(exec_type);
  report.order_status = order.status;
  report.side = order.side;
  report.instrument_id = state.instruments[order.instrument].id();
  report.session = order.session;
  report.account = order.account;
  report.order_id = order.order_id;
  set_ids(report, state.client_ids.head(order.request), state.client_ids.tail(order.request));
  correlate(state, report);
  report.leaves_qty = order.leaves;
  report.cum_qty = order.cum_qty;
  report.order_qty = order.order_qty;
  report.price = order.price;
  report.stop_price = order.stop_price;
  report.flags = static_cast<std::uint16_t>((order.has_price ? kReportPrice : 0) |
                                            (order.has_stop_price ? kReportStopPrice : 0));
  report.type = order.type;
  report.time_in_force = order.time_in_force;
  return report;
}

// The same as the answer to `command`, which another than the order's own request: to the asking session, under the
// command's client order id; and to the order's session as well where that is another.
inline void answer_with(VenueState& state, const OrderCommand& command, std::size_t at) {
  ExecutionReport& report = state.out->reports[at];
  state.answered = at;
  if (report.session != command.session) {
    const ExecutionReport told = report; // the next one may move the array
    state.answered = state.out->reports.size();
    ExecutionReport& copy = state.report(static_cast<ExecType>(told.exec_type));
    const std::uint64_t event_sequence = copy.event_sequence;
    copy = told;
    copy.event_sequence = event_sequence;
    copy.session = command.session;
    correlate(state, copy);
    set_ids(copy, command.client_order_id_head, command.client_order_id_tail);
    return;
  }
  set_ids(report, command.client_order_id_head, command.client_order_id_tail);
}

// What a refusal says of its command; what a mass_cancel does not give counts as nothing.
inline void tell_refused(ExecutionReport& report, const OrderCommand& command) {
  const auto action = static_cast<OrderAction>(command.kind);
  const bool is_new = action == OrderAction::new_order, is_mass = action == OrderAction::mass_cancel;
  report.exec_type = static_cast<std::uint16_t>(is_new ? ExecType::rejected : ExecType::cancel_rejected);
  report.order_status = static_cast<std::uint16_t>(is_new ? OrderStatus::rejected : OrderStatus{});
  report.side = is_mass && (command.present & kHasSide) == 0 ? std::uint16_t{0} : command.side;
  report.instrument_id = is_mass && (command.present & kHasInstrument) == 0 ? 0 : command.instrument_id;
  report.session = command.session;
  report.account = command.account;
  report.order_id = is_new ? 0 : command.order_id;
  report.order_qty = is_new ? command.qty : 0;
  report.type = command.type;
  report.time_in_force = command.time_in_force;
  set_ids(report, command.client_order_id_head, command.client_order_id_tail);
}

// The answer to a command that changes nothing.
ExecutionReport& refuse(VenueState& state, const OrderCommand& command, const Refusal& refusal);

} // namespace cmatch
