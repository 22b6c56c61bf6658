# distutils: language = c++
# cython: language_level=3, freethreading_compatible=True
"""The five hot calls as Cython has them. Measured beside the module that ships; never shipped itself."""

from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t
from libcpp cimport bool as cbool


cdef extern from "shared/calls.hpp" namespace "cmatch":
    cdef cppclass EngineLimits:
        uint32_t max_instruments
        uint32_t max_orders
        uint64_t max_order_ids

    cdef cppclass CppEngine "cmatch::Engine":
        CppEngine(const EngineLimits&) except +
        uint64_t state_hash() except +


cdef extern from "shared/calls.hpp" namespace "cmatch::face":
    cdef cppclass KeepOptions:
        cbool keep_events
        uint64_t max_events

    cdef cppclass EngineHost:
        CppEngine engine

    object submit(EngineHost&, PyObject* const*)
    object cancel(EngineHost&, PyObject* const*)
    object replace(EngineHost&, PyObject* const*)
    object best(EngineHost&, PyObject*)
    object submit_batch(EngineHost&, PyObject*)


cdef extern from *:
    """
    #include <memory>

    static cmatch::face::EngineHost* make_host(const cmatch::EngineLimits& limits,
                                               const cmatch::face::KeepOptions& keep) {
      return std::make_unique<cmatch::face::EngineHost>(cmatch::Engine(limits), keep).release();
    }

    static PyObject* load_types() {
      return cmatch::face::at_the_border([] {
        PyObject* module = PyModule_New("types");
        cmatch::face::load_face(module);
        return module;
      });
    }
    """
    EngineHost* make_host(const EngineLimits&, const KeepOptions&) except +
    object load_types()


cdef inline PyObject* at(object value) noexcept:
    return <PyObject*>value


cdef class Engine:
    cdef EngineHost* host

    def __cinit__(
        self, *, uint32_t max_instruments=1024, uint32_t max_orders=1 << 20, uint64_t max_order_ids=1 << 24,
        bint keep_events=False, uint64_t max_events=1 << 20,
    ):
        cdef EngineLimits limits
        limits.max_instruments = max_instruments
        limits.max_orders = max_orders
        limits.max_order_ids = max_order_ids
        cdef KeepOptions keep
        keep.keep_events = keep_events
        keep.max_events = max_events
        self.host = make_host(limits, keep)

    def __dealloc__(self):
        del self.host

    def submit(
        self, instrument_id, side, qty, price=None, *, account=0, order_id=None, type="limit", time_in_force="gtc",
        flags=0, stp_mode="none", stp_group=None, stop_price=None, trail=None, peg=None, offset=None,
        display_qty=None, min_qty=None, expire_at=None, timestamp=None,
    ):
        cdef PyObject* slots[19]
        slots[:] = [
            at(instrument_id), at(side), at(qty), at(price), at(account), at(order_id), at(type), at(time_in_force),
            at(flags), at(stp_mode), at(stp_group), at(stop_price), at(trail), at(peg), at(offset), at(display_qty),
            at(min_qty), at(expire_at), at(timestamp),
        ]
        return submit(self.host[0], slots)

    def cancel(self, instrument_id, order_id, account=0, *, timestamp=None):
        cdef PyObject* slots[4]
        slots[:] = [at(instrument_id), at(order_id), at(account), at(timestamp)]
        return cancel(self.host[0], slots)

    def replace(
        self, instrument_id, order_id, qty=None, price=None, stop_price=None, *, account=0, timestamp=None
    ):
        cdef PyObject* slots[7]
        slots[:] = [
            at(instrument_id), at(order_id), at(qty), at(price), at(stop_price), at(account), at(timestamp),
        ]
        return replace(self.host[0], slots)

    def submit_batch(self, commands):
        return submit_batch(self.host[0], at(commands))

    def best(self, instrument_id):
        return best(self.host[0], at(instrument_id))

    def state_hash(self):
        return self.host.engine.state_hash()


_types = load_types()
Result = _types.Result
Trade = _types.Trade
TopOfBook = _types.TopOfBook
