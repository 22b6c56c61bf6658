// Takes a vectorcall's arguments apart into one slot a parameter, with the errors that Python itself would raise.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "shared/python.hpp"

namespace cmatch::face {

template <std::size_t N>
class Signature {
 public:
  using Slots = std::array<PyObject*, N>;

  Signature(const char* function, const std::array<const char*, N>& names, std::size_t required,
            std::size_t positional)
      : function_(function), required_(required), positional_(positional) {
    for (std::size_t i = 0; i < N; ++i)
      names_[i] = owned(PyUnicode_InternFromString(names[i])).release();
  }

  // Throws PythonError. Slots of what is not given are nullptr.
  void unpack(PyObject* const* args, Py_ssize_t nargs, PyObject* keywords, Slots& slots) const {
    clear(slots, std::make_index_sequence<N>());
    const auto count = static_cast<std::size_t>(PyVectorcall_NARGS(static_cast<std::size_t>(nargs)));
    if (count > positional_) [[unlikely]]
      raise(PyExc_TypeError, "%s() takes at most %zu positional arguments, not %zu", function_, positional_,
            count);
    for (std::size_t i = 0; i < count; ++i)
      slots[i] = args[i];
    if (keywords != nullptr) {
      const auto named = static_cast<std::size_t>(PyTuple_GET_SIZE(keywords));
      std::size_t place = count; // callers tend to name arguments in our order
      for (std::size_t i = 0; i < named; ++i) {
        place = find(PyTuple_GET_ITEM(keywords, i), place);
        if (slots[place] != nullptr) [[unlikely]]
          raise(PyExc_TypeError, "%s() got more than one value for '%U'", function_, names_[place]);
        slots[place] = args[count + i];
      }
    }
    for (std::size_t i = 0; i < required_; ++i)
      if (slots[i] == nullptr) [[unlikely]]
        raise(PyExc_TypeError, "%s() lacks the argument '%U'", function_, names_[i]);
  }

 private:
  // One store each: a loop, or {}, becomes `rep stos`, which takes a third of the whole call.
  template <std::size_t... I>
  static void clear(Slots& slots, std::index_sequence<I...>) {
    ((slots[I] = nullptr), ...);
  }

  std::size_t find(PyObject* name, std::size_t start) const {
    for (std::size_t i = start; i < N; ++i)
      if (names_[i] == name) return i;
    for (std::size_t i = 0; i < start; ++i)
      if (names_[i] == name) return i;
    return find_by_text(name);
  }

  [[gnu::cold]] std::size_t find_by_text(PyObject* name) const {
    for (std::size_t i = 0; i < N; ++i)
      if (PyUnicode_Compare(names_[i], name) == 0) return i;
    raise(PyExc_TypeError, "%s() has no argument '%U'", function_, name);
  }

  const char* function_;
  std::size_t required_;
  std::size_t positional_;
  std::array<PyObject*, N> names_; // interned, never given up
};

} // namespace cmatch::face
