// Bytes that Python lends for a call: anything with the buffer protocol, as bytes or as whole records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <pybind11/pybind11.h>

namespace cmatch::face {

class BufferArgument {
 public:
  // Throws pybind11::error_already_set where the object lends no contiguous bytes.
  explicit BufferArgument(const pybind11::object& object) {
    if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_SIMPLE) != 0) throw pybind11::error_already_set();
  }
  ~BufferArgument() { PyBuffer_Release(&buffer_); }
  BufferArgument(const BufferArgument&) = delete;
  BufferArgument& operator=(const BufferArgument&) = delete;

  std::span<const std::byte> view() const {
    return {static_cast<const std::byte*>(buffer_.buf), static_cast<std::size_t>(buffer_.len)};
  }

  // Throws ValueError where they are no whole, aligned records.
  template <class Record>
  std::span<const Record> records(const char* name) const {
    if (view().size() % sizeof(Record) != 0 ||
        reinterpret_cast<std::uintptr_t>(buffer_.buf) % alignof(Record) != 0)
      throw pybind11::value_error(std::string(name) + " have to be whole records of " +
                                  std::to_string(sizeof(Record)) + " bytes, aligned");
    return {static_cast<const Record*>(buffer_.buf), view().size() / sizeof(Record)};
  }

 private:
  Py_buffer buffer_{};
};

} // namespace cmatch::face
