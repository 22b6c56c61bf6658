// What comes out: one 128-byte record an event, in causal order. Fields that a kind does not name are zero.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cmatch/types.hpp"

namespace cmatch {

// Bits of Event::present.
enum EventField : std::uint8_t {
  kEventPrice = 1 << 0,
  kEventStopPrice = 1 << 1,
  kEventOrderId = 1 << 2,
  kEventInstrument = 1 << 3,
};

struct Event {
  std::uint64_t sequence;         // of events, from 1, gapless
  std::uint64_t command_sequence; // of commands, from 1, gapless
  std::int64_t timestamp;         // the engine's clock, ns
  std::uint32_t instrument_id;
  std::uint8_t kind;      // EventKind
  std::uint8_t command;   // CommandKind that is answered: accepted, rejected
  std::uint16_t reason;   // RejectCode of rejected, CancelReason of canceled
  std::uint64_t order_id; // the order; of trade and prevented the taker's (the seller's in an uncross)
  std::uint64_t account;  // of that order: accepted, trade
  std::int64_t
      qty; // accepted: order_qty; trade; prevented; taken off by canceled, expired; replaced; uncrossed
  std::int64_t price;           // where present has kEventPrice
  std::int64_t leaves;          // of order_id, after the event: trade, prevented, refreshed
  std::uint64_t trade_id;       // trade
  std::uint64_t maker_order_id; // trade, prevented
  std::uint64_t maker_account;  // trade
  std::int64_t maker_leaves;    // trade, prevented
  std::int64_t stop_price;      // where present has kEventStopPrice
  std::uint8_t present;
  std::uint8_t side;          // accepted; trade: the taker's side, 0 in an uncross
  std::uint8_t type;          // accepted: OrderType
  std::uint8_t time_in_force; // accepted
  std::uint8_t phase;         // phase_changed
  std::uint8_t kept;          // replaced: 1 where priority was kept
  std::uint16_t reserved;
  std::int64_t shown; // refreshed
};

static_assert(sizeof(Event) == 128 && std::is_trivially_copyable_v<Event>);

// Zeroes all but sequence, command_sequence and timestamp, field by field: assigning Event{} costs a `rep stos`, four times as slow.
inline void blank(Event& event, InstrumentId instrument_id, EventKind kind) {
  event.instrument_id = instrument_id;
  event.kind = static_cast<std::uint8_t>(kind);
  event.command = 0;
  event.reason = 0;
  event.order_id = event.account = 0;
  event.qty = event.price = event.leaves = 0;
  event.trade_id = event.maker_order_id = event.maker_account = 0;
  event.maker_leaves = event.stop_price = 0;
  event.present = event.side = event.type = event.time_in_force = event.phase = event.kept = 0;
  event.reserved = 0;
  event.shown = 0;
}

} // namespace cmatch
