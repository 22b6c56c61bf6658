// An immutable value with named fields as a C type: attributes, repr, ==, hash, pickling, pattern matching and a
// constructor, all from one table of fields.
#pragma once

#include <array>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "shared/errors.hpp"
#include "shared/freelist.hpp"
#include "shared/integers.hpp"
#include "shared/python.hpp"

namespace cmatch::face {

struct Field {
  const char* name;
  const char* doc;
  PyObject* (*get)(PyObject* self, void* unused); // a new reference, or nullptr with Python's error set
  void (*set)(PyObject* self, PyObject* value);   // throws PythonError; called once, by the constructor
};

namespace detail {

template <class Object, class Number>
Object object_of(Number Object::*);
template <class Object, class Number>
Number number_of(Number Object::*);

} // namespace detail

// A field that is a plain integer of the object.
template <auto Member>
constexpr Field integer_field(const char* name, const char* doc) {
  using Object = decltype(detail::object_of(Member));
  using Number = decltype(detail::number_of(Member));
  return {name, doc,
          [](PyObject* self, void*) {
            const Number number = reinterpret_cast<Object*>(self)->*Member;
            if constexpr (std::is_signed_v<Number>)
              return PyLong_FromLongLong(number);
            else
              return PyLong_FromUnsignedLongLong(number);
          },
          [](PyObject* self, PyObject* value) {
            reinterpret_cast<Object*>(self)->*Member = read_integer<Number>(value, "a field");
          }};
}

// Traits: Object; name; doc; fields, an array of Field; start(Object&), which makes a fresh object one that can be
// dropped; drop(Object&), which gives up what it owns; is_true(const Object&).
template <class Traits>
class Record {
 public:
  using Object = typename Traits::Object;

  // One reference; Traits::start has run. Throws PythonError.
  static Object* make() {
    Object* const object = freelist_.make(type_);
    if (object == nullptr) throw PythonError();
    Traits::start(*object);
    return object;
  }

  static void add_to(PyObject* module) {
    static std::vector<PyGetSetDef> attributes;
    for (const Field& field : Traits::fields)
      attributes.push_back({field.name, field.get, nullptr, field.doc, nullptr});
    attributes.push_back({});
    static std::array<PyMethodDef, 2> methods{
        {{"__reduce__", [](PyObject* self, PyObject*) { return at_the_border([&] { return reduce(self); }); },
          METH_NOARGS, nullptr},
         {}}};
    static std::array<PyType_Slot, 10> slots{{
        {Py_tp_doc, const_cast<char*>(Traits::doc)},
        {Py_tp_new, reinterpret_cast<void*>(&construct)},
        {Py_tp_dealloc, reinterpret_cast<void*>(&dealloc)},
        {Py_tp_repr, reinterpret_cast<void*>(&repr)},
        {Py_tp_hash, reinterpret_cast<void*>(&hash)},
        {Py_tp_richcompare, reinterpret_cast<void*>(&compare)},
        {Py_nb_bool, reinterpret_cast<void*>(&truth)},
        {Py_tp_getset, attributes.data()},
        {Py_tp_methods, methods.data()},
        {0, nullptr},
    }};
    static PyType_Spec spec{Traits::name, sizeof(Object), 0, Py_TPFLAGS_DEFAULT, slots.data()};
    type_ = reinterpret_cast<PyTypeObject*>(owned(PyType_FromSpec(&spec)).release());
    PyObject* const type = reinterpret_cast<PyObject*>(type_);
    const Ref names = owned(PyTuple_New(Traits::fields.size()));
    for (std::size_t i = 0; i < Traits::fields.size(); ++i)
      PyTuple_SET_ITEM(names.get(), i, owned(PyUnicode_FromString(Traits::fields[i].name)).release());
    if (PyObject_SetAttrString(type, "__match_args__", names.get()) < 0) throw PythonError();
    if (PyModule_AddObjectRef(module, std::strrchr(Traits::name, '.') + 1, type) < 0) throw PythonError();
  }

 private:
  static Ref values(PyObject* self) {
    Ref tuple = owned(PyTuple_New(Traits::fields.size()));
    for (std::size_t i = 0; i < Traits::fields.size(); ++i)
      PyTuple_SET_ITEM(tuple.get(), i, owned(Traits::fields[i].get(self, nullptr)).release());
    return tuple;
  }

  static PyObject* construct(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
    return at_the_border([&] {
      Ref record = Ref::steal(reinterpret_cast<PyObject*>(make()));
      const auto given = static_cast<std::size_t>(PyTuple_GET_SIZE(args));
      const std::size_t named = kwargs == nullptr ? 0 : static_cast<std::size_t>(PyDict_GET_SIZE(kwargs));
      if (given + named != Traits::fields.size())
        raise(PyExc_TypeError, "%s takes %zu fields, not %zu", type->tp_name, Traits::fields.size(),
              given + named);
      for (std::size_t i = 0; i < Traits::fields.size(); ++i) {
        const Field& field = Traits::fields[i];
        PyObject* value = i < given ? PyTuple_GET_ITEM(args, i) : PyDict_GetItemString(kwargs, field.name);
        if (value == nullptr) raise(PyExc_TypeError, "%s lacks the field %s", type->tp_name, field.name);
        field.set(record.get(), value);
      }
      return record.release();
    });
  }

  static PyObject* reduce(PyObject* self) {
    return Py_BuildValue("ON", reinterpret_cast<PyObject*>(Py_TYPE(self)), values(self).release());
  }

  static PyObject* repr(PyObject* self) {
    return at_the_border([&] {
      const Ref tuple = values(self);
      std::string text = std::string(std::strrchr(Traits::name, '.') + 1) + "(";
      for (std::size_t i = 0; i < Traits::fields.size(); ++i) {
        const Ref value = owned(PyObject_Repr(PyTuple_GET_ITEM(tuple.get(), i)));
        const char* const written = PyUnicode_AsUTF8(value.get());
        if (written == nullptr) throw PythonError();
        text.append(i == 0 ? "" : ", ").append(Traits::fields[i].name).append("=").append(written);
      }
      return PyUnicode_FromString(text.append(")").c_str());
    });
  }

  static PyObject* compare(PyObject* self, PyObject* other, int operation) {
    if (Py_TYPE(other) != type_ || (operation != Py_EQ && operation != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
    return at_the_border(
        [&] { return PyObject_RichCompare(values(self).get(), values(other).get(), operation); });
  }

  static Py_hash_t hash(PyObject* self) {
    const Ref tuple = Ref::steal(at_the_border([&] { return values(self).release(); }));
    return tuple ? PyObject_Hash(tuple.get()) : -1;
  }

  static int truth(PyObject* self) { return Traits::is_true(*reinterpret_cast<Object*>(self)) ? 1 : 0; }

  static void dealloc(PyObject* self) {
    Traits::drop(*reinterpret_cast<Object*>(self));
    freelist_.drop(self);
  }

  inline static PyTypeObject* type_ = nullptr;
  inline static Freelist<Object> freelist_;
};

} // namespace cmatch::face
