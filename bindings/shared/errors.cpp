#include "shared/errors.hpp"

#include <cstdarg>
#include <new>

#include "cmatch/check.hpp"
#include "cmatch/snapshot.hpp"

namespace cmatch::face {
namespace {

struct Classes {
  Ref engine_busy, invariant_violation, snapshot_error, unknown_instrument;
};

// Never freed: exceptions may be raised until the interpreter is gone.
Classes& classes() {
  static Classes* const instance = new Classes;
  return *instance;
}

} // namespace

void load_errors() {
  const Ref module = owned(PyImport_ImportModule("cmatch.errors"));
  const auto find = [&](const char* name) { return owned(PyObject_GetAttrString(module.get(), name)); };
  classes() = Classes{.engine_busy = find("EngineBusy"),
                      .invariant_violation = find("InvariantViolation"),
                      .snapshot_error = find("SnapshotError"),
                      .unknown_instrument = find("UnknownInstrument")};
}

void raise(PyObject* type, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  PyErr_FormatV(type, format, arguments);
  va_end(arguments);
  throw PythonError();
}

void set_error_from_current_exception() noexcept {
  try {
    throw;
  } catch (const PythonError&) {
    return;
  } catch (const EngineBusy& error) {
    PyErr_SetString(classes().engine_busy.get(), error.what());
  } catch (const BufferFull& error) {
    PyErr_SetString(PyExc_BufferError, error.what());
  } catch (const InvariantViolation& error) {
    PyErr_SetString(classes().invariant_violation.get(), error.what());
  } catch (const SnapshotError& error) {
    PyErr_SetString(classes().snapshot_error.get(), error.what());
  } catch (const std::out_of_range& error) {
    PyErr_SetString(classes().unknown_instrument.get(), error.what());
  } catch (const std::invalid_argument& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "an exception that is no std::exception");
  }
}

} // namespace cmatch::face
