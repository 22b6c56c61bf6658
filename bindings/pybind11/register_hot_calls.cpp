// The five calls that are made once an order, as vectorcall methods on the pybind11 class.
#include <array>

#include "pybind11/register.hpp"
#include "pybind11/signature.hpp"
#include "shared/calls.hpp"

namespace cmatch::face {
namespace {

constexpr const char* kSubmitDoc =
    R"(submit($self, /, instrument_id, side, qty, price=None, *, account=0, order_id=None, type="limit", time_in_force="gtc", flags=0, stp_mode="none", stp_group=None, stop_price=None, trail=None, peg=None, offset=None, display_qty=None, min_qty=None, expire_at=None, timestamp=None)
--

Enter one order.

Prices, trail and offset are ticks, quantities lots, expire_at and timestamp nanoseconds since the Unix epoch (UTC);
all of them ints. An enum argument is a member, its number or its lower-case name.

Args:
    instrument_id: The book.
    side: "buy" or "sell".
    qty: Lots to trade.
    price: Limit; of a pegged order the worst price. None where the type has none.
    account: Who owns the order; only the owner cancels or replaces it.
    order_id: An id never used in this engine. None: the highest used + 1.
    type: OrderType.
    time_in_force: TimeInForce. A market order needs "ioc", "fok", "at_open" or "at_close".
    flags: OrderFlag: post_only, reduce_only, hidden.
    stp_mode: StpMode: what happens when the order meets one of its own.
    stp_group: Orders of one group are each other's own, whatever their accounts.
    stop_price: Trigger of a stop.
    trail: Distance of a trailing stop.
    peg: "primary" or "midpoint", of a pegged order.
    offset: Distance of the limit, of a pegged or trailing stop limit order.
    display_qty: Shown part of an iceberg.
    min_qty: Least total to trade on entry, with "ioc".
    expire_at: End of a "gtd" order.
    timestamp: The command's time. None: the engine's clock stays.

Returns:
    Result. A reject is data: its status is REJECTED, its reason a RejectCode.

Raises:
    TypeError: An argument is missing or of a wrong type; a float or a bool for an int.
    ValueError: A str that names no member of the enum.
    OverflowError: An int that does not fit its field.
    EngineBusy: Another thread is in this engine.
    BufferError: keep_events, and the buffer is full; nothing was applied.
)";

constexpr const char* kCancelDoc =
    R"(cancel($self, /, instrument_id, order_id, account=0, *, timestamp=None)
--

Cancel one live order, waiting ones too.

Args:
    instrument_id: Its book.
    order_id: The order.
    account: Its owner; any other is told UNKNOWN_ORDER.
    timestamp: The command's time, ns. None: the engine's clock stays.

Returns:
    Result. Status CANCELED, or REJECTED with UNKNOWN_ORDER where the order is not live.

Raises:
    TypeError, OverflowError, EngineBusy, BufferError: As submit.
)";

constexpr const char* kReplaceDoc =
    R"(replace($self, /, instrument_id, order_id, qty=None, price=None, stop_price=None, *, account=0, timestamp=None)
--

Change a live order. It keeps its priority where only its quantity falls.

Args:
    instrument_id: Its book.
    order_id: The order.
    qty: The new order quantity in lots, what has traded included; None: as it was.
    price: The new limit in ticks; None: as it was.
    stop_price: The new trigger in ticks; None: as it was.
    account: Its owner; any other is told UNKNOWN_ORDER.
    timestamp: The command's time, ns. None: the engine's clock stays.

Returns:
    Result. The order's status afterwards; CANCELED with REPLACED where qty is not above what has traded.

Raises:
    TypeError, OverflowError, EngineBusy, BufferError: As submit.
)";

constexpr const char* kSubmitBatchDoc =
    R"(submit_batch($self, /, commands)
--

Apply many commands in order, without the GIL.

