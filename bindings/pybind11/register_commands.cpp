// The commands that are not hot, as ordinary methods.
#include "cmatch/command.hpp"
#include "pybind11/register.hpp"
#include "shared/integers.hpp"
#include "shared/results.hpp"
#include "shared/words.hpp"

namespace cmatch::face {
namespace {

using py::literals::operator""_a;

constexpr const char* kDefineInstrumentDoc =
    R"(define_instrument(instrument_id, *, tick_step=1, lot_step=1, min_price=1, max_price=10**9, max_qty=10**9, max_notional=2**63 - 1, max_parts=10_000, max_pegs=1024, trigger_source="last", stop_wrong_side="reject", band_mode="reject", collar=None, static_band=None, dynamic_band=None, reference=None, phase="continuous", timestamp=None) -> Result

Define an instrument, or define it anew while no order of it lives.

Args:
    instrument_id: Its number, any of 32 bits.
    tick_step: Ticks between two prices.
    lot_step: Lots between two quantities.
    min_price: Least price, ticks.
    max_price: Largest price, ticks.
    max_qty: Largest quantity of one order, lots.
    max_notional: Largest |price| x qty of one order, ticks x lots.
    max_parts: Most shown parts of one iceberg.
    max_pegs: Most pegged orders that live at a time.
    trigger_source: What triggers stops: TriggerSource.
    stop_wrong_side: What becomes of a stop that would trigger at once: StopWrongSide.
    band_mode: What becomes of a trade beyond a band: BandMode.
    collar: Bound of market orders around the reference, ticks.
    static_band: Price band around the static reference, ticks.
    dynamic_band: Price band around the last trade, ticks.
    reference: Static reference price, ticks.
    phase: "closed", "pre_open" or "continuous".
    timestamp: The command's time, ns. None: the engine's clock stays.

Returns:
    Result. Status ACCEPTED or REJECTED.
)";

struct Reader {
  Command& command;

