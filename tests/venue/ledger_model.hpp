// The ledger as docs/venue.md says it, in maps and 128-bit sums: slow, plain, and made from the page alone.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "ledger_desk.hpp"

namespace cmatch::test {

class LedgerModel {
 public:
  using Wide = __int128;
  using Place = std::pair<AccountId, AssetId>;
  using Id = std::pair<std::uint64_t, std::uint64_t>; // high, low
  struct Account {
    TenantId tenant;
    AccountId parent;
  };
  struct Balance {
    Wide total = 0, reserved = 0;
    std::uint64_t version = 0;
  };
  struct Hold {
    Place place;
    Amount amount;
    TimeNs expire_at;  // kEndOfTime: none
    std::string state; // pending, posted, voided, expired
  };

  explicit LedgerModel(const LedgerLimits& limits) : limits_(limits) {}

  std::map<AccountId, Account> accounts;
  std::map<AssetId, std::string> assets;
  std::map<Place, Balance> balances;
  std::map<Place, Wide> order_reserved;
  std::map<Id, Hold> holds;

  RejectCode open_account(const AdminCommand& command) {
    if (command.account == 0 || command.tenant == 0) return RejectCode::invalid_account;
    if (command.account >= kFees) return RejectCode::account_exists;
    if (const auto known = accounts.find(command.account); known != accounts.end())
      return known->second.tenant == command.tenant && known->second.parent == command.parent
                 ? RejectCode::none
                 : RejectCode::account_exists;
    if (command.parent != 0) {
      const auto parent = accounts.find(command.parent);
      if (parent == accounts.end() || parent->second.tenant != command.tenant)
        return RejectCode::unknown_account;
      if (parent->second.parent != 0) return RejectCode::invalid_account;
    }
    if (accounts.size() == limits_.max_accounts) return RejectCode::capacity_accounts;
    accounts[command.account] = {command.tenant, command.parent};
    return RejectCode::none;
  }

