// The layout of a record as Python data, from which cmatch.arrays makes a dtype: the headers are the one list.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <type_traits>

#include <pybind11/pybind11.h>

// One field: (name, format, offset).
#define CM_FIELD(Record, name) field<decltype(Record::name)>(#name, offsetof(Record, name))

namespace cmatch::face {

namespace py = pybind11;

template <class T>
py::tuple field(const char* name, std::size_t offset) {
  using Element = std::remove_all_extents_t<T>;
  std::string format;
  if constexpr (std::is_array_v<T>) format = "(" + std::to_string(std::extent_v<T>) + ",)";
  if constexpr (std::is_enum_v<Element>)
    format += 'u';
  else
    format += std::signed_integral<Element> ? 'i' : 'u';
  format += std::to_string(sizeof(Element));
  if constexpr (std::is_same_v<Element, char>) format = "S" + std::to_string(sizeof(T)); // padded ASCII
  return py::make_tuple(name, format, offset);
}

template <class... Fields>
py::tuple layout(std::size_t size, Fields... fields) {
  return py::make_tuple(size, py::make_tuple(fields...));
}

} // namespace cmatch::face
