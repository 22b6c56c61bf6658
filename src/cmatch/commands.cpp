#include "cmatch/commands.hpp"

#include <utility>

#include "cmatch/auction.hpp"
#include "cmatch/checks.hpp"
#include "cmatch/lifecycle.hpp"
#include "cmatch/matcher.hpp"
#include "cmatch/settle.hpp"

namespace cmatch {
namespace {

enum class Names { nothing, instrument, order }; // what an answer names

Event& answer(EngineState& state, EventKind kind, const Command& command, Names names) {
  Event& event = state.emit(kind, names == Names::nothing ? 0 : command.instrument_id);
  event.command = command.kind;
  if (names != Names::nothing) event.present |= kEventInstrument;
  if (names == Names::order) set_order_id(event, command.order_id);
  return event;
}

[[gnu::cold]] void reject(EngineState& state, const Command& command, Names names, RejectCode code) {
  answer(state, EventKind::rejected, command, names).reason = static_cast<std::uint16_t>(code);
}

void accept(EngineState& state, const Command& command, Names names) {
  answer(state, EventKind::accepted, command, names);
}

void settle_touched(EngineState& state) {
  for (std::size_t i = 0; i < state.touched.size(); ++i) {
    OrderBook& book = state.books[state.touched[i]];
    book.touched = false;
    settle(state, book);
  }
  state.touched.clear();
}

// --- new -----------------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline Event& accept_new(EngineState& state, const Command& command) {
  Event& event = state.emit(EventKind::accepted, command.instrument_id);
  event.order_id = command.order_id;
  event.account = command.account;
  event.qty = command.qty;
  event.command = static_cast<std::uint8_t>(CommandKind::new_order);
  event.present = kEventInstrument | kEventOrderId;
  event.side = command.side;
  event.type = command.type;
  event.time_in_force = command.time_in_force;
  return event;
}

void rest_new(EngineState& state, OrderBook& book, const Command& command, std::uint64_t arrival) {
  const Slot slot = create_order(state, book, command, arrival, command.qty, command.qty);
  book.rest_anew(slot, command.price);
}

Taker taker_of(const Command& command) {
  Taker taker{};
  taker.order_id = command.order_id;
  taker.account = command.account;
  taker.grouped = (command.present & kHasStpGroup) != 0;
  if (taker.grouped) taker.stp_group = command.stp_group;
  taker.limited = command.type == static_cast<std::uint8_t>(OrderType::limit);
  taker.limit = command.price;
  taker.side = static_cast<Side>(command.side);
  taker.stp_mode = static_cast<StpMode>(command.stp_mode);
  taker.type = static_cast<OrderType>(command.type);
  taker.time_in_force = static_cast<TimeInForce>(command.time_in_force);
  taker.immediate = is_immediate(taker.time_in_force);
  taker.leaves = taker.order_qty = command.qty;
  if (taker.time_in_force == TimeInForce::fok)
    taker.min_qty = command.qty;
  else if ((command.present & kHasMinQty) != 0)
    taker.min_qty = command.min_qty;
  return taker;
}

[[gnu::noinline]] void take_limit(EngineState& state, OrderBook& book, const Command& command,
                                  std::uint64_t arrival) {
  Taker taker = taker_of(command);
  run_taker(state, book, taker, &command, arrival);
}

// Does a limit order that comes in do anything but rest?
inline bool takes(const OrderBook& book, const Command& command) {
  const Side side = static_cast<Side>(command.side);
  const std::uint32_t best = book.best(opposite(side));
  return (best != kNone && !beyond(side, book.level(best).price, command.price)) ||
         is_immediate(static_cast<TimeInForce>(command.time_in_force));
}

void new_limit(EngineState& state, OrderBook& book, const Command& command, std::uint64_t arrival) {
  set_price(accept_new(state, command), command.price);
  if (takes(book, command))
    take_limit(state, book, command, arrival);
  else
    rest_new(state, book, command, arrival);
}

void new_market(EngineState& state, OrderBook& book, const Command& command, std::uint64_t arrival) {
  Event& accepted = accept_new(state, command);
  Taker taker = taker_of(command);
  if (taker.type == OrderType::market_to_limit) {
    const std::optional<Ticks> best = book.best_price(opposite(taker.side));
    if (best) {
      taker.limited = true;
      taker.limit = *best;
      set_price(accepted, *best);
    } else {
      taker.immediate = true;
    }
  }
  run_taker(state, book, taker, &command, arrival);
}

void new_stop(EngineState& state, OrderBook& book, const Command& command, std::uint64_t arrival) {
  const Slot slot = create_order(state, book, command, arrival, command.qty, command.qty);
  Order& order = state.storage.orders[slot];
  OrderDetail& detail = state.storage.orders.detail(slot);
  if (order.has(kTrails)) {
    const Ticks trigger = trigger_price(book, order.side).value();
    detail.stop_price = order.side == Side::buy ? trigger + detail.trail : trigger - detail.trail;
  }
  order.place = OrderPlace::waiting_stop;
  book.stops.add(state.storage.orders, slot);
  Event& event = accept_new(state, command);
  set_price(event, price_in_force(state, slot));
  set_stop_price(event, detail.stop_price);
}

// Prices a peg that has come, or come anew, and rests it or lets it wait.
std::optional<Ticks> place_peg(EngineState& state, OrderBook& book, Slot slot) {
  const Side side = state.storage.orders[slot].side;
  const std::optional<Ticks> price =
      peg_price(state, book, slot, book.peg_reference(), book.best_price(opposite(side)));
  if (price)
    book.rest(slot, *price);
  else
    state.storage.orders[slot].place = OrderPlace::waiting_peg;
  return price;
}

void new_peg(EngineState& state, OrderBook& book, const Command& command, std::uint64_t arrival) {
  if (book.peg_count() == 0) book.priced_by = book.peg_reference();
  const Slot slot = create_order(state, book, command, arrival, command.qty, command.qty);
  book.add_peg(slot);
  Event& accepted = accept_new(state, command);
  set_price(accepted, place_peg(state, book, slot));
}

// Orders that rest or wait without matching: at_close before its call, and all of a call.
void new_quiet(EngineState& state, OrderBook& book, const Command& command, std::uint64_t arrival) {
  const bool limited = command.type == static_cast<std::uint8_t>(OrderType::limit);
  Event& event = accept_new(state, command);
  if (limited) set_price(event, command.price);
  const bool waits = command.time_in_force == static_cast<std::uint8_t>(TimeInForce::at_close) &&
                     book.phase != Phase::closing_call;
  if (limited && !waits) {
    rest_new(state, book, command, arrival);
    return;
  }
  const Slot slot = create_order(state, book, command, arrival, command.qty, command.qty);
  if (waits)
    book.wait_for_close(slot);
  else
    book.queue_market(slot);
}

[[gnu::noinline]] void new_checked(EngineState& state, OrderBook* book, const Command& command) {
  if (const RejectCode code = check_new(state, book, command); code != RejectCode::none)
    return reject(state, command, Names::order, code);
  const std::uint64_t arrival = ++state.arrivals;
  const auto type = static_cast<OrderType>(command.type);
  if (is_stop(type))
    new_stop(state, *book, command, arrival);
  else if (type == OrderType::pegged)
    new_peg(state, *book, command, arrival);
  else if (book->phase != Phase::continuous ||
           command.time_in_force == static_cast<std::uint8_t>(TimeInForce::at_close))
    new_quiet(state, *book, command, arrival);
  else if (type == OrderType::limit)
    new_limit(state, *book, command, arrival);
  else
    new_market(state, *book, command, arrival);
  settle(state, *book);
}

// Most orders are a plain limit order that meets nobody.
[[gnu::always_inline]] inline void on_new(EngineState& state, const Command& command) {
  OrderBook* book = state.find_book(command.instrument_id);
  if (book == nullptr || !plainly_valid(state, *book, command)) [[unlikely]]
    return new_checked(state, book, command);
  const std::uint64_t arrival = ++state.arrivals;
  set_price(accept_new(state, command), command.price);
  if (takes(*book, command)) {
    take_limit(state, *book, command, arrival);
  } else {
    const Slot slot =
        create_plain(state, *book, command, arrival, command.qty, command.qty, OrderPlace::resting);
    if (book->records()) [[unlikely]]
      book->rest(slot, command.price);
    else
      book->rest_plain(slot, static_cast<Side>(command.side), command.price, command.qty);
  }
  settle(state, *book);
}

// --- replace, cancel -------------------------------------------------------------------------------------------------

// Writes what a replace changes into an order that keeps its slot. `keeps_price`: its price is not that of a level.
void rewrite(EngineState& state, Slot slot, const Command& command, const ReplacePlan& plan,
             bool keeps_price) {
  Order& order = state.storage.orders[slot];
  OrderDetail& detail = state.storage.orders.detail(slot);
  OrderBook& book = state.books[order.book];
  book.live_leaves(order.side) += plan.leaves - order.leaves;
  order.order_qty = plan.order_qty;
  order.leaves = plan.leaves;
  if ((command.present & kHasPrice) != 0 && keeps_price) {
    detail.price = command.price;
    if (order.type == OrderType::pegged) order.traits |= kPriced;
  }
  if ((command.present & kHasStopPrice) != 0) detail.stop_price = command.stop_price;
}

Event& emit_replaced(EngineState& state, const OrderBook& book, OrderId order_id, Lots order_qty, bool kept) {
  Event& event = state.emit(EventKind::replaced, book);
  set_order_id(event, order_id);
  event.qty = order_qty;
  event.kept = kept;
  return event;
}

void replace_kept(EngineState& state, OrderBook& book, Slot slot, const Command& command,
                  const ReplacePlan& plan) {
  Order& order = state.storage.orders[slot];
  if (order.place == OrderPlace::resting) {
    book.live_leaves(order.side) += plan.leaves - order.leaves;
    order.order_qty = plan.order_qty;
    book.shrink(slot, plan.leaves);
  } else {
    rewrite(state, slot, command, plan, true);
  }
  Event& event = emit_replaced(state, book, order.order_id, order.order_qty, true);
  set_price(event, price_in_force(state, slot));
  set_stop_price(event, stop_in_force(state, slot));
}

// A waiting order, or one of a call, takes its place anew.
void put_back(EngineState& state, OrderBook& book, Slot slot, OrderPlace place, Ticks price) {
  Order& order = state.storage.orders[slot];
  switch (place) {
  case OrderPlace::market_queue:
    book.queue_market(slot);
    break;
  case OrderPlace::waiting_close:
    book.wait_for_close(slot);
    break;
  case OrderPlace::waiting_stop:
    order.place = OrderPlace::waiting_stop;
    book.stops.add(state.storage.orders, slot);
    break;
  case OrderPlace::resting:
    book.rest_anew(slot, price);
    break;
  case OrderPlace::waiting_peg:
  case OrderPlace::none:
    break;
  }
}

void replace_lost(EngineState& state, OrderBook& book, Slot slot, const Command& command,
                  const ReplacePlan& plan) {
  Order& order = state.storage.orders[slot];
  const OrderPlace place = order.place;
  const Ticks limit =
      (command.present & kHasPrice) != 0 ? command.price : price_in_force(state, slot).value_or(0);
  const bool expires = order.has(kExpires);
  if (expires) state.storage.expiry.remove(state.storage.orders, slot);
  detach_order(state, book, slot);
  order.arrival = ++state.arrivals;
  if (expires) state.storage.expiry.push(state.storage.orders, slot);
  rewrite(state, slot, command, plan, place != OrderPlace::resting || order.type == OrderType::pegged);

  Event& event = emit_replaced(state, book, order.order_id, order.order_qty, false);
  if (order.type == OrderType::pegged) {
    book.remove_peg(slot);
    book.add_peg(slot);
    set_price(event, place_peg(state, book, slot));
  } else if (place == OrderPlace::resting && book.phase == Phase::continuous) {
    set_price(event, limit);
    Taker taker = taker_of(state, slot, true, limit);
    run_taker(state, book, taker, nullptr, order.arrival);
  } else {
    put_back(state, book, slot, place, limit);
    set_price(event, price_in_force(state, slot));
    set_stop_price(event, stop_in_force(state, slot));
  }
}

[[gnu::noinline]] void on_replace(EngineState& state, const Command& command) {
  OrderBook* book = state.find_book(command.instrument_id);
  const Slot slot = book == nullptr ? kNone : state.find_order(*book, command.order_id, command.account);
  const ReplacePlan plan = check_replace(state, book, slot, command);
  if (plan.reject != RejectCode::none) return reject(state, command, Names::order, plan.reject);
  if (plan.closes) {
    emit_canceled(state, *book, command.order_id, state.storage.orders[slot].leaves, CancelReason::replaced);
    close_order(state, *book, slot);
  } else if (plan.kept) {
    replace_kept(state, *book, slot, command, plan);
  } else {
    replace_lost(state, *book, slot, command, plan);
  }
  settle(state, *book);
}

[[gnu::always_inline]] inline void on_cancel(EngineState& state, const Command& command) {
  OrderBook* book = state.find_book(command.instrument_id);
  if (book == nullptr) [[unlikely]]
    return reject(state, command, Names::order, RejectCode::unknown_instrument);
  const Slot slot = state.find_order(*book, command.order_id, command.account);
  if (slot == kNone) return reject(state, command, Names::order, RejectCode::unknown_order);
  emit_canceled(state, *book, command.order_id, state.storage.orders[slot].leaves, CancelReason::requested);
  close_order(state, *book, slot);
  settle(state, *book);
}

[[gnu::noinline]] void on_mass_cancel(EngineState& state, const Command& command) {
  const bool scoped = (command.present & kHasInstrument) != 0;
  const Names names = scoped ? Names::instrument : Names::nothing;
  const OrderBook* book = scoped ? state.find_book(command.instrument_id) : nullptr;
  if (const RejectCode code = check_mass_cancel(book, command); code != RejectCode::none)
    return reject(state, command, names, code);
  accept(state, command, names);
  OrderPool& orders = state.storage.orders;
  state.selected.clear();
  const auto select = [&](Slot slot) {
    const Order& order = orders[slot];
    if ((command.present & kHasAccount) != 0 && order.account != command.account) return;
    if ((command.present & kHasSide) != 0 && order.side != static_cast<Side>(command.side)) return;
    state.selected.push_back(slot);
  };
  if (scoped) {
    book->for_each_order(select);
  } else {
    for (Slot slot = OrderPool::first(); slot < orders.end(); ++slot)
      if (orders[slot].order_id != 0) select(slot);
  }
  sort_by_arrival(state, state.selected);
  for (const Slot slot : state.selected) {
    OrderBook& of = state.books[orders[slot].book];
    emit_canceled(state, of, orders[slot].order_id, orders[slot].leaves, CancelReason::mass);
    close_order(state, of, slot);
    state.touch(of);
  }
  settle_touched(state);
}

// --- administration ----------------------------------------------------------------------------------------------------

[[gnu::noinline]] void on_define(EngineState& state, const Command& command) {
  const Definition definition = definition_of(command);
  if (const RejectCode code = check_define(state, definition); code != RejectCode::none)
    return reject(state, command, Names::instrument, code);
  if (OrderBook* book = state.find_book(definition.instrument_id)) {
    book->define(definition);
  } else {
    const auto number = static_cast<std::uint32_t>(state.books.size());
    state.books.emplace_back(state.storage, number, definition);
    state.book_index.insert(definition.instrument_id, number);
  }
  accept(state, command, Names::instrument);
}

[[gnu::noinline]] void on_set_phase(EngineState& state, const Command& command) {
  OrderBook* book = state.find_book(command.instrument_id);
  if (const RejectCode code = check_set_phase(book, command); code != RejectCode::none)
    return reject(state, command, Names::instrument, code);
  accept(state, command, Names::instrument);
  change_phase(state, *book, static_cast<Phase>(command.phase));
  settle(state, *book);
}

[[gnu::noinline]] void on_set_price(EngineState& state, const Command& command,
                                    std::optional<Ticks> OrderBook::* price) {
  OrderBook* book = state.find_book(command.instrument_id);
  if (const RejectCode code = check_set_price(book, command); code != RejectCode::none)
    return reject(state, command, Names::instrument, code);
  accept(state, command, Names::instrument);
  book->*price = command.price;
  settle(state, *book);
}

// Expires the GTD orders that are due and settles their books.
[[gnu::noinline]] void expire_due(EngineState& state) {
  while (!state.storage.expiry.empty()) {
    const Slot slot = state.storage.expiry.top();
    if (state.storage.orders.detail(slot).expire_at > state.clock) break;
    OrderBook& book = state.books[state.storage.orders[slot].book];
    emit_expired(state, book, slot);
    close_order(state, book, slot);
    state.touch(book);
  }
  settle_touched(state);
}

[[gnu::noinline]] void apply_rare(EngineState& state, const Command& command) {
  switch (static_cast<CommandKind>(command.kind)) {
  case CommandKind::replace:
    return on_replace(state, command);
  case CommandKind::mass_cancel:
    return on_mass_cancel(state, command);
  case CommandKind::define_instrument:
    return on_define(state, command);
  case CommandKind::set_phase:
    return on_set_phase(state, command);
  case CommandKind::set_reference:
    return on_set_price(state, command, &OrderBook::reference);
  case CommandKind::set_mark:
    return on_set_price(state, command, &OrderBook::mark);
  case CommandKind::new_order:
  case CommandKind::cancel:
    return; // not here
  case CommandKind::advance_time:
    return accept(state, command, Names::nothing);
  case CommandKind::retire_ids:
    accept(state, command, Names::nothing);
    return state.storage.index.retire(command.up_to);
  }
  reject(state, command, Names::nothing, RejectCode::unknown_command);
}

[[gnu::always_inline]] inline void apply_command(EngineState& state, const Command& command) {
  // Nearly all commands are one of two: a branch foretells them better than a table of jumps.
  if (command.kind == static_cast<std::uint8_t>(CommandKind::new_order)) return on_new(state, command);
  if (command.kind == static_cast<std::uint8_t>(CommandKind::cancel)) return on_cancel(state, command);
  apply_rare(state, command);
}

[[gnu::cold]] void end_deltas(EngineState& state) {
  state.storage.deltas.end_command([&](InstrumentId id, Side side, Ticks price) {
    const OrderBook& book = *state.find_book(id);
    const std::uint32_t level = book.find_level(side, price);
    return level == kNone ? std::pair<Lots, std::uint32_t>{0, 0}
                          : std::pair{book.level(level).shown, book.level(level).displayed_count};
  });
}

// One command, whole: the clock, what it makes due, the command itself, and the deltas of all that.
[[gnu::always_inline]] inline void step(EngineState& state, const Command& command) {
  ++state.command_sequence;
  if (command.timestamp > state.clock) state.clock = command.timestamp;
  const bool records = state.storage.deltas.on();
  if (records) [[unlikely]]
    state.storage.deltas.begin_command(state.command_sequence);
  if (!state.storage.expiry.empty()) [[unlikely]]
    expire_due(state);
  apply_command(state, command);
  if (records) [[unlikely]]
    end_deltas(state);
}

} // namespace

