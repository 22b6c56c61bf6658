// What goes in: one 128-byte record a command, as it lies in arrays, files and on the wire.
// A define_instrument is the same record read as a Definition; both share the header fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "cmatch/types.hpp"

namespace cmatch {

// Bits of Command::present: which optional fields carry a value. The value of an absent field is never read.
enum CommandField : std::uint16_t {
  kHasPrice = 1 << 0,
  kHasStopPrice = 1 << 1,
  kHasTrail = 1 << 2,
  kHasPeg = 1 << 3,
  kHasOffset = 1 << 4,
  kHasDisplayQty = 1 << 5,
  kHasMinQty = 1 << 6,
  kHasExpireAt = 1 << 7,
  kHasStpGroup = 1 << 8,
  kHasQty = 1 << 9,         // replace only; a new order always has qty
  kHasInstrument = 1 << 10, // mass_cancel only
  kHasAccount = 1 << 11,    // mass_cancel only
  kHasSide = 1 << 12,       // mass_cancel only
};
inline constexpr std::uint16_t kAllCommandFields = (1 << 13) - 1;

struct Command {
  std::int64_t timestamp; // ns
  std::uint32_t instrument_id;
  std::uint8_t kind; // CommandKind
  std::uint8_t side; // Side
  std::uint8_t type; // OrderType
  std::uint8_t time_in_force;
  std::uint64_t order_id;
  std::uint64_t account;
  std::int64_t qty;   // lots
  std::int64_t price; // ticks
  std::uint16_t present;
  std::uint8_t flags;    // OrderFlag
  std::uint8_t stp_mode; // StpMode
  std::uint8_t peg;      // Peg
  std::uint8_t phase;    // Phase, for set_phase
  std::uint16_t reserved0;
  std::uint64_t stp_group;
  std::int64_t stop_price; // ticks
  std::int64_t trail;      // ticks
  std::int64_t offset;     // ticks
  std::int64_t display_qty;
  std::int64_t min_qty;
  std::int64_t expire_at; // ns
  std::uint64_t up_to;    // retire_ids
  std::uint64_t reserved1;
};

// Bits of Definition::present.
enum DefinitionField : std::uint16_t {
  kHasCollar = 1 << 0,
  kHasStaticBand = 1 << 1,
  kHasDynamicBand = 1 << 2,
  kHasReference = 1 << 3,
};
inline constexpr std::uint16_t kAllDefinitionFields = (1 << 4) - 1;

struct Definition {
  std::int64_t timestamp;
  std::uint32_t instrument_id;
  std::uint8_t kind; // CommandKind::define_instrument
  std::uint8_t trigger_source;
  std::uint8_t stop_wrong_side;
  std::uint8_t band_mode;
  std::int64_t tick_step; // ticks between two prices
  std::int64_t lot_step;  // lots between two quantities
  std::int64_t min_price; // ticks
  std::int64_t max_price; // ticks
  std::uint16_t present;
  std::uint8_t reserved0[3];
  std::uint8_t phase; // closed, pre_open or continuous
  std::uint16_t reserved1;
  std::int64_t max_qty;      // lots, of one order
  std::int64_t max_notional; // ticks x lots, of one order
  std::int64_t max_parts;    // shown parts of an iceberg
  std::int64_t max_pegs;     // live pegged orders
  std::int64_t collar;       // ticks
  std::int64_t static_band;  // ticks
  std::int64_t dynamic_band; // ticks
  std::int64_t reference;    // ticks
  std::uint64_t reserved2;
};

static_assert(sizeof(Command) == 128 && sizeof(Definition) == 128);
static_assert(std::is_trivially_copyable_v<Command> && std::is_trivially_copyable_v<Definition>);
static_assert(offsetof(Command, kind) == offsetof(Definition, kind));
static_assert(offsetof(Command, instrument_id) == offsetof(Definition, instrument_id));
static_assert(offsetof(Command, present) == offsetof(Definition, present));
static_assert(offsetof(Command, phase) == offsetof(Definition, phase));

inline Definition definition_of(const Command& command) {
  Definition definition;
  std::memcpy(&definition, &command, sizeof definition);
  return definition;
}

inline Command command_of(const Definition& definition) {
  Command command;
  std::memcpy(&command, &definition, sizeof command);
  return command;
}

} // namespace cmatch
