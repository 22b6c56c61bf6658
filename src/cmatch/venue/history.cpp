#include "cmatch/venue/history.hpp"

#include <cstring>
#include <stdexcept>

namespace cmatch {
namespace {

HistoryLimits checked(const HistoryLimits& limits) {
  for (const std::uint32_t limit :
       {limits.max_accounts, limits.max_instruments, limits.orders_per_account, limits.fills_per_account,
        limits.trades_per_instrument, limits.max_orders, limits.max_fills, limits.max_trades})
    if (limit == 0 || limit > 1u << 30)
      throw std::invalid_argument("a limit of the history is 0 or above 2^30");
  return limits;
}

// Whole blocks: what the pool of a ring can hold at once.
std::uint32_t whole_blocks(std::uint32_t records) {
  constexpr std::uint32_t kBlock = KeyedRings<HistoryOrder>::kBlock;
  return (records + kBlock - 1) / kBlock * kBlock;
}

void copy_client_order_id(const ExecutionReport& report, HistoryOrder& order) {
  std::memcpy(order.client_order_id, report.client_order_id_head, sizeof report.client_order_id_head);
  std::memcpy(order.client_order_id + sizeof report.client_order_id_head, report.client_order_id_tail,
              sizeof report.client_order_id_tail);
}

void take_over(const ExecutionReport& report, HistoryOrder& order) {
  order.order_status = report.order_status;
  order.type = report.type;
  order.time_in_force = report.time_in_force;
  order.flags = report.flags & (kReportPrice | kReportStopPrice);
  order.order_qty = report.order_qty;
  order.cum_qty = report.cum_qty;
  order.leaves_qty = report.leaves_qty;
  order.price = report.price;
  order.stop_price = report.stop_price;
  order.updated_at = report.timestamp;
  order.event_sequence = report.event_sequence;
  order.cancel_reason = report.cancel_reason;
  order.reject = report.reject;
}

bool within(const HistoryFilter& filter, std::uint32_t instrument, std::int64_t when) {
  return (filter.instrument_id == 0 || filter.instrument_id == instrument) &&
         (filter.from_ns == 0 || when >= filter.from_ns) && (filter.to_ns == 0 || when <= filter.to_ns);
}

} // namespace

History::History(const HistoryLimits& limits)
    : orders_(checked(limits).max_accounts, limits.orders_per_account, limits.max_orders),
      fills_(limits.max_accounts, limits.fills_per_account, limits.max_fills),
      trades_(limits.max_instruments, limits.trades_per_instrument, limits.max_trades),
      index_(whole_blocks(limits.max_orders)) {}

void History::record(std::span<const ExecutionReport> reports) {
  for (const ExecutionReport& report : reports) {
    if ((report.flags & kReportDuplicate) != 0 || report.event_sequence == 0) continue;
    switch (static_cast<ExecType>(report.exec_type)) {
    case ExecType::accepted:
      // A queued order is accepted twice: when it is entered, and when it is submitted.
      if (index_.find(report.order_id) == kNoSlot)
        enter(report);
      else
        change(report);
      break;
    case ExecType::rejected:
      if (report.order_id == 0) break;
      if (index_.find(report.order_id) == kNoSlot)
        enter(report);
      else
        change(report);
      break;
    case ExecType::trade:
    case ExecType::canceled:
    case ExecType::expired:
    case ExecType::replaced:
    case ExecType::triggered:
    case ExecType::restated:
      change(report);
      break;
    case ExecType::cancel_rejected:
    case ExecType::done:
      break; // no order is other than it was
    }
  }
}

void History::enter(const ExecutionReport& report) {
  HistoryOrder* const order =
      orders_.push(report.account, [this](const HistoryOrder& oldest) { index_.erase(oldest.order_id); });
  if (order == nullptr) {
    ++dropped_;
    return;
  }
  *order = {};
  order->order_id = report.order_id;
  order->account = report.account;
  order->instrument_id = report.instrument_id;
  order->side = report.side;
  order->entered_at = report.timestamp;
  copy_client_order_id(report, *order);
  take_over(report, *order);
  index_.insert(report.order_id, orders_.place_of(order));
}

void History::change(const ExecutionReport& report) {
  std::uint32_t place = index_.find(report.order_id);
  if (place ==
      kNoSlot) { // forgotten while it lived, or entered before we began: what the report says is all we know
    enter(report);
    place = index_.find(report.order_id);
  }
  HistoryOrder* const order = place == kNoSlot ? nullptr : &orders_.at(place);
  if (order != nullptr) {
    take_over(report, *order);
    if (static_cast<ExecType>(report.exec_type) == ExecType::replaced) copy_client_order_id(report, *order);
  }
  if (static_cast<ExecType>(report.exec_type) == ExecType::trade) fill(report, order);
}

void History::fill(const ExecutionReport& report, HistoryOrder* order) {
  if (order != nullptr) {
    __int128 cost = (static_cast<__int128>(order->cost_high) << 64) + order->cost_low;
    cost += static_cast<__int128>(report.last_qty) * report.last_price;
    order->cost_low = static_cast<std::uint64_t>(cost);
    order->cost_high = static_cast<std::int64_t>(cost >> 64);
    ++order->fills;
  }
  const auto forget = [](const auto&) {};
  if (HistoryFill* const mine = fills_.push(report.account, forget))
    *mine = {report.trade_id,      report.order_id, report.sequence,  report.timestamp,
             report.last_price,    report.last_qty, report.fee,       report.fee_asset,
             report.instrument_id, report.side,     report.liquidity, 0};
  else
    ++dropped_;
  const HistoryTrade* const last = trades_.newest(report.instrument_id);
  if (last != nullptr && last->trade_id == report.trade_id) return; // the other side told it
  const auto liquidity = static_cast<Liquidity>(report.liquidity);
  std::uint16_t taker = 0;
  if (liquidity == Liquidity::taker) taker = report.side;
  if (liquidity == Liquidity::maker) taker = report.side == 1 ? 2 : 1;
  if (HistoryTrade* const trade = trades_.push(report.instrument_id, forget))
    *trade = {report.trade_id,
              report.sequence,
              report.timestamp,
              report.last_price,
              report.last_qty,
              report.instrument_id,
              taker,
              0};
  else
    ++dropped_;
}

const HistoryOrder* History::order(std::uint64_t order_id) const {
  const std::uint32_t place = index_.find(order_id);
  return place == kNoSlot ? nullptr : &orders_.at(place);
}

std::vector<HistoryOrder> History::orders(AccountId account, const HistoryFilter& filter,
                                          std::size_t limit) const {
  std::vector<HistoryOrder> found;
  orders_.newest_first(account, [&](const HistoryOrder& order) {
    if (found.size() == limit) return false;
    const bool wanted =
        within(filter, order.instrument_id, order.entered_at) &&
        (filter.before == 0 || order.order_id < filter.before) &&
        (filter.order_status == 0 || filter.order_status == order.order_status) &&
        (filter.client_order_id == nullptr ||
         std::memcmp(filter.client_order_id, order.client_order_id, sizeof order.client_order_id) == 0);
    if (wanted) found.push_back(order);
    return true;
  });
  return found;
}

std::vector<HistoryFill> History::fills(AccountId account, const HistoryFilter& filter,
                                        std::size_t limit) const {
  std::vector<HistoryFill> found;
  fills_.newest_first(account, [&](const HistoryFill& fill) {
    if (found.size() == limit) return false;
    if (within(filter, fill.instrument_id, fill.timestamp) &&
        (filter.before == 0 || fill.trade_id < filter.before))
      found.push_back(fill);
    return true;
  });
  return found;
}

std::vector<HistoryTrade> History::trades(InstrumentId instrument, const HistoryFilter& filter,
                                          std::size_t limit) const {
  std::vector<HistoryTrade> found;
  trades_.newest_first(instrument, [&](const HistoryTrade& trade) {
    if (found.size() == limit) return false;
    if (within(filter, trade.instrument_id, trade.timestamp) &&
        (filter.before == 0 || trade.trade_id < filter.before))
      found.push_back(trade);
    return true;
  });
  return found;
}

void History::check_invariants() const {
  orders_.check_invariants();
  fills_.check_invariants();
  trades_.check_invariants();
  CM_CHECK(index_.size() == orders_.records());
}

} // namespace cmatch