Args:
    commands: Array of shape (n,) and dtype cmatch.COMMAND_DTYPE or DEFINITION_DTYPE. Read-only and strided arrays are
        taken as they are; other byte orders, field orders and narrower ints are converted. Do not write to it from
        another thread meanwhile.

Returns:
    Array of shape (m,) and dtype cmatch.EVENT_DTYPE: all events, in order. It owns its memory.

Raises:
    TypeError, ValueError: Not such an array; the message says what is wrong.
    EngineBusy: Another thread is in this engine; nothing was applied.
    BufferError: keep_events, and the buffer has no place for n events; nothing was applied.
)";

constexpr const char* kBestDoc =
    R"(best($self, /, instrument_id)
--

The best prices of a book with the lots shown there (L1).

Returns:
    TopOfBook.

Raises:
    UnknownInstrument: It is not defined.
    EngineBusy: Another thread is in this engine.
)";

EngineHost& host_of(PyObject* self) {
  EngineHost* const host = find_host(self);
  if (host == nullptr) [[unlikely]]
    raise(PyExc_TypeError, "this is no engine, or its __init__ was never called");
  return *host;
}

using Call = PyObject* (*)(EngineHost&, PyObject* const*) noexcept;

template <std::size_t N>
PyObject* unpack_and_call(const Signature<N>& signature, Call call, PyObject* self, PyObject* const* args,
                          Py_ssize_t nargs, PyObject* keywords) noexcept {
  return at_the_border([&] {
    typename Signature<N>::Slots slots;
    signature.unpack(args, nargs, keywords, slots);
    return call(host_of(self), slots.data());
  });
}

// Made once, when the module is imported, and never given up.
struct Signatures {
  Signature<kSubmitNames.size()> submit{"submit", kSubmitNames, 3, 4};
  Signature<kCancelNames.size()> cancel{"cancel", kCancelNames, 2, 3};
  Signature<kReplaceNames.size()> replace{"replace", kReplaceNames, 2, 5};
  Signature<1> submit_batch{"submit_batch", {"commands"}, 1, 1};
  Signature<1> best{"best", {"instrument_id"}, 1, 1};
};
const Signatures* signatures = nullptr;

PyObject* call_submit(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  return unpack_and_call(signatures->submit, &submit, self, args, nargs, keywords);
}

PyObject* call_cancel(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  return unpack_and_call(signatures->cancel, &cancel, self, args, nargs, keywords);
}

PyObject* call_replace(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  return unpack_and_call(signatures->replace, &replace, self, args, nargs, keywords);
}

PyObject* call_submit_batch(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  constexpr Call call = [](EngineHost& host, PyObject* const* slots) noexcept {
    return submit_batch(host, slots[0]);
  };
  return unpack_and_call(signatures->submit_batch, call, self, args, nargs, keywords);
}

PyObject* call_best(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* keywords) {
  constexpr Call call = [](EngineHost& host, PyObject* const* slots) noexcept {
    return best(host, slots[0]);
  };
  return unpack_and_call(signatures->best, call, self, args, nargs, keywords);
}

PyMethodDef hot_method(const char* name,
                       PyObject* (*call)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*),
                       const char* doc) {
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call)),
          METH_FASTCALL | METH_KEYWORDS, doc};
}

} // namespace

void register_hot_calls(EngineClass& engine) {
  static std::array methods{hot_method("submit", &call_submit, kSubmitDoc),
                            hot_method("cancel", &call_cancel, kCancelDoc),
                            hot_method("replace", &call_replace, kReplaceDoc),
                            hot_method("submit_batch", &call_submit_batch, kSubmitBatchDoc),
                            hot_method("best", &call_best, kBestDoc)};
  if (signatures == nullptr) signatures = new Signatures;
  for (PyMethodDef& method : methods) {
    PyObject* const descriptor = PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(engine.ptr()), &method);
    if (descriptor == nullptr) throw py::error_already_set();
    engine.attr(method.ml_name) = py::reinterpret_steal<py::object>(descriptor);
  }
}

} // namespace cmatch::face
