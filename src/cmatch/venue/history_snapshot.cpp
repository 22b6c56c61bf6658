#include "cmatch/venue/history.hpp"
#include "cmatch/venue/venue_format.hpp"

namespace cmatch {
namespace {

constexpr Wrapping kWrapping{{'C', 'M', 'A', 'T', 'C', 'H', 'H', 'I'}, 1};

// Records have no padding, and their integers are little-endian on every machine that we build for.
template <class Record>
void write_rings(const KeyedRings<Record>& rings, Writer& out) {
  std::uint64_t blocks = 0;
  rings.for_each_block([&](std::uint64_t, std::uint32_t, std::span<const Record>) { ++blocks; });
  out.put(blocks);
  rings.for_each_block([&](std::uint64_t key, std::uint32_t begin, std::span<const Record> records) {
    out.put(key);
    out.put(begin);
    out.put(static_cast<std::uint32_t>(records.size()));
    out.put_bytes(records.data(), records.size_bytes());
  });
}

// Those of which check(key, record) holds; how many blocks were beyond the limits.
template <class Record, class Check, class Take, class Forget>
std::uint64_t read_rings(Reader& in, KeyedRings<Record>& rings, Check&& check, Take&& take, Forget&& forget) {
  constexpr std::uint32_t kBlock = KeyedRings<Record>::kBlock;
  std::uint64_t dropped = 0;
  for (std::uint64_t left = in.get_count(16 + sizeof(Record)); left > 0; --left) {
    const auto key = in.get<std::uint64_t>();
    const auto begin = in.get<std::uint32_t>(), count = in.get<std::uint32_t>();
    refuse_unless(count >= 1 && count <= kBlock && begin <= kBlock - count && rings.takes_block(key),
                  "a block that cannot be");
    Record records[kBlock];
    in.get_bytes(records, count * sizeof(Record));
    for (std::uint32_t i = 0; i < count; ++i)
      refuse_unless(check(key, records[i]), "a record that cannot be");
    dropped += !rings.push_block(key, begin, std::span(records, count), take, forget);
  }
  return dropped;
}

} // namespace

std::vector<std::uint8_t> History::snapshot(std::uint64_t sequence) const {
  Writer out;
  kWrapping.begin(out);
  out.put(sequence);
  out.put(dropped_);
  write_rings(orders_, out);
  write_rings(fills_, out);
  write_rings(trades_, out);
  Wrapping::end(out);
  return std::move(out.bytes);
}

History History::restore(std::span<const std::uint8_t> bytes, std::uint64_t sequence,
                         const HistoryLimits& limits) {
  Reader in(kWrapping.open(bytes));
  if (in.get<std::uint64_t>() != sequence) throw SnapshotError("the history is of another sequence");
  History made(limits);
  made.dropped_ = in.get<std::uint64_t>();
  HashIndex<std::uint64_t>& index = made.index_;
  const auto forget = [](const auto&) {};
  const auto pass = [](const auto&) {};
  made.dropped_ += read_rings(
      in, made.orders_,
      [&](std::uint64_t account, const HistoryOrder& order) {
        return account == order.account && order.order_id != 0 && index.find(order.order_id) == kNoSlot;
      },
      [&](HistoryOrder& order) { index.insert(order.order_id, made.orders_.place_of(&order)); },
      [&](const HistoryOrder& oldest) { index.erase(oldest.order_id); });
  made.dropped_ +=
      read_rings(in, made.fills_, [](std::uint64_t, const HistoryFill&) { return true; }, pass, forget);
  made.dropped_ += read_rings(
      in, made.trades_,
      [](std::uint64_t instrument, const HistoryTrade& trade) { return instrument == trade.instrument_id; },
      pass, forget);
  refuse_unless(in.done(), "bytes behind its end");
  try {
    made.check_invariants();
  } catch (const InvariantViolation& error) {
    throw SnapshotError(std::string("the snapshot is inconsistent: ") + error.what());
  }
  return made;
}

} // namespace cmatch
