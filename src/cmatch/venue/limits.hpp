// The limits of orders before the trade: sets by scope, and the ones that bind an account in an instrument.
// A limit is the one of the most specific scope that has it: (account, instrument), (account, any), (any, instrument),
// (any, any). Owns the sets. Not thread-safe. resolve: O(1), for whoever sees version() change.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "cmatch/venue/records.hpp"

namespace cmatch {

// The values of AdminCommand's limits; those that `present` does not name are zero.
struct Limits {
  std::uint16_t present; // LimitField
  std::uint16_t reserved[3];
  std::int64_t order_qty, order_notional, open_orders, position, gross_notional, net_notional, daily_loss,
      collar;
  std::int64_t order_rate, rate_interval, duplicate_window;

  bool has(LimitField field) const { return (present & field) != 0; }
};

class LimitSets {
 public:
  // RejectCode::invalid_limit where a value is out of range, else the set of (account, instrument), 0 = any, is this one.
  RejectCode set(const AdminCommand& command);
  Limits resolve(AccountId account, InstrumentId instrument) const;
  std::uint64_t version() const { return version_; } // changes with every set
  // By (account, instrument), ascending.
  const std::map<std::pair<AccountId, InstrumentId>, Limits>& sets() const { return sets_; }
  std::int64_t longest_window() const; // duplicate_window of all sets; O(sets) after each change, else O(1)
  void restore(AccountId account, InstrumentId instrument, const Limits& limits);

 private:
  std::map<std::pair<AccountId, InstrumentId>, Limits> sets_;
  std::uint64_t version_ = 1;
  mutable std::int64_t longest_window_ = 0;
  mutable std::uint64_t longest_of_ = 0; // the version that it is of
};

} // namespace cmatch
