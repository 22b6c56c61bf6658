#include "cmatch/auction.hpp"

#include <algorithm>

#include "cmatch/checks.hpp"
#include "cmatch/lifecycle.hpp"
#include "cmatch/matcher.hpp"

namespace cmatch {
namespace {

// Prices from `low` to `high` at which the same volumes would trade.
struct Segment {
  Ticks low, high;
  Lots buys, sells;

  Lots volume() const { return std::min(buys, sells); }
  Lots imbalance() const { return buys > sells ? buys - sells : sells - buys; }
};

struct LimitVolume {
  Ticks price;
  Lots buys, sells; // with their limit at this price
};

Lots market_volume(const EngineState& state, const OrderBook& book, Side side) {
  Lots sum = 0;
  book.for_each_in(book.markets(side), [&](Slot slot) { sum += state.storage.orders[slot].leaves; });
  return sum;
}

// All limits of the book and R, ascending.
std::vector<LimitVolume> limits_of(const OrderBook& book) {
  std::vector<LimitVolume> limits;
  for (std::uint32_t at = book.best(Side::sell); at != kNone; at = book.next(at))
    limits.push_back({book.level(at).price, 0, book.level(at).total()});
  const auto sells = static_cast<std::ptrdiff_t>(limits.size());
  for (std::uint32_t at = book.best(Side::buy); at != kNone; at = book.next(at))
    limits.push_back({book.level(at).price, book.level(at).total(), 0});
  std::reverse(limits.begin() + sells, limits.end());
  const auto cheaper = [](const LimitVolume& a, const LimitVolume& b) { return a.price < b.price; };
  std::inplace_merge(limits.begin(), limits.begin() + sells, limits.end(), cheaper);
  if (const std::optional<Ticks> r = book.current_reference()) {
    const LimitVolume none{*r, 0, 0};
    limits.insert(std::lower_bound(limits.begin(), limits.end(), none, cheaper), none);
  }
  return limits;
}

std::vector<Segment> segments_of(const EngineState& state, const OrderBook& book) {
  const Ticks step = book.instrument.definition.tick_step;
  const std::vector<LimitVolume> limits = limits_of(book);
  Lots buys = market_volume(state, book, Side::buy);
  Lots sells = market_volume(state, book, Side::sell);
  for (const LimitVolume& limit : limits)
    buys += limit.buys;
  std::vector<Segment> segments;
  for (std::size_t i = 0; i < limits.size();) {
    const Ticks price = limits[i].price;
    Lots buys_here = 0;
    for (; i < limits.size() && limits[i].price == price; ++i) {
      buys_here += limits[i].buys;
      sells += limits[i].sells;
    }
    segments.push_back({price, price, buys, sells});
    buys -= buys_here;
    if (i < limits.size() && limits[i].price - price > step)
      segments.push_back({price + step, limits[i].price - step, buys, sells});
  }
  return segments;
}

// The multiple of `step` in [low, high] nearest to their middle, the higher at a tie.
Ticks middle(Ticks low, Ticks high, Ticks step) { return low + ((high - low) / step + 1) / 2 * step; }

Ticks pick(const std::vector<Segment>& left, std::optional<Ticks> r, Ticks step) {
  const Ticks low = left.front().low, high = left.back().high;
  if (std::all_of(left.begin(), left.end(), [](const Segment& s) { return s.buys > s.sells; })) return high;
  if (std::all_of(left.begin(), left.end(), [](const Segment& s) { return s.buys < s.sells; })) return low;
  // What is left is one run of prices: the surplus only falls from one price to the next.
  return r ? std::clamp(*r, low, high) : middle(low, high, step);
}

// Trades at one price: `qty` off the head of each side.
void uncross_pair(EngineState& state, OrderBook& book, Slot buy, Slot sell, Lots qty, Ticks price) {
  const std::uint64_t trade_id = ++state.trade_sequence;
  for (const Slot slot : {buy, sell}) {
    Order& order = state.storage.orders[slot];
    book.live_leaves(order.side) -= qty;
    if (order.place == OrderPlace::resting)
      book.reduce(slot, qty);
    else
      order.leaves -= qty;
  }
  const Order& maker = state.storage.orders[buy];
  const Order& taker = state.storage.orders[sell];
  Event& event = state.emit(EventKind::trade, book);
  event.trade_id = trade_id;
  event.qty = qty;
  set_price(event, price);
  set_order_id(event, taker.order_id);
  event.account = taker.account;
  event.leaves = taker.leaves;
  event.maker_order_id = maker.order_id;
  event.maker_account = maker.account;
  event.maker_leaves = maker.leaves;
  state.record(book, event);
  for (const Slot slot : {buy, sell}) {
    if (state.storage.orders[slot].place == OrderPlace::resting)
      settle_maker(state, book, slot);
    else if (state.storage.orders[slot].leaves == 0)
      close_order(state, book, slot);
  }
}

void uncross(EngineState& state, OrderBook& book) {
  const AuctionView found = uncross_of(state, book);
  if (!found.has) return;
  Event& event = state.emit(EventKind::uncrossed, book);
  set_price(event, found.price);
  event.qty = found.volume;
  const auto head = [&](Side side) {
    const Slot market = book.first_market(side);
    return market != kNone ? market : book.level(book.best(side)).front();
  };
  for (Lots rest = found.volume; rest > 0;) {
    const Slot buy = head(Side::buy), sell = head(Side::sell);
    const OrderPool& orders = state.storage.orders;
    const Lots qty = std::min({rest, open_part(orders, buy), open_part(orders, sell)});
    uncross_pair(state, book, buy, sell, qty, found.price);
    rest -= qty;
  }
  book.step_traded = true;
  book.first_trade = book.last_trade = found.price;
  book.last = book.reference = found.price;
}

// Ends, by arrival, the orders of the book that `chosen` picks.
template <class F>
void expire_where(EngineState& state, OrderBook& book, F&& chosen) {
  state.selected.clear();
  book.for_each_order([&](Slot slot) {
    if (chosen(state.storage.orders[slot])) state.selected.push_back(slot);
  });
  sort_by_arrival(state, state.selected);
  for (const Slot slot : state.selected) {
    emit_expired(state, book, slot);
    close_order(state, book, slot);
  }
}

bool for_auction(const Order& order) {
  return order.time_in_force == TimeInForce::at_open || order.time_in_force == TimeInForce::at_close;
}

// The at_close orders join their call.
void join_call(EngineState& state, OrderBook& book) {
  while (book.first_waiting_close() != kNone) {
    const Slot slot = book.first_waiting_close();
    book.unwait_close(slot);
    const Order& order = state.storage.orders[slot];
    const bool limited = order.type == OrderType::limit;
    Event& event = state.emit(EventKind::triggered, book);
    set_order_id(event, order.order_id);
    if (limited) set_price(event, state.storage.orders.detail(slot).price);
    if (limited)
      book.rest(slot, state.storage.orders.detail(slot).price);
    else
      book.queue_market(slot);
  }
}

} // namespace

AuctionView uncross_of(const EngineState& state, const OrderBook& book) {
  std::vector<Segment> segments = segments_of(state, book);
  Lots volume = 0;
  for (const Segment& segment : segments)
    volume = std::max(volume, segment.volume());
  if (volume == 0) return {};
  std::erase_if(segments, [&](const Segment& segment) { return segment.volume() != volume; });
  Lots least = segments.front().imbalance();
  for (const Segment& segment : segments)
    least = std::min(least, segment.imbalance());
  std::erase_if(segments, [&](const Segment& segment) { return segment.imbalance() != least; });
  AuctionView view{.has = true, .volume = volume};
  view.price = pick(segments, book.current_reference(), book.instrument.definition.tick_step);
  for (const Segment& segment : segments)
    if (segment.low <= view.price && view.price <= segment.high) view.surplus = segment.buys - segment.sells;
  return view;
}

void change_phase(EngineState& state, OrderBook& book, Phase to) {
  const Phase from = book.phase;
  if ((is_call(from) && to == Phase::continuous) || (from == Phase::closing_call && to == Phase::closed)) {
    uncross(state, book);
    expire_where(state, book, [](const Order& order) {
      return for_auction(order) &&
             (order.place == OrderPlace::resting || order.place == OrderPlace::market_queue);
    });
  }
  book.phase = to;
  emit_phase(state, book);
  if (to == Phase::closing_call) join_call(state, book);
  if (to == Phase::closed)
    expire_where(state, book, [](const Order& order) {
      return for_auction(order) || order.time_in_force == TimeInForce::day;
    });
}

} // namespace cmatch