  RejectCode define_asset(const InstrumentCommand& command) {
    if (command.asset == 0 || command.asset_scale > 18) return RejectCode::invalid_asset;
    const std::string symbol(command.symbol, sizeof command.symbol);
    const std::string name = symbol.substr(0, symbol.find('\0'));
    if (name.empty() ||
        name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./_") != std::string::npos)
      return RejectCode::invalid_symbol;
    const std::string content = name + " " + std::to_string(command.asset_scale);
    if (const auto known = assets.find(command.asset); known != assets.end())
      return known->second == content ? RejectCode::none : RejectCode::asset_exists;
    for (const auto& [id, other] : assets)
      if (other.substr(0, other.find(' ')) == name) return RejectCode::symbol_taken;
    if (assets.size() == limits_.max_assets) return RejectCode::capacity_assets;
    assets[command.asset] = content;
    return RejectCode::none;
  }

  void expire(TimeNs clock) {
    for (auto& [id, hold] : holds)
      if (hold.state == "pending" && hold.expire_at <= clock) end_hold(hold, "expired");
  }

  // The answer, as text() of ledger_desk.hpp says it.
  std::string apply(const LedgerCommand& c, TimeNs clock) {
    if (c.kind < 1 || c.kind > 6) return "4001";
    if (c.present > 3) return "4002";
    const Id id{c.transfer_id[1], c.transfer_id[0]};
    if (id == Id{0, 0}) return "2005";
    const auto content =
        std::tuple(c.kind, c.present, c.asset, c.account, c.counter_account, c.amount, c.reservation_id[0],
                   c.reservation_id[1], (c.present & kHasVersion) != 0 ? c.expected_version : 0,
                   (c.present & kHasReservationExpiry) != 0 ? c.expire_at : 0, c.tenant);
    if (const auto known = requests_.find(id); known != requests_.end())
      return known->second.first == content ? "again " + known->second.second : "2006";
    const std::string refused = check(c, clock);
    const std::string answer = refused.empty() ? carry_out(c, id) : refused;
    static const std::set<std::string> kNotRemembered = {"2001", "2023", "2024", "2025"};
    if (kNotRemembered.count(answer) == 0 && requests_.size() < limits_.max_transfers)
      requests_.emplace(id, std::pair(content, answer));
    return answer;
  }

  // What Desk::balances() would say.
  std::string describe() const {
    std::string all;
    const auto one = [&](AccountId account, const std::string& name) {
      for (const auto& [place, balance] : balances)
        if (place.first == account)
          all += name + "." + std::to_string(place.second) + " " + number(balance.total) + "/" +
                 number(balance.reserved) + " v" + std::to_string(balance.version) + "; ";
    };
    one(kExternal, "external");
    one(kFees, "fees");
    for (const AccountId account : opened)
      one(account, std::to_string(account));
    return all;
  }
  std::vector<AccountId> opened; // in order of opening, which the caller keeps

  std::size_t pending() const {
    std::size_t count = 0;
    for (const auto& [id, hold] : holds)
      count += hold.state == "pending";
    return count;
  }
  bool has(Place place) const { return balances.count(place) != 0; }
  Wide available(Place place) const {
    const auto found = balances.find(place);
    return found == balances.end() ? 0 : found->second.total - found->second.reserved;
  }
  void add(Place place, Wide total, Wide reserved) {
    Balance& balance = balances[place];
    balance.total += total;
    balance.reserved += reserved;
    ++balance.version;
  }

 private:
  using Content = std::tuple<std::uint16_t, std::uint16_t, AssetId, AccountId, AccountId, Amount,
                             std::uint64_t, std::uint64_t, std::uint64_t, TimeNs, TenantId>;

  static std::string number(Wide value) { return std::to_string(static_cast<Amount>(value)); }
  static bool fits(Wide value) { return value == static_cast<Wide>(static_cast<Amount>(value)); }
  static std::string detail(const char* code, Wide value, Wide asked) {
    return std::string(code) + " " + number(value) + "<" + number(asked);
  }
  void end_hold(Hold& hold, const char* state) {
    hold.state = state;
    add(hold.place, 0, -static_cast<Wide>(hold.amount));
  }
  bool open(AccountId account, TenantId tenant) const {
    const auto found = accounts.find(account);
    return found != accounts.end() && (tenant == 0 || found->second.tenant == tenant);
  }
  static AccountId receiver(const LedgerCommand& c) { // 0: nobody
    switch (static_cast<LedgerAction>(c.kind)) {
    case LedgerAction::deposit:
      return c.account;
    case LedgerAction::withdraw:
      return kExternal;
    case LedgerAction::transfer:
      return c.counter_account;
    case LedgerAction::post:
      return c.counter_account == 0 ? kExternal : c.counter_account;
    default:
      return 0;
    }
  }

  std::string check(const LedgerCommand& c, TimeNs clock) {
    const auto action = static_cast<LedgerAction>(c.kind);
    const bool of_hold = action == LedgerAction::post || action == LedgerAction::void_hold;
    if (!open(c.account, c.tenant)) return "2001";
    if (assets.count(c.asset) == 0) return "2003";
    if (action == LedgerAction::transfer || (action == LedgerAction::post && c.counter_account != 0)) {
      if (!open(c.counter_account, accounts[c.account].tenant)) return "2001";
      if (c.counter_account == c.account) return "2014";
    }
    if (action != LedgerAction::void_hold && c.amount <= 0) return "2004";
    const Place place{c.account, c.asset};
    const auto hold = holds.find({c.reservation_id[1], c.reservation_id[0]});
    if (of_hold) {
      if (hold == holds.end() || hold->second.place != place) return "2008";
      if (hold->second.state == "posted") return "2009";
      if (hold->second.state == "voided") return "2010";
      if (hold->second.state == "expired") return "2011";
    }
    if (action == LedgerAction::reserve && (c.present & kHasReservationExpiry) != 0 && c.expire_at <= clock)
      return "4020";
    if ((c.present & kHasVersion) != 0 && c.expected_version != (has(place) ? balances[place].version : 0))
      return "2007";
    if (of_hold) {
      if (action == LedgerAction::post && c.amount > hold->second.amount)
        return detail("2012", hold->second.amount, c.amount);
    } else if (action != LedgerAction::deposit && c.amount > available(place)) {
      return detail("2002", available(place), c.amount);
    }
    std::size_t missing = 0;
    if (const AccountId to = receiver(c); to != 0) {
      const Place from{action == LedgerAction::deposit ? kExternal : c.account, c.asset};
      const Wide rest = (has(from) ? balances[from].total : 0) - c.amount;
      const Wide sum = (has({to, c.asset}) ? balances[{to, c.asset}].total : 0) + c.amount;
      if (!fits(rest) || !fits(sum) || rest < -Wide{kMostMoney}) return "2013";
      missing = std::size_t{!has(from)} + std::size_t{!has({to, c.asset})};
    }
    if (action == LedgerAction::reserve && pending() == limits_.max_holds) return "2025";
    if (balances.size() + missing > limits_.max_balances) return "2023";
    return requests_.size() == limits_.max_transfers ? "2024" : "";
  }

  std::string carry_out(const LedgerCommand& c, Id id) {
    const auto action = static_cast<LedgerAction>(c.kind);
    const Place place{c.account, c.asset};
    if (action == LedgerAction::reserve) {
      holds[id] = {place, c.amount, (c.present & kHasReservationExpiry) != 0 ? c.expire_at : kEndOfTime,
                   "pending"};
      add(place, 0, c.amount);
    } else if (action == LedgerAction::void_hold) {
      end_hold(holds[{c.reservation_id[1], c.reservation_id[0]}], "voided");
    } else if (action == LedgerAction::post) {
      Hold& hold = holds[{c.reservation_id[1], c.reservation_id[0]}];
      hold.state = "posted";
      add(place, -static_cast<Wide>(c.amount), -static_cast<Wide>(hold.amount));
      add({receiver(c), c.asset}, c.amount, 0);
    } else {
      add({action == LedgerAction::deposit ? kExternal : c.account, c.asset}, -static_cast<Wide>(c.amount),
          0);
      add({receiver(c), c.asset}, c.amount, 0);
    }
    const Balance& balance = balances[place];
    return "done " + number(balance.total) + "/" + number(balance.reserved) + " v" +
           std::to_string(balance.version);
  }

  LedgerLimits limits_;
  std::map<Id, std::pair<Content, std::string>> requests_;
};

} // namespace cmatch::test