  template <class T>
  void required(const py::object& value, const char* name, T& field) const {
    field = read_integer<T>(value.ptr(), name);
  }
  template <class T>
  void optional(const py::object& value, const char* name, T& field, std::uint16_t bit) const {
    if (value.is_none()) return;
    field = read_integer<T>(value.ptr(), name);
    command.present |= bit;
  }
  void timestamp(const py::object& value) const {
    if (!value.is_none()) command.timestamp = read_integer<TimeNs>(value.ptr(), "timestamp");
  }
};

Command start(CommandKind kind, const py::object& timestamp) {
  Command command{};
  command.kind = static_cast<std::uint8_t>(kind);
  Reader{command}.timestamp(timestamp);
  return command;
}

PyObject* apply(EngineHost& host, const Command& command) {
  Turn turn(host, 1);
  return make_command_result(turn.apply(command));
}

void define_define_instrument(EngineClass& engine) {
  engine.def(
      "define_instrument",
      [](Self host, const py::object& instrument_id, const py::object& tick_step, const py::object& lot_step,
         const py::object& min_price, const py::object& max_price, const py::object& max_qty,
         const py::object& max_notional, const py::object& max_parts, const py::object& max_pegs,
         const py::object& trigger_source, const py::object& stop_wrong_side, const py::object& band_mode,
         const py::object& collar, const py::object& static_band, const py::object& dynamic_band,
         const py::object& reference, const py::object& phase, const py::object& timestamp) {
        return bordered([&] {
          Definition d = definition_of(start(CommandKind::define_instrument, timestamp));
          d.instrument_id = read_integer<InstrumentId>(instrument_id.ptr(), "instrument_id");
          const auto number = [](const py::object& value, const char* name, std::int64_t& field) {
            field = read_integer<std::int64_t>(value.ptr(), name);
          };
          const auto optional = [&](const py::object& value, const char* name, std::int64_t& field,
                                    DefinitionField bit) {
            if (value.is_none()) return;
            number(value, name, field);
            d.present |= bit;
          };
          number(tick_step, "tick_step", d.tick_step);
          number(lot_step, "lot_step", d.lot_step);
          number(min_price, "min_price", d.min_price);
          number(max_price, "max_price", d.max_price);
          number(max_qty, "max_qty", d.max_qty);
          number(max_notional, "max_notional", d.max_notional);
          number(max_parts, "max_parts", d.max_parts);
          number(max_pegs, "max_pegs", d.max_pegs);
          d.trigger_source = words().trigger_source.read(trigger_source.ptr(), "trigger_source");
          d.stop_wrong_side = words().stop_wrong_side.read(stop_wrong_side.ptr(), "stop_wrong_side");
          d.band_mode = words().band_mode.read(band_mode.ptr(), "band_mode");
          optional(collar, "collar", d.collar, kHasCollar);
          optional(static_band, "static_band", d.static_band, kHasStaticBand);
          optional(dynamic_band, "dynamic_band", d.dynamic_band, kHasDynamicBand);
          optional(reference, "reference", d.reference, kHasReference);
          d.phase = words().phase.read(phase.ptr(), "phase");
          return apply(host, command_of(d));
        });
      },
      "instrument_id"_a, py::kw_only(), "tick_step"_a = 1, "lot_step"_a = 1, "min_price"_a = 1,
      "max_price"_a = 1'000'000'000, "max_qty"_a = 1'000'000'000, "max_notional"_a = INT64_MAX,
      "max_parts"_a = 10'000, "max_pegs"_a = 1024, "trigger_source"_a = "last",
      "stop_wrong_side"_a = "reject", "band_mode"_a = "reject", "collar"_a = py::none(),
      "static_band"_a = py::none(), "dynamic_band"_a = py::none(), "reference"_a = py::none(),
      "phase"_a = "continuous", "timestamp"_a = py::none(), kDefineInstrumentDoc);
}

void define_price_command(EngineClass& engine, const char* name, CommandKind kind, const char* doc) {
  engine.def(
      name,
      [kind](Self host, const py::object& instrument_id, const py::object& price,
             const py::object& timestamp) {
        return bordered([&] {
          Command command = start(kind, timestamp);
          const Reader read{command};
          read.required(instrument_id, "instrument_id", command.instrument_id);
          read.required(price, "price", command.price);
          command.present |= kHasPrice;
          return apply(host, command);
        });
      },
      "instrument_id"_a, "price"_a, py::kw_only(), "timestamp"_a = py::none(), doc);
}

void define_instrument_commands(EngineClass& engine) {
  engine.def(
      "set_phase",
      [](Self host, const py::object& instrument_id, const py::object& phase, const py::object& timestamp) {
        return bordered([&] {
          Command command = start(CommandKind::set_phase, timestamp);
          Reader{command}.required(instrument_id, "instrument_id", command.instrument_id);
          command.phase = words().phase.read(phase.ptr(), "phase");
          return apply(host, command);
        });
      },
      "instrument_id"_a, "phase"_a, py::kw_only(), "timestamp"_a = py::none(),
      R"(set_phase(instrument_id, phase, *, timestamp=None) -> Result

Move an instrument to another Phase; leaving a call uncrosses it. Result.trades holds what traded.
)");
  define_price_command(engine, "set_reference", CommandKind::set_reference,
                       R"(set_reference(instrument_id, price, *, timestamp=None) -> Result

Set the static reference price, in ticks: the anchor of the static band, and of all else before a first trade.
)");
  define_price_command(engine, "set_mark", CommandKind::set_mark,
                       R"(set_mark(instrument_id, price, *, timestamp=None) -> Result

Set the mark price, in ticks; it triggers stops where trigger_source is "mark".
)");
}

void define_engine_commands(EngineClass& engine) {
  engine.def(
      "mass_cancel",
      [](Self host, const py::object& instrument_id, const py::object& account, const py::object& side,
         const py::object& timestamp) {
        return bordered([&] {
          Command command = start(CommandKind::mass_cancel, timestamp);
          const Reader read{command};
          read.optional(instrument_id, "instrument_id", command.instrument_id, kHasInstrument);
          read.optional(account, "account", command.account, kHasAccount);
          if (!side.is_none()) {
            command.side = words().side.read(side.ptr(), "side");
            command.present |= kHasSide;
          }
          return apply(host, command);
        });
      },
      py::kw_only(), "instrument_id"_a = py::none(), "account"_a = py::none(), "side"_a = py::none(),
      "timestamp"_a = py::none(),
      R"(mass_cancel(*, instrument_id=None, account=None, side=None, timestamp=None) -> Result

Cancel every order, resting or waiting, that fits all that is given: at least an instrument or an account.
)");
  engine.def(
      "advance_time",
      [](Self host, const py::object& timestamp) {
        return bordered([&] {
          Command command = start(CommandKind::advance_time, py::none());
          Reader{command}.required(timestamp, "timestamp", command.timestamp);
          return apply(host, command);
        });
      },
      "timestamp"_a,
      R"(advance_time(timestamp) -> Result

Move the clock to `timestamp`, ns since the Unix epoch, and expire what is due. The clock never goes back.
)");
  engine.def(
      "retire_ids",
      [](Self host, const py::object& up_to, const py::object& timestamp) {
        return bordered([&] {
          Command command = start(CommandKind::retire_ids, timestamp);
          Reader{command}.required(up_to, "up_to", command.up_to);
          return apply(host, command);
        });
      },
      "up_to"_a, py::kw_only(), "timestamp"_a = py::none(),
      R"(retire_ids(up_to, *, timestamp=None) -> Result

Count every order id up to `up_to` as used and remember it no longer, which frees places of max_order_ids.
)");
}

} // namespace

void register_commands(EngineClass& engine) {
  define_define_instrument(engine);
  define_instrument_commands(engine);
  define_engine_commands(engine);
}

} // namespace cmatch::face
