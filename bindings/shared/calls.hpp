// The five hot calls, whole but for how a binding takes its arguments apart: each takes one slot an argument, in
// the order of its names; nullptr or None in an optional one means "not given". All return a new reference, or
// nullptr with Python's error set, so that any binding can call them.
#pragma once

#include <array>
#include <cstddef>

#include "shared/engine_host.hpp"
#include "shared/python.hpp"

namespace cmatch::face {

enum SubmitSlot : std::size_t {
  kSubmitInstrumentId,
  kSubmitSide,
  kSubmitQty,
  kSubmitPrice,
  kSubmitAccount,
  kSubmitOrderId,
  kSubmitType,
  kSubmitTimeInForce,
  kSubmitFlags,
  kSubmitStpMode,
  kSubmitStpGroup,
  kSubmitStopPrice,
  kSubmitTrail,
  kSubmitPeg,
  kSubmitOffset,
  kSubmitDisplayQty,
  kSubmitMinQty,
  kSubmitExpireAt,
  kSubmitTimestamp,
};
inline constexpr std::array kSubmitNames{
    "instrument_id", "side",        "qty",      "price",     "account",    "order_id", "type",
    "time_in_force", "flags",       "stp_mode", "stp_group", "stop_price", "trail",    "peg",
    "offset",        "display_qty", "min_qty",  "expire_at", "timestamp"};
static_assert(kSubmitNames.size() == kSubmitTimestamp + 1);

enum CancelSlot : std::size_t { kCancelInstrumentId, kCancelOrderId, kCancelAccount, kCancelTimestamp };
inline constexpr std::array kCancelNames{"instrument_id", "order_id", "account", "timestamp"};

enum ReplaceSlot : std::size_t {
  kReplaceInstrumentId,
  kReplaceOrderId,
  kReplaceQty,
  kReplacePrice,
  kReplaceStopPrice,
  kReplaceAccount,
  kReplaceTimestamp,
};
inline constexpr std::array kReplaceNames{"instrument_id", "order_id", "qty",      "price",
                                          "stop_price",    "account",  "timestamp"};

PyObject* submit(EngineHost& host, PyObject* const* slots) noexcept;  // -> Result
PyObject* cancel(EngineHost& host, PyObject* const* slots) noexcept;  // -> Result
PyObject* replace(EngineHost& host, PyObject* const* slots) noexcept; // -> Result
PyObject* best(EngineHost& host, PyObject* instrument_id) noexcept;   // -> TopOfBook
PyObject* submit_batch(EngineHost& host,
                       PyObject* commands) noexcept; // -> array of EVENT_DTYPE; the GIL is released

// Loads words, errors and types and adds Result, Trade and TopOfBook to `module`; called once, when it is imported.
void load_face(PyObject* module);

} // namespace cmatch::face
