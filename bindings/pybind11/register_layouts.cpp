// The layouts of the records, from which cmatch.arrays makes its dtypes: the headers are the one list.
#include "cmatch/command.hpp"
#include "cmatch/event.hpp"
#include "cmatch/views.hpp"
#include "pybind11/layout.hpp"
#include "pybind11/register.hpp"

namespace cmatch::face {
namespace {

py::tuple command_layout() {
  return layout(sizeof(Command), CM_FIELD(Command, timestamp), CM_FIELD(Command, instrument_id),
                CM_FIELD(Command, kind), CM_FIELD(Command, side), CM_FIELD(Command, type),
                CM_FIELD(Command, time_in_force), CM_FIELD(Command, order_id), CM_FIELD(Command, account),
                CM_FIELD(Command, qty), CM_FIELD(Command, price), CM_FIELD(Command, present),
                CM_FIELD(Command, flags), CM_FIELD(Command, stp_mode), CM_FIELD(Command, peg),
                CM_FIELD(Command, phase), CM_FIELD(Command, reserved0), CM_FIELD(Command, stp_group),
                CM_FIELD(Command, stop_price), CM_FIELD(Command, trail), CM_FIELD(Command, offset),
                CM_FIELD(Command, display_qty), CM_FIELD(Command, min_qty), CM_FIELD(Command, expire_at),
                CM_FIELD(Command, up_to), CM_FIELD(Command, reserved1));
}

py::tuple definition_layout() {
  return layout(
      sizeof(Definition), CM_FIELD(Definition, timestamp), CM_FIELD(Definition, instrument_id),
      CM_FIELD(Definition, kind), CM_FIELD(Definition, trigger_source), CM_FIELD(Definition, stop_wrong_side),
      CM_FIELD(Definition, band_mode), CM_FIELD(Definition, tick_step), CM_FIELD(Definition, lot_step),
      CM_FIELD(Definition, min_price), CM_FIELD(Definition, max_price), CM_FIELD(Definition, present),
      CM_FIELD(Definition, reserved0), CM_FIELD(Definition, phase), CM_FIELD(Definition, reserved1),
      CM_FIELD(Definition, max_qty), CM_FIELD(Definition, max_notional), CM_FIELD(Definition, max_parts),
      CM_FIELD(Definition, max_pegs), CM_FIELD(Definition, collar), CM_FIELD(Definition, static_band),
      CM_FIELD(Definition, dynamic_band), CM_FIELD(Definition, reference), CM_FIELD(Definition, reserved2));
}

py::tuple event_layout() {
  return layout(sizeof(Event), CM_FIELD(Event, sequence), CM_FIELD(Event, command_sequence),
                CM_FIELD(Event, timestamp), CM_FIELD(Event, instrument_id), CM_FIELD(Event, kind),
                CM_FIELD(Event, command), CM_FIELD(Event, reason), CM_FIELD(Event, order_id),
                CM_FIELD(Event, account), CM_FIELD(Event, qty), CM_FIELD(Event, price),
                CM_FIELD(Event, leaves), CM_FIELD(Event, trade_id), CM_FIELD(Event, maker_order_id),
                CM_FIELD(Event, maker_account), CM_FIELD(Event, maker_leaves), CM_FIELD(Event, stop_price),
                CM_FIELD(Event, present), CM_FIELD(Event, side), CM_FIELD(Event, type),
                CM_FIELD(Event, time_in_force), CM_FIELD(Event, phase), CM_FIELD(Event, kept),
                CM_FIELD(Event, reserved), CM_FIELD(Event, shown));
}

py::tuple tape_layout() {
  return layout(sizeof(TapeEntry), CM_FIELD(TapeEntry, trade_id), CM_FIELD(TapeEntry, command_sequence),
                CM_FIELD(TapeEntry, timestamp), CM_FIELD(TapeEntry, instrument_id),
                CM_FIELD(TapeEntry, taker_side), CM_FIELD(TapeEntry, reserved), CM_FIELD(TapeEntry, price),
                CM_FIELD(TapeEntry, qty), CM_FIELD(TapeEntry, maker_order_id),
                CM_FIELD(TapeEntry, taker_order_id));
}

} // namespace

void register_layouts(py::module_& module) {
  py::dict layouts;
  layouts["COMMAND"] = command_layout();
  layouts["DEFINITION"] = definition_layout();
  layouts["EVENT"] = event_layout();
  layouts["TAPE"] = tape_layout();
  layouts["LEVEL"] = layout(sizeof(LevelView), CM_FIELD(LevelView, price), CM_FIELD(LevelView, qty),
                            CM_FIELD(LevelView, count), CM_FIELD(LevelView, reserved));
  layouts["L3"] = layout(sizeof(L3View), CM_FIELD(L3View, order_id), CM_FIELD(L3View, price),
                         CM_FIELD(L3View, qty), CM_FIELD(L3View, side), CM_FIELD(L3View, reserved));
  layouts["L2_DELTA"] =
      layout(sizeof(L2Delta), CM_FIELD(L2Delta, command_sequence), CM_FIELD(L2Delta, instrument_id),
             CM_FIELD(L2Delta, side), CM_FIELD(L2Delta, reserved), CM_FIELD(L2Delta, price),
             CM_FIELD(L2Delta, qty), CM_FIELD(L2Delta, count), CM_FIELD(L2Delta, reserved1));
  layouts["L3_DELTA"] =
      layout(sizeof(L3Delta), CM_FIELD(L3Delta, command_sequence), CM_FIELD(L3Delta, instrument_id),
             CM_FIELD(L3Delta, action), CM_FIELD(L3Delta, side), CM_FIELD(L3Delta, reserved),
             CM_FIELD(L3Delta, order_id), CM_FIELD(L3Delta, price), CM_FIELD(L3Delta, qty));
  module.attr("LAYOUTS") = layouts;
}

} // namespace cmatch::face
