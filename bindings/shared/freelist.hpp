// Objects of one small type, kept for the next of its kind: a submit makes a Result and its caller drops it at once.
#pragma once

#include <array>
#include <cstddef>

#include "shared/python.hpp"

namespace cmatch::face {

// Safe under the GIL only; without it there is none, and CPython's own per-thread allocator serves.
template <class Object>
class Freelist {
 public:
  // An object with one reference and fields as they were, or nullptr with MemoryError set.
  Object* make(PyTypeObject* type) {
#ifndef Py_GIL_DISABLED
    if (count_ > 0) return reinterpret_cast<Object*>(PyObject_Init(free_[--count_], type));
#endif
    return PyObject_New(Object, type);
  }

  void drop(PyObject* object) {
    PyTypeObject* const type = Py_TYPE(object);
#ifndef Py_GIL_DISABLED
    if (count_ < free_.size())
      free_[count_++] = object;
    else
#endif
      PyObject_Free(object);
    Py_DECREF(type);
  }

#ifndef Py_GIL_DISABLED
 private:
  std::array<PyObject*, 256> free_{};
  std::size_t count_ = 0;
#endif
};

} // namespace cmatch::face
