#include "cmatch/venue/limit_checks.hpp"

#include <algorithm>

#include "cmatch/venue/money.hpp"

namespace cmatch {
namespace {

std::int64_t clamp(Wide value) {
  constexpr Wide kMost = std::numeric_limits<std::int64_t>::max(),
                 kLeast = std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(std::min(std::max(value, kLeast), kMost));
}

Refusal over(RejectCode code, std::int64_t limit, Wide asked) { return {code, true, limit, clamp(asked)}; }

// What the open position is worth, signed.
Wide worth(const VenueInstrument& instrument, const Position& position) {
  if (instrument.has_mark) return notional(instrument, instrument.mark, position.qty);
  if (instrument.priced()) return notional(instrument, instrument.market(), position.qty);
  return position.cost;
}

Refusal check_size(const Limits& limits, const Position& position, const LimitedOrder& order, Wide asked) {
  if (limits.has(kLimitOrderQty) && order.qty > limits.order_qty)
    return over(RejectCode::max_order_qty, limits.order_qty, order.qty);
  if (limits.has(kLimitOrderNotional) && asked > limits.order_notional)
    return over(RejectCode::max_order_notional, limits.order_notional, asked);
  if (order.is_new && limits.has(kLimitOpenOrders) && position.live_orders + 1 > limits.open_orders)
    return over(RejectCode::max_open_orders, limits.open_orders, Wide{position.live_orders} + 1);
  return {};
}

Refusal check_exposure(const VenueInstrument& instrument, const Limits& limits, Position& position,
                       const LimitedOrder& order, Wide asked) {
  const int sign = order.side == Side::buy ? 1 : -1;
  if (limits.has(kLimitPosition)) {
    const Wide most = Wide{position.qty} * sign + position.lots_of(order.side) + order.qty;
    if (most > limits.position) return over(RejectCode::max_position, limits.position, most);
  }
  if (limits.has(kLimitGrossNotional)) {
    const Wide gross =
        wide_abs(worth(instrument, position)) + position.open_notional[0] + position.open_notional[1] + asked;
    if (gross > limits.gross_notional)
      return over(RejectCode::max_gross_notional, limits.gross_notional, gross);
  }
  if (limits.has(kLimitNetNotional)) {
    const Wide net = worth(instrument, position) * sign + position.notional_of(order.side) + asked;
    if (net > limits.net_notional) return over(RejectCode::max_net_notional, limits.net_notional, net);
  }
  if (limits.has(kLimitDailyLoss)) {
    const Wide loss = position.base_of_day - position.realised - unrealised(instrument, position);
    if (loss > 0 && loss >= limits.daily_loss)
      return over(RejectCode::max_daily_loss, limits.daily_loss, loss);
  }
  return {};
}

Refusal check_price(const VenueInstrument& instrument, const Limits& limits, const LimitedOrder& order) {
  if (!limits.has(kLimitCollar) || !order.has_price) return {};
  if (!instrument.has_mark && !instrument.priced()) return {};
  const Ticks reference = instrument.has_mark ? instrument.mark : instrument.market();
  const Ticks away = order.side == Side::buy ? order.price - reference : reference - order.price;
  return away > limits.collar ? over(RejectCode::price_collar, limits.collar, away) : Refusal{};
}

// The generic cell rate algorithm in whole ns: ITU-T I.371, its virtual scheduling form.
Refusal check_rate(const Limits& limits, Position& position, TimeNs clock) {
  if (!limits.has(kLimitOrderRate)) return {};
  const TimeNs increment = limits.rate_interval / limits.order_rate;
  const TimeNs next = std::max(position.rate_time, clock) + increment;
  if (next - clock > limits.rate_interval)
    return over(RejectCode::order_rate, limits.order_rate, Wide{next} - clock - limits.rate_interval);
  position.rate_time = next;
  return {};
}

Refusal check_duplicate(VenueState& state, PositionSlot slot, const Limits& limits,
                        const LimitedOrder& order) {
  if (!order.is_new || !limits.has(kLimitDuplicateWindow)) return {};
  TimeNs when = 0;
  const RecentOrder recent{slot,
                           static_cast<std::uint16_t>(order.side),
                           static_cast<std::uint16_t>(order.type),
                           order.has_price,
                           order.has_price ? order.price : 0,
                           order.qty};
  if (state.recent.seen(recent, when) && state.clock - when < limits.duplicate_window)
    return over(RejectCode::duplicate_order, limits.duplicate_window, state.clock - when);
  if (state.recent.full(state.clock - state.limit_sets.longest_window()))
    return {RejectCode::capacity_positions};
  return {};
}

} // namespace

Wide unrealised(const VenueInstrument& instrument, const Position& position) {
  return worth(instrument, position) - position.cost;
}

void touch_anew(const VenueState& state, Position& position, std::int64_t today) {
  const VenueInstrument& instrument = state.instruments[position.instrument];
  if (position.day != today) {
    position.day = today;
    position.realised = 0;
    position.base_of_day = unrealised(instrument, position);
  }
  if (position.limits_version != state.limit_sets.version()) {
    position.limits = state.limit_sets.resolve(state.ledger.account(position.account).id, instrument.id());
    position.limited = position.limits.present;
    position.limits_version = state.limit_sets.version();
  }
}

Refusal check_limits(VenueState& state, Position& position, const LimitedOrder& order) {
  const Limits& limits = position.limits;
  const VenueInstrument& instrument = state.instruments[position.instrument];
  const Wide asked = notional(instrument, order.exposure_price, order.qty);
  if (const Refusal refusal = check_size(limits, position, order, asked)) return refusal;
  if (const Refusal refusal = check_exposure(instrument, limits, position, order, asked)) return refusal;
  if (const Refusal refusal = check_price(instrument, limits, order)) return refusal;
  if (const Refusal refusal = check_rate(limits, position, state.clock)) return refusal;
  const PositionSlot slot = state.positions.find(position.account, position.instrument);
  return check_duplicate(state, slot, limits, order);
}

} // namespace cmatch
