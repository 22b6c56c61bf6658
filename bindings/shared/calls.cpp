#include "shared/calls.hpp"

#include <bit>
#include <cstddef>
#include <cstring>
#include <utility>

#include "shared/arrays.hpp"
#include "shared/integers.hpp"
#include "shared/results.hpp"
#include "shared/words.hpp"

namespace cmatch::face {
namespace {

bool is_given(PyObject* value) { return value != nullptr && value != Py_None; }

// Keeps the default where the argument is left out; unlike below, None is no way to leave it out.
template <class T>
void read_defaulted(PyObject* value, const char* name, T& field) {
  if (value != nullptr) field = read_integer<T>(value, name);
}

template <class T>
void read_optional(PyObject* value, const char* name, T& field) {
  if (is_given(value)) field = read_integer<T>(value, name);
}

// Reads an optional field where it is given; its bit of Command::present, or 0.
template <class T>
std::uint16_t read_present(PyObject* value, const char* name, T& field, CommandField bit) {
  if (!is_given(value)) return 0;
  field = read_integer<T>(value, name);
  return bit;
}

// All zero, 16 bytes a store: Command{} becomes `rep stos`, which takes a fifth of a submit.
template <std::size_t... I>
void clear(Command& command, std::index_sequence<I...>) {
  (std::memset(reinterpret_cast<char*>(&command) + 16 * I, 0, 16), ...);
}

Command make_command(CommandKind kind, PyObject* instrument_id) {
  Command command;
  clear(command, std::make_index_sequence<sizeof(Command) / 16>());
  command.kind = static_cast<std::uint8_t>(kind);
  command.instrument_id = read_integer<InstrumentId>(instrument_id, "instrument_id");
  return command;
}

// The small fields that follow a command's price. The core looks at several of them in one load, which waits for the
// memory where they were written one by one: they are written in one store.
struct Traits {
  std::uint16_t present = 0;
  std::uint8_t flags = 0;
  std::uint8_t stp_mode = 0;
  std::uint8_t peg = 0;

