#include <algorithm>
#include <string>

#include "cmatch/checks.hpp"
#include "cmatch/lifecycle.hpp"
#include "cmatch/snapshot_format.hpp"
#include "cmatch/state_hash.hpp"

namespace cmatch {
namespace {

void require(bool condition, const char* what) {
  if (!condition) throw SnapshotError(std::string("the snapshot is inconsistent: ") + what);
}

// A count of what happened: never near its end in an engine that ran.
std::uint64_t read_counter(Reader& in) {
  const auto counter = in.get<std::uint64_t>();
  require(counter <= std::uint64_t{1} << 62, "a counter that no engine can reach");
  return counter;
}

// Does an order of this type, in this place, with these traits, make sense at all?
bool plausible(const Order& order) {
  const bool stops = is_stop(order.type);
  const bool trails = order.type == OrderType::trailing_stop || order.type == OrderType::trailing_stop_limit;
  const bool pegged = order.type == OrderType::pegged;
  constexpr int kKnown = kIceberg | kGrouped | kExpires | kPriced | kTrails | kOffset | kPegs;
  if ((order.traits & ~kKnown) != 0) return false;
  if (order.has(kTrails) != trails || order.has(kPegs) != pegged || (order.has(kPriced) && !pegged))
    return false;
  if (order.has(kOffset) ? !pegged && order.type != OrderType::trailing_stop_limit
                         : order.type == OrderType::trailing_stop_limit)
    return false;
  if (order.has(kExpires) != (order.time_in_force == TimeInForce::gtd)) return false;
  if (order.has(kIceberg) && (order.hidden() || pegged)) return false;
  switch (order.place) {
  case OrderPlace::none:
    return false;
  case OrderPlace::resting:
    return order.type != OrderType::market && order.type != OrderType::stop &&
           order.type != OrderType::trailing_stop;
  case OrderPlace::market_queue:
    return order.type == OrderType::market;
  case OrderPlace::waiting_stop:
    return stops;
  case OrderPlace::waiting_close:
    return order.time_in_force == TimeInForce::at_close &&
           (order.type == OrderType::limit || order.type == OrderType::market);
  case OrderPlace::waiting_peg:
    return pegged;
  }
  return false;
}

bool modest(std::int64_t value, std::int64_t most) { return value >= -most && value <= most; }

bool valid_price(const Instrument& instrument, Ticks price) {
  return instrument.in_range(price) && instrument.on_tick(price);
}

// What every order has.
void read_common(Order& order, const OrderBook& book, Reader& in) {
  order = Order{};
  order.order_id = in.get<std::uint64_t>();
  order.account = in.get<std::uint64_t>();
  order.leaves = in.get<std::int64_t>();
  order.order_qty = in.get<std::int64_t>();
  order.arrival = in.get<std::uint64_t>();
  std::uint8_t bytes[6];
  for (std::uint8_t& byte : bytes)
    byte = in.get<std::uint8_t>();
  order.traits = in.get<std::uint16_t>();
  require(bytes[0] >= 1 && bytes[0] <= 5 && bytes[1] >= 1 && bytes[1] <= 2 && bytes[2] >= 1 &&
              bytes[2] <= 8 && bytes[3] >= 1 && bytes[3] <= 7 && (bytes[4] & ~kAllOrderFlags) == 0 &&
              bytes[5] <= 4,
          "an order's field is out of range");
  order.place = static_cast<OrderPlace>(bytes[0]);
  order.side = static_cast<Side>(bytes[1]);
  order.type = static_cast<OrderType>(bytes[2]);
  order.time_in_force = static_cast<TimeInForce>(bytes[3]);
  order.flags = bytes[4];
  order.stp_mode = static_cast<StpMode>(bytes[5]);
  order.book = book.number();
  order.prev = order.next = order.level = kNone;
  require(plausible(order), "an order's type, place and traits contradict each other");
}

// What depends on its type, place and traits.
void read_detail(const Order& order, OrderDetail& detail, const Instrument& instrument, Reader& in) {
  detail = OrderDetail{};
  if (waits_with_price(order) || order.has(kPriced)) {
    detail.price = in.get<std::int64_t>();
    require(valid_price(instrument, detail.price), "a price out of range");
  }
  if (order.place == OrderPlace::waiting_stop) {
    detail.stop_price = in.get<std::int64_t>();
    require(order.has(kTrails) ? modest(detail.stop_price, 2 * kMaxMagnitude)
                               : valid_price(instrument, detail.stop_price),
            "a stop price out of range");
  }
  if (order.has(kTrails)) {
    detail.trail = in.get<std::int64_t>();
    require(detail.trail >= 1 && detail.trail <= kMaxMagnitude && instrument.on_tick(detail.trail),
            "a trail out of range");
  }
  if (order.has(kOffset)) {
    detail.offset = in.get<std::int64_t>();
    require(modest(detail.offset, kMaxMagnitude) && instrument.on_tick(detail.offset),
            "an offset out of range");
  }
  if (order.has(kPegs)) {
    const auto peg = in.get<std::uint8_t>();
    require(peg == 1 || peg == 2, "a peg out of range");
    detail.peg = static_cast<Peg>(peg);
  }
  if (order.has(kExpires)) detail.expire_at = in.get<std::int64_t>();
  if (order.has(kGrouped)) detail.stp_group = in.get<std::uint64_t>();
  if (!order.has(kIceberg)) return;
  detail.display_qty = in.get<std::int64_t>();
  detail.shown = in.get<std::int64_t>();
  require(detail.display_qty >= 1 &&
              (order.leaves - 1) / detail.display_qty < instrument.definition.max_parts,
          "an iceberg of too many parts");
  require(order.place == OrderPlace::resting
              ? detail.shown >= 1 && detail.shown <= std::min(detail.display_qty, order.leaves)
              : detail.shown == 0,
          "an iceberg's shown quantity is out of range");
}

// Reads an order into a slot of `book` and its place; pegs are linked by the caller, by arrival.
void read_order(EngineState& state, OrderBook& book, Reader& in, std::vector<Slot>& pegs) {
  require(state.storage.orders.live() < state.limits.max_orders, "more orders than max_orders");
  const Slot slot = state.storage.orders.take();
  Order& order = state.storage.orders[slot];
  const Instrument& instrument = book.instrument;
  read_common(order, book, in);
  require(order.order_id != 0 && state.storage.index.used(order.order_id), "an order whose id is not used");
  require(state.storage.index.find(order.order_id) == kNone, "two orders with one id");
  require(order.leaves >= 1 && order.order_qty >= order.leaves &&
              order.order_qty <= instrument.definition.max_qty &&
              order.leaves <= INT64_MAX - book.live_leaves(order.side),
          "an order's quantities are out of range");
  require(order.arrival >= 1 && order.arrival <= state.arrivals, "an arrival out of range");
  const OrderPlace place = order.place;
  const Ticks resting_price = place == OrderPlace::resting ? in.get<std::int64_t>() : 0;
  require(place != OrderPlace::resting || valid_price(instrument, resting_price), "a price out of range");
  read_detail(order, state.storage.orders.detail(slot), instrument, in);

  state.storage.index.place(order.order_id, slot);
  ++book.live_orders;
  book.live_leaves(order.side) += order.leaves;
  if (order.has(kExpires)) state.storage.expiry.push(state.storage.orders, slot);
  if (order.type == OrderType::pegged) pegs.push_back(slot);
  switch (place) {
  case OrderPlace::resting:
    book.rest(slot, resting_price);
    break;
  case OrderPlace::market_queue:
    book.queue_market(slot);
    break;
  case OrderPlace::waiting_stop:
    book.stops.add(state.storage.orders, slot);
    break;
  case OrderPlace::waiting_close:
    book.wait_for_close(slot);
    break;
  case OrderPlace::waiting_peg:
  case OrderPlace::none:
    break;
  }
}

void read_book(EngineState& state, Reader& in) {
  Definition d{};
  d.kind = static_cast<std::uint8_t>(CommandKind::define_instrument);
  d.instrument_id = in.get<std::uint32_t>();
  d.trigger_source = in.get<std::uint8_t>();
  d.stop_wrong_side = in.get<std::uint8_t>();
  d.band_mode = in.get<std::uint8_t>();
  const auto phase = in.get<std::uint8_t>();
  d.phase = static_cast<std::uint8_t>(Phase::closed);
  d.present = in.get<std::uint16_t>();
  for (std::int64_t* value :
       {&d.tick_step, &d.lot_step, &d.min_price, &d.max_price, &d.max_qty, &d.max_notional, &d.max_parts,
        &d.max_pegs, &d.collar, &d.static_band, &d.dynamic_band})
    *value = in.get<std::int64_t>();
  require((d.present & kHasReference) == 0 && check_define(state, d) == RejectCode::none &&
              state.find_book(d.instrument_id) == nullptr && phase >= 1 && phase <= 6,
          "an instrument's definition is invalid");
  const auto number = static_cast<std::uint32_t>(state.books.size());
  OrderBook& book = state.books.emplace_back(state.storage, number, d);
  state.book_index.insert(d.instrument_id, number);
  book.phase = static_cast<Phase>(phase);
  for (std::optional<Ticks>* price : {&book.last, &book.reference, &book.mark}) {
    *price = in.get_optional();
    require(!*price || valid_price(book.instrument, **price), "a price out of range");
  }
  std::vector<Slot> pegs;
  for (std::uint64_t left = in.get_count(48); left > 0; --left)
    read_order(state, book, in, pegs);
  require(pegs.size() <= static_cast<std::uint64_t>(d.max_pegs), "more pegs than max_pegs");
  sort_by_arrival(state, pegs);
  for (const Slot slot : pegs)
    book.add_peg(slot);
  book.priced_by = book.peg_reference();
}

} // namespace

void read_tape(EngineState& state, Reader& in) {
  for (std::uint64_t left = in.get_count(kTapeEntryBytes); left > 0; --left) {
    TapeEntry entry{};
    entry.trade_id = in.get<std::uint64_t>();
    entry.command_sequence = in.get<std::uint64_t>();
    entry.timestamp = in.get<std::int64_t>();
    entry.instrument_id = in.get<std::uint32_t>();
    entry.taker_side = in.get<std::uint8_t>();
    entry.price = in.get<std::int64_t>();
    entry.qty = in.get<std::int64_t>();
    entry.maker_order_id = in.get<std::uint64_t>();
    entry.taker_order_id = in.get<std::uint64_t>();
    if (TapeEntry* next = state.tape.next()) *next = entry;
  }
}

void read_state(EngineState& state, Reader& in) {
  state.trade_sequence = read_counter(in);
  state.arrivals = read_counter(in);
  const OrderId retired = in.get<std::uint64_t>();
  if (retired > 0) state.storage.index.retire(retired);
  OrderId before = retired;
  for (std::uint64_t left = in.get_count(16); left > 0; --left) {
    const auto first = in.get<std::uint64_t>(), last = in.get<std::uint64_t>();
    require(first > before && first <= last && last - first < state.limits.max_order_ids,
            "the used ids are out of order");
    for (OrderId id = first;; ++id) {
      require(!state.storage.index.full(), "more ids than max_order_ids");
      state.storage.index.insert(id, kNone);
      if (id == last) break;
    }
    before = last;
  }
  for (std::uint64_t left = in.get_count(100); left > 0; --left)
    read_book(state, in);
}

namespace {

EngineLimits read_limits(Reader& in) {
  EngineLimits limits;
  limits.max_instruments = in.get<std::uint32_t>();
  limits.max_orders = in.get<std::uint32_t>();
  limits.max_order_ids = in.get<std::uint64_t>();
  return limits;
}

void pass_tape(Reader& in) { in.take(in.get_count(kTapeEntryBytes) * kTapeEntryBytes); }

// Magic, version, length and digest; gives what lies between prefix and digest.
std::span<const std::uint8_t> unwrap(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < sizeof kSnapshotMagic ||
      !std::equal(std::begin(kSnapshotMagic), std::end(kSnapshotMagic), bytes.begin()))
    throw SnapshotError("these bytes are not a cmatch snapshot: the magic is missing");
  if (bytes.size() < kSnapshotPrefix + kSnapshotDigest)
    throw SnapshotError("the snapshot is cut short inside its header");
  Reader prefix(bytes.subspan(sizeof kSnapshotMagic));
  const auto version = prefix.get<std::uint32_t>();
  if (version != kSnapshotVersion)
    throw SnapshotError("the snapshot has version " + std::to_string(version) +
                        "; this library reads version " + std::to_string(kSnapshotVersion));
  if (prefix.get<std::uint32_t>() != 0)
    throw SnapshotError("the snapshot is damaged: its reserved field is not zero");
  const auto length = prefix.get<std::uint64_t>();
  if (length != bytes.size())
    throw SnapshotError("the snapshot says " + std::to_string(length) + " bytes but " +
                        std::to_string(bytes.size()) + " are here: it is cut short or its length is damaged");
  Reader tail(bytes.last(kSnapshotDigest));
  if (tail.get<std::uint64_t>() != snapshot_digest(bytes.first(bytes.size() - kSnapshotDigest)))
    throw SnapshotError("the snapshot is damaged: its digest does not match");
  return bytes.subspan(kSnapshotPrefix, bytes.size() - kSnapshotPrefix - kSnapshotDigest);
}

} // namespace

