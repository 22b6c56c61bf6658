#include "shared/arrays.hpp"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>

#include "shared/errors.hpp"

namespace cmatch::face {
namespace {

// Exposes memory of ours through the buffer protocol and gives it up when the last array over it is gone.
struct MemoryObject {
  PyObject_HEAD std::shared_ptr<void> owner;
  void* data;
  Py_ssize_t bytes;
};

MemoryObject& memory_of(PyObject* self) { return *reinterpret_cast<MemoryObject*>(self); }

int get_memory(PyObject* self, Py_buffer* view, int flags) {
  return PyBuffer_FillInfo(view, self, memory_of(self).data, memory_of(self).bytes, 0, flags);
}

void drop_memory(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  memory_of(self).owner.~shared_ptr();
  PyObject_Free(self);
  Py_DECREF(type);
}

PyTypeObject* make_memory_type() {
  static PyType_Slot slots[] = {
      {Py_bf_getbuffer, reinterpret_cast<void*>(&get_memory)},
      {Py_tp_dealloc, reinterpret_cast<void*>(&drop_memory)},
      {Py_tp_doc, const_cast<char*>("Memory that an array of cmatch lies in.")},
      {0, nullptr},
  };
  static PyType_Spec spec{"cmatch.Memory", sizeof(MemoryObject), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpec(&spec)).release());
}

PyTypeObject* memory_type = nullptr;

// What is needed of NumPy and of cmatch.arrays, found at the first use and never given up.
struct Arrays {
  PyObject* module;
  PyTypeObject* ndarray;
  PyObject* command_dtype;
  PyObject* definition_dtype;
  PyObject* as_commands;
  PyObject* dtype_name;

  Arrays() {
    const Ref numpy = owned(PyImport_ImportModule("numpy"));
    module = owned(PyImport_ImportModule("cmatch.arrays")).release();
    ndarray =
        reinterpret_cast<PyTypeObject*>(owned(PyObject_GetAttrString(numpy.get(), "ndarray")).release());
    command_dtype = attribute("COMMAND_DTYPE");
    definition_dtype = attribute("DEFINITION_DTYPE");
    as_commands = attribute("as_commands");
    dtype_name = owned(PyUnicode_InternFromString("dtype")).release();
  }

  PyObject* attribute(const char* name) const {
    return owned(PyObject_GetAttrString(module, name)).release();
  }
};

// No function-local static: its lock, held while NumPy is imported, would wait for the GIL of the thread it stops.
const Arrays& arrays() {
  static std::atomic<const Arrays*> instance{nullptr};
  if (const Arrays* known = instance.load(std::memory_order_acquire)) return *known;
  const auto* made = new Arrays;
  const Arrays* none = nullptr;
  if (instance.compare_exchange_strong(none, made, std::memory_order_acq_rel)) return *made;
  delete made;
  return *none;
}

// A plain ndarray whose dtype is one of ours as it stands.
bool is_ready(PyObject* commands) {
  if (Py_TYPE(commands) != arrays().ndarray) return false;
  const Ref dtype = owned(PyObject_GetAttr(commands, arrays().dtype_name));
  for (PyObject* known : {arrays().command_dtype, arrays().definition_dtype}) {
    if (dtype.get() == known) return true;
    const int equal = PyObject_RichCompareBool(dtype.get(), known, Py_EQ);
    if (equal < 0) throw PythonError();
    if (equal == 1) return true;
  }
  return false;
}

bool is_readable_in_place(const Py_buffer& buffer) {
  return buffer.strides[0] == sizeof(Command) &&
         reinterpret_cast<std::uintptr_t>(buffer.buf) % alignof(Command) == 0;
}

} // namespace

void load_arrays() { memory_type = make_memory_type(); }

void need_arrays() { arrays(); }

CommandArray::CommandArray(PyObject* commands) {
  const Ref array =
      is_ready(commands) ? Ref::share(commands) : owned(PyObject_CallOneArg(arrays().as_commands, commands));
  if (PyObject_GetBuffer(array.get(), &buffer_, PyBUF_STRIDED_RO) < 0) throw PythonError();
  if (buffer_.ndim != 1) {
    const int dimensions = buffer_.ndim;
    PyBuffer_Release(&buffer_);
    raise(PyExc_ValueError, "commands must have one dimension, not %d", dimensions);
  }
  const auto count = static_cast<std::size_t>(buffer_.shape[0]);
  if (count < 2 ? reinterpret_cast<std::uintptr_t>(buffer_.buf) % alignof(Command) == 0
                : is_readable_in_place(buffer_)) {
    view_ = {static_cast<const Command*>(buffer_.buf), count};
    return;
  }
  try {
    copy_.resize(count);
  } catch (...) {
    PyBuffer_Release(&buffer_);
    throw;
  }
  const auto* const first = static_cast<const char*>(buffer_.buf);
  for (std::size_t i = 0; i < count; ++i)
    std::memcpy(&copy_[i], first + static_cast<Py_ssize_t>(i) * buffer_.strides[0], sizeof(Command));
  view_ = copy_;
}

CommandArray::~CommandArray() { PyBuffer_Release(&buffer_); }

PyObject* array_over(std::shared_ptr<void> owner, void* data, std::size_t count, std::size_t item,
                     const char* dtype) {
  auto* const memory = PyObject_New(MemoryObject, memory_type);
  if (memory == nullptr) throw PythonError();
  new (&memory->owner) std::shared_ptr<void>(std::move(owner));
  static Event nothing;
  memory->data = data != nullptr ? data : &nothing; // an empty array has an address too
  memory->bytes = static_cast<Py_ssize_t>(count * item);
  const Ref base = Ref::steal(reinterpret_cast<PyObject*>(memory));
  const Ref kind = Ref::steal(arrays().attribute(dtype));
  const Ref shape = owned(Py_BuildValue("(n)", static_cast<Py_ssize_t>(count)));
  return PyObject_CallFunctionObjArgs(reinterpret_cast<PyObject*>(arrays().ndarray), shape.get(), kind.get(),
                                      base.get(), nullptr);
}

PyObject* event_array(EventBuffer events, std::shared_ptr<BufferPool> pool) {
  struct Lease {
    EventBuffer events;
    std::shared_ptr<BufferPool> pool;
    Lease(EventBuffer e, std::shared_ptr<BufferPool> p) : events(std::move(e)), pool(std::move(p)) {}
    ~Lease() { pool->give_back(std::move(events)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
  };
  auto lease = std::make_shared<Lease>(std::move(events), std::move(pool));
  auto* const data = const_cast<Event*>(lease->events.data());
  const std::size_t count = lease->events.size();
  return array_over(std::move(lease), data, count, sizeof(Event), "EVENT_DTYPE");
}

} // namespace cmatch::face
