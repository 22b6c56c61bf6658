// C++ exceptions become the Python classes of cmatch.errors here, and nowhere else.
#pragma once

#include <stdexcept>

#include "shared/python.hpp"

namespace cmatch::face {

// Another thread is inside the engine.
class EngineBusy : public std::exception {
 public:
  const char* what() const noexcept override {
    return "another thread is in this engine: give each thread its own, or take turns";
  }
};

// The buffer of kept events has no place for what is asked.
class BufferFull : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Finds the Python classes; called once, when a module is imported.
void load_errors();

// Sets Python's error indicator from the C++ exception that is being handled.
void set_error_from_current_exception() noexcept;

// Runs `call`, which returns a new reference; nullptr with Python's error set where it throws.
template <class Call>
PyObject* at_the_border(Call&& call) noexcept {
  try {
    return call();
  } catch (...) {
    set_error_from_current_exception();
    return nullptr;
  }
}

} // namespace cmatch::face
