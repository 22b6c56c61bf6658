// The enums of cmatch.enums as the bindings see them: a member, its number or its lower-case name goes in,
// a member comes out. The Python classes are the one list; nothing is repeated here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/integers.hpp"
#include "shared/python.hpp"

namespace cmatch::face {

// One enum. Immutable once loaded, so that any thread may read it.
class Words {
 public:
  void load(PyObject* module, const char* class_name);

  // The number of an argument. A str is looked up, by pointer first: literals are interned. A number that the enum
  // does not have passes, for the core to reject. Throws PythonError, with `name` in its message.
  std::uint8_t read(PyObject* value, const char* name) const {
    std::int64_t small;
    if (is_small_int(value, small) && small >= 0 && small <= 255) return static_cast<std::uint8_t>(small);
    for (const Word& word : words_)
      if (word.name.get() == value || word.member.get() == value)
        return static_cast<std::uint8_t>(word.number);
    return read_slowly(value, name);
  }

  // A new reference to the member, or to the plain int where the enum has no such member.
  PyObject* member(std::uint32_t number) const {
    const std::uint32_t place = number - least_;
    if (place < members_.size() && members_[place] != nullptr) [[likely]]
      return Py_NewRef(members_[place]);
    return PyLong_FromUnsignedLong(number);
  }

 private:
  struct Word {
    Ref name; // interned, lower case
    Ref member;
    std::uint32_t number = 0;
  };

  std::uint8_t read_slowly(PyObject* value, const char* name) const;
  std::string choices() const;

  std::string class_name_;
  std::vector<Word> words_;
  std::vector<PyObject*> members_; // by number - least_, borrowed from words_
  std::uint32_t least_ = 0;
};

struct Vocabulary {
  Words side, order_type, time_in_force, order_flag, stp_mode, peg;
  Words trigger_source, stop_wrong_side, band_mode, phase;
  Words order_place, order_status, reject_code, cancel_reason;
};

// Finds the Python classes; called once, when a module is imported.
void load_words();

namespace detail {
extern Vocabulary* vocabulary; // never freed
}
inline const Vocabulary& words() { return *detail::vocabulary; }

} // namespace cmatch::face
