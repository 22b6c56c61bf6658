// Integer arguments, exactly: a float or a bool is a TypeError, a value too large for its field an OverflowError,
// and both name the argument. Anything with __index__ (an IntEnum, a NumPy integer) is an integer.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>

#include "shared/python.hpp"

namespace cmatch::face {

// The way for every int that is not small. Throws PythonError.
std::int64_t read_signed(PyObject* value, const char* name, std::int64_t least, std::int64_t most);
std::uint64_t read_unsigned(PyObject* value, const char* name, std::uint64_t most);

// True where `value` is an int of one digit, which `out` then is.
inline bool is_small_int(PyObject* value, std::int64_t& out) {
  if (!PyLong_CheckExact(value)) return false;
#if PY_VERSION_HEX >= 0x030C0000
  const auto* number = reinterpret_cast<const PyLongObject*>(value);
  if (!PyUnstable_Long_IsCompact(number)) return false;
  out = PyUnstable_Long_CompactValue(number);
#else
  const Py_ssize_t digits = Py_SIZE(value); // negative for a negative number
  if (digits < -1 || digits > 1) return false;
  out = digits * static_cast<std::int64_t>(reinterpret_cast<const PyLongObject*>(value)->ob_digit[0]);
#endif
  return true;
}

// Throws PythonError, with `name` in its message.
template <std::integral T>
T read_integer(PyObject* value, const char* name) {
  using Limits = std::numeric_limits<T>;
  std::int64_t small;
  if (is_small_int(value, small) && std::in_range<T>(small)) [[likely]]
    return static_cast<T>(small);
  if constexpr (std::signed_integral<T>)
    return static_cast<T>(read_signed(value, name, Limits::min(), Limits::max()));
  else
    return static_cast<T>(read_unsigned(value, name, Limits::max()));
}

} // namespace cmatch::face
