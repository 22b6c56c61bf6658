#include "shared/integers.hpp"

namespace cmatch::face {
namespace {

// An exact int, or a TypeError: __index__ of anything but a bool.
Ref exact_int(PyObject* value, const char* name) {
  if (PyBool_Check(value) || !PyIndex_Check(value))
    raise(PyExc_TypeError, "%s must be an int, not %s", name, Py_TYPE(value)->tp_name);
  return owned(PyNumber_Index(value));
}

int bits_of(std::uint64_t most) {
  int bits = 0;
  for (; most != 0; most >>= 1)
    ++bits;
  return bits;
}

} // namespace

std::int64_t read_signed(PyObject* value, const char* name, std::int64_t least, std::int64_t most) {
  const Ref number = exact_int(value, name);
  int overflow = 0;
  const long long result = PyLong_AsLongLongAndOverflow(number.get(), &overflow);
  if (overflow != 0 || result < least || result > most)
    raise(PyExc_OverflowError, "%s does not fit a signed integer of %d bits", name,
          bits_of(static_cast<std::uint64_t>(most)) + 1);
  return result;
}

std::uint64_t read_unsigned(PyObject* value, const char* name, std::uint64_t most) {
  const Ref number = exact_int(value, name);
  const unsigned long long result = PyLong_AsUnsignedLongLong(number.get());
  const bool failed = PyErr_Occurred() != nullptr;
  if (failed || result > most) {
    PyErr_Clear();
    raise(PyExc_OverflowError, "%s does not fit an unsigned integer of %d bits", name, bits_of(most));
  }
  return result;
}

} // namespace cmatch::face
