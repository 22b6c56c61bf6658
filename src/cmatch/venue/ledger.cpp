#include "cmatch/venue/ledger.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "cmatch/venue/text.hpp"
#include "cmatch/venue/wide.hpp"

namespace cmatch {
namespace {

constexpr std::uint16_t kMostScale = 18;

constexpr std::uint64_t kMostSlots = std::uint64_t{1} << 31; // an index has twice as many cells

Wide div_down(Wide a, Wide b) { // b > 0
  return a / b - (a % b < 0);
}

// floor(total x mark x kept / (10^9 x 10^scale)), whose product may need 156 bits: divided first, then the rest.
Wide worth(Amount total, const Asset& asset) {
  const Wide product = static_cast<Wide>(total) * asset.mark;
  const Wide kept = kRateUnit - asset.haircut;
  const Wide unit = static_cast<Wide>(kRateUnit) * pow10(asset.scale);
  const Wide whole = div_down(product, unit);
  return whole * kept + div_down((product - whole * unit) * kept, unit);
}

} // namespace

Ledger::Ledger(const LedgerLimits& limits)
    : limits_(limits), accounts_(std::size_t{limits.max_accounts} + kHouseAccounts),
      assets_(limits.max_assets), balances_(limits.max_balances), first_balance_(accounts_.size()),
      next_balance_(limits.max_balances), transfers_(limits.max_transfers),
      account_index_(limits.max_accounts + kHouseAccounts), asset_index_(limits.max_assets),
      balance_index_(limits.max_balances),
      transfer_index_(static_cast<std::uint32_t>(std::min(limits.max_transfers, kMostSlots))),
      holds_(limits.max_holds, accounts_.size()) {
  CM_CHECK(limits.max_accounts < kMostSlots && limits.max_transfers < kMostSlots);
  CM_CHECK(add_account({.id = kExternal, .parent = 0, .tenant = 0, .flags = 0}) == kExternalSlot);
  CM_CHECK(add_account({.id = kFees, .parent = 0, .tenant = 0, .flags = 0}) == kFeesSlot);
}

void Ledger::list_memory(MemoryList& list) const {
  accounts_.list_memory(list);
  assets_.list_memory(list);
  balances_.list_memory(list);
  account_index_.list_memory(list);
  asset_index_.list_memory(list);
  balance_index_.list_memory(list);
}

AccountSlot Ledger::add_account(const Account& account) {
  account_index_.insert(account.id, account_count_);
  accounts_[account_count_] = account;
  return account_count_++;
}

AssetSlot Ledger::add_asset(const Asset& asset) {
  asset_index_.insert(asset.id, asset_count_);
  assets_[asset_count_] = asset;
  return asset_count_++;
}

BalanceSlot Ledger::make_balance(AccountSlot account, AssetSlot asset) {
  const BalanceSlot found = find_balance(account, asset);
  if (found != kNoSlot || !can_make_balances(1)) return found;
  return add_balance(account, asset);
}

BalanceSlot Ledger::add_balance(AccountSlot account, AssetSlot asset) {
  CM_CHECK(account < account_count_ && asset < asset_count_);
  const BalanceSlot slot = balance_count_++;
  balances_[slot] = Balance{.total = 0, .reserved = 0, .version = 0, .account = account, .asset = asset};
  balance_index_.insert(balance_key(account, asset), slot);
  std::uint32_t* link = &first_balance_[account];
  while (*link != 0 && assets_[balances_[*link - 1].asset].id < assets_[asset].id)
    link = &next_balance_[*link - 1];
  next_balance_[slot] = *link;
  *link = slot + 1;
  return slot;
}

RejectCode Ledger::open_account(const AdminCommand& command) {
  if (command.account == 0 || command.tenant == 0) return RejectCode::invalid_account;
  if (const AccountSlot slot = find_account(command.account); slot != kNoSlot) {
    const Account& known = accounts_[slot];
    const bool same = known.tenant == command.tenant && known.parent == command.parent;
    return same ? RejectCode::none : RejectCode::account_exists;
  }
  if (command.parent != 0) {
    const AccountSlot parent = find_account(command.parent, command.tenant);
    if (parent == kNoSlot) return RejectCode::unknown_account;
    if (accounts_[parent].parent != 0) return RejectCode::invalid_account;
  }
  if (account_count_ == accounts_.size()) return RejectCode::capacity_accounts;
  add_account({.id = command.account, .parent = command.parent, .tenant = command.tenant, .flags = 0});
  return RejectCode::none;
}

RejectCode Ledger::define_asset(const InstrumentCommand& command) {
  if (command.asset == 0 || command.asset_scale > kMostScale) return RejectCode::invalid_asset;
  if (!is_symbol(command.symbol)) return RejectCode::invalid_symbol;
  if (const AssetSlot slot = find_asset(command.asset); slot != kNoSlot) {
    const Asset& known = assets_[slot];
    const bool same = known.scale == command.asset_scale &&
                      std::memcmp(known.symbol, command.symbol, sizeof known.symbol) == 0;
    return same ? RejectCode::none : RejectCode::asset_exists;
  }
  for (AssetSlot slot = 0; slot < asset_count_; ++slot)
    if (std::memcmp(assets_[slot].symbol, command.symbol, sizeof command.symbol) == 0)
      return RejectCode::symbol_taken;
  if (asset_count_ == assets_.size()) return RejectCode::capacity_assets;
  Asset asset{};
  asset.id = command.asset;
  asset.scale = command.asset_scale;
  std::memcpy(asset.symbol, command.symbol, sizeof asset.symbol);
  add_asset(asset);
  return RejectCode::none;
}

RejectCode Ledger::set_collateral(const AdminCommand& command) {
  const AssetSlot slot = find_asset(command.asset);
  if (slot == kNoSlot || find_asset(command.collateral_asset) == kNoSlot) return RejectCode::unknown_asset;
  if (command.asset == command.collateral_asset || command.mark < 0 || command.haircut < 0 ||
      command.haircut > kRateUnit)
    return RejectCode::invalid_collateral;
  Asset& asset = assets_[slot];
  asset.collateral_asset = command.collateral_asset;
  asset.mark = command.mark;
  asset.haircut = command.haircut;
  return RejectCode::none;
}

void Ledger::expire(TimeNs clock) {
  while (holds_.next_expiry() <= clock && holds_.due_first() != kNoSlot) {
    const Hold hold = holds_[holds_.due_first()];
    release(hold.balance, hold.amount);
    end_hold(hold.transfer, HoldState::expired);
  }
}

void Ledger::end_hold(std::uint32_t transfer, HoldState state) {
  Transfer& made_by = transfers_[transfer];
  CM_CHECK(made_by.state == HoldState::pending && holds_[made_by.hold].transfer == transfer);
  holds_.remove(made_by.hold);
  made_by.hold = kNoSlot;
  made_by.state = state;
}

Amount Ledger::collateral(AccountSlot account, AssetId in) const {
  if (in == 0) return 0;
  constexpr Wide kMost = std::numeric_limits<Amount>::max(), kLeast = std::numeric_limits<Amount>::min();
  Wide sum = 0;
  for_each_balance(account, [&](BalanceSlot, const Balance& balance) {
    const Asset& asset = assets_[balance.asset];
    if (asset.id == in)
      sum += balance.total;
    else if (asset.collateral_asset == in) // one may be worth 2^125: a few of them are more than fits
      sum += std::clamp(worth(balance.total, asset), kLeast, kMost);
  });
  return static_cast<Amount>(std::clamp(sum, kLeast, kMost));
}

} // namespace cmatch
