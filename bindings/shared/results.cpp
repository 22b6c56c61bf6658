#include "shared/results.hpp"

#include "shared/outcome.hpp"
#include "shared/record.hpp"
#include "shared/words.hpp"

namespace cmatch::face {
namespace {

PyObject* new_none() { return Py_NewRef(Py_None); }

struct TradeObject {
  PyObject_HEAD std::uint64_t trade_id;
  Ticks price;
  Lots qty;
  OrderId maker_order_id;
  OrderId taker_order_id;
  AccountId maker_account;
  AccountId taker_account;
  Lots maker_leaves;
  Lots taker_leaves;
  InstrumentId instrument_id;
  std::uint8_t taker_side; // Side, 0: none
};

struct TradeTraits {
  using Object = TradeObject;
  static constexpr const char* name = "cmatch.Trade";
  static constexpr const char* doc = "One match of a maker and a taker. Prices are ticks, quantities lots.";
  static constexpr std::array fields{
      integer_field<&TradeObject::trade_id>("trade_id", "From 1, gapless in the engine."),
      integer_field<&TradeObject::instrument_id>("instrument_id", "The book it happened in."),
      integer_field<&TradeObject::price>("price", "Ticks: the maker's price, or that of the uncross."),
      integer_field<&TradeObject::qty>("qty", "Lots."),
      integer_field<&TradeObject::maker_order_id>("maker_order_id",
                                                  "The resting order; the buy in an uncross."),
      integer_field<&TradeObject::maker_account>("maker_account", "Its account."),
      integer_field<&TradeObject::maker_leaves>("maker_leaves", "Lots of the maker still open; 0: filled."),
      integer_field<&TradeObject::taker_order_id>("taker_order_id",
                                                  "The incoming order; the sell in an uncross."),
      integer_field<&TradeObject::taker_account>("taker_account", "Its account."),
      integer_field<&TradeObject::taker_leaves>("taker_leaves", "Lots of the taker still open; 0: filled."),
      Field{"taker_side", "Side of the taker; None in an uncross.",
            [](PyObject* self, void*) {
              const std::uint8_t side = reinterpret_cast<TradeObject*>(self)->taker_side;
              return side == 0 ? new_none() : words().side.member(side);
            },
            [](PyObject* self, PyObject* value) {
              if (value != Py_None)
                reinterpret_cast<TradeObject*>(self)->taker_side = words().side.read(value, "taker_side");
            }},
  };
  static void start(TradeObject& trade) { trade.taker_side = 0; }
  static void drop(TradeObject&) {}
  static bool is_true(const TradeObject&) { return true; }
};

struct ResultObject {
  PyObject_HEAD OrderId order_id;
  Lots filled;
  Lots remaining;
  std::uint64_t sequence;
  PyObject* trades; // a tuple
  std::uint16_t reason;
  OrderStatus status;
  bool has_order;
};

ResultObject& result_of(PyObject* self) { return *reinterpret_cast<ResultObject*>(self); }

struct ResultTraits {
  using Object = ResultObject;
  static constexpr const char* name = "cmatch.Result";
  static constexpr const char* doc =
      "What one command did. True unless it was rejected; a reject is data, never an exception.";
  static constexpr std::array fields{
      Field{"order_id", "The order; None of a command that has none.",
            [](PyObject* self, void*) {
              const ResultObject& result = result_of(self);
              return result.has_order ? PyLong_FromUnsignedLongLong(result.order_id) : new_none();
            },
            [](PyObject* self, PyObject* value) {
              result_of(self).has_order = value != Py_None;
              if (value != Py_None) result_of(self).order_id = read_integer<OrderId>(value, "order_id");
            }},
      Field{"status", "OrderStatus of the order after the command; ACCEPTED of a command that has none.",
            [](PyObject* self, void*) {
              return words().order_status.member(static_cast<std::uint32_t>(result_of(self).status));
            },
            [](PyObject* self, PyObject* value) {
              result_of(self).status = static_cast<OrderStatus>(words().order_status.read(value, "status"));
            }},
      Field{"reason", "RejectCode where rejected, CancelReason where canceled, else None.",
            [](PyObject* self, void*) {
              const ResultObject& result = result_of(self);
              if (result.status == OrderStatus::rejected) return words().reject_code.member(result.reason);
              if (result.status == OrderStatus::canceled) return words().cancel_reason.member(result.reason);
              return new_none();
            },
            [](PyObject* self, PyObject* value) {
              if (value != Py_None) result_of(self).reason = read_integer<std::uint16_t>(value, "reason");
            }},
      integer_field<&ResultObject::filled>("filled",
                                           "Lots of the order that have traded, in this call and before."),
      integer_field<&ResultObject::remaining>("remaining", "Lots of the order that are still live."),
      Field{"trades", "Every Trade of the call in order, those of stops that it released too.",
            [](PyObject* self, void*) { return Py_NewRef(result_of(self).trades); },
            [](PyObject* self, PyObject* value) {
              if (!PyTuple_CheckExact(value)) raise(PyExc_TypeError, "trades must be a tuple");
              Py_SETREF(result_of(self).trades, Py_NewRef(value));
            }},
      integer_field<&ResultObject::sequence>("sequence", "The command's place among all commands, from 1."),
  };
  static void start(ResultObject& result) {
    static PyObject* const no_trades = PyTuple_New(0);
    result.order_id = 0;
    result.reason = 0;
    result.trades = Py_NewRef(no_trades);
  }
  static void drop(ResultObject& result) { Py_DECREF(result.trades); }
  static bool is_true(const ResultObject& result) { return result.status != OrderStatus::rejected; }
};

struct TopObject {
  PyObject_HEAD TopOfBook top;
};

TopOfBook& top_of(PyObject* self) { return reinterpret_cast<TopObject*>(self)->top; }

template <bool TopOfBook::* Has, Ticks TopOfBook::* Price>
constexpr Field price_field(const char* name, const char* doc) {
  return {name, doc,
          [](PyObject* self, void*) {
            return top_of(self).*Has ? PyLong_FromLongLong(top_of(self).*Price) : new_none();
          },
          [](PyObject* self, PyObject* value) {
            top_of(self).*Has = value != Py_None;
            if (value != Py_None) top_of(self).*Price = read_integer<Ticks>(value, "a price");
          }};
}

template <Lots TopOfBook::* Qty>
constexpr Field qty_field(const char* name, const char* doc) {
  return {
      name, doc, [](PyObject* self, void*) { return PyLong_FromLongLong(top_of(self).*Qty); },
      [](PyObject* self, PyObject* value) { top_of(self).*Qty = read_integer<Lots>(value, "a quantity"); }};
}

struct TopTraits {
  using Object = TopObject;
  static constexpr const char* name = "cmatch.TopOfBook";
  static constexpr const char* doc =
      "The best prices of a book and the lots shown there (L1). True where a side has one.";
  static constexpr std::array fields{
      price_field<&TopOfBook::has_bid, &TopOfBook::bid_price>("bid_price", "Ticks; None without a bid."),
      qty_field<&TopOfBook::bid_qty>("bid_qty", "Lots; 0 without a bid."),
      price_field<&TopOfBook::has_ask, &TopOfBook::ask_price>("ask_price", "Ticks; None without an ask."),
      qty_field<&TopOfBook::ask_qty>("ask_qty", "Lots; 0 without an ask."),
  };
  static void start(TopObject&) {}
  static void drop(TopObject&) {}
  static bool is_true(const TopObject& object) { return object.top.has_bid || object.top.has_ask; }
};

PyObject* make_trade(const Event& event) {
  TradeObject* const trade = Record<TradeTraits>::make();
  trade->trade_id = event.trade_id;
  trade->price = event.price;
  trade->qty = event.qty;
  trade->maker_order_id = event.maker_order_id;
  trade->taker_order_id = event.order_id;
  trade->maker_account = event.maker_account;
  trade->taker_account = event.account;
  trade->maker_leaves = event.maker_leaves;
  trade->taker_leaves = event.leaves;
  trade->instrument_id = event.instrument_id;
  trade->taker_side = event.side;
  return reinterpret_cast<PyObject*>(trade);
}

[[gnu::always_inline]] inline ResultObject* make_result(const Outcome& outcome,
                                                        std::span<const Event> events) {
  ResultObject* const result = Record<ResultTraits>::make();
  result->filled = outcome.filled;
  result->remaining = outcome.remaining;
  result->sequence = events.back().command_sequence;
  result->reason = outcome.reason;
  result->status = outcome.status;
  if (outcome.trades == 0) return result;
  Ref owner = Ref::steal(reinterpret_cast<PyObject*>(result));
  Ref trades = owned(PyTuple_New(static_cast<Py_ssize_t>(outcome.trades)));
  Py_ssize_t place = 0;
  for (const Event& event : events)
    if (static_cast<EventKind>(event.kind) == EventKind::trade)
      PyTuple_SET_ITEM(trades.get(), place++, make_trade(event));
  Py_SETREF(result->trades, trades.release());
  owner.release();
  return result;
}

} // namespace

void add_result_types(PyObject* module) {
  Record<TradeTraits>::add_to(module);
  Record<ResultTraits>::add_to(module);
  Record<TopTraits>::add_to(module);
}

PyObject* make_order_result(OrderId order_id, Lots cum_qty, std::span<const Event> events) {
  ResultObject* const result = make_result(order_outcome(events, order_id, cum_qty), events);
  result->order_id = order_id;
  result->has_order = true;
  return reinterpret_cast<PyObject*>(result);
}

PyObject* make_command_result(std::span<const Event> events) {
  ResultObject* const result = make_result(command_outcome(events), events);
  result->has_order = false;
  return reinterpret_cast<PyObject*>(result);
}

PyObject* make_top_of_book(const TopOfBook& top) {
  TopObject* const object = Record<TopTraits>::make();
  object->top = top;
  return reinterpret_cast<PyObject*>(object);
}

} // namespace cmatch::face
