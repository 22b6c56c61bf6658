// _nanobind: the five hot calls as nanobind has them. Measured beside the module that ships; never shipped itself.
#include <nanobind/nanobind.h>

#include <cstdint>
#include <new>

#include "shared/calls.hpp"

namespace nb = nanobind;
namespace face = cmatch::face;
using face::EngineHost;
using nb::literals::operator""_a;

namespace {

nb::object taken(PyObject* result) {
  if (result == nullptr) throw nb::python_error();
  return nb::steal(result);
}

// A literal as Python's compiler would have it: words are compared by pointer first.
nb::object word(const char* text) { return taken(PyUnicode_InternFromString(text)); }

void construct(EngineHost* host, std::uint32_t max_instruments, std::uint32_t max_orders,
               std::uint64_t max_order_ids, bool keep_events, std::uint64_t max_events) {
  const cmatch::EngineLimits limits{max_instruments, max_orders, max_order_ids};
  new (host) EngineHost(cmatch::Engine(limits), {.keep_events = keep_events, .max_events = max_events});
}

nb::object submit(EngineHost& host, nb::handle instrument_id, nb::handle side, nb::handle qty,
                  nb::handle price, nb::handle account, nb::handle order_id, nb::handle type,
                  nb::handle time_in_force, nb::handle flags, nb::handle stp_mode, nb::handle stp_group,
                  nb::handle stop_price, nb::handle trail, nb::handle peg, nb::handle offset,
                  nb::handle display_qty, nb::handle min_qty, nb::handle expire_at, nb::handle timestamp) {
  PyObject* const slots[] = {instrument_id.ptr(), side.ptr(),      qty.ptr(),       price.ptr(),
                             account.ptr(),       order_id.ptr(),  type.ptr(),      time_in_force.ptr(),
                             flags.ptr(),         stp_mode.ptr(),  stp_group.ptr(), stop_price.ptr(),
                             trail.ptr(),         peg.ptr(),       offset.ptr(),    display_qty.ptr(),
                             min_qty.ptr(),       expire_at.ptr(), timestamp.ptr()};
  return taken(face::submit(host, slots));
}

nb::object cancel(EngineHost& host, nb::handle instrument_id, nb::handle order_id, nb::handle account,
                  nb::handle timestamp) {
  PyObject* const slots[] = {instrument_id.ptr(), order_id.ptr(), account.ptr(), timestamp.ptr()};
  return taken(face::cancel(host, slots));
}

nb::object replace(EngineHost& host, nb::handle instrument_id, nb::handle order_id, nb::handle qty,
                   nb::handle price, nb::handle stop_price, nb::handle account, nb::handle timestamp) {
  PyObject* const slots[] = {instrument_id.ptr(), order_id.ptr(), qty.ptr(),      price.ptr(),
                             stop_price.ptr(),    account.ptr(),  timestamp.ptr()};
  return taken(face::replace(host, slots));
}

} // namespace

NB_MODULE(_nanobind, module) {
  try {
    face::load_face(module.ptr());
  } catch (const face::PythonError&) {
    throw nb::python_error();
  }
  nb::class_<EngineHost>(module, "Engine")
      .def("__init__", &construct, nb::kw_only(), "max_instruments"_a = 1024, "max_orders"_a = 1 << 20,
           "max_order_ids"_a = 1 << 24, "keep_events"_a = false, "max_events"_a = 1 << 20)
      .def("submit", &submit, "instrument_id"_a, "side"_a, "qty"_a, "price"_a.none() = nb::none(),
           nb::kw_only(), "account"_a = 0, "order_id"_a.none() = nb::none(), "type"_a = word("limit"),
           "time_in_force"_a = word("gtc"), "flags"_a = 0, "stp_mode"_a = word("none"),
           "stp_group"_a.none() = nb::none(), "stop_price"_a.none() = nb::none(),
           "trail"_a.none() = nb::none(), "peg"_a.none() = nb::none(), "offset"_a.none() = nb::none(),
           "display_qty"_a.none() = nb::none(), "min_qty"_a.none() = nb::none(),
           "expire_at"_a.none() = nb::none(), "timestamp"_a.none() = nb::none())
      .def("cancel", &cancel, "instrument_id"_a, "order_id"_a, "account"_a = 0, nb::kw_only(),
           "timestamp"_a.none() = nb::none())
      .def("replace", &replace, "instrument_id"_a, "order_id"_a, "qty"_a.none() = nb::none(),
           "price"_a.none() = nb::none(), "stop_price"_a.none() = nb::none(), nb::kw_only(), "account"_a = 0,
           "timestamp"_a.none() = nb::none())
      .def(
          "submit_batch",
          [](EngineHost& host, nb::handle commands) {
            return taken(face::submit_batch(host, commands.ptr()));
          },
          "commands"_a)
      .def(
          "best", [](EngineHost& host, nb::handle id) { return taken(face::best(host, id.ptr())); },
          "instrument_id"_a)
      .def("state_hash", [](EngineHost& host) {
        const face::Stay stay(host);
        return host.engine.state_hash();
      });
}
