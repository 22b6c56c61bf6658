#include "cmatch/venue/shard_entry.hpp"

#include <algorithm>
#include <cstring>

#include "cmatch/venue/entry.hpp"
#include "cmatch/venue/money.hpp"
#include "cmatch/venue/outcomes.hpp"
#include "cmatch/venue/to_engine.hpp"

namespace cmatch {
namespace {

Passed passed_now(const VenueState& state, PassedKind kind, const VenueOrder* order) {
  Passed passed{};
  passed.sequence = state.sequence;
  passed.kind = static_cast<std::uint16_t>(kind);
  if (order == nullptr) return passed;
  passed.order_id = order->order_id;
  passed.exposure = order->exposure_price;
  return passed;
}

// Reports of what comes of it are the running command's.
void note_cause(const VenueState& state, OrderCommand& command) {
  command.session = state.cause.session;
  if (state.cause.head == nullptr) return;
  std::memcpy(command.correlation_id_head, state.cause.head, sizeof command.correlation_id_head);
  std::memcpy(command.correlation_id_tail, state.cause.tail, sizeof command.correlation_id_tail);
}

Shard& shard_of(VenueState& state, const VenueOrder& order) {
  VenueInstrument& instrument = state.instruments[order.instrument];
  ++instrument.passed;
  return *instrument.shard;
}

} // namespace

void pass_new(VenueState& state, VenueSlot slot, const OrderCommand& command, const Command& engine_command) {
  VenueOrder& order = state.orders[slot];
  order.status = static_cast<std::uint16_t>(OrderStatus::pending_new);
  order.has_price = (command.present & kHasPrice) != 0;
  order.price = order.has_price ? command.price : 0;
  order.has_stop_price = (command.present & kHasStopPrice) != 0;
  order.stop_price = order.has_stop_price ? command.stop_price : 0;
  Passed passed = passed_now(state, PassedKind::new_order, &order);
  passed.command = command;
  pass_on(state, shard_of(state, order), passed, engine_command);
}

void pass_queued(VenueState& state, VenueSlot slot, const OrderCommand& given,
                 const Command& engine_command) {
  const VenueOrder& order = state.orders[slot];
  Passed passed = passed_now(state, PassedKind::queued_order, &order);
  passed.command = given;
  note_cause(state, passed.command);
  pass_on(state, shard_of(state, order), passed, engine_command);
}

void pass_replace(VenueState& state, VenueSlot slot, const OrderCommand& command, Lots leaves, Ticks exposure,
                  const Command& engine_command) {
  VenueOrder& order = state.orders[slot];
  remember_done(state, order.account_slot, command, command.order_id, ExecType{}, 0, order.order_qty);
  count_out(state, order);
  if (order.replaces++ == 0) order.own_exposure = order.exposure_price;
  order.extra_lots = std::max(order.counted(), leaves) - order.leaves;
  order.exposure_price = std::max(order.exposure_price, exposure);
  count_in(state, order);
  if (order.reserve_balance != kNoSlot && !order.has_budget)
    CM_CHECK(set_reserved(state, order, to_amount(needed(state.instruments[order.instrument], order))));
  Passed passed = passed_now(state, PassedKind::replace, &order);
  passed.command = command;
  pass_on(state, shard_of(state, order), passed, engine_command);
}

void pass_cancel(VenueState& state, VenueSlot slot, std::uint16_t reason, const OrderCommand* command) {
  VenueOrder& order = state.orders[slot];
  order.canceling = 1;
  Passed passed =
      passed_now(state, command == nullptr ? PassedKind::venue_cancel : PassedKind::cancel, &order);
  passed.reason = reason;
  if (command != nullptr) {
    passed.command = *command;
    remember_done(state, order.account_slot, *command, command->order_id, ExecType{}, 0, order.order_qty);
  } else {
    passed.command.instrument_id = state.instruments[order.instrument].id();
    passed.command.account = order.account;
    note_cause(state, passed.command);
  }
  pass_on(state, shard_of(state, order), passed,
          to_engine(state, passed.command, CommandKind::cancel, order.order_id));
}

void pass_instrument(VenueState& state, const VenueInstrument& instrument, PassedKind kind,
                     const InstrumentCommand& command, const Command& engine_command) {
  Passed passed = passed_now(state, kind, nullptr);
  passed.command.instrument_id = instrument.id();
  passed.asset = command.asset;
  note_cause(state, passed.command);
  ++state.instruments[state.find_instrument(instrument.id())].passed;
  pass_on(state, *instrument.shard, passed, engine_command);
}

} // namespace cmatch
