// The parts of cmatch._core, one function a topic. module.cpp calls them in dependency order.
#pragma once

#include <pybind11/pybind11.h>

#include <utility>
#include <vector>

#include "shared/arrays.hpp"
#include "shared/engine_host.hpp"
#include "shared/python.hpp"

namespace cmatch::face {

namespace py = pybind11;
using EngineClass = py::class_<EngineHost>;

void register_layouts(py::module_& module);
void register_frames(py::module_& module);        // hot frames to arrays and back
EngineClass register_engine(py::module_& module); // the class, its constructors, state and snapshots
void register_hot_calls(EngineClass& engine);     // submit, cancel, replace, submit_batch, best
void register_commands(EngineClass& engine);      // every other command
void register_views(EngineClass& engine);         // what a reader sees, and what is drained
void register_transport(py::module_& module);     // sockets, queues, and what the core tells of itself
void register_journal(py::module_& module);       // the journal, its readers, and the disks under them
void register_venue(py::module_& module);         // ledger, limits and engine behind one apply
void register_follower(py::module_& module);  // a venue that follows a journal, and the history of its orders
void register_sequencer(py::module_& module); // the stages of the core loop
void register_standby(py::module_& module);   // a core that follows another

// The engine of a Python object, or nullptr where it is no engine or its __init__ was never called. pybind11's own way
// would make up memory for the latter.
EngineHost* find_host(PyObject* self);

// A method's `self`.
struct Self {
  EngineHost* host = nullptr;

  EngineHost* operator->() const { return host; }
  // A method's self is its engine. NOLINTNEXTLINE(google-explicit-constructor)
  operator EngineHost&() const { return *host; }
};

// Runs `call`, which returns a new reference, and gives its exceptions to Python as errors.cpp has them.
template <class Call>
py::object bordered(Call&& call) {
  PyObject* const result = at_the_border(std::forward<Call>(call));
  if (result == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(result);
}

// A new array of these rows; `dtype` names one of cmatch.arrays.
template <class Record>
py::object array(std::vector<Record> rows, const char* dtype) {
  return bordered([&] { return array_of(std::move(rows), dtype); });
}

// What `read` takes from the engine while this thread alone is in it. Python objects are made outside: making them may
// let another thread run.
template <class Read>
auto inside(EngineHost& host, Read&& read) {
  const Stay stay(host);
  return read(std::as_const(host.engine));
}

// The same without the GIL, for what takes O(state).
template <class Read>
auto inside_unlocked(EngineHost& host, Read&& read) {
  const Stay stay(host);
  const py::gil_scoped_release unlocked;
  return read(std::as_const(host.engine));
}

} // namespace cmatch::face

template <>
struct pybind11::detail::type_caster<cmatch::face::Self> {
  PYBIND11_TYPE_CASTER(cmatch::face::Self, const_name("Engine"));

  bool load(handle self, bool) {
    value.host = cmatch::face::find_host(self.ptr());
    if (value.host == nullptr) throw type_error("this is no engine, or its __init__ was never called");
    return true;
  }
};
