// What a reader sees of an engine: books as arrays, single orders and instruments as the tuples of cmatch.views.
#include <optional>
#include <vector>

#include "cmatch/views.hpp"
#include "pybind11/register.hpp"
#include "shared/arrays.hpp"
#include "shared/integers.hpp"
#include "shared/words.hpp"

namespace cmatch::face {
namespace {

using py::literals::operator""_a;

py::object member(const Words& words, auto number) {
  PyObject* const object = words.member(static_cast<std::uint32_t>(number));
  if (object == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(object);
}

// Any combination, none too: only the Python class makes those.
py::object order_flags(std::uint8_t flags) {
  return py::module_::import("cmatch.enums").attr("OrderFlag")(flags);
}

template <class Number>
py::object number_or_none(const std::optional<Number>& number) {
  return number ? py::object(py::int_(*number)) : py::object(py::none());
}

PyObject* make_view(const char* name, const py::dict& fields) {
  return py::module_::import("cmatch.views").attr(name)(**fields).release().ptr();
}

PyObject* order_view(const OrderView& order) {
  const Vocabulary& word = words();
  return make_view(
      "Order",
      py::dict("order_id"_a = order.order_id, "account"_a = order.account,
               "instrument_id"_a = order.instrument_id, "side"_a = member(word.side, order.side),
               "type"_a = member(word.order_type, order.type),
               "time_in_force"_a = member(word.time_in_force, order.time_in_force),
               "place"_a = member(word.order_place, order.place), "flags"_a = order_flags(order.flags),
               "stp_mode"_a = member(word.stp_mode, order.stp_mode),
               "stp_group"_a = number_or_none(order.stp_group), "order_qty"_a = order.order_qty,
               "cum_qty"_a = order.cum_qty, "leaves_qty"_a = order.leaves_qty,
               "shown_qty"_a = order.shown_qty, "price"_a = number_or_none(order.price),
               "stop_price"_a = number_or_none(order.stop_price), "trail"_a = number_or_none(order.trail),
               "peg"_a = order.peg ? member(word.peg, *order.peg) : py::none(),
               "offset"_a = number_or_none(order.offset), "worst_price"_a = number_or_none(order.worst_price),
               "display_qty"_a = number_or_none(order.display_qty),
               "expire_at"_a = number_or_none(order.expire_at), "arrival"_a = order.arrival));
}

py::object definition_field(const Definition& d, DefinitionField bit, std::int64_t value) {
  return (d.present & bit) != 0 ? py::object(py::int_(value)) : py::object(py::none());
}

PyObject* instrument_view(InstrumentId instrument_id, const InstrumentView& view) {
  const Vocabulary& word = words();
  const Definition& d = view.definition;
  return make_view(
      "Instrument",
      py::dict("instrument_id"_a = instrument_id, "phase"_a = member(word.phase, view.phase),
               "last"_a = number_or_none(view.last), "mark"_a = number_or_none(view.mark),
               "reference"_a = number_or_none(view.reference), "live_orders"_a = view.live_orders,
               "tick_step"_a = d.tick_step, "lot_step"_a = d.lot_step, "min_price"_a = d.min_price,
               "max_price"_a = d.max_price, "max_qty"_a = d.max_qty, "max_notional"_a = d.max_notional,
               "max_parts"_a = d.max_parts, "max_pegs"_a = d.max_pegs,
               "trigger_source"_a = member(word.trigger_source, d.trigger_source),
               "stop_wrong_side"_a = member(word.stop_wrong_side, d.stop_wrong_side),
               "band_mode"_a = member(word.band_mode, d.band_mode),
               "collar"_a = definition_field(d, kHasCollar, d.collar),
               "static_band"_a = definition_field(d, kHasStaticBand, d.static_band),
               "dynamic_band"_a = definition_field(d, kHasDynamicBand, d.dynamic_band)));
}

// A view of one instrument: `wrap` makes a new reference from the id and what `read` says.
template <class View, class Wrap>
void define_book_view(EngineClass& engine, const char* name, View (Engine::*read)(InstrumentId) const,
                      Wrap wrap, const char* doc) {
  engine.def(
      name,
      [read, wrap](Self host, const py::object& instrument_id) {
        return bordered([&] {
          const auto id = read_integer<InstrumentId>(instrument_id.ptr(), "instrument_id");
          return wrap(id, inside(host, [&](const Engine& e) { return (e.*read)(id); }));
        });
      },
      "instrument_id"_a, doc);
}

void define_book_views(EngineClass& engine) {
  engine.def(
      "l2",
      [](Self host, const py::object& instrument_id, const py::object& depth) {
        return bordered([&] {
          const auto id = read_integer<InstrumentId>(instrument_id.ptr(), "instrument_id");
          const auto most = depth.is_none() ? 0 : read_integer<std::uint64_t>(depth.ptr(), "depth");
          if (!depth.is_none() && most == 0)
            raise(PyExc_ValueError, "depth must be at least 1, or None for all");
          auto [bids, asks] = inside(host, [&](const Engine& e) {
            return std::pair(e.l2(id, Side::buy, most), e.l2(id, Side::sell, most));
          });
          const Ref bid_array = owned(array_of(std::move(bids), "LEVEL_DTYPE"));
          const Ref ask_array = owned(array_of(std::move(asks), "LEVEL_DTYPE"));
          return PyTuple_Pack(2, bid_array.get(), ask_array.get());
        });
      },
      "instrument_id"_a, "depth"_a = py::none(),
      R"(l2(instrument_id, depth=None) -> tuple[ndarray, ndarray]

The aggregated levels of a book, bids and asks, each best first.

Args:
    instrument_id: The book.
    depth: Most levels of a side; None: all.

Returns:
    Two arrays of dtype cmatch.LEVEL_DTYPE: price (ticks), qty (lots shown), count (orders).

Raises:
    UnknownInstrument: It is not defined.
)");
  define_book_view(
      engine, "l3", &Engine::l3,
      [](InstrumentId, std::vector<L3View> rows) { return array_of(std::move(rows), "L3_DTYPE"); },
      R"(l3(instrument_id) -> ndarray

Every displayed order in priority order, bids then asks: dtype cmatch.L3_DTYPE, order_id, price, qty (shown), side.

Raises:
    UnknownInstrument: It is not defined.
)");
  define_book_view(
      engine, "indicative", &Engine::indicative,
      [](InstrumentId, const AuctionView& auction) -> PyObject* {
        if (!auction.has) return Py_NewRef(Py_None);
        return make_view("Indicative", py::dict("price"_a = auction.price, "volume"_a = auction.volume,
                                                "surplus"_a = auction.surplus));
      },
      R"(indicative(instrument_id) -> Indicative | None

What an uncross would do now; None outside a call, or where nothing would trade.

Raises:
    UnknownInstrument: It is not defined.
)");
  define_book_view(engine, "instrument", &Engine::instrument, &instrument_view,
                   R"(instrument(instrument_id) -> Instrument

An instrument as it is defined, with its phase and its last, mark and reference price.

Raises:
    UnknownInstrument: It is not defined.
)");
}

void define_order_views(EngineClass& engine) {
  engine.def(
      "order",
      [](Self host, const py::object& order_id) {
        return bordered([&] {
          const auto id = read_integer<OrderId>(order_id.ptr(), "order_id");
          const auto order = inside(host, [&](const Engine& e) { return e.order(id); });
          return order ? order_view(*order) : Py_NewRef(Py_None);
        });
      },
      "order_id"_a,
      R"(order(order_id) -> Order | None

An order while it lives; None afterwards, and before.
)");
  engine.def(
      "queue_position",
      [](Self host, const py::object& order_id) {
        return bordered([&]() -> PyObject* {
          const auto id = read_integer<OrderId>(order_id.ptr(), "order_id");
          const auto position = inside(host, [&](const Engine& e) { return e.queue_position(id); });
          if (!position) return Py_NewRef(Py_None);
          return make_view("QueuePosition", py::dict("orders_ahead"_a = position->orders_ahead,
                                                     "qty_ahead"_a = position->qty_ahead));
        });
      },
      "order_id"_a,
      R"(queue_position(order_id) -> QueuePosition | None

The orders and lots ahead of a resting order at its price; None of one that waits or does not live.
)");
}

template <class Row>
void define_delta_drain(EngineClass& engine, const char* name, std::vector<Row> (Engine::*drain)(),
                        const char* dtype, const char* doc) {
  engine.def(
      name,
      [drain, dtype](Self host) {
        return bordered([&] {
          need_arrays();
          auto rows = [&] {
            const Stay stay(host);
            if (!host->engine.options().deltas)
              raise(PyExc_RuntimeError, "this engine records no deltas: make it with Engine(deltas=True)");
            return (host->engine.*drain)();
          }();
          return array_of(std::move(rows), dtype);
        });
      },
      doc);
}

void define_streams(EngineClass& engine) {
  engine.def(
      "trades",
      [](Self host) {
        return bordered(
            [&] { return array_of(inside(host, [](const Engine& e) { return e.trades(); }), "TAPE_DTYPE"); });
      },
      R"(trades() -> ndarray

The last trades of all instruments, oldest first: dtype cmatch.TAPE_DTYPE, as many as Engine's `tape` allows.
)");
  engine.def(
      "drain_events",
      [](Self host) {
        return bordered([&] {
          need_arrays();
          EventBuffer events = [&] {
            const Stay stay(host);
            if (!host->keep.keep_events)
              raise(PyExc_RuntimeError, "this engine keeps no events: make it with Engine(keep_events=True)");
            return std::exchange(host->events, host->pool->take());
          }();
          return event_array(std::move(events), host->pool);
        });
      },
      R"(drain_events() -> ndarray

The events of every call since the last drain, in order: dtype cmatch.EVENT_DTYPE. Empties the buffer.

Raises:
    RuntimeError: The engine was made without keep_events.
)");
  define_delta_drain(engine, "drain_l2_deltas", &Engine::drain_l2_deltas, "L2_DELTA_DTYPE",
                     R"(drain_l2_deltas() -> ndarray

The levels that changed since the last drain, with their new totals: dtype cmatch.L2_DELTA_DTYPE. BookMirror applies them.

Raises:
    RuntimeError: The engine was made without deltas.
)");
  define_delta_drain(engine, "drain_l3_deltas", &Engine::drain_l3_deltas, "L3_DELTA_DTYPE",
                     R"(drain_l3_deltas() -> ndarray

The displayed orders that came, changed or went since the last drain: dtype cmatch.L3_DELTA_DTYPE. BookMirror applies them.

Raises:
    RuntimeError: The engine was made without deltas.
)");
}

} // namespace

void register_views(EngineClass& engine) {
  define_book_views(engine);
  define_order_views(engine);
  define_streams(engine);
}

} // namespace cmatch::face
