#include <algorithm>

#include "cmatch/snapshot_format.hpp"
#include "cmatch/state_hash.hpp"

namespace cmatch {
namespace {

// What of an order's traits is not said by its type and place.
std::uint16_t kept_traits(const Order& order) {
  return order.type == OrderType::pegged ? order.traits : static_cast<std::uint16_t>(order.traits & ~kPriced);
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
  for (const auto byte :
       {static_cast<std::uint8_t>(order.place), static_cast<std::uint8_t>(order.side),
        static_cast<std::uint8_t>(order.type), static_cast<std::uint8_t>(order.time_in_force), order.flags,
        static_cast<std::uint8_t>(order.stp_mode)})
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
  for (const std::uint8_t byte :
       {d.trigger_source, d.stop_wrong_side, d.band_mode, static_cast<std::uint8_t>(book.phase)})
    out.put(byte);
  out.put(d.present);
  for (const std::int64_t value :
       {d.tick_step, d.lot_step, d.min_price, d.max_price, d.max_qty, d.max_notional, d.max_parts, d.max_pegs,
        d.collar, d.static_band, d.dynamic_band})
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

} // namespace

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
  std::sort(books.begin(), books.end(),
            [](const OrderBook* a, const OrderBook* b) { return a->id() < b->id(); });
  out.put(std::uint64_t{books.size()});
  for (const OrderBook* book : books)
    write_book(state, *book, out);
}

std::uint64_t snapshot_digest(std::span<const std::uint8_t> bytes) { return digest(bytes); }

std::uint64_t Engine::state_hash() const {
  Writer out;
  write_state(*state_, out);
  return digest(out.bytes);
}

std::vector<std::uint8_t> Engine::snapshot() const {
  Writer out;
  out.bytes.assign(std::begin(kSnapshotMagic), std::end(kSnapshotMagic));
  out.put(kSnapshotVersion);
  out.put(std::uint32_t{0});
  out.put(std::uint64_t{0}); // the length, written below
  out.put(state_->clock);
  out.put(state_->command_sequence);
  out.put(state_->event_sequence);
  write_tape(*state_, out);
  write_state(*state_, out);
  auto length = static_cast<std::uint64_t>(out.bytes.size() + kSnapshotDigest);
  for (std::size_t i = 0; i < 8; ++i, length >>= 8)
    out.bytes[kSnapshotPrefix - 8 + i] = static_cast<std::uint8_t>(length);
  out.put(snapshot_digest(out.bytes));
  return std::move(out.bytes);
}

} // namespace cmatch
