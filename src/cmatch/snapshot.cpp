#include "cmatch/snapshot.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "cmatch/checks.hpp"
#include "cmatch/engine_state.hpp"
#include "cmatch/lifecycle.hpp"
#include "cmatch/state_hash.hpp"

namespace cmatch {
namespace {

// magic, version, reserved, length of the whole; then clock, sequences, tape; then the state; then the digest.
constexpr std::uint8_t kMagic[8] = {'C', 'M', 'A', 'T', 'C', 'H', 'S', 'N'};
constexpr std::size_t kPrefix = 24, kDigest = 8;

class Writer {
 public:
  std::vector<std::uint8_t> bytes;

  template <class T>
  void put(T value) {
    auto wide = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i, wide >>= 8)
      bytes.push_back(static_cast<std::uint8_t>(wide));
  }
  void put(std::optional<Ticks> value) {
    put<std::uint8_t>(value.has_value());
    put<std::int64_t>(value.value_or(0));
  }
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  template <class T>
  T get() {
    if (bytes_.size() - at_ < sizeof(T)) throw SnapshotError("the snapshot ends inside a field");
    std::uint64_t wide = 0;
    for (std::size_t i = sizeof(T); i-- > 0;)
      wide = wide << 8 | bytes_[at_ + i];
    at_ += sizeof(T);
    return static_cast<T>(wide);
  }
  std::optional<Ticks> get_optional() {
    const auto has = get<std::uint8_t>();
    const auto value = get<std::int64_t>();
    return has != 0 ? std::optional(value) : std::nullopt;
  }
  // A count of records of at least `size` bytes each: no more than can follow.
  std::uint64_t get_count(std::size_t size) {
    const auto count = get<std::uint64_t>();
    if (count > (bytes_.size() - at_) / size) throw SnapshotError("the snapshot counts more records than it holds");
    return count;
  }
  bool done() const { return at_ == bytes_.size(); }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

void require(bool condition, const char* what) {
  if (!condition) throw SnapshotError(std::string("the snapshot is inconsistent: ") + what);
}

// What of an order's traits is not said by its type and place.
std::uint16_t kept_traits(const Order& order) {
  const auto own = static_cast<std::uint16_t>(order.traits & ~(kPriced | kStops));
  return order.type == OrderType::pegged ? static_cast<std::uint16_t>(order.traits & ~kStops) : own;
}

bool waits_with_price(const Order& order) {
  return (order.place == OrderPlace::waiting_close && order.type == OrderType::limit) ||
         (order.place == OrderPlace::waiting_stop && order.type == OrderType::stop_limit);
}

void write_order(const EngineState& state, Slot slot, Writer& out) {
  const Order& order = state.storage.orders[slot];
  const OrderDetail& detail = state.storage.orders.detail(slot);
  const std::uint16_t traits = kept_traits(order);
  out.put(order.order_id);
  out.put(order.account);
  out.put(order.leaves);
  out.put(order.order_qty);
  out.put(order.arrival);
  for (const auto byte : {static_cast<std::uint8_t>(order.place), static_cast<std::uint8_t>(order.side),
                          static_cast<std::uint8_t>(order.type), static_cast<std::uint8_t>(order.time_in_force),
                          order.flags, static_cast<std::uint8_t>(order.stp_mode)})
    out.put(byte);
  out.put(traits);
  if (order.place == OrderPlace::resting) out.put(state.storage.levels[order.level].price);
  if (waits_with_price(order) || (traits & kPriced) != 0) out.put(detail.price);
  if (order.place == OrderPlace::waiting_stop) out.put(detail.stop_price);
  if ((traits & kTrails) != 0) out.put(detail.trail);
  if ((traits & kOffset) != 0) out.put(detail.offset);
  if ((traits & kPegs) != 0) out.put(static_cast<std::uint8_t>(detail.peg));
  if ((traits & kExpires) != 0) out.put(detail.expire_at);
  if ((traits & kGrouped) != 0) out.put(detail.stp_group);
  if ((traits & kIceberg) != 0) {
    out.put(detail.display_qty);
    out.put(order.place == OrderPlace::resting ? detail.shown : Lots{0});
  }
}

void write_book(const EngineState& state, const OrderBook& book, Writer& out) {
  const Definition& d = book.instrument.definition;
  out.put(d.instrument_id);
  for (const std::uint8_t byte : {d.trigger_source, d.stop_wrong_side, d.band_mode, static_cast<std::uint8_t>(book.phase)})
    out.put(byte);
  out.put(d.present);
  for (const std::int64_t value : {d.tick_step, d.lot_step, d.min_price, d.max_price, d.max_qty, d.max_notional,
                                   d.max_parts, d.max_pegs, d.collar, d.static_band, d.dynamic_band})
    out.put(value);
  out.put(book.last);
  out.put(book.reference);
  out.put(book.mark);

  // Resting orders in the order of the queues, then those that wait, by arrival.
  std::vector<Slot> resting, waiting;
  book.for_each_order([&](Slot slot) {
    (state.storage.orders[slot].place == OrderPlace::resting ? resting : waiting).push_back(slot);
  });
  std::sort(waiting.begin(), waiting.end(), [&](Slot a, Slot b) {
    return state.storage.orders[a].arrival < state.storage.orders[b].arrival;
  });
  out.put(std::uint64_t{resting.size() + waiting.size()});
  for (const std::vector<Slot>& slots : {std::cref(resting), std::cref(waiting)})
    for (const Slot slot : slots)
      write_order(state, slot, out);
}

void write_state(const EngineState& state, Writer& out) {
  out.put(state.limits.max_instruments);
  out.put(state.limits.max_orders);
  out.put(state.limits.max_order_ids);
  out.put(state.trade_sequence);
  out.put(state.arrivals);
  out.put(state.storage.index.retired());
  const auto ranges = state.storage.index.used_ranges();
  out.put(std::uint64_t{ranges.size()});
  for (const auto& [first, last] : ranges) {
    out.put(first);
    out.put(last);
  }
  std::vector<const OrderBook*> books;
  for (const OrderBook& book : state.books)
    books.push_back(&book);
  std::sort(books.begin(), books.end(), [](const OrderBook* a, const OrderBook* b) { return a->id() < b->id(); });
  out.put(std::uint64_t{books.size()});
  for (const OrderBook* book : books)
    write_book(state, *book, out);
}

void write_tape(const EngineState& state, Writer& out) {
  const std::vector<TapeEntry> entries = state.tape.entries();
  out.put(std::uint64_t{entries.size()});
  for (const TapeEntry& entry : entries) {
    out.put(entry.trade_id);
    out.put(entry.command_sequence);
    out.put(entry.timestamp);
    out.put(entry.instrument_id);
    out.put(entry.taker_side);
    out.put(entry.price);
    out.put(entry.qty);
    out.put(entry.maker_order_id);
    out.put(entry.taker_order_id);
  }
}

void read_tape(EngineState& state, Reader& in) {
  for (std::uint64_t left = in.get_count(61); left > 0; --left) {
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

// Does an order of this type, in this place, with these traits, make sense at all?
bool plausible(const Order& order) {
  const bool stops = is_stop(order.type);
  const bool trails = order.type == OrderType::trailing_stop || order.type == OrderType::trailing_stop_limit;
  const bool pegged = order.type == OrderType::pegged;
  if (order.has(kTrails) != trails || order.has(kPegs) != pegged || (order.has(kPriced) && !pegged)) return false;
  if (order.has(kOffset) ? !pegged && order.type != OrderType::trailing_stop_limit
                         : order.type == OrderType::trailing_stop_limit)
    return false;
  if (order.has(kExpires) != (order.time_in_force == TimeInForce::gtd)) return false;
  if (order.has(kIceberg) && (order.hidden() || pegged)) return false;
  switch (order.place) {
    case OrderPlace::none: return false;
    case OrderPlace::resting:
      return order.type != OrderType::market && order.type != OrderType::stop && order.type != OrderType::trailing_stop;
    case OrderPlace::market_queue: return order.type == OrderType::market;
    case OrderPlace::waiting_stop: return stops;
    case OrderPlace::waiting_close:
      return order.time_in_force == TimeInForce::at_close &&
             (order.type == OrderType::limit || order.type == OrderType::market);
    case OrderPlace::waiting_peg: return pegged;
  }
  return false;
}

bool modest(std::int64_t value, std::int64_t most) { return value >= -most && value <= most; }

// Reads an order into a slot of `book` and its place; pegs are linked by the caller, by arrival.
void read_order(EngineState& state, OrderBook& book, Reader& in, std::vector<Slot>& pegs) {
  require(state.storage.orders.live() < state.limits.max_orders, "more orders than max_orders");
  const Slot slot = state.storage.orders.take();
  Order& order = state.storage.orders[slot];
  OrderDetail& detail = state.storage.orders.detail(slot);
  order = Order{};
  detail = OrderDetail{};
  order.order_id = in.get<std::uint64_t>();
  order.account = in.get<std::uint64_t>();
  order.leaves = in.get<std::int64_t>();
  order.order_qty = in.get<std::int64_t>();
  order.arrival = in.get<std::uint64_t>();
  std::uint8_t bytes[6];
  for (std::uint8_t& byte : bytes)
    byte = in.get<std::uint8_t>();
  order.traits = in.get<std::uint16_t>();
  require(bytes[0] >= 1 && bytes[0] <= 5 && bytes[1] >= 1 && bytes[1] <= 2 && bytes[2] >= 1 && bytes[2] <= 8 &&
              bytes[3] >= 1 && bytes[3] <= 7 && (bytes[4] & ~kAllOrderFlags) == 0 && bytes[5] <= 4,
          "an order's field is out of range");
  const auto place = static_cast<OrderPlace>(bytes[0]);
  order.place = place;
  order.side = static_cast<Side>(bytes[1]);
  order.type = static_cast<OrderType>(bytes[2]);
  order.time_in_force = static_cast<TimeInForce>(bytes[3]);
  order.flags = bytes[4];
  order.stp_mode = static_cast<StpMode>(bytes[5]);
  order.book = book.number();
  order.prev = order.next = order.level = kNone;
  const Instrument& instrument = book.instrument;
  const auto valid_price = [&](Ticks price) { return instrument.in_range(price) && instrument.on_tick(price); };
  require(plausible(order), "an order's type, place and traits contradict each other");
  require(order.order_id != 0 && state.storage.index.used(order.order_id), "an order whose id is not used");
  require(state.storage.index.find(order.order_id) == kNone, "two orders with one id");
  require(order.leaves >= 1 && order.order_qty >= order.leaves && order.order_qty <= instrument.definition.max_qty &&
              order.leaves <= INT64_MAX - book.live_leaves(order.side),
          "an order's quantities are out of range");
  require(order.arrival >= 1 && order.arrival <= state.arrivals, "an arrival out of range");

  const Ticks resting_price = place == OrderPlace::resting ? in.get<std::int64_t>() : 0;
  require(place != OrderPlace::resting || valid_price(resting_price), "a price out of range");
  if (waits_with_price(order) || order.has(kPriced)) {
    detail.price = in.get<std::int64_t>();
    require(valid_price(detail.price), "a price out of range");
  }
  if (place == OrderPlace::waiting_stop) {
    detail.stop_price = in.get<std::int64_t>();
    require(order.has(kTrails) ? modest(detail.stop_price, 2 * kMaxMagnitude) : valid_price(detail.stop_price),
            "a stop price out of range");
  }
  if (order.has(kTrails)) {
    detail.trail = in.get<std::int64_t>();
    require(detail.trail >= 1 && detail.trail <= kMaxMagnitude && instrument.on_tick(detail.trail), "a trail out of range");
  }
  if (order.has(kOffset)) {
    detail.offset = in.get<std::int64_t>();
    require(modest(detail.offset, kMaxMagnitude) && instrument.on_tick(detail.offset), "an offset out of range");
  }
  if (order.has(kPegs)) {
    const auto peg = in.get<std::uint8_t>();
    require(peg == 1 || peg == 2, "a peg out of range");
    detail.peg = static_cast<Peg>(peg);
  }
  if (order.has(kExpires)) detail.expire_at = in.get<std::int64_t>();
  if (order.has(kGrouped)) detail.stp_group = in.get<std::uint64_t>();
  if (order.has(kIceberg)) {
    detail.display_qty = in.get<std::int64_t>();
    detail.shown = in.get<std::int64_t>();
    require(detail.display_qty >= 1 && (order.leaves - 1) / detail.display_qty < instrument.definition.max_parts,
            "an iceberg of too many parts");
    require(place == OrderPlace::resting
                ? detail.shown >= 1 && detail.shown <= std::min(detail.display_qty, order.leaves)
                : detail.shown == 0,
            "an iceberg's shown quantity is out of range");
  }

  state.storage.index.set(order.order_id, slot);
  ++book.live_orders;
  book.live_leaves(order.side) += order.leaves;
  if (order.has(kExpires)) state.storage.expiry.push(state.storage.orders, slot);
  if (order.type == OrderType::pegged) pegs.push_back(slot);
  switch (place) {
    case OrderPlace::resting: book.rest(slot, resting_price); break;
    case OrderPlace::market_queue: book.queue_market(slot); break;
    case OrderPlace::waiting_stop: book.stops.add(state.storage.orders, slot); break;
    case OrderPlace::waiting_close: book.wait_for_close(slot); break;
    case OrderPlace::waiting_peg:
    case OrderPlace::none: break;
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
  for (std::int64_t* value : {&d.tick_step, &d.lot_step, &d.min_price, &d.max_price, &d.max_qty, &d.max_notional,
                              &d.max_parts, &d.max_pegs, &d.collar, &d.static_band, &d.dynamic_band})
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
    require(!*price || (book.instrument.in_range(**price) && book.instrument.on_tick(**price)), "a price out of range");
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

void read_state(EngineState& state, Reader& in) {
  state.trade_sequence = in.get<std::uint64_t>();
  state.arrivals = in.get<std::uint64_t>();
  const OrderId retired = in.get<std::uint64_t>();
  if (retired > 0) state.storage.index.retire(retired);
  OrderId before = retired;
  for (std::uint64_t left = in.get_count(16); left > 0; --left) {
    const auto first = in.get<std::uint64_t>(), last = in.get<std::uint64_t>();
    require(first > before && first <= last && last - first < state.limits.max_order_ids, "the used ids are out of order");
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

EngineLimits read_limits(Reader& in) {
  EngineLimits limits;
  limits.max_instruments = in.get<std::uint32_t>();
  limits.max_orders = in.get<std::uint32_t>();
  limits.max_order_ids = in.get<std::uint64_t>();
  return limits;
}

// Magic, version, length and digest; gives what lies between prefix and digest.
std::span<const std::uint8_t> unwrap(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < sizeof kMagic || !std::equal(std::begin(kMagic), std::end(kMagic), bytes.begin()))
    throw SnapshotError("these bytes are not a cmatch snapshot: the magic is missing");
  if (bytes.size() < kPrefix + kDigest) throw SnapshotError("the snapshot is cut short inside its header");
  Reader prefix(bytes.subspan(sizeof kMagic));
  const auto version = prefix.get<std::uint32_t>();
  if (version != kSnapshotVersion)
    throw SnapshotError("the snapshot has version " + std::to_string(version) + "; this library reads version " +
                        std::to_string(kSnapshotVersion));
  if (prefix.get<std::uint32_t>() != 0) throw SnapshotError("the snapshot is damaged: its reserved field is not zero");
  const auto length = prefix.get<std::uint64_t>();
  if (length != bytes.size())
    throw SnapshotError("the snapshot says " + std::to_string(length) + " bytes but " + std::to_string(bytes.size()) +
                        " are here: it is cut short or its length is damaged");
  Reader tail(bytes.last(kDigest));
  if (tail.get<std::uint64_t>() != snapshot_digest(bytes.first(bytes.size() - kDigest)))
    throw SnapshotError("the snapshot is damaged: its digest does not match");
  return bytes.subspan(kPrefix, bytes.size() - kPrefix - kDigest);
}

} // namespace

std::uint64_t snapshot_digest(std::span<const std::uint8_t> bytes) { return digest(bytes); }

std::uint64_t Engine::state_hash() const {
  Writer out;
  write_state(*state_, out);
  return digest(out.bytes);
}

std::vector<std::uint8_t> Engine::snapshot() const {
  Writer out;
  out.bytes.assign(std::begin(kMagic), std::end(kMagic));
  out.put(kSnapshotVersion);
  out.put(std::uint32_t{0});
  out.put(std::uint64_t{0}); // the length, written below
  out.put(state_->clock);
  out.put(state_->command_sequence);
  out.put(state_->event_sequence);
  write_tape(*state_, out);
  write_state(*state_, out);
  auto length = static_cast<std::uint64_t>(out.bytes.size() + kDigest);
  for (std::size_t i = 0; i < 8; ++i, length >>= 8)
    out.bytes[kPrefix - 8 + i] = static_cast<std::uint8_t>(length);
  out.put(snapshot_digest(out.bytes));
  return std::move(out.bytes);
}

Engine Engine::restore(std::span<const std::uint8_t> bytes, const EngineOptions& options) {
  Reader in(unwrap(bytes));
  const auto clock = in.get<std::int64_t>();
  const auto command_sequence = in.get<std::uint64_t>();
  const auto event_sequence = in.get<std::uint64_t>();
  Reader after_tape = in;
  for (std::uint64_t left = after_tape.get_count(61) * 61; left > 0; --left)
    after_tape.get<std::uint8_t>();
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
  Writer again;
  write_state(*engine.state_, again);
  const auto written = bytes.subspan(bytes.size() - kDigest - std::min(bytes.size() - kDigest, again.bytes.size()),
                                     std::min(bytes.size() - kDigest, again.bytes.size()));
  require(std::ranges::equal(again.bytes, written), "it is not in canonical form");
  return engine;
}

} // namespace cmatch
