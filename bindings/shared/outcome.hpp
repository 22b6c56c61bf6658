// What the events of one command say about its order: the order status, and the quantities behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "cmatch/event.hpp"
#include "cmatch/types.hpp"

namespace cmatch::face {

// What the order is after the command, in the words of FIX OrdStatus (39); cmatch.OrderStatus.
enum class OrderStatus : std::uint8_t {
  fresh = 1, // NEW: live, nothing traded; a waiting stop or peg too
  partially_filled = 2,
  filled = 3,
  canceled = 4,
  rejected = 5,
  expired = 6,
  accepted = 7, // a command without an order took effect
};

struct Outcome {
  OrderStatus status = OrderStatus::fresh;
  std::uint16_t reason = 0; // RejectCode where rejected, CancelReason where canceled
  Lots filled = 0;          // cum_qty of the order after the command
  Lots remaining = 0;       // its leaves_qty after the command
  std::size_t trades = 0;   // among the events, those of other orders too
};

// Of a new, replace or cancel of `order_id`, which had traded `cum_qty` before.
inline Outcome order_outcome(std::span<const Event> events, OrderId order_id, Lots cum_qty) {
  Outcome outcome{.filled = cum_qty};
  const auto end = [&](OrderStatus status, std::uint16_t reason) {
    outcome.status = status;
    outcome.reason = reason;
    outcome.remaining = 0;
  };
  for (const Event& event : events) {
    switch (static_cast<EventKind>(event.kind)) {
    case EventKind::accepted:
      outcome.remaining = event.qty;
      break;
    case EventKind::replaced:
      outcome.remaining = event.qty - outcome.filled;
      break;
    case EventKind::rejected:
      outcome.filled = 0;
      end(OrderStatus::rejected, event.reason);
      break;
    case EventKind::trade:
      ++outcome.trades;
      if (event.order_id == order_id) {
        outcome.filled += event.qty;
        outcome.remaining = event.leaves;
      } else if (event.maker_order_id == order_id) {
        outcome.filled += event.qty;
        outcome.remaining = event.maker_leaves;
      }
      break;
    case EventKind::prevented:
      if (event.order_id == order_id)
        outcome.remaining = event.leaves;
      else if (event.maker_order_id == order_id)
        outcome.remaining = event.maker_leaves;
      break;
    case EventKind::canceled:
      if (event.order_id == order_id) end(OrderStatus::canceled, event.reason);
      break;
    case EventKind::expired:
      if (event.order_id == order_id) end(OrderStatus::expired, 0);
      break;
    case EventKind::refreshed:
    case EventKind::triggered:
    case EventKind::repriced:
    case EventKind::uncrossed:
    case EventKind::phase_changed:
      break;
    }
  }
  if (outcome.status == OrderStatus::fresh) {
    if (outcome.remaining == 0)
      outcome.status = OrderStatus::filled;
    else if (outcome.filled > 0)
      outcome.status = OrderStatus::partially_filled;
  }
  return outcome;
}

// Of a command that has no order.
inline Outcome command_outcome(std::span<const Event> events) {
  Outcome outcome{.status = OrderStatus::accepted};
  for (const Event& event : events) {
    const auto kind = static_cast<EventKind>(event.kind);
    if (kind == EventKind::trade) {
      ++outcome.trades;
    } else if (kind == EventKind::rejected) {
      outcome.status = OrderStatus::rejected;
      outcome.reason = event.reason;
    }
  }
  return outcome;
}

} // namespace cmatch::face
