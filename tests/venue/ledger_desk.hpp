// Commands of the ledger in few words, and answers that compare whole.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "cmatch/snapshot_format.hpp"
#include "cmatch/venue/ledger.hpp"

namespace cmatch::test {

inline LedgerCommand ledger_command(LedgerAction action, std::uint64_t transfer_id, AccountId account,
                                    AssetId asset, Amount amount) {
  LedgerCommand command{};
  command.kind = static_cast<std::uint16_t>(action);
  command.asset = asset;
  command.account = account;
  command.amount = amount;
  command.transfer_id[0] = transfer_id;
  return command;
}

inline LedgerCommand with_counter(LedgerCommand command, AccountId counter_account) {
  command.counter_account = counter_account;
  return command;
}

inline LedgerCommand of_hold(LedgerCommand command, std::uint64_t reservation_id) {
  command.reservation_id[0] = reservation_id;
  return command;
}

inline LedgerCommand with_version(LedgerCommand command, std::uint64_t version) {
  command.present |= kHasVersion;
  command.expected_version = version;
  return command;
}

inline LedgerCommand until(LedgerCommand command, TimeNs expire_at) {
  command.present |= kHasReservationExpiry;
  command.expire_at = expire_at;
  return command;
}

inline AdminCommand account_command(AccountId account, TenantId tenant, AccountId parent = 0) {
  AdminCommand command{};
  command.kind = static_cast<std::uint16_t>(AdminAction::open_account);
  command.account = account;
  command.tenant = tenant;
  command.parent = parent;
  return command;
}

inline InstrumentCommand asset_command(AssetId asset, const std::string& symbol, std::uint16_t scale) {
  InstrumentCommand command{};
  command.kind = static_cast<std::uint16_t>(InstrumentAction::define_asset);
  command.asset = asset;
  command.asset_scale = scale;
  std::memcpy(command.symbol, symbol.data(), std::min(symbol.size(), sizeof command.symbol));
  return command;
}

inline AdminCommand collateral_command(AssetId asset, AssetId in, Amount mark, std::int64_t haircut) {
  AdminCommand command{};
  command.kind = static_cast<std::uint16_t>(AdminAction::set_collateral);
  command.asset = asset;
  command.collateral_asset = in;
  command.mark = mark;
  command.haircut = haircut;
  return command;
}

// What an answer says, whole: `done total/reserved v1`, `2002 3/5`, `again ...`.
inline std::string text(const Answer& answer) {
  std::string said = (answer.flags & kAnswerDuplicate) != 0 ? "again " : "";
  said += answer.reject == 0 ? "done" : std::to_string(answer.reject);
  if ((answer.flags & kAnswerBalance) != 0)
    said += " " + std::to_string(answer.total) + "/" + std::to_string(answer.reserved) + " v" +
            std::to_string(answer.version);
  else if (answer.total != 0 || answer.reserved != 0 || answer.version != 0)
    said += " a balance without its flag";
  if ((answer.flags & kAnswerDetail) != 0)
    said += " " + std::to_string(answer.detail_value) + "<" + std::to_string(answer.detail_asked);
  else if (answer.detail_value != 0 || answer.detail_asked != 0)
    said += " a detail without its flag";
  return said;
}

inline std::vector<std::uint8_t> bytes_of(const Ledger& ledger) {
  Writer out;
  ledger.write(out);
  return std::move(out.bytes);
}

inline constexpr AccountId kAlice = 10, kBob = 20, kCarol = 30; // of tenant 1, 1, 2
inline constexpr AssetId kUsd = 1, kBtc = 2;

// A ledger with three accounts and two assets, at the time 1,000.
struct Desk {
  explicit Desk(const LedgerLimits& limits = {}) : ledger(limits) {
    const bool ready = ledger.open_account(account_command(kAlice, 1)) == RejectCode::none &&
                       ledger.open_account(account_command(kBob, 1)) == RejectCode::none &&
                       ledger.open_account(account_command(kCarol, 2)) == RejectCode::none &&
                       ledger.define_asset(asset_command(kUsd, "USD", 2)) == RejectCode::none &&
                       ledger.define_asset(asset_command(kBtc, "BTC", 8)) == RejectCode::none;
    CM_CHECK(ready);
  }

  Answer apply(const LedgerCommand& command) {
    ledger.expire(clock);
    Answer answer{};
    ledger.apply(command, clock, answer);
    ledger.check_invariants(order_reserved);
    const bool echoed = answer.family == static_cast<std::uint16_t>(Family::ledger) &&
                        answer.kind == command.kind && answer.asset == command.asset &&
                        answer.account == command.account &&
                        std::memcmp(answer.transfer_id, command.transfer_id, sizeof answer.transfer_id) == 0;
    CM_CHECK(echoed);
    return answer;
  }
  std::string say(const LedgerCommand& command) { return text(apply(command)); }
  // Refused, and nothing that a snapshot shows changed but what is remembered of it.
  std::string refusal(const LedgerCommand& command) {
    const std::string before = balances();
    std::string said = say(command);
    CM_CHECK(balances() == before);
    return said;
  }

  // Every balance that there is: `account.asset total/reserved vversion`.
  std::string balances() const {
    std::string all;
    for (AccountSlot slot = 0; slot < ledger.accounts(); ++slot)
      ledger.for_each_balance(slot, [&](BalanceSlot, const Balance& balance) {
        const AccountId id = ledger.account(slot).id;
        all += (id == kExternal ? "external"
                : id == kFees   ? "fees"
                                : std::to_string(id)) +
               "." + std::to_string(ledger.asset(balance.asset).id) + " " + std::to_string(balance.total) +
               "/" + std::to_string(balance.reserved) + " v" + std::to_string(balance.version) + "; ";
      });
    return all;
  }

  BalanceSlot slot_of(AccountId account, AssetId asset) {
    return ledger.make_balance(ledger.find_account(account), ledger.find_asset(asset));
  }

  Ledger ledger;
  TimeNs clock = 1'000;
  std::vector<Amount> order_reserved;
};

} // namespace cmatch::test
