// The engine's class: constructors, counters, state hash and snapshots.
#include <cstring>
#include <memory>
#include <span>

#include "pybind11/register.hpp"
#include "shared/arrays.hpp"
#include "shared/integers.hpp"

namespace cmatch::face {
namespace {

using py::literals::operator""_a;

PyTypeObject* engine_type = nullptr;

constexpr const char* kEngineDoc =
    R"(A matching engine: many books, one clock, one sequence of commands.

Args:
    max_instruments: Most instruments; reaching a limit is a reject, never an error.
    max_orders: Most live orders, waiting ones too; at most 2**28.
    max_order_ids: Most order ids that are remembered as used; at most 2**36.
    prefault: Touch all memory now, so that no order meets a page fault.
    deltas: Record L2 and L3 deltas for drain_l2_deltas() and drain_l3_deltas().
    keep_events: Keep the events of every call for drain_events().
    max_events: Places of that buffer, and of the deltas'; a call for which it has none is refused with BufferError.
    tape: How many trades trades() remembers.

Raises:
    ValueError: A limit is 0 or too large.
    MemoryError: The limits ask for more memory than there is.
)";

EngineOptions engine_options(bool prefault, bool deltas, const py::object& tape) {
  return {.prefault = prefault, .deltas = deltas, .tape = read_integer<std::uint32_t>(tape.ptr(), "tape")};
}

KeepOptions keep_options(bool keep_events, const py::object& max_events) {
  return {.keep_events = keep_events,
          .max_events = read_integer<std::uint64_t>(max_events.ptr(), "max_events")};
}

// Runs a factory with our errors: its result, or the Python exception.
template <class Make>
std::unique_ptr<EngineHost> constructed(Make&& make) {
  std::unique_ptr<EngineHost> host;
  bordered([&] {
    host = make();
    return Py_NewRef(Py_None);
  });
  return host;
}

// The bytes of any object with a contiguous buffer.
class Bytes {
 public:
  explicit Bytes(PyObject* data) {
    if (PyObject_GetBuffer(data, &buffer_, PyBUF_SIMPLE) < 0) throw PythonError();
  }
  ~Bytes() { PyBuffer_Release(&buffer_); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  std::span<const std::uint8_t> view() const {
    return {static_cast<const std::uint8_t*>(buffer_.buf), static_cast<std::size_t>(buffer_.len)};
  }

 private:
  Py_buffer buffer_{};
};

std::unique_ptr<EngineHost> make_engine(const py::object& max_instruments, const py::object& max_orders,
                                        const py::object& max_order_ids, bool prefault, bool deltas,
                                        bool keep_events, const py::object& max_events,
                                        const py::object& tape) {
  return constructed([&] {
    const EngineLimits limits{
        .max_instruments = read_integer<std::uint32_t>(max_instruments.ptr(), "max_instruments"),
        .max_orders = read_integer<std::uint32_t>(max_orders.ptr(), "max_orders"),
        .max_order_ids = read_integer<std::uint64_t>(max_order_ids.ptr(), "max_order_ids")};
    return std::make_unique<EngineHost>(Engine(limits, engine_options(prefault, deltas, tape)),
                                        keep_options(keep_events, max_events));
  });
}

std::unique_ptr<EngineHost> restore_engine(const py::object& snapshot, bool prefault, bool deltas,
                                           bool keep_events, const py::object& max_events,
                                           const py::object& tape) {
  return constructed([&] {
    const EngineOptions options = engine_options(prefault, deltas, tape);
    const KeepOptions keep = keep_options(keep_events, max_events);
    const Bytes bytes(snapshot.ptr());
    const py::gil_scoped_release unlocked;
    return std::make_unique<EngineHost>(Engine::restore(bytes.view(), options), keep);
  });
}

void define_constructors(EngineClass& engine) {
  engine.def(py::init(&make_engine), py::kw_only(), "max_instruments"_a = 1024, "max_orders"_a = 1 << 20,
             "max_order_ids"_a = 1 << 24, "prefault"_a = false, "deltas"_a = false, "keep_events"_a = false,
             "max_events"_a = 1 << 20, "tape"_a = 1024);
  engine.def(py::init(&restore_engine), "snapshot"_a, py::kw_only(), "prefault"_a = false, "deltas"_a = false,
             "keep_events"_a = false, "max_events"_a = 1 << 20, "tape"_a = 1024);
}

template <class Number>
void define_number(EngineClass& engine, const char* name, Number (Engine::*read)() const, const char* doc) {
  engine.def_property_readonly(
      name,
      [read](Self host) {
        return bordered([&] {
          return py::int_(inside(host, [&](const Engine& e) { return (e.*read)(); })).release().ptr();
        });
      },
      doc);
}

void define_properties(EngineClass& engine) {
  define_number(engine, "next_order_id", &Engine::next_order_id,
                "The id that submit() gives next: the highest used + 1; 0 where none is left.");
  define_number(engine, "clock", &Engine::clock, "Largest timestamp seen, ns since the Unix epoch.");
  define_number(engine, "command_sequence", &Engine::command_sequence, "How many commands were applied.");
  define_number(engine, "event_sequence", &Engine::event_sequence, "How many events they made.");
  define_number(engine, "trade_sequence", &Engine::trade_sequence, "The last trade_id.");
  define_number(engine, "live_orders", &Engine::live_orders, "How many orders rest or wait.");
  define_number(engine, "remembered_ids", &Engine::remembered_ids, "How many used order ids are remembered.");
  define_number(engine, "retired_up_to", &Engine::retired_up_to,
                "Ids up to this one count as used for good.");
  define_number(engine, "memory_bytes", &Engine::memory_bytes,
                "Address space of the engine, in bytes; pages count once they are touched.");
  engine.def_property_readonly(
      "instruments",
      [](Self host) {
        return bordered([&] {
          const auto ids = inside(host, [](const Engine& e) { return e.instruments(); });
          py::tuple result(ids.size());
          for (std::size_t i = 0; i < ids.size(); ++i)
            result[i] = py::int_(ids[i]);
          return result.release().ptr();
        });
      },
      "The ids of the defined instruments, ascending.");
  engine.def_property_readonly(
      "options",
      [](Self host) {
        return bordered([&] {
          const EngineOptions options = inside(host, [](const Engine& e) { return e.options(); });
          return py::dict("prefault"_a = options.prefault, "deltas"_a = options.deltas,
                          "keep_events"_a = host->keep.keep_events, "max_events"_a = host->keep.max_events,
                          "tape"_a = options.tape)
              .release()
              .ptr();
        });
      },
      "What the engine was made with and that changes no answer, by the names of Engine's arguments.");
  engine.def_property_readonly(
      "limits",
      [](Self host) {
        return bordered([&] {
          const EngineLimits limits = inside(host, [](const Engine& e) { return e.limits(); });
          return py::dict("max_instruments"_a = limits.max_instruments, "max_orders"_a = limits.max_orders,
                          "max_order_ids"_a = limits.max_order_ids)
              .release()
              .ptr();
        });
      },
      "The declared limits, by the names of Engine's arguments.");
}

// Appends events that another engine had kept: the second half of unpickling.
PyObject* keep_bytes(Self host, PyObject* data) {
  const Bytes bytes(data);
  const Stay stay(host);
  if (bytes.view().size() % sizeof(Event) != 0) throw std::invalid_argument("no whole number of events");
  for (std::size_t at = 0; at < bytes.view().size(); at += sizeof(Event))
    std::memcpy(&host->events.push(), bytes.view().data() + at, sizeof(Event));
  return Py_NewRef(Py_None);
}

PyObject* to_bytes(const void* data, std::size_t size) {
  return PyBytes_FromStringAndSize(static_cast<const char*>(data), static_cast<Py_ssize_t>(size));
}

void define_state(EngineClass& engine) {
  engine.def(
      "state_hash",
      [](Self host) {
        return bordered([&] {
          return PyLong_FromUnsignedLongLong(
              inside_unlocked(host, [](const Engine& e) { return e.state_hash(); }));
        });
      },
      R"(state_hash() -> int

A digest of 64 bits of all that influences later behaviour, but for the clock and the sequences. Takes O(state).
)");
  engine.def(
      "snapshot",
      [](Self host) {
        return bordered([&] {
          const auto bytes = inside_unlocked(host, [](const Engine& e) { return e.snapshot(); });
          return to_bytes(bytes.data(), bytes.size());
        });
      },
      R"(snapshot() -> bytes

The whole state, limits included; equal states give equal bytes. Options, kept events and deltas are not in it.
)");
  engine.def(
      "check_invariants",
      [](Self host) {
        return bordered([&] {
          inside_unlocked(host, [](const Engine& e) { e.check_invariants(); });
          return Py_NewRef(Py_None);
        });
      },
      R"(check_invariants() -> None

Raises:
    InvariantViolation: The state contradicts itself: a bug of the core, or broken memory. Takes O(state).
)");
  engine.def(
      "_kept_events",
      [](Self host) {
        return bordered([&] {
          const Stay stay(host);
          const auto events = host->events.view();
          return to_bytes(events.data(), host->keep.keep_events ? events.size_bytes() : 0);
        });
      },
      "The events that wait for drain_events(), as bytes, for pickling.");
  engine.def(
      "_keep_events",
      [](Self host, const py::object& data) {
        return bordered([&] { return keep_bytes(host, data.ptr()); });
      },
      "data"_a, "Take up what _kept_events() gave.");
}

} // namespace

EngineHost* find_host(PyObject* self) {
  if (!PyObject_TypeCheck(self, engine_type)) return nullptr;
  auto* const instance = reinterpret_cast<py::detail::instance*>(self);
  if (instance->simple_layout) [[likely]]
    return instance->simple_holder_constructed ? static_cast<EngineHost*>(instance->simple_value_holder[0])
                                               : nullptr;
  const auto place = instance->get_value_and_holder(py::detail::get_type_info(engine_type), false);
  return place && place.holder_constructed() ? place.value_ptr<EngineHost>() : nullptr;
}

EngineClass register_engine(py::module_& module) {
  EngineClass engine(module, "Engine", kEngineDoc);
  engine_type = reinterpret_cast<PyTypeObject*>(engine.ptr());
  define_constructors(engine);
  define_properties(engine);
  define_state(engine);
  return engine;
}

} // namespace cmatch::face
