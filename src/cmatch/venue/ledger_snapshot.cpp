// The ledger as bytes, and its look at itself. Slots are written in their order, so they are the same after a restore.
#include <vector>

#include "cmatch/venue/ledger.hpp"
#include "cmatch/venue/text.hpp"
#include "cmatch/venue/venue_format.hpp"
#include "cmatch/venue/wide.hpp"

namespace cmatch {
namespace {

constexpr std::size_t kAccountBytes = 24, kAssetBytes = 50, kBalanceBytes = 32, kTransferBytes = 60;
constexpr std::uint8_t kAllAnswerFlags = kAnswerBalance | kAnswerDetail;

} // namespace

void Ledger::write(Writer& out) const {
  out.put(std::uint64_t{account_count_ - kHouseAccounts});
  for (AccountSlot slot = kHouseAccounts; slot < account_count_; ++slot) {
    const Account& account = accounts_[slot];
    out.put(account.id);
    out.put(account.parent);
    out.put(account.tenant);
    out.put(account.flags);
  }
  out.put(std::uint64_t{asset_count_});
  for (AssetSlot slot = 0; slot < asset_count_; ++slot) {
    const Asset& asset = assets_[slot];
    out.put(asset.id);
    out.put(asset.scale);
    put_text(out, asset.symbol);
    out.put(asset.collateral_asset);
    out.put(asset.mark);
    out.put(asset.haircut);
  }
  out.put(std::uint64_t{balance_count_});
  for (BalanceSlot slot = 0; slot < balance_count_; ++slot) {
    const Balance& balance = balances_[slot];
    out.put(balance.account);
    out.put(balance.asset);
    out.put(balance.total);
    out.put(balance.reserved);
    out.put(balance.version);
  }
  out.put(std::uint64_t{transfer_count_});
  for (std::uint32_t slot = 0; slot < transfer_count_; ++slot) {
    const Transfer& transfer = transfers_[slot];
    out.put(transfer.id.low);
    out.put(transfer.id.high);
    out.put(transfer.digest);
    out.put(transfer.first);
    out.put(transfer.second);
    out.put(transfer.version);
    out.put(transfer.reject);
    out.put(transfer.flags);
    out.put(static_cast<std::uint8_t>(transfer.state));
    out.put(transfer.account);
    out.put(transfer.asset);
    if (transfer.state == HoldState::pending) {
      out.put(holds_[transfer.hold].amount);
      out.put(holds_[transfer.hold].expire_at);
    }
  }
}

void Ledger::read(Reader& in) {
  CM_CHECK(account_count_ == kHouseAccounts && asset_count_ == 0);
  read_accounts(in);
  read_assets(in);
  std::uint64_t count = in.get_count(kBalanceBytes);
  refuse_unless(count <= limits_.max_balances, "more balances than the limit");
  for (; count > 0; --count) {
    const auto account = in.get<AccountSlot>();
    const auto asset = in.get<AssetSlot>();
    refuse_unless(account < account_count_ && asset < asset_count_, "a balance of no account or asset");
    refuse_unless(find_balance(account, asset) == kNoSlot, "a balance twice");
    Balance& balance = balances_[add_balance(account, asset)];
    balance.total = in.get<Amount>();
    balance.reserved = in.get<Amount>();
    balance.version = in.get<std::uint64_t>();
    const bool house = account < kHouseAccounts;
    refuse_unless(house ? balance.reserved == 0 : balance.reserved >= 0 && balance.reserved <= balance.total,
                  "a balance with more reserved than there is");
  }
  count = in.get_count(kTransferBytes);
  refuse_unless(count <= limits_.max_transfers, "more transfers than the limit");
  for (; count > 0; --count)
    read_transfer(in);
}

void Ledger::read_accounts(Reader& in) {
  std::uint64_t count = in.get_count(kAccountBytes);
  refuse_unless(count <= limits_.max_accounts, "more accounts than the limit");
  for (; count > 0; --count) {
    Account account{};
    account.id = in.get<AccountId>();
    account.parent = in.get<AccountId>();
    account.tenant = in.get<TenantId>();
    account.flags = in.get<std::uint32_t>();
    refuse_unless(account.id != 0 && account.tenant != 0 && find_account(account.id) == kNoSlot,
                  "an account twice, or without id or tenant");
    if (account.parent != 0) {
      const AccountSlot parent = find_account(account.parent, account.tenant);
      refuse_unless(parent != kNoSlot && accounts_[parent].parent == 0, "an account of a wrong parent");
    }
    add_account(account);
  }
}

void Ledger::read_assets(Reader& in) {
  std::uint64_t count = in.get_count(kAssetBytes);
  refuse_unless(count <= limits_.max_assets, "more assets than the limit");
  for (; count > 0; --count) {
    Asset asset{};
    asset.id = in.get<AssetId>();
    asset.scale = in.get<std::uint16_t>();
    get_text(in, asset.symbol);
    asset.collateral_asset = in.get<AssetId>();
    asset.mark = in.get<Amount>();
    asset.haircut = in.get<std::int64_t>();
    refuse_unless(asset.id != 0 && asset.scale <= 18 && is_symbol(asset.symbol) &&
                      find_asset(asset.id) == kNoSlot,
                  "an asset twice, or a wrong one");
    refuse_unless(asset.mark >= 0 && asset.haircut >= 0 && asset.haircut <= kRateUnit &&
                      asset.collateral_asset != asset.id,
                  "a wrong collateral");
    add_asset(asset);
  }
  for (AssetSlot slot = 0; slot < asset_count_; ++slot) {
    const Asset& asset = assets_[slot];
    refuse_unless(asset.collateral_asset == 0 ? asset.mark == 0 && asset.haircut == 0
                                              : find_asset(asset.collateral_asset) != kNoSlot,
                  "a wrong collateral");
  }
}

void Ledger::read_transfer(Reader& in) {
  Transfer transfer{};
  transfer.id.low = in.get<std::uint64_t>();
  transfer.id.high = in.get<std::uint64_t>();
  transfer.digest = in.get<std::uint64_t>();
  transfer.first = in.get<Amount>();
  transfer.second = in.get<Amount>();
  transfer.version = in.get<std::uint64_t>();
  transfer.reject = in.get<std::uint16_t>();
  transfer.flags = in.get<std::uint8_t>();
  const auto state = in.get<std::uint8_t>();
  transfer.account = in.get<AccountSlot>();
  transfer.asset = in.get<AssetSlot>();
  transfer.hold = kNoSlot;
  refuse_unless(!transfer.id.zero() && find_transfer(transfer.id) == kNoSlot, "a transfer twice");
  const bool done = (transfer.flags & kAnswerBalance) != 0;
  const bool unknown_asset = transfer.reject == static_cast<std::uint16_t>(RejectCode::unknown_asset);
  refuse_unless(transfer.account >= kHouseAccounts && transfer.account < account_count_ &&
                    (unknown_asset ? transfer.asset == kNoSlot : transfer.asset < asset_count_),
                "a transfer of no account or asset");
  refuse_unless((transfer.flags & ~kAllAnswerFlags) == 0 && done == (transfer.reject == 0) &&
                    state <= static_cast<std::uint8_t>(HoldState::expired) && (done || state == 0),
                "a transfer that was neither done nor refused");
  transfer.state = static_cast<HoldState>(state);
  if (transfer.state == HoldState::pending) {
    const auto amount = in.get<Amount>();
    const auto expire_at = in.get<TimeNs>();
    const BalanceSlot balance = find_balance(transfer.account, transfer.asset);
    refuse_unless(!holds_.full(), "more reservations than the limit");
    refuse_unless(amount > 0 && balance != kNoSlot, "a reservation of nothing");
    transfer.hold = holds_.add({.id = transfer.id,
                                .amount = amount,
                                .expire_at = expire_at,
                                .balance = balance,
                                .account = transfer.account,
                                .transfer = transfer_count_,
                                .position = kNoSlot,
                                .prev = kNoSlot,
                                .next = kNoSlot});
  }
  add_transfer(transfer);
}

void Ledger::check_invariants(std::span<const Amount> order_reserved) const {
  CM_CHECK(order_reserved.size() <= balance_count_);
  std::vector<Wide> sums(asset_count_);
  std::vector<Wide> held(balance_count_);
  std::uint32_t pending = 0;
  for (std::uint32_t slot = 0; slot < transfer_count_; ++slot) {
    const Transfer& transfer = transfers_[slot];
    CM_CHECK(find_transfer(transfer.id) == slot);
    CM_CHECK((transfer.state == HoldState::pending) == (transfer.hold != kNoSlot));
    if (transfer.hold == kNoSlot) continue;
    const Hold& hold = holds_[transfer.hold];
    CM_CHECK(hold.id == transfer.id && hold.transfer == slot && hold.account == transfer.account);
    CM_CHECK(hold.balance == find_balance(transfer.account, transfer.asset));
    held[hold.balance] += hold.amount;
    ++pending;
  }
  CM_CHECK(pending == holds_.size() && transfer_index_.size() == transfer_count_);
  holds_.check_invariants(account_count_);
  for (BalanceSlot slot = 0; slot < balance_count_; ++slot) {
    const Balance& balance = balances_[slot];
    CM_CHECK(find_balance(balance.account, balance.asset) == slot);
    const Wide of_orders = slot < order_reserved.size() ? order_reserved[slot] : 0;
    CM_CHECK(balance.reserved == held[slot] + of_orders);
    if (balance.account >= kHouseAccounts)
      CM_CHECK(balance.reserved >= 0 && balance.reserved <= balance.total);
    else
      CM_CHECK(balance.reserved == 0);
    CM_CHECK(balance.version != 0 || balance.total == 0);
    sums[balance.asset] += balance.total;
  }
  for (const Wide sum : sums)
    CM_CHECK(sum == 0);
  std::uint32_t chained = 0;
  for (AccountSlot account = 0; account < account_count_; ++account) {
    CM_CHECK(find_account(accounts_[account].id) == account);
    AssetId last = 0;
    for (std::uint32_t link = first_balance_[account]; link != 0; link = next_balance_[link - 1], ++chained) {
      const Balance& balance = balances_[link - 1];
      CM_CHECK(balance.account == account && assets_[balance.asset].id > last);
      last = assets_[balance.asset].id;
    }
  }
  CM_CHECK(chained == balance_count_);
}

} // namespace cmatch
