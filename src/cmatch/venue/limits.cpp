#include "cmatch/venue/limits.hpp"

#include <algorithm>
#include <array>

namespace cmatch {
namespace {

struct Row {
  LimitField field;
  std::int64_t AdminCommand::* given;
  std::int64_t Limits::* kept;
  std::int64_t least;
};

constexpr std::array<Row, 10> kRows{{
    {kLimitOrderQty, &AdminCommand::max_order_qty, &Limits::order_qty, 0},
    {kLimitOrderNotional, &AdminCommand::max_order_notional, &Limits::order_notional, 0},
    {kLimitOpenOrders, &AdminCommand::max_open_orders, &Limits::open_orders, 0},
    {kLimitPosition, &AdminCommand::max_position, &Limits::position, 0},
    {kLimitGrossNotional, &AdminCommand::max_gross_notional, &Limits::gross_notional, 0},
    {kLimitNetNotional, &AdminCommand::max_net_notional, &Limits::net_notional, 0},
    {kLimitDailyLoss, &AdminCommand::max_daily_loss, &Limits::daily_loss, 0},
    {kLimitCollar, &AdminCommand::price_collar, &Limits::collar, 0},
    {kLimitOrderRate, &AdminCommand::order_rate, &Limits::order_rate, 1},
    {kLimitDuplicateWindow, &AdminCommand::duplicate_window, &Limits::duplicate_window, 1},
}};

constexpr std::int64_t kLongestInterval = std::int64_t{86'400} * 1'000'000'000;

} // namespace

RejectCode LimitSets::set(const AdminCommand& command) {
  Limits limits{};
  limits.present = command.present;
  for (const Row& row : kRows) {
    if (!limits.has(row.field)) continue;
    const std::int64_t value = command.*row.given;
    if (value < row.least) return RejectCode::invalid_limit;
    limits.*row.kept = value;
  }
  if (limits.has(kLimitCollar) && limits.collar > kMaxMagnitude) return RejectCode::invalid_limit;
  if (limits.has(kLimitDuplicateWindow) && limits.duplicate_window > kLongestInterval)
    return RejectCode::invalid_limit;
  if (limits.has(kLimitOrderRate)) {
    if (command.rate_interval < limits.order_rate || command.rate_interval > kLongestInterval)
      return RejectCode::invalid_limit;
    limits.rate_interval = command.rate_interval;
  }
  restore(command.account, command.instrument_id, limits);
  return RejectCode::none;
}

void LimitSets::restore(AccountId account, InstrumentId instrument, const Limits& limits) {
  if (limits.present == 0)
    sets_.erase({account, instrument});
  else
    sets_[{account, instrument}] = limits;
  ++version_;
}

std::int64_t LimitSets::longest_window() const {
  if (longest_of_ == version_) return longest_window_;
  longest_window_ = 0;
  for (const auto& [scope, limits] : sets_)
    longest_window_ = std::max(longest_window_, limits.duplicate_window);
  longest_of_ = version_;
  return longest_window_;
}

Limits LimitSets::resolve(AccountId account, InstrumentId instrument) const {
  Limits bound{};
  const std::pair<AccountId, InstrumentId> scopes[] = {
      {account, instrument}, {account, 0}, {AccountId{0}, instrument}, {AccountId{0}, InstrumentId{0}}};
  for (const auto& scope : scopes) {
    const auto found = sets_.find(scope);
    if (found == sets_.end()) continue;
    const Limits& limits = found->second;
    for (const Row& row : kRows) {
      if (bound.has(row.field) || !limits.has(row.field)) continue;
      bound.*row.kept = limits.*row.kept;
      if (row.field == kLimitOrderRate) bound.rate_interval = limits.rate_interval;
    }
    bound.present |= limits.present;
  }
  return bound;
}

} // namespace cmatch
