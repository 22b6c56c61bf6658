// Short ways to write the commands of a test. Whatever is not named has the plainest value there is.
#pragma once

#include "cmatch/command.hpp"

namespace cmatch::test {

template <class Enum>
constexpr std::uint8_t raw(Enum value) {
  return static_cast<std::uint8_t>(value);
}

inline Command command(CommandKind kind, InstrumentId instrument_id = 1) {
  Command command{};
  command.kind = raw(kind);
  command.instrument_id = instrument_id;
  return command;
}

// An open book without bands: steps 1, prices from 1 to a million.
inline Definition definition(InstrumentId instrument_id = 1, Phase phase = Phase::continuous) {
  Definition definition{};
  definition.instrument_id = instrument_id;
  definition.kind = raw(CommandKind::define_instrument);
  definition.trigger_source = raw(TriggerSource::last);
  definition.stop_wrong_side = raw(StopWrongSide::reject);
  definition.band_mode = raw(BandMode::reject);
  definition.tick_step = 1;
  definition.lot_step = 1;
  definition.min_price = 1;
  definition.max_price = 1'000'000;
  definition.phase = raw(phase);
  definition.max_qty = 1'000'000;
  definition.max_notional = 1'000'000'000'000;
  definition.max_parts = 1'000;
  definition.max_pegs = 100;
  return definition;
}

inline Command define(InstrumentId instrument_id = 1, Phase phase = Phase::continuous) {
  return command_of(definition(instrument_id, phase));
}

// A new order of account 1; prices and the rest are added by the functions below.
inline Command order(OrderType type, OrderId order_id, Side side, Lots qty) {
  Command order = command(CommandKind::new_order);
  order.type = raw(type);
  order.order_id = order_id;
  order.side = raw(side);
  order.qty = qty;
  order.account = 1;
  order.time_in_force = raw(type == OrderType::market ? TimeInForce::ioc : TimeInForce::gtc);
  return order;
}

inline Command limit(OrderId order_id, Side side, Ticks price, Lots qty) {
  Command limit = order(OrderType::limit, order_id, side, qty);
  limit.price = price;
  limit.present = kHasPrice;
  return limit;
}

inline Command stop(OrderId order_id, Side side, Ticks stop_price, Lots qty) {
  Command stop = order(OrderType::stop, order_id, side, qty);
  stop.stop_price = stop_price;
  stop.present = kHasStopPrice;
  return stop;
}

inline Command cancel(OrderId order_id) {
  Command cancel = command(CommandKind::cancel);
  cancel.order_id = order_id;
  cancel.account = 1;
  return cancel;
}

inline Command replace_qty(OrderId order_id, Lots qty) {
  Command replace = command(CommandKind::replace);
  replace.order_id = order_id;
  replace.account = 1;
  replace.qty = qty;
  replace.present = kHasQty;
  return replace;
}

inline Command set_phase(Phase phase) {
  Command set_phase = command(CommandKind::set_phase);
  set_phase.phase = raw(phase);
  return set_phase;
}

inline Command at(TimeNs timestamp, Command command) {
  command.timestamp = timestamp;
  return command;
}

inline Command by(AccountId account, Command command) {
  command.account = account;
  return command;
}

inline Command showing(Lots display_qty, Command command) {
  command.display_qty = display_qty;
  command.present |= kHasDisplayQty;
  return command;
}

inline Command until(TimeNs expire_at, Command command) {
  command.time_in_force = raw(TimeInForce::gtd);
  command.expire_at = expire_at;
  command.present |= kHasExpireAt;
  return command;
}

} // namespace cmatch::test