  void write_to(Command& command) const {
    static_assert(std::endian::native == std::endian::little);
    static_assert(offsetof(Command, flags) == offsetof(Command, present) + 2 &&
                  offsetof(Command, stp_mode) == offsetof(Command, present) + 3 &&
                  offsetof(Command, peg) == offsetof(Command, present) + 4);
    const std::uint64_t word =
        present | std::uint64_t{flags} << 16 | std::uint64_t{stp_mode} << 24 | std::uint64_t{peg} << 32;
    std::memcpy(reinterpret_cast<char*>(&command) + offsetof(Command, present), &word, sizeof word);
  }
};

std::uint16_t read_rare_submit_fields(PyObject* const* slots, Command& c) {
  read_optional(slots[kSubmitTimestamp], "timestamp", c.timestamp);
  return static_cast<std::uint16_t>(
      read_present(slots[kSubmitStpGroup], "stp_group", c.stp_group, kHasStpGroup) |
      read_present(slots[kSubmitStopPrice], "stop_price", c.stop_price, kHasStopPrice) |
      read_present(slots[kSubmitTrail], "trail", c.trail, kHasTrail) |
      read_present(slots[kSubmitOffset], "offset", c.offset, kHasOffset) |
      read_present(slots[kSubmitDisplayQty], "display_qty", c.display_qty, kHasDisplayQty) |
      read_present(slots[kSubmitMinQty], "min_qty", c.min_qty, kHasMinQty) |
      read_present(slots[kSubmitExpireAt], "expire_at", c.expire_at, kHasExpireAt));
}

Command read_submit(PyObject* const* slots) {
  const Vocabulary& word = words();
  Command c = make_command(CommandKind::new_order, slots[kSubmitInstrumentId]);
  Traits traits;
  c.side = word.side.read(slots[kSubmitSide], "side");
  c.qty = read_integer<Lots>(slots[kSubmitQty], "qty");
  traits.present = read_present(slots[kSubmitPrice], "price", c.price, kHasPrice);
  read_defaulted(slots[kSubmitAccount], "account", c.account);
  c.type = slots[kSubmitType] == nullptr ? static_cast<std::uint8_t>(OrderType::limit)
                                         : word.order_type.read(slots[kSubmitType], "type");
  c.time_in_force = slots[kSubmitTimeInForce] == nullptr
                        ? static_cast<std::uint8_t>(TimeInForce::gtc)
                        : word.time_in_force.read(slots[kSubmitTimeInForce], "time_in_force");
  if (slots[kSubmitFlags] != nullptr) traits.flags = word.order_flag.read(slots[kSubmitFlags], "flags");
  if (slots[kSubmitStpMode] != nullptr)
    traits.stp_mode = word.stp_mode.read(slots[kSubmitStpMode], "stp_mode");
  traits.present |= read_rare_submit_fields(slots, c);
  if (is_given(slots[kSubmitPeg])) {
    traits.peg = word.peg.read(slots[kSubmitPeg], "peg");
    traits.present |= kHasPeg;
  }
  traits.write_to(c);
  return c;
}

PyObject* apply_to_live_order(EngineHost& host, const Command& command) {
  Turn turn(host, 1);
  const Lots cum_qty = host.engine.cum_qty(command.order_id);
  return make_order_result(command.order_id, cum_qty, turn.apply(command));
}

} // namespace

PyObject* submit(EngineHost& host, PyObject* const* slots) noexcept {
  return at_the_border([&] {
    Command command = read_submit(slots);
    PyObject* const order_id = slots[kSubmitOrderId];
    read_optional(order_id, "order_id", command.order_id);
    Turn turn(host, 1);
    if (!is_given(order_id)) command.order_id = host.engine.next_order_id();
    return make_order_result(command.order_id, 0, turn.apply(command));
  });
}

PyObject* cancel(EngineHost& host, PyObject* const* slots) noexcept {
  return at_the_border([&] {
    Command command = make_command(CommandKind::cancel, slots[kCancelInstrumentId]);
    command.order_id = read_integer<OrderId>(slots[kCancelOrderId], "order_id");
    read_defaulted(slots[kCancelAccount], "account", command.account);
    read_optional(slots[kCancelTimestamp], "timestamp", command.timestamp);
    return apply_to_live_order(host, command);
  });
}

PyObject* replace(EngineHost& host, PyObject* const* slots) noexcept {
  return at_the_border([&] {
    Command command = make_command(CommandKind::replace, slots[kReplaceInstrumentId]);
    command.order_id = read_integer<OrderId>(slots[kReplaceOrderId], "order_id");
    command.present = static_cast<std::uint16_t>(
        read_present(slots[kReplaceQty], "qty", command.qty, kHasQty) |
        read_present(slots[kReplacePrice], "price", command.price, kHasPrice) |
        read_present(slots[kReplaceStopPrice], "stop_price", command.stop_price, kHasStopPrice));
    read_defaulted(slots[kReplaceAccount], "account", command.account);
    read_optional(slots[kReplaceTimestamp], "timestamp", command.timestamp);
    return apply_to_live_order(host, command);
  });
}

PyObject* best(EngineHost& host, PyObject* instrument_id) noexcept {
  return at_the_border([&] {
    const auto id = read_integer<InstrumentId>(instrument_id, "instrument_id");
    TopOfBook top;
    {
      const Stay stay(host);
      top = host.engine.top(id);
    }
    return make_top_of_book(top);
  });
}

PyObject* submit_batch(EngineHost& host, PyObject* commands) noexcept {
  return at_the_border([&] {
    const CommandArray array(commands);
    const Turn turn(host, array.view().size());
    EventBuffer events = host.pool->take();
    std::exception_ptr failure;
    Py_BEGIN_ALLOW_THREADS;
    try {
      events.reserve(array.view().size());
      host.engine.apply_batch(array.view(), events);
      if (host.keep.keep_events) host.events.append(events.view());
    } catch (...) {
      failure = std::current_exception();
    }
    Py_END_ALLOW_THREADS;
    if (failure) std::rethrow_exception(failure);
    return event_array(std::move(events), host.pool);
  });
}

void load_face(PyObject* module) {
  load_errors();
  load_words();
  load_arrays();
  add_result_types(module);
}

} // namespace cmatch::face
