// The small values that a call answers with, as C types: cmatch.Result, cmatch.Trade and cmatch.TopOfBook.
// They hold plain integers; Python objects are made when an attribute is read.
#pragma once

#include <span>

#include "cmatch/event.hpp"
#include "cmatch/views.hpp"
#include "shared/python.hpp"

namespace cmatch::face {

// Makes the types and adds them to `module`; called once, when it is imported.
void add_result_types(PyObject* module);

// New references. Throw PythonError. `events` are those of one command.
// Of a new, replace or cancel of `order_id`, which had traded `cum_qty` before:
PyObject* make_order_result(OrderId order_id, Lots cum_qty, std::span<const Event> events);
// Of a command that has no order:
PyObject* make_command_result(std::span<const Event> events);
PyObject* make_top_of_book(const TopOfBook& top);

} // namespace cmatch::face
