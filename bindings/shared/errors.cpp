#include "shared/errors.hpp"

#include <cstdarg>
#include <new>

#include "cmatch/check.hpp"
#include "cmatch/io/disk.hpp"
#include "cmatch/io/journal_errors.hpp"
#include "cmatch/snapshot.hpp"

namespace cmatch::face {
namespace {

struct Classes {
  Ref engine_busy, invariant_violation, snapshot_error, unknown_instrument;
  Ref journal_error, journal_read_only, journal_failed, journal_locked, journal_gap, journal_corrupt,
      state_parted;
};

// Never freed: exceptions may be raised until the interpreter is gone.
Classes& classes() {
  static Classes* const instance = new Classes;
  return *instance;
}

// Raises a class with arguments; where they cannot be made, that error is set instead.
void set_error(PyObject* type, PyObject* arguments) {
  const Ref owner = Ref::steal(arguments);
  if (owner) PyErr_SetObject(type, owner.get());
}

PyObject* class_of(const io::JournalError& error) {
  if (dynamic_cast<const io::JournalReadOnly*>(&error) != nullptr) return classes().journal_read_only.get();
  if (dynamic_cast<const io::JournalFailed*>(&error) != nullptr) return classes().journal_failed.get();
  if (dynamic_cast<const io::JournalLocked*>(&error) != nullptr) return classes().journal_locked.get();
  if (dynamic_cast<const io::JournalGap*>(&error) != nullptr) return classes().journal_gap.get();
  return classes().journal_error.get();
}

} // namespace

void load_errors() {
  const Ref module = owned(PyImport_ImportModule("cmatch.errors"));
  const auto find = [&](const char* name) { return owned(PyObject_GetAttrString(module.get(), name)); };
  classes() = Classes{.engine_busy = find("EngineBusy"),
                      .invariant_violation = find("InvariantViolation"),
                      .snapshot_error = find("SnapshotError"),
                      .unknown_instrument = find("UnknownInstrument"),
                      .journal_error = find("JournalError"),
                      .journal_read_only = find("JournalReadOnly"),
                      .journal_failed = find("JournalFailed"),
                      .journal_locked = find("JournalLocked"),
                      .journal_gap = find("JournalGap"),
                      .journal_corrupt = find("JournalCorrupt"),
                      .state_parted = find("StateParted")};
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
  } catch (const io::StateParted& error) {
    PyErr_SetString(classes().state_parted.get(), error.what());
  } catch (const SnapshotError& error) {
    PyErr_SetString(classes().snapshot_error.get(), error.what());
  } catch (const io::JournalCorrupt& error) {
    const auto offset = static_cast<unsigned long long>(error.offset());
    set_error(classes().journal_corrupt.get(),
              Py_BuildValue("(sKs)", error.file().c_str(), offset, error.reason().c_str()));
  } catch (const io::JournalError& error) {
    PyErr_SetString(class_of(error), error.what());
  } catch (const io::DiskError& error) {
    set_error(PyExc_OSError, Py_BuildValue("(iss)", error.code().value(), error.code().message().c_str(),
                                           error.path().c_str()));
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
