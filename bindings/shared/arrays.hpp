// NumPy arrays in and out without its C API: records come in through the buffer protocol and leave in memory that
// the array owns. NumPy is imported when the first array is asked for; dtypes are those of cmatch.arrays.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "cmatch/command.hpp"
#include "cmatch/event_buffer.hpp"
#include "shared/buffer_pool.hpp"
#include "shared/python.hpp"

namespace cmatch::face {

// Adds the types that this file needs to the interpreter; called once, when a module is imported.
void load_arrays();

// Imports NumPy where nothing did yet: before what must not be lost is taken out of an engine. Throws PythonError.
void need_arrays();

// The commands of an array while this lives. Contiguous records are read where they are, others from a copy.
class CommandArray {
 public:
  // Throws PythonError: a TypeError or ValueError that says what was expected.
  explicit CommandArray(PyObject* commands);
  ~CommandArray();
  CommandArray(const CommandArray&) = delete;
  CommandArray& operator=(const CommandArray&) = delete;

  std::span<const Command> view() const { return view_; }

 private:
  Py_buffer buffer_{};
  std::vector<Command> copy_;
  std::span<const Command> view_;
};

// New arrays, of one dimension and writable; `dtype` names one of cmatch.arrays. Throw PythonError.
PyObject* event_array(EventBuffer events, std::shared_ptr<BufferPool> pool);
PyObject* array_over(std::shared_ptr<void> owner, void* data, std::size_t count, std::size_t item,
                     const char* dtype);

template <class Row>
PyObject* array_of(std::vector<Row> rows, const char* dtype) {
  auto owner = std::make_shared<std::vector<Row>>(std::move(rows));
  return array_over(owner, owner->data(), owner->size(), sizeof(Row), dtype);
}

} // namespace cmatch::face
