#include "shared/words.hpp"

#include <algorithm>

namespace cmatch::face {

namespace detail {
Vocabulary* vocabulary = nullptr;
}

void Words::load(PyObject* module, const char* class_name) {
  class_name_ = class_name;
  const Ref type = owned(PyObject_GetAttrString(module, class_name));
  const Ref by_name = owned(PyObject_GetAttrString(type.get(), "__members__"));
  const Ref items = owned(PyMapping_Items(by_name.get()));
  const Py_ssize_t count = PyList_GET_SIZE(items.get());
  std::uint32_t most = 0;
  least_ = UINT32_MAX;
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = PyList_GET_ITEM(items.get(), i);
    PyObject* name = owned(PyObject_CallMethod(PyTuple_GET_ITEM(item, 0), "lower", nullptr)).release();
    PyUnicode_InternInPlace(&name);
    Word word{.name = Ref::steal(name), .member = Ref::share(PyTuple_GET_ITEM(item, 1))};
    word.number = read_integer<std::uint32_t>(word.member.get(), class_name);
    least_ = std::min(least_, word.number);
    most = std::max(most, word.number);
    words_.push_back(std::move(word));
  }
  members_.assign(most - least_ + 1, nullptr);
  for (const Word& word : words_)
    members_[word.number - least_] = word.member.get();
}

std::uint8_t Words::read_slowly(PyObject* value, const char* name) const {
  if (PyUnicode_Check(value)) {
    for (const Word& word : words_)
      if (PyUnicode_Compare(word.name.get(), value) == 0) return static_cast<std::uint8_t>(word.number);
    raise(PyExc_ValueError, "%s must be one of %s, not %R", name, choices().c_str(), value);
  }
  if (PyBool_Check(value) || !PyIndex_Check(value))
    raise(PyExc_TypeError, "%s must be a cmatch.%s, an int or a str, not %s", name, class_name_.c_str(),
          Py_TYPE(value)->tp_name);
  return read_integer<std::uint8_t>(value, name);
}

std::string Words::choices() const {
  std::string list;
  for (const Word& word : words_)
    list.append(list.empty() ? "'" : ", '").append(PyUnicode_AsUTF8(word.name.get())).append("'");
  return list;
}

void load_words() {
  if (detail::vocabulary != nullptr) return;
  const Ref module = owned(PyImport_ImportModule("cmatch.enums"));
  auto* const vocabulary = new Vocabulary;
  const auto load = [&](Words Vocabulary::* words, const char* name) {
    (vocabulary->*words).load(module.get(), name);
  };
  load(&Vocabulary::side, "Side");
  load(&Vocabulary::order_type, "OrderType");
  load(&Vocabulary::time_in_force, "TimeInForce");
  load(&Vocabulary::order_flag, "OrderFlag");
  load(&Vocabulary::stp_mode, "StpMode");
  load(&Vocabulary::peg, "Peg");
  load(&Vocabulary::trigger_source, "TriggerSource");
  load(&Vocabulary::stop_wrong_side, "StopWrongSide");
  load(&Vocabulary::band_mode, "BandMode");
  load(&Vocabulary::phase, "Phase");
  load(&Vocabulary::order_place, "OrderPlace");
  load(&Vocabulary::order_status, "OrderStatus");
  load(&Vocabulary::reject_code, "RejectCode");
  load(&Vocabulary::cancel_reason, "CancelReason");
  detail::vocabulary = vocabulary;
}

} // namespace cmatch::face
