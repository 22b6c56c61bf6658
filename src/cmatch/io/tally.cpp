#include "cmatch/io/tally.hpp"

#include <array>

namespace cmatch::io {

namespace {

struct Totals {
  std::array<std::uint64_t, kStats.size()> by_stat{};

  std::uint64_t& operator[](Stat stat) { return by_stat[static_cast<std::size_t>(stat)]; }

  void count_reject(std::uint16_t code) {
    switch (code / 1000) {
    case 1:
      ++(*this)[Stat::rejects_gateway];
      break;
    case 2:
      ++(*this)[Stat::rejects_accounts];
      break;
    case 3:
      ++(*this)[Stat::rejects_risk];
      break;
    case 5:
      ++(*this)[Stat::rejects_settlement];
      break;
    default:
      ++(*this)[Stat::rejects_matching];
    }
  }

  void add_to(SharedStats& stats) const {
    stats.begin();
    for (std::size_t i = 0; i < by_stat.size(); ++i)
      if (by_stat[i] != 0) stats.add(static_cast<Stat>(i), by_stat[i]);
    stats.end();
  }
};

bool stands_for_trade(const ExecutionReport& report) {
  const auto liquidity = static_cast<Liquidity>(report.liquidity);
  return liquidity == Liquidity::taker ||
         (liquidity == Liquidity::auction && report.side == static_cast<std::uint16_t>(Side::buy));
}

void count(Totals& totals, const ExecutionReport& report) {
  if ((report.flags & kReportDuplicate) != 0) {
    ++totals[Stat::duplicates];
    return;
  }
  switch (static_cast<ExecType>(report.exec_type)) {
  case ExecType::accepted:
    ++totals[Stat::orders];
    break;
  case ExecType::rejected:
  case ExecType::cancel_rejected:
    totals.count_reject(report.reject);
    break;
  case ExecType::trade:
    totals[Stat::trades] += stands_for_trade(report);
    break;
  case ExecType::canceled:
    ++totals[Stat::cancels];
    break;
  case ExecType::expired:
    ++totals[Stat::expiries];
    break;
  case ExecType::replaced:
    ++totals[Stat::replaces];
    break;
  case ExecType::triggered:
  case ExecType::restated:
  case ExecType::done:
    break;
  }
}

} // namespace

void tally(SharedStats& stats, std::span<const ExecutionReport> reports) {
  Totals totals;
  totals[Stat::reports] = reports.size();
  for (const ExecutionReport& report : reports)
    count(totals, report);
  totals.add_to(stats);
}

void tally(SharedStats& stats, std::span<const Answer> answers) {
  Totals totals;
  totals[Stat::answers] = answers.size();
  for (const Answer& answer : answers) {
    if ((answer.flags & kAnswerDuplicate) != 0)
      ++totals[Stat::duplicates];
    else if (answer.reject != 0)
      totals.count_reject(answer.reject);
  }
  totals.add_to(stats);
}

} // namespace cmatch::io