void apply_one(EngineState& state, const Command& command) {
  // Most callers walk over an array: what lies behind this command is likely to come next. A prefetch cannot fault.
  const auto ahead = reinterpret_cast<std::uintptr_t>(&command) + 10 * sizeof(Command);
  __builtin_prefetch(reinterpret_cast<const void*>(ahead));      // NOLINT(performance-no-int-to-ptr)
  __builtin_prefetch(reinterpret_cast<const void*>(ahead + 64)); // NOLINT(performance-no-int-to-ptr)
  step(state, command);
}

namespace {

// `Outgrown`: the book does not fit the cache.
template <bool Outgrown>
void apply_each(EngineState& state, std::span<const Command> commands) {
  // What a command will touch is known before its turn: its own bytes, which say where its branches go; then its id's
  // cell, its order, and the order's neighbours.
  constexpr std::ptrdiff_t kBytesAhead = 10, kCellAhead = 16, kOrderAhead = 8, kNeighboursAhead = 4;
  const Storage& storage = state.storage;
  const Command* const end = commands.data() + commands.size();
  for (const Command* command = commands.data(); command != end; ++command) {
    const auto ahead = [&](std::ptrdiff_t distance) {
      return command + std::min(distance, end - command - 1);
    };
    __builtin_prefetch(ahead(kBytesAhead));
    __builtin_prefetch(&ahead(kBytesAhead)->stop_price); // the second cache line
    if constexpr (Outgrown) {
      storage.index.prefetch(ahead(kCellAhead)->order_id);
      storage.orders.prefetch(storage.index.guess(ahead(kOrderAhead)->order_id));
      const Order& order = storage.orders[storage.index.guess(ahead(kNeighboursAhead)->order_id)];
      storage.orders.prefetch(order.prev);
      storage.orders.prefetch(order.next);
      storage.levels.prefetch(order.level);
    }
    step(state, *command);
  }
}

} // namespace

void apply_many(EngineState& state, std::span<const Command> commands) {
  constexpr std::uint32_t kCachedOrders = 4096;
  if (state.storage.orders.live() < kCachedOrders)
    apply_each<false>(state, commands);
  else
    apply_each<true>(state, commands);
}

} // namespace cmatch