EngineLimits Engine::limits_of(std::span<const std::uint8_t> snapshot) {
  Reader in(unwrap(snapshot));
  for (int counter = 0; counter < 3; ++counter) // clock and sequences
    in.get<std::uint64_t>();
  pass_tape(in);
  return read_limits(in);
}

Engine Engine::restore(std::span<const std::uint8_t> bytes, const EngineOptions& options,
                       std::uint64_t* hash) {
  Reader in(unwrap(bytes));
  const auto clock = in.get<std::int64_t>();
  const auto command_sequence = read_counter(in);
  const auto event_sequence = read_counter(in);
  Reader after_tape = in;
  pass_tape(after_tape);
  const std::span<const std::uint8_t> section = after_tape.rest();
  std::unique_ptr<EngineState> state;
  try {
    state = std::make_unique<EngineState>(read_limits(after_tape), options);
  } catch (const std::invalid_argument& error) {
    throw SnapshotError(std::string("the snapshot's limits are invalid: ") + error.what());
  }
  read_tape(*state, in);
  state->clock = clock;
  state->command_sequence = command_sequence;
  state->event_sequence = event_sequence;
  Engine engine(std::move(state));
  try {
    read_state(*engine.state_, after_tape);
    require(after_tape.done(), "bytes follow its end");
    engine.check_invariants();
    engine.state_->storage.deltas = DeltaLog(options.deltas); // what was read is no change
  } catch (const InvariantViolation& error) {
    throw SnapshotError(std::string("the snapshot is inconsistent: ") + error.what());
  }
  // Canonical: what was read must be what would be written.
  Writer again(section);
  write_state(*engine.state_, again);
  require(again.same(), "it is not in canonical form");
  if (hash != nullptr) *hash = digest(section);
  return engine;
}

} // namespace cmatch
