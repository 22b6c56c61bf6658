// Events and books as a trading screen shows them, so that a test compares whole outcomes as text.
#pragma once

#include <string>

#include "cmatch/engine.hpp"

namespace cmatch::test {

inline const char* name(CancelReason reason) {
  switch (reason) {
  case CancelReason::requested:
    return "requested";
  case CancelReason::mass:
    return "mass";
  case CancelReason::replaced:
    return "replaced";
  case CancelReason::ioc:
    return "ioc";
  case CancelReason::fok:
    return "fok";
  case CancelReason::min_qty:
    return "min_qty";
  case CancelReason::no_liquidity:
    return "no_liquidity";
  case CancelReason::collar:
    return "collar";
  case CancelReason::band:
    return "band";
  case CancelReason::halt:
    return "halt";
  case CancelReason::self_trade:
    return "self_trade";
  }
  return "?";
}

inline const char* name(Phase phase) {
  switch (phase) {
  case Phase::closed:
    return "closed";
  case Phase::pre_open:
    return "pre_open";
  case Phase::continuous:
    return "continuous";
  case Phase::closing_call:
    return "closing_call";
  case Phase::halted:
    return "halted";
  case Phase::call_auction:
    return "call_auction";
  }
  return "?";
}

// "accepted o4; trade t1 o2/o4 100 x 3": the words of the golden examples of the specification.
inline std::string describe(const Event& event) {
  const auto number = [](auto value) { return std::to_string(value); };
  const std::string order = "o" + number(event.order_id);
  const std::string pair = "o" + number(event.maker_order_id) + "/" + order;
  switch (static_cast<EventKind>(event.kind)) {
  case EventKind::accepted:
    return event.order_id != 0 ? "accepted " + order : "accepted";
  case EventKind::rejected:
    return "rejected " + number(event.reason);
  case EventKind::trade:
    return "trade t" + number(event.trade_id) + " " + pair + " " + number(event.price) + " x " +
           number(event.qty);
  case EventKind::refreshed:
    return "refreshed " + order + " shows " + number(event.shown);
  case EventKind::prevented:
    return "prevented " + pair + " x " + number(event.qty);
  case EventKind::canceled:
    return "canceled " + order + " x " + number(event.qty) + " " +
           name(static_cast<CancelReason>(event.reason));
  case EventKind::expired:
    return "expired " + order + " x " + number(event.qty);
  case EventKind::replaced:
    return "replaced " + order + (event.kept != 0 ? " kept" : " lost");
  case EventKind::triggered:
    return "triggered " + order;
  case EventKind::repriced:
    return "repriced " + order + " " + ((event.present & kEventPrice) != 0 ? number(event.price) : "none");
  case EventKind::uncrossed:
    return "uncrossed " + number(event.price) + " x " + number(event.qty);
  case EventKind::phase_changed:
    return std::string("phase ") + name(static_cast<Phase>(event.phase));
  }
  return "?";
}

inline std::string describe(std::span<const Event> events) {
  std::string text;
  for (const Event& event : events)
    text += (text.empty() ? "" : "; ") + describe(event);
  return text;
}

// "100 x 2, 99 x 1 | 101 x 5": bids, then asks, best first, shown quantities.
inline std::string describe_book(const Engine& engine, InstrumentId instrument_id = 1) {
  const auto side = [&](Side which) {
    std::string text;
    for (const LevelView& level : engine.l2(instrument_id, which))
      text += (text.empty() ? "" : ", ") + std::to_string(level.price) + " x " + std::to_string(level.qty);
    return text.empty() ? "-" : text;
  };
  return side(Side::buy) + " | " + side(Side::sell);
}

// Applies one command and tells what came of it.
inline std::string tell(Engine& engine, const Command& command) {
  EventBuffer events;
  engine.apply(command, events);
  return describe(events.view());
}

} // namespace cmatch::test
