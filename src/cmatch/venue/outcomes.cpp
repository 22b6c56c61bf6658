#include "cmatch/venue/outcomes.hpp"

#include <algorithm>

#include "cmatch/venue/money.hpp"
#include "cmatch/venue/reports.hpp"

namespace cmatch {
namespace {

// Takes `qty` of the order's leaves out of what its position counts as open.
void uncount(VenueState& state, const VenueOrder& order, Lots qty) {
  Position& position = state.positions[order.position];
  const auto side = static_cast<Side>(order.side);
  position.lots_of(side) -= qty;
  position.notional_of(side) -= notional(state.instruments[order.instrument], order.exposure_price, qty);
  if (order.reduce_only) position.reduce_only_lots[side == Side::sell] -= qty;
}

// What an order of the trade gives up of its reservation and pays in fees.
struct Share {
  Amount released; // of what is reserved
  Amount fee;
  bool fee_in_base;
};

Share take_share(VenueState& state, VenueOrder& order, std::int64_t rate, Amount cost, Amount goods,
                 Lots leaves) {
  const VenueInstrument& instrument = state.instruments[order.instrument];
  const auto side = static_cast<Side>(order.side);
  Share share{};
  share.fee_in_base = instrument.fee_in_base(side);
  const Wide basis = share.fee_in_base ? goods : cost;
  const Amount fee = to_amount(fee_on(order.fee_due, basis, rate));
  share.fee = fee;
  order.fee_due += basis * rate;
  uncount(state, order, order.leaves - leaves);
  order.cum_qty += order.leaves - leaves;
  order.leaves = leaves;
  order.status =
      static_cast<std::uint16_t>(leaves == 0 ? OrderStatus::filled : OrderStatus::partially_filled);
  if (order.reserve_balance == kNoSlot) return share;
  Amount left = 0;
  if (leaves != 0)
    left = order.has_budget ? order.reserved - cost - (share.fee_in_base ? 0 : std::max<Amount>(fee, 0))
                            : to_amount(needed(instrument, order));
  share.released = order.reserved - left;
  order.reserved = left;
  return share;
}

void pay_fee(VenueState& state, BalanceSlot payer, AssetSlot asset, Amount fee) {
  if (fee == 0) return;
  const BalanceSlot house = state.ledger.find_balance(kFeesSlot, asset);
  if (fee > 0)
    state.ledger.pay(payer, house, fee, 0);
  else
    state.ledger.pay(house, payer, -fee, 0);
}

// Goods against money, and both fees: one posting that sums to zero in each asset.
void post(VenueState& state, const VenueOrder& buy, const Share& buyer, const VenueOrder& sell,
          const Share& seller, Amount cost, Amount goods) {
  const VenueInstrument& instrument = state.instruments[buy.instrument];
  const Position &buys = state.positions[buy.position], &sells = state.positions[sell.position];
  state.ledger.pay(buys.quote_balance, sells.quote_balance, cost, buyer.released);
  state.ledger.pay(sells.base_balance, buys.base_balance, goods, seller.released);
  const auto charge = [&](const Position& position, const Share& share) {
    pay_fee(state, share.fee_in_base ? position.base_balance : position.quote_balance,
            share.fee_in_base ? instrument.base : instrument.quote, share.fee);
  };
  charge(buys, buyer);
  charge(sells, seller);
}

// The same later, when the trade's settlement comes with its fees: until then what each side gives stays reserved, with the
// most that its fee may be where that is of the same asset. What the fill had reserved beyond is free.
void hold(VenueState& state, const VenueOrder& buy, const Share& buyer, const VenueOrder& sell,
          const Share& seller, Amount cost, Amount goods) {
  UnpostedTrade trade{.buyer = buy.position,
                      .seller = sell.position,
                      .cost = cost,
                      .goods = goods,
                      .buyer_held = 0,
                      .seller_held = 0,
                      .buyer_fee_most = buyer.fee,
                      .seller_fee_most = seller.fee,
                      .moves_money = buy.reserve_balance != kNoSlot,
                      .buyer_fee_in_base = buyer.fee_in_base,
                      .seller_fee_in_base = seller.fee_in_base};
  if (trade.moves_money) {
    trade.buyer_held = cost + (buyer.fee_in_base ? 0 : buyer.fee);
    trade.seller_held = goods + (seller.fee_in_base ? seller.fee : 0);
    state.ledger.release(buy.reserve_balance, buyer.released - trade.buyer_held);
    state.ledger.release(sell.reserve_balance, seller.released - trade.seller_held);
  }
  state.settlement.unposted.push_back(trade);
}

// Adds a fill to the position, which was touched: average cost, what is closed leaves at its share of it.
void move_position(Position& position, Side side, Lots qty, Wide unit_cost) {
  const int sign = side == Side::buy ? 1 : -1;
  const bool closes = (position.qty > 0 && side == Side::sell) || (position.qty < 0 && side == Side::buy);
  const Lots closed = closes ? std::min(qty, position.qty < 0 ? -position.qty : position.qty) : 0;
  if (closed != 0) {
    const Wide held = position.qty < 0 ? -Wide{position.qty} : Wide{position.qty};
    const Wide taken = share_half_even(position.cost, closed, held);
    position.realised -= unit_cost * closed * sign + taken;
    position.cost -= taken;
  }
  position.cost += unit_cost * (qty - closed) * sign;
  CM_CHECK(!__builtin_add_overflow(position.qty, qty * sign, &position.qty));
}

// Trades are numbered as the venue takes them: its engine and those of its shards each count their own.
void report_fill(VenueState& state, const VenueOrder& order, const Share& share, const Event& event,
                 Liquidity liquidity) {
  const VenueInstrument& instrument = state.instruments[order.instrument];
  ExecutionReport& report = report_of(state, order, ExecType::trade);
  report.last_qty = event.qty;
  report.last_price = event.price;
  report.trade_id = state.trades;
  report.fee = share.fee;
  if (state.settlement.mode == SettlementMode::by_service) report.flags |= kReportUnposted;
  report.fee_asset = state.ledger.asset(share.fee_in_base ? instrument.base : instrument.quote).id;
  report.liquidity = static_cast<std::uint16_t>(liquidity);
}

void on_trade(VenueState& state, const Event& event) {
  const VenueSlot taker_slot = state.orders.find(event.order_id);
  const VenueSlot maker_slot = state.orders.find(event.maker_order_id);
  CM_CHECK(taker_slot != kNoSlot && maker_slot != kNoSlot);
  VenueOrder &taker = state.orders[taker_slot], &maker = state.orders[maker_slot];
  VenueInstrument& instrument = state.instruments[taker.instrument];
  const bool auction = event.side == 0;
  instrument.has_last = true;
  instrument.last = event.price;
  ++state.trades;
  const Wide unit_cost = notional(instrument, event.price, 1);
  const Amount cost = to_amount(unit_cost * event.qty);
  const Amount goods = to_amount(static_cast<Wide>(event.qty) * instrument.lot_units);
  const bool at_once = state.settlement.mode == SettlementMode::at_once;
  const std::int64_t taker_rate = at_once ? instrument.definition.taker_rate : instrument.worst_rate;
  const std::int64_t maker_rate = at_once && !auction ? instrument.definition.maker_rate : taker_rate;
  touch(state, state.positions[taker.position]);
  touch(state, state.positions[maker.position]);
  const Share taken = take_share(state, taker, taker_rate, cost, goods, event.leaves);
  const Share made = take_share(state, maker, maker_rate, cost, goods, event.maker_leaves);
  const bool taker_buys = taker.side == static_cast<std::uint16_t>(Side::buy);
  const VenueOrder &buy = taker_buys ? taker : maker, &sell = taker_buys ? maker : taker;
  const Share &buyer = taker_buys ? taken : made, &seller = taker_buys ? made : taken;
  if (!at_once)
    hold(state, buy, buyer, sell, seller, cost, goods);
  else if (taker.reserve_balance != kNoSlot)
    post(state, buy, buyer, sell, seller, cost, goods);
  const auto move = [&](const VenueOrder& order, const Share& share) {
    Position& position = state.positions[order.position];
    if (at_once && !share.fee_in_base) position.realised -= share.fee;
    move_position(position, static_cast<Side>(order.side), event.qty, unit_cost);
  };
  move(taker, taken);
  move(maker, made);
  report_fill(state, taker, taken, event, auction ? Liquidity::auction : Liquidity::taker);
  report_fill(state, maker, made, event, auction ? Liquidity::auction : Liquidity::maker);
  if (taker.leaves == 0) end_order(state, taker_slot, OrderStatus::filled, 0);
  if (maker.leaves == 0) end_order(state, maker_slot, OrderStatus::filled, 0);
}

void on_end(VenueState& state, const Event& event, std::uint16_t reason, const OrderCommand* request) {
  const VenueSlot slot = state.orders.find(event.order_id);
  CM_CHECK(slot != kNoSlot);
  VenueOrder& order = state.orders[slot];
  const bool expired = event.kind == static_cast<std::uint8_t>(EventKind::expired);
  const auto status = expired ? OrderStatus::expired : OrderStatus::canceled;
  std::uint16_t why = expired ? 0 : event.reason;
  if (why == static_cast<std::uint16_t>(CancelReason::requested) && reason != 0) why = reason;
  CM_CHECK(event.qty == order.leaves);
  uncount(state, order, order.counted());
  order.leaves = 0;
  if (order.replaces != 0) order.extra_lots = 0;
  order.status = static_cast<std::uint16_t>(status);
  ExecutionReport& report = report_of(state, order, expired ? ExecType::expired : ExecType::canceled);
  report.last_qty = event.qty;
  report.cancel_reason = why;
  const bool answers =
      request != nullptr && (event.reason == static_cast<std::uint16_t>(CancelReason::requested) ||
                             event.reason == static_cast<std::uint16_t>(CancelReason::replaced));
  if (answers) answer_with(state, *request, state.out->reports.size() - 1);
  end_order(state, slot, status, why);
}

// Self-trade prevention by decrement takes from an order what did not trade.
void on_prevented(VenueState& state, std::uint64_t order_id, Lots leaves) {
  const VenueSlot slot = state.orders.find(order_id);
  CM_CHECK(slot != kNoSlot);
  VenueOrder& order = state.orders[slot];
  const Lots lost = order.leaves - leaves;
  if (lost == 0) return;
  if (order.replaces == 0)
    uncount(state, order, lost);
  else
    order.extra_lots += lost; // a replace on its way may still ask for it
  order.leaves = leaves;
  order.order_qty -= lost;
  if (order.reserve_balance != kNoSlot && !order.has_budget)
    set_reserved(state, order, to_amount(needed(state.instruments[order.instrument], order)));
  ExecutionReport& report = report_of(state, order, ExecType::restated);
  report.last_qty = lost;
  report.cancel_reason = static_cast<std::uint16_t>(CancelReason::self_trade);
}

void on_price(VenueState& state, const Event& event, ExecType exec_type) {
  const VenueSlot slot = state.orders.find(event.order_id);
  CM_CHECK(slot != kNoSlot);
  VenueOrder& order = state.orders[slot];
  order.has_price = (event.present & kEventPrice) != 0;
  order.price = order.has_price ? event.price : 0;
  if (exec_type == ExecType::triggered) {
    order.status =
        static_cast<std::uint16_t>(order.cum_qty == 0 ? OrderStatus::open : OrderStatus::partially_filled);
    order.has_stop_price = 0; // it is in force no more
    order.stop_price = 0;
  }
  report_of(state, order, exec_type);
}

} // namespace

namespace {

// What counted of an order that ended for commands about it that are still on their way to its shard.
void forget_passed(VenueState& state, VenueOrder& order) {
  uncount(state, order, order.extra_lots);
  order.extra_lots = 0;
  if (order.time_in_force == static_cast<std::uint16_t>(TimeInForce::gtd))
    state.expiries.erase({order.expire_at, order.order_id});
}

} // namespace

void count_in(VenueState& state, VenueOrder& order) { uncount(state, order, -order.counted()); }
void count_out(VenueState& state, VenueOrder& order) { uncount(state, order, order.counted()); }

bool set_reserved(VenueState& state, VenueOrder& order, Amount amount) {
  if (amount > order.reserved) {
    if (!state.ledger.reserve(order.reserve_balance, amount - order.reserved)) return false;
  } else {
    state.ledger.release(order.reserve_balance, order.reserved - amount);
  }
  order.reserved = amount;
  return true;
}

void end_order(VenueState& state, VenueSlot slot, OrderStatus status, std::uint16_t cancel_reason) {
  VenueOrder& order = state.orders[slot];
  CM_CHECK(order.leaves == 0);
  if (state.instruments[order.instrument].shard != nullptr) [[unlikely]]
    forget_passed(state, order);
  if (order.reserve_balance != kNoSlot) set_reserved(state, order, 0);
  --state.positions[order.position].live_orders;
  --state.instruments[order.instrument].live_orders;
  RequestOutcome& outcome = state.client_ids.outcome(order.request);
  outcome.order_qty = order.order_qty;
  outcome.price = order.price;
  outcome.flags = order.has_price ? kReportPrice : 0;
  state.client_ids.ended(order.request, state.clock, status, order.cum_qty, cancel_reason);
  state.orders.remove(slot);
}

void take_events(VenueState& state, std::size_t first, std::uint16_t reason, const OrderCommand* request) {
  for (std::size_t i = first; i < state.events.size(); ++i) {
    const Event& event = state.events[i];
    switch (static_cast<EventKind>(event.kind)) {
    case EventKind::trade:
      on_trade(state, event);
      break;
    case EventKind::prevented:
      on_prevented(state, event.maker_order_id, event.maker_leaves);
      on_prevented(state, event.order_id, event.leaves);
      break;
    case EventKind::canceled:
    case EventKind::expired:
      on_end(state, event, reason, request);
      break;
    case EventKind::triggered:
      on_price(state, event, ExecType::triggered);
      break;
    case EventKind::repriced:
      on_price(state, event, ExecType::restated);
      break;
    case EventKind::uncrossed: {
      VenueInstrument& instrument = state.instruments[state.find_instrument(event.instrument_id)];
      instrument.has_last = true;
      instrument.last = event.price;
      break;
    }
    case EventKind::accepted:
    case EventKind::rejected:
    case EventKind::replaced:
    case EventKind::refreshed:
    case EventKind::phase_changed:
      break;
    }
  }
}

} // namespace cmatch
