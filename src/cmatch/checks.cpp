#include "cmatch/checks.hpp"

#include <limits>

#include "cmatch/lifecycle.hpp"

namespace cmatch {
namespace {

using enum RejectCode;

template <class E>
constexpr bool within(std::uint8_t value, E first, E last) {
  return value >= static_cast<std::uint8_t>(first) && value <= static_cast<std::uint8_t>(last);
}

constexpr std::uint8_t bit(TimeInForce tif) {
  return static_cast<std::uint8_t>(1u << static_cast<unsigned>(tif));
}
constexpr std::uint8_t kResting = bit(TimeInForce::day) | bit(TimeInForce::gtc) | bit(TimeInForce::gtd);
constexpr std::uint8_t kImmediate = bit(TimeInForce::ioc) | bit(TimeInForce::fok);
constexpr std::uint8_t kAuctions = bit(TimeInForce::at_open) | bit(TimeInForce::at_close);
constexpr std::uint8_t kAlways = 0xFF; // whatever the time in force

// Section 2's table: what a type needs and may have. A mask of times in force says when.
struct TypeRule {
  std::uint8_t times_in_force;
  std::uint16_t fields;     // that may be present, whatever the time in force
  std::uint8_t post_only;   // times in force
  std::uint8_t hidden;      // times in force
  std::uint8_t display_qty; // times in force
  std::uint8_t min_qty;     // times in force
};

constexpr TypeRule rule_of(OrderType type) {
  constexpr std::uint8_t kIoc = bit(TimeInForce::ioc);
  switch (type) {
  case OrderType::limit:
    return {kResting | kImmediate | kAuctions, kHasPrice, kResting, kResting, kResting, kIoc};
  case OrderType::market:
    return {kImmediate | kAuctions, 0, 0, 0, 0, kIoc};
  case OrderType::market_to_limit:
    return {kResting, 0, 0, kAlways, kAlways, 0};
  case OrderType::stop:
    return {kResting, kHasStopPrice, 0, 0, 0, 0};
  case OrderType::stop_limit:
    return {kResting | kImmediate, kHasStopPrice | kHasPrice, 0, kResting, kResting, 0};
  case OrderType::trailing_stop:
    return {kResting, kHasTrail, 0, 0, 0, 0};
  case OrderType::trailing_stop_limit:
    return {kResting | kImmediate, kHasTrail | kHasOffset, 0, kResting, kResting, 0};
  case OrderType::pegged:
    return {kResting, kHasPeg | kHasOffset | kHasPrice, 0, kAlways, 0, 0};
  }
  return {};
}

RejectCode check_fields(const Command& command) {
  if (!within(command.side, Side::buy, Side::sell) ||
      !within(command.type, OrderType::limit, OrderType::pegged) ||
      !within(command.time_in_force, TimeInForce::day, TimeInForce::at_close) ||
      command.stp_mode > static_cast<std::uint8_t>(StpMode::decrement) ||
      (command.flags & ~kAllOrderFlags) != 0 || (command.present & ~kAllCommandFields) != 0)
    return invalid_field;
  const auto type = static_cast<OrderType>(command.type);
  if (type == OrderType::pegged &&
      ((command.present & kHasPeg) == 0 || !within(command.peg, Peg::primary, Peg::midpoint)))
    return invalid_field;
  if (type == OrderType::trailing_stop_limit && (command.present & kHasOffset) == 0) return invalid_field;
  return none;
}

bool is_forbidden(Phase phase, OrderType type, TimeInForce tif, std::uint8_t flags) {
  switch (phase) {
  case Phase::closed:
  case Phase::halted:
    return true;
  case Phase::continuous:
    return tif == TimeInForce::at_open;
  case Phase::pre_open:
  case Phase::call_auction:
  case Phase::closing_call:
    break;
  }
  if (is_stop(type)) return false;
  return is_immediate(tif) || type == OrderType::market_to_limit || (flags & kPostOnly) != 0 ||
         (tif == TimeInForce::at_open && phase == Phase::closing_call);
}

RejectCode check_price(const Instrument& instrument, Ticks price) {
  if (!instrument.in_range(price)) return invalid_price;
  return instrument.on_tick(price) ? none : price_off_step;
}

bool within_magnitude(std::int64_t value) { return value >= -kMaxMagnitude && value <= kMaxMagnitude; }

// A stop that would trigger at once, where the instrument rejects those.
bool on_wrong_side(const OrderBook& book, Side side, Ticks stop_price) {
  const std::optional<Ticks> trigger = trigger_price(book, side);
  return book.instrument.definition.stop_wrong_side == static_cast<std::uint8_t>(StopWrongSide::reject) &&
         trigger && StopBook::triggers(side, *trigger, stop_price);
}

RejectCode check_stops(const OrderBook& book, const Command& command, const TypeRule& rule) {
  const Instrument& instrument = book.instrument;
  const bool stops = (rule.fields & kHasStopPrice) != 0;
  const bool trails = (rule.fields & kHasTrail) != 0;
  const auto side = static_cast<Side>(command.side);
  if ((stops && (command.present & kHasStopPrice) == 0) || (trails && (command.present & kHasTrail) == 0))
    return stop_price_missing;
  if (stops && check_price(instrument, command.stop_price) != none) return invalid_stop_price;
  if (trails && (command.trail < 1 || command.trail > kMaxMagnitude || !instrument.on_tick(command.trail)))
    return invalid_stop_price;
  if ((rule.fields & command.present & kHasOffset) != 0 &&
      (!within_magnitude(command.offset) || !instrument.on_tick(command.offset)))
    return invalid_stop_price;
  if (trails && !trigger_price(book, side)) return no_reference;
  if (stops && on_wrong_side(book, side, command.stop_price)) return stop_would_trigger;
  return none;
}

bool too_many_parts_of(const Instrument& instrument, Lots qty, Lots display_qty) {
  return (qty - 1) / display_qty + 1 > instrument.definition.max_parts;
}

RejectCode check_quantities(const OrderBook& book, const Command& command, const TypeRule& rule,
                            std::uint8_t tif) {
  const Instrument& instrument = book.instrument;
  if ((command.present & kHasDisplayQty) != 0 && (rule.display_qty & tif) != 0) {
    if (command.display_qty < 1 || command.display_qty > command.qty ||
        !instrument.on_lot(command.display_qty))
      return invalid_display_qty;
    if (too_many_parts_of(instrument, command.qty, command.display_qty)) return too_many_parts;
  }
  if ((command.present & kHasMinQty) != 0 && (rule.min_qty & tif) != 0 &&
      (command.min_qty < 1 || command.min_qty > command.qty || !instrument.on_lot(command.min_qty)))
    return invalid_min_qty;
  return none;
}

RejectCode check_combination(const EngineState& state, const Command& command, const TypeRule& rule,
                             std::uint8_t tif) {
  constexpr std::uint16_t kTyped = kHasPrice | kHasStopPrice | kHasTrail | kHasPeg | kHasOffset;
  const bool gtd = command.time_in_force == static_cast<std::uint8_t>(TimeInForce::gtd);
  const auto given = [&](CommandField field) { return (command.present & field) != 0; };
  const auto flagged = [&](OrderFlag flag) { return (command.flags & flag) != 0; };
  if ((rule.times_in_force & tif) == 0 || (command.present & kTyped & ~rule.fields) != 0 ||
      (flagged(kPostOnly) && (rule.post_only & tif) == 0) || (flagged(kHidden) && (rule.hidden & tif) == 0) ||
      (given(kHasDisplayQty) && (rule.display_qty & tif) == 0) ||
      (given(kHasMinQty) && (rule.min_qty & tif) == 0) || (given(kHasDisplayQty) && flagged(kHidden)) ||
      (given(kHasExpireAt) && !gtd))
    return invalid_combination;
  if (gtd && (!given(kHasExpireAt) || command.expire_at <= state.clock)) return invalid_expiry;
  return none;
}

RejectCode check_sums(const OrderBook& book, Side side, bool fixed, Ticks price, Lots qty, Lots added) {
  const Instrument& instrument = book.instrument;
  if (!instrument.notional_within(fixed ? price : instrument.widest_price, qty)) return notional_overflow;
  if (added > std::numeric_limits<Lots>::max() - book.live_leaves(side)) return side_overflow;
  return none;
}

bool crosses(const OrderBook& book, Side side, Ticks price) {
  const std::optional<Ticks> best = book.best_price(opposite(side));
  return best && !beyond(side, *best, price);
}

bool rejects_beyond_band(const OrderBook& book, Side side, Ticks price) {
  return book.instrument.definition.band_mode == static_cast<std::uint8_t>(BandMode::reject) &&
         beyond_band(book, side, price, book.phase == Phase::continuous);
}

bool has_fixed_limit(OrderType type) { return type == OrderType::limit || type == OrderType::stop_limit; }

} // namespace

std::optional<Ticks> trigger_price(const OrderBook& book, Side side) {
  switch (static_cast<TriggerSource>(book.instrument.definition.trigger_source)) {
  case TriggerSource::last:
    return book.last;
  case TriggerSource::quote:
    return book.best_displayed(opposite(side));
  case TriggerSource::mark:
    return book.mark;
  }
  return std::nullopt;
}

bool beyond_band(const OrderBook& book, Side side, Ticks price, bool continuous) {
  const Instrument& instrument = book.instrument;
  const Ticks direction = side == Side::buy ? 1 : -1;
  if (instrument.has(kHasStaticBand) && book.reference &&
      beyond(side, price, *book.reference + direction * instrument.definition.static_band))
    return true;
  const std::optional<Ticks> dynamic = book.current_reference();
  return continuous && instrument.has(kHasDynamicBand) && dynamic &&
         beyond(side, price, *dynamic + direction * instrument.definition.dynamic_band);
}

RejectCode check_define(const EngineState& state, const Definition& d) {
  if (!within(d.trigger_source, TriggerSource::last, TriggerSource::mark) ||
      !within(d.stop_wrong_side, StopWrongSide::reject, StopWrongSide::trigger) ||
      !within(d.band_mode, BandMode::reject, BandMode::halt) ||
      !within(d.phase, Phase::closed, Phase::call_auction) || (d.present & ~kAllDefinitionFields) != 0)
    return invalid_field;
  const auto distance = [&](DefinitionField field, std::int64_t value) {
    return (d.present & field) == 0 || (value >= 0 && value <= kMaxMagnitude);
  };
  const bool has_reference = (d.present & kHasReference) != 0;
  if (d.tick_step < 1 || d.lot_step < 1 || d.max_qty < 1 || d.max_notional < 1 || d.max_parts < 1 ||
      d.max_pegs < 1 || d.min_price > d.max_price || !within_magnitude(d.min_price) ||
      !within_magnitude(d.max_price) || !distance(kHasCollar, d.collar) ||
      !distance(kHasStaticBand, d.static_band) || !distance(kHasDynamicBand, d.dynamic_band) ||
      (has_reference &&
       (d.reference < d.min_price || d.reference > d.max_price || d.reference % d.tick_step != 0)) ||
      !within(d.phase, Phase::closed, Phase::continuous))
    return invalid_definition;
  const OrderBook* book = state.find_book(d.instrument_id);
  if (book != nullptr && book->live_orders > 0) return instrument_in_use;
  if (book == nullptr && state.books.size() >= state.limits.max_instruments) return capacity_instruments;
  return none;
}

RejectCode check_set_phase(const OrderBook* book, const Command& command) {
  if (!within(command.phase, Phase::closed, Phase::call_auction)) return invalid_field;
  if (book == nullptr) return unknown_instrument;
  const auto to = static_cast<Phase>(command.phase);
  const auto allowed = [&]() -> bool {
    if (to == Phase::closed) return book->phase != Phase::closed;
    switch (book->phase) {
    case Phase::closed:
      return to == Phase::pre_open;
    case Phase::pre_open:
      return to == Phase::continuous || to == Phase::halted;
    case Phase::continuous:
      return to == Phase::closing_call || to == Phase::halted || to == Phase::call_auction;
    case Phase::closing_call:
      return to == Phase::halted;
    case Phase::halted:
      return to == Phase::call_auction || to == Phase::closing_call;
    case Phase::call_auction:
      return to == Phase::continuous || to == Phase::closing_call || to == Phase::halted;
    }
    return false;
  };
  return allowed() ? none : invalid_phase;
}

RejectCode check_set_price(const OrderBook* book, const Command& command) {
  if ((command.present & kHasPrice) == 0 || (command.present & ~kAllCommandFields) != 0) return invalid_field;
  if (book == nullptr) return unknown_instrument;
  return check_price(book->instrument, command.price);
}

RejectCode check_new(const EngineState& state, const OrderBook* book, const Command& command) {
  if (const RejectCode code = check_fields(command); code != none) return code;
  if (book == nullptr) return unknown_instrument;
  const auto type = static_cast<OrderType>(command.type);
  const auto side = static_cast<Side>(command.side);
  const auto time_in_force = static_cast<TimeInForce>(command.time_in_force);
  const TypeRule rule = rule_of(type);
  const std::uint8_t tif = bit(time_in_force);
  const Instrument& instrument = book->instrument;
  if (is_forbidden(book->phase, type, time_in_force, command.flags)) return phase_forbids;
  if (command.qty < 1 || command.qty > instrument.definition.max_qty) return invalid_qty;
  if (!instrument.on_lot(command.qty)) return qty_off_step;
  const bool priced = (command.present & kHasPrice) != 0;
  if (has_fixed_limit(type) && !priced) return price_missing;
  if (priced && (rule.fields & kHasPrice) != 0) {
    if (const RejectCode code = check_price(instrument, command.price); code != none) return code;
  }
  if (type == OrderType::limit && rejects_beyond_band(*book, side, command.price)) return price_band;
  if (const RejectCode code = check_stops(*book, command, rule); code != none) return code;
  if (const RejectCode code = check_quantities(*book, command, rule, tif); code != none) return code;
  if (const RejectCode code = check_combination(state, command, rule, tif); code != none) return code;
  if (const RejectCode code =
          check_sums(*book, side, has_fixed_limit(type), command.price, command.qty, command.qty);
      code != none)
    return code;
  if (command.order_id == 0) return invalid_order_id;
  if (state.storage.index.used(command.order_id)) return duplicate_order_id;
  if (state.storage.index.full()) return capacity_ids;
  if (state.storage.orders.live() >= state.limits.max_orders ||
      (type == OrderType::pegged && std::int64_t{book->peg_count()} >= instrument.definition.max_pegs))
    return capacity_orders;
  if ((command.flags & kPostOnly) != 0 && book->phase == Phase::continuous &&
      crosses(*book, side, command.price))
    return would_cross;
  return none;
}

RejectCode check_cancel(const EngineState& state, const OrderBook* book, const Command& command) {
  if (book == nullptr) return unknown_instrument;
  return state.find_order(*book, command.order_id, command.account) == kNone ? unknown_order : none;
}

RejectCode check_mass_cancel(const OrderBook* book, const Command& command) {
  if ((command.present & ~kAllCommandFields) != 0 ||
      ((command.present & kHasSide) != 0 && !within(command.side, Side::buy, Side::sell)))
    return invalid_field;
  if ((command.present & kHasInstrument) != 0 && book == nullptr) return unknown_instrument;
  return (command.present & (kHasInstrument | kHasAccount)) == 0 ? invalid_scope : none;
}

namespace {

// What a replace may change, section 3.9.
struct Changeable {
  bool price = false, stop_price = false;
};

Changeable changeable_of(const Order& order) {
  const bool waits = order.place == OrderPlace::waiting_stop;
  switch (order.type) {
  case OrderType::limit:
  case OrderType::market_to_limit:
  case OrderType::pegged:
    return {.price = true};
  case OrderType::stop:
    return {.stop_price = true};
  case OrderType::stop_limit:
    return {.price = true, .stop_price = waits};
  case OrderType::trailing_stop_limit:
    return {.price = !waits};
  case OrderType::market:
  case OrderType::trailing_stop:
    return {};
  }
  return {};
}

} // namespace

ReplacePlan check_replace(const EngineState& state, const OrderBook* book, Slot slot,
                          const Command& command) {
  const auto reject = [](RejectCode code) { return ReplacePlan{.reject = code}; };
  if ((command.present & ~kAllCommandFields) != 0) return reject(invalid_field);
  if (book == nullptr) return reject(unknown_instrument);
  if (book->phase == Phase::closed || book->phase == Phase::halted) return reject(phase_forbids);
  if (slot == kNone) return reject(unknown_order);
  const Order& order = state.storage.orders[slot];
  const OrderDetail& detail = state.storage.orders.detail(slot);
  if (is_call(book->phase) && is_forbidden(book->phase, order.type, order.time_in_force, order.flags))
    return reject(phase_forbids);

  const Instrument& instrument = book->instrument;
  const Lots cum_qty = order.order_qty - order.leaves;
  const bool gives_qty = (command.present & kHasQty) != 0;
  const bool gives_price = (command.present & kHasPrice) != 0;
  const bool gives_stop = (command.present & kHasStopPrice) != 0;
  ReplacePlan plan{.order_qty = gives_qty ? command.qty : order.order_qty};
  if (plan.order_qty <= cum_qty) return {.closes = true};
  if (gives_qty && plan.order_qty > instrument.definition.max_qty) return reject(invalid_qty);
  if (gives_qty && !instrument.on_lot(plan.order_qty)) return reject(qty_off_step);
  plan.leaves = plan.order_qty - cum_qty;

  const Changeable may = changeable_of(order);
  const bool waits = order.place != OrderPlace::resting;
  if (gives_price && may.price) {
    if (const RejectCode code = check_price(instrument, command.price); code != none) return reject(code);
    if (order.type != OrderType::pegged && !waits && rejects_beyond_band(*book, order.side, command.price))
      return reject(price_band);
  }
  if (gives_stop && may.stop_price) {
    if (check_price(instrument, command.stop_price) != none) return reject(invalid_stop_price);
    if (on_wrong_side(*book, order.side, command.stop_price)) return reject(stop_would_trigger);
  }
  if (order.has(kIceberg) && too_many_parts_of(instrument, plan.leaves, detail.display_qty))
    return reject(too_many_parts);
  if ((gives_price && !may.price) || (gives_stop && !may.stop_price)) return reject(invalid_combination);

  const std::optional<Ticks> in_force = price_in_force(state, slot);
  const bool pegged = order.type == OrderType::pegged; // its price is the worst one that it may take
  const bool fixed = has_fixed_limit(order.type) || (!waits && !pegged);
  const bool had_price = pegged ? order.has(kPriced) : in_force.has_value();
  const Ticks old_price = pegged ? detail.price : in_force.value_or(0);
  const Ticks price = gives_price ? command.price : old_price;
  if (const RejectCode code =
          check_sums(*book, order.side, fixed, price, plan.order_qty, plan.leaves - order.leaves);
      code != none)
    return reject(code);
  const bool price_stays = !gives_price || (had_price && old_price == command.price);
  const bool stop_stays = !gives_stop || detail.stop_price == command.stop_price;
  plan.kept = price_stays && stop_stays && plan.order_qty <= order.order_qty;
  if (!plan.kept && (order.flags & kPostOnly) != 0 && book->phase == Phase::continuous &&
      crosses(*book, order.side, price))
    return reject(would_cross);
  return plan;
}

} // namespace cmatch
