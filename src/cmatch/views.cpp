// The Engine's read side: nothing here changes a thing.
#include "cmatch/views.hpp"

#include <stdexcept>
#include <string>

#include "cmatch/auction.hpp"
#include "cmatch/checks.hpp"
#include "cmatch/engine_state.hpp"
#include "cmatch/lifecycle.hpp"

namespace cmatch {
namespace {

const OrderBook& defined(const EngineState& state, InstrumentId id) {
  const OrderBook* book = state.find_book(id);
  if (book == nullptr) throw std::out_of_range("instrument " + std::to_string(id) + " is not defined");
  return *book;
}

// The best level of a side that shows something.
const PriceLevel* best_shown(const OrderBook& book, Side side) {
  for (std::uint32_t at = book.best(side); at != kNone; at = book.next(at))
    if (book.level(at).displayed_count > 0) return &book.level(at);
  return nullptr;
}

template <class T>
std::optional<T> if_has(const Order& order, OrderTrait trait, T value) {
  return order.has(trait) ? std::optional<T>(value) : std::nullopt;
}

} // namespace

InstrumentView Engine::instrument(InstrumentId instrument_id) const {
  const OrderBook& book = defined(*state_, instrument_id);
  return {book.instrument.definition, book.phase, book.last, book.mark, book.reference, book.live_orders};
}

TopOfBook Engine::top(InstrumentId instrument_id) const {
  const OrderBook& book = defined(*state_, instrument_id);
  TopOfBook top{};
  if (const PriceLevel* bid = best_shown(book, Side::buy)) {
    top.has_bid = true;
    top.bid_price = bid->price;
    top.bid_qty = bid->shown;
  }
  if (const PriceLevel* ask = best_shown(book, Side::sell)) {
    top.has_ask = true;
    top.ask_price = ask->price;
    top.ask_qty = ask->shown;
  }
  return top;
}

std::vector<LevelView> Engine::l2(InstrumentId instrument_id, Side side, std::size_t depth) const {
  const OrderBook& book = defined(*state_, instrument_id);
  std::vector<LevelView> levels;
  for (std::uint32_t at = book.best(side); at != kNone && (depth == 0 || levels.size() < depth);
       at = book.next(at)) {
    const PriceLevel& level = book.level(at);
    if (level.displayed_count > 0) levels.push_back({level.price, level.shown, level.displayed_count, 0});
  }
  return levels;
}

std::vector<L3View> Engine::l3(InstrumentId instrument_id) const {
  const OrderBook& book = defined(*state_, instrument_id);
  const OrderPool& orders = state_->storage.orders;
  std::vector<L3View> shown;
  for (const Side side : {Side::buy, Side::sell})
    for (std::uint32_t at = book.best(side); at != kNone; at = book.next(at))
      book.for_each_in(book.level(at).displayed, [&](Slot slot) {
        shown.push_back({orders[slot].order_id, book.level(at).price, open_part(orders, slot), side, {}});
      });
  return shown;
}

AuctionView Engine::indicative(InstrumentId instrument_id) const {
  const OrderBook& book = defined(*state_, instrument_id);
  return is_call(book.phase) ? uncross_of(*state_, book) : AuctionView{};
}

std::optional<QueuePosition> Engine::queue_position(OrderId order_id) const {
  const Slot slot = state_->storage.index.find(order_id);
  if (slot == kNone) return std::nullopt;
  const OrderPool& orders = state_->storage.orders;
  const Order& order = orders[slot];
  if (order.place != OrderPlace::resting) return std::nullopt;
  QueuePosition position{0, 0};
  for (Slot ahead = order.prev; ahead != kNone; ahead = orders[ahead].prev) {
    ++position.orders_ahead;
    position.qty_ahead += open_part(orders, ahead);
  }
  if (!order.hidden()) return position;
  const PriceLevel& level = state_->storage.levels[order.level];
  state_->books[order.book].for_each_in(level.displayed, [&](Slot displayed) {
    ++position.orders_ahead;
    position.qty_ahead += orders[displayed].leaves;
  });
  return position;
}

std::optional<OrderView> Engine::order(OrderId order_id) const {
  const Slot slot = state_->storage.index.find(order_id);
  if (slot == kNone) return std::nullopt;
  const Order& order = state_->storage.orders[slot];
  const OrderDetail& detail = state_->storage.orders.detail(slot);
  const bool shows = order.place == OrderPlace::resting && !order.hidden();
  OrderView view{};
  view.order_id = order.order_id;
  view.account = order.account;
  view.instrument_id = state_->books[order.book].id();
  view.side = order.side;
  view.type = order.type;
  view.time_in_force = order.time_in_force;
  view.place = order.place;
  view.flags = order.flags;
  view.stp_mode = order.stp_mode;
  view.order_qty = order.order_qty;
  view.cum_qty = order.order_qty - order.leaves;
  view.leaves_qty = order.leaves;
  view.shown_qty = shows ? open_part(state_->storage.orders, slot) : 0;
  view.price = price_in_force(*state_, slot);
  view.stop_price = stop_in_force(*state_, slot);
  view.trail = if_has(order, kTrails, detail.trail);
  view.peg = if_has(order, kPegs, detail.peg);
  view.offset = if_has(order, kOffset, detail.offset);
  if (order.type == OrderType::pegged) view.worst_price = if_has(order, kPriced, detail.price);
  view.display_qty = if_has(order, kIceberg, detail.display_qty);
  view.expire_at = if_has(order, kExpires, detail.expire_at);
  view.stp_group = if_has(order, kGrouped, detail.stp_group);
  view.arrival = order.arrival;
  return view;
}

Lots Engine::cum_qty(OrderId order_id) const {
  const Slot slot = state_->storage.index.find(order_id);
  if (slot == kNone) return 0;
  const Order& order = state_->storage.orders[slot];
  return order.order_qty - order.leaves;
}

std::vector<TapeEntry> Engine::trades() const { return state_->tape.entries(); }

} // namespace cmatch
