// Bytes as commands. A fuzzer that fills 128-byte records at random is refused by the first check of each; here most
// bytes choose among few values, close to each other, so that orders meet, and some bytes are taken as they come.
#pragma once

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <span>
#include <vector>

#include "commands.hpp"

namespace cmatch::fuzz {

using test::raw;

inline Command plain(CommandKind kind) { return test::command(kind); }

class Bytes {
 public:
  explicit Bytes(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }

  // The next byte; 0 where there is none left.
  std::uint8_t next() {
    if (bytes_.empty()) return 0;
    const std::uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }

  void fill(void* target, std::size_t size) {
    const std::size_t count = std::min(size, bytes_.size());
    if (count != 0) std::memcpy(target, bytes_.data(), count);
    bytes_ = bytes_.subspan(count);
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

// Numbers at which sums and products go wrong.
inline std::int64_t edge(std::uint8_t byte) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kEdges[] = {0,    -1,       -kMax - 1,         kMax,
                                     1,    kMax - 1, kMaxMagnitude,     -kMaxMagnitude,
                                     -5,   1 << 30,  kMaxMagnitude + 1, -kMaxMagnitude - 1,
                                     1000, kMax / 2, kMax / 100,        std::int64_t{1} << 32};
  return kEdges[byte % std::size(kEdges)];
}

// Around 100, a range of 16; one byte in sixteen is an edge.
inline Ticks price(std::uint8_t byte) { return byte % 16 == 15 ? edge(byte / 16) : 92 + byte / 16; }
inline Lots lots(std::uint8_t byte) { return byte % 16 == 15 ? edge(byte / 16) : byte / 16 + 1; }
inline std::int64_t distance(std::uint8_t byte) { return byte % 16 == 15 ? edge(byte / 16) : byte / 16 - 6; }

// Few ids, so that they are used twice; some at the ends of what an id can be.
inline OrderId order_id(std::uint8_t byte) {
  return byte < 240 ? byte % 96 : static_cast<OrderId>(edge(byte));
}

inline Definition definition_from(Bytes& bytes) {
  const std::uint8_t shape = bytes.next();
  const std::uint8_t modes = bytes.next();
  const std::uint8_t present = bytes.next();
  Definition book = test::definition();
  book.phase = 1 + shape % 3;
  book.tick_step = shape & 4 ? 2 : 1;
  book.lot_step = shape & 8 ? 2 : 1;
  book.min_price = shape & 16 ? -kMaxMagnitude : 1;
  book.max_price = shape & 32 ? kMaxMagnitude : 110;
  book.max_qty = shape & 64 ? std::numeric_limits<std::int64_t>::max() : 100;
  book.max_notional = shape & 128 ? std::numeric_limits<std::int64_t>::max() : 10'000;
  book.trigger_source = 1 + modes % 3;
  book.stop_wrong_side = 1 + (modes >> 2) % 2;
  book.band_mode = 1 + (modes >> 3) % 2;
  book.max_parts = (modes & 16) != 0 ? 3 : 100;
  book.max_pegs = (modes & 32) != 0 ? 2 : 100;
  book.present = present % 16;
  book.collar = (present >> 4) % 4;
  book.static_band = (present >> 5) % 8;
  book.dynamic_band = (present >> 6) % 4;
  book.reference = 100;
  return book;
}

// Every field of an order that the presence bits name; what a bit does not name stays empty.
inline void fill_optional(Command& command, Bytes& bytes) {
  const std::uint16_t present = command.present;
  if (present & kHasPrice) command.price = price(bytes.next());
  if (present & kHasStopPrice) command.stop_price = price(bytes.next());
  if (present & kHasTrail) command.trail = distance(bytes.next());
  if (present & kHasPeg) command.peg = 1 + bytes.next() % 2;
  if (present & kHasOffset) command.offset = distance(bytes.next());
  if (present & kHasDisplayQty) command.display_qty = lots(bytes.next());
  if (present & kHasMinQty) command.min_qty = lots(bytes.next());
  if (present & kHasExpireAt) command.expire_at = bytes.next();
  if (present & kHasStpGroup) command.stp_group = bytes.next() % 2;
}

// A new order whose fields mostly go together, if the byte `odd` does not add or take some.
inline Command order_from(Bytes& bytes) {
  static constexpr std::uint16_t kNeeds[] = {0,
                                             kHasPrice,                 // limit
                                             0,                         // market
                                             0,                         // market_to_limit
                                             kHasStopPrice,             // stop
                                             kHasStopPrice | kHasPrice, // stop_limit
                                             kHasTrail,                 // trailing_stop
                                             kHasTrail | kHasOffset,    // trailing_stop_limit
                                             kHasPeg};                  // pegged
  const std::uint8_t kind = bytes.next();
  const std::uint8_t time = bytes.next();
  const std::uint8_t odd = bytes.next();
  Command order = plain(CommandKind::new_order);
  order.type = 1 + kind % 8;
  order.side = 1 + (kind >> 3) % 2;
  order.stp_mode = (kind >> 4) % 5;
  order.time_in_force = time % 8 == 0 ? raw(TimeInForce::gtc) : time % 8;
  order.flags = (time >> 3) % 8 == 1 ? kPostOnly : (time >> 3) % 8 == 2 ? kHidden : 0;
  order.present = kNeeds[order.type];
  if (order.time_in_force == raw(TimeInForce::gtd)) order.present |= kHasExpireAt;
  if ((time >> 6) == 1) order.present |= kHasDisplayQty;
  if ((time >> 6) == 2) order.present |= kHasMinQty;
  if (odd < 96) order.present ^= static_cast<std::uint16_t>(1u << odd % 13);
  order.order_id = order_id(bytes.next());
  order.account = 1 + order.order_id % 3;
  order.qty = lots(bytes.next());
  fill_optional(order, bytes);
  return order;
}

inline Command change_from(Bytes& bytes, CommandKind kind) {
  Command command = plain(kind);
  command.order_id = order_id(bytes.next());
  command.account = 1 + command.order_id % 3;
  const std::uint8_t present = bytes.next();
  command.present =
      (present & 1 ? kHasPrice : 0) | (present & 2 ? kHasQty : 0) | (present & 4 ? kHasStopPrice : 0);
  if (command.present & kHasQty) command.qty = lots(bytes.next());
  fill_optional(command, bytes);
  return command;
}

inline Command administration_from(Bytes& bytes) {
  const std::uint8_t choice = bytes.next();
  const std::uint8_t value = bytes.next();
  static constexpr CommandKind kKinds[] = {
      CommandKind::set_phase, CommandKind::set_phase, CommandKind::set_phase,   CommandKind::set_reference,
      CommandKind::set_mark,  CommandKind::set_mark,  CommandKind::mass_cancel, CommandKind::retire_ids};
  Command command = plain(kKinds[choice % 8]);
  command.phase = value % 8;
  command.price = price(value);
  command.up_to = value % 32 == 31 ? static_cast<OrderId>(edge(value / 32)) : value % 64;
  command.side = value % 4;
  command.account = 1 + value % 3;
  command.present = static_cast<std::uint16_t>((choice >> 3) % 8 * kHasInstrument) & kAllCommandFields;
  return command;
}

inline Command command_from(Bytes& bytes) {
  const std::uint8_t choice = bytes.next();
  const std::uint8_t where = bytes.next();
  Command command{};
  if (choice < 140)
    command = order_from(bytes);
  else if (choice < 165)
    command = change_from(bytes, CommandKind::cancel);
  else if (choice < 190)
    command = change_from(bytes, CommandKind::replace);
  else if (choice < 230)
    command = administration_from(bytes);
  else if (choice < 238)
    command = command_of(definition_from(bytes));
  else if (choice < 246)
    bytes.fill(&command, sizeof command);
  else { // a sensible order with one field as it comes
    command = order_from(bytes);
    const std::size_t at = bytes.next() % (sizeof command / 8) * 8;
    bytes.fill(reinterpret_cast<std::uint8_t*>(&command) + at, 8);
  }
  if (choice < 238) {
    command.instrument_id = where % 16 == 0 ? where : 1 + where % 2;
    command.timestamp = where >> 4;
  }
  return command;
}

// At most `most` commands; the first defines a book, as without one all are refused alike.
inline std::vector<Command> commands_of(std::span<const std::uint8_t> data, std::size_t most) {
  Bytes bytes(data);
  std::vector<Command> commands{command_of(definition_from(bytes))};
  while (!bytes.empty() && commands.size() < most)
    commands.push_back(command_from(bytes));
  return commands;
}

} // namespace cmatch::fuzz
