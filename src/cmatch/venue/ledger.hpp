// Who owns what: accounts, assets, balances, transfers and reservations, as a double-entry ledger (docs/venue.md, 2 to 4).
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "cmatch/check.hpp"
#include "cmatch/lazy_array.hpp"
#include "cmatch/types.hpp"
#include "cmatch/venue/hash_index.hpp"
#include "cmatch/venue/holds.hpp"
#include "cmatch/venue/records.hpp"

namespace cmatch {

class Writer;
class Reader;

// Reaching one is a reject. max_balances counts those of the house too, max_accounts does not.
struct LedgerLimits {
  std::uint32_t max_accounts = 1u << 17, max_assets = 256, max_balances = 1u << 19, max_holds = 1u << 17;
  std::uint64_t max_transfers = 1u << 22; // < 2^31
  bool operator==(const LedgerLimits&) const = default;
};

inline constexpr AccountId kExternal = ~0ull, kFees = ~0ull - 1;
using AccountSlot = std::uint32_t;
using AssetSlot = std::uint32_t;
using BalanceSlot = std::uint32_t;
// The most of one asset that may be paid in: what rebates come on top of it still fits 64 bits.
inline constexpr Amount kMostMoney = Amount{1} << 62;
inline constexpr AccountSlot kExternalSlot = 0, kFeesSlot = 1, kHouseAccounts = 2;

struct Account {
  AccountId id;
  AccountId parent;
  TenantId tenant; // 0: the house
  std::uint32_t flags;
};

struct Asset {
  AssetId id;
  std::uint16_t scale;
  char symbol[24];
  AssetId collateral_asset; // 0: none
  Amount mark;
  std::int64_t haircut; // 1e-9
};

struct Balance {
  Amount total;
  Amount reserved;
  std::uint64_t version; // counts the changes of total or reserved
  AccountSlot account;
  AssetSlot asset;
  Amount available() const { return total - reserved; }
};

// Owns all memory that it will ever use, from its limits on. Amounts in minor units. Not thread-safe. Throws only
// InvariantViolation. O(1) unless said; opening a balance is O(assets of the account).
class Ledger {
 public:
  explicit Ledger(const LedgerLimits& limits);

  // Slots are given in order of opening and never change. Those of the house: kExternalSlot, kFeesSlot.
  AccountSlot find_account(AccountId id) const {
    return account_index_.find(id);
  } // kNoSlot where it is not open
  // kNoSlot also for an account of the house, or of another tenant (0: any).
  AccountSlot find_account(AccountId id, TenantId tenant) const {
    const AccountSlot slot = find_account(id);
    return belongs(slot, tenant) ? slot : kNoSlot;
  }
  // Is it open, no account of the house, and one of that tenant (0: of any)?
  bool belongs(AccountSlot slot, TenantId tenant) const {
    if (slot < kHouseAccounts || slot == kNoSlot) return false;
    return tenant == 0 || accounts_[slot].tenant == tenant;
  }
  const Account& account(AccountSlot slot) const { return accounts_[slot]; }
  std::uint32_t accounts() const { return account_count_; } // slots in use, with the house's

  AssetSlot find_asset(AssetId id) const { return id == 0 ? kNoSlot : asset_index_.find(id); }
  const Asset& asset(AssetSlot slot) const { return assets_[slot]; }
  std::uint32_t assets() const { return asset_count_; }

  BalanceSlot find_balance(AccountSlot account, AssetSlot asset) const { // kNoSlot where none was made
    return balance_index_.find(balance_key(account, asset));
  }
  BalanceSlot make_balance(AccountSlot account, AssetSlot asset); // finds or makes; kNoSlot at capacity
  bool can_make_balances(std::uint32_t count) const { return limits_.max_balances - balance_count_ >= count; }
  const Balance& balance(BalanceSlot slot) const { return balances_[slot]; }
  std::uint32_t balances() const { return balance_count_; }

  // What orders and trades do. An amount of 0 changes nothing, all else counts one version a balance.
  bool reserve(BalanceSlot slot, Amount amount) { // false where available is less
    Balance& balance = balances_[slot];
    CM_CHECK(amount >= 0 && balance.account >= kHouseAccounts);
    if (balance.available() < amount) return false;
    balance.reserved += amount;
    balance.version += amount != 0;
    return true;
  }
  void release(BalanceSlot slot, Amount amount) { // reserved -> available
    Balance& balance = balances_[slot];
    CM_CHECK(amount >= 0 && amount <= balance.reserved);
    balance.reserved -= amount;
    balance.version += amount != 0;
  }
  // `amount` of the payer's total becomes the receiver's, and `released` of the payer's reserved is freed with it: what
  // `amount` is more than that must be available, or the payer be the house.
  void pay(BalanceSlot from, BalanceSlot to, Amount amount, Amount released) {
    CM_CHECK(amount >= 0 && released >= 0);
    Balance &payer = balances_[from], &receiver = balances_[to];
    CM_CHECK(payer.asset == receiver.asset && released <= payer.reserved);
    CM_CHECK(payer.account < kHouseAccounts || amount <= payer.available() + released);
    payer.reserved -= released;
    payer.version += released != 0 || (amount != 0 && from != to);
    if (from == to) return;
    CM_CHECK(!__builtin_sub_overflow(payer.total, amount, &payer.total));
    CM_CHECK(!__builtin_add_overflow(receiver.total, amount, &receiver.total));
    receiver.version += amount != 0;
  }
  bool can_receive(BalanceSlot slot, Amount amount) const { // total would still fit 64 bits
    Amount sum;
    return !__builtin_add_overflow(balances_[slot].total, amount, &sum);
  }
  // The like of what leaves an account of the house: no further down than all others together may come up.
  bool can_give(BalanceSlot slot, Amount amount) const {
    Amount rest;
    return !__builtin_sub_overflow(balances_[slot].total, amount, &rest) && rest >= -kMostMoney;
  }
  [[gnu::always_inline]] void prefetch_account(AccountId id) const { account_index_.prefetch(hash_of(id)); }
  [[gnu::always_inline]] void prefetch(BalanceSlot slot) const {
    if (slot != kNoSlot) __builtin_prefetch(&balances_[slot], 1);
  }

  // Fills `answer` but for sequences, timestamp, session and correlation id. kAnswerBalance: done, the balance of
  // `account`. A duplicate gets the first answer.
  void apply(const LedgerCommand& command, TimeNs clock, Answer& answer);
  // Each is idempotent: the same again is `none` and changes nothing.
  RejectCode open_account(const AdminCommand& command);
  RejectCode define_asset(const InstrumentCommand& command);
  RejectCode set_collateral(const AdminCommand& command);

  TimeNs next_expiry() const { return holds_.next_expiry(); } // of reservations; kEndOfTime where none
  void expire(TimeNs clock); // frees those with expire_at <= clock, by (expire_at, transfer id)

  // Balance x mark x (1 - haircut) over all assets that count in this one, each rounded down; what exceeds 64 bits is
  // their bound. O(assets of the account).
  Amount collateral(AccountSlot account, AssetId in) const;

  // Brings what orders touch into memory: accounts, assets, balances and their indexes.
  void list_memory(MemoryList& list) const;

  // visit(BalanceSlot, const Balance&) of every balance that ever changed, by ascending asset id.
  template <class F>
  void for_each_balance(AccountSlot account, F&& visit) const {
    for (std::uint32_t link = first_balance_[account]; link != 0; link = next_balance_[link - 1])
      if (balances_[link - 1].version != 0) visit(BalanceSlot{link - 1}, balances_[link - 1]);
  }
  // visit(const Hold&) of every pending reservation, in order of making.
  template <class F>
  void for_each_hold(AccountSlot account, F&& visit) const {
    holds_.for_each(account, visit);
  }
  std::uint32_t holds() const { return holds_.size(); }
  std::uint64_t transfers() const { return transfer_count_; }

  // Canonical: equal states give equal bytes. read() takes a ledger that was just made with limits that suffice; throws
  // SnapshotError where the bytes are no ledger.
  void write(Writer& out) const;
  void read(Reader& in);
  // `order_reserved`: by balance slot, what live orders hold of it (none beyond its end). O(n log n).
  void check_invariants(std::span<const Amount> order_reserved) const;

 private:
  enum class HoldState : std::uint8_t { none = 0, pending = 1, posted = 2, voided = 3, expired = 4 };

  // A request and its first answer, kept for ever.
  struct Transfer {
    TransferId id;
    std::uint64_t digest; // of its content
    Amount first, second; // total and reserved where done, else the detail's value and asked
    std::uint64_t version;
    std::uint16_t reject;
    std::uint8_t flags;
    HoldState state;     // of a reserve that was done
    AccountSlot account; // who may post and void it
    AssetSlot asset;     // kNoSlot: refused with UnknownAsset
    HoldSlot hold;       // while pending
  };
  static_assert(sizeof(Transfer) == 64);

  struct Plan; // what a command that passed its checks will do

  static std::uint64_t balance_key(AccountSlot account, AssetSlot asset) {
    return std::uint64_t{account} << 32 | asset;
  }
  AccountSlot add_account(const Account& account);
  AssetSlot add_asset(const Asset& asset);
  BalanceSlot add_balance(AccountSlot account, AssetSlot asset);
  std::uint32_t find_transfer(const TransferId& id) const;
  RejectCode check(const LedgerCommand& command, TimeNs clock, Plan& plan, Answer& answer) const;
  RejectCode check_parties(const LedgerCommand& command, Plan& plan) const;
  RejectCode check_hold(const LedgerCommand& command, Plan& plan) const;
  RejectCode check_money(const LedgerCommand& command, Plan& plan, Answer& answer) const;
  RejectCode check_capacity(const LedgerCommand& command, const Plan& plan) const;
  void carry_out(const LedgerCommand& command, Plan& plan);
  void remember(const LedgerCommand& command, std::uint64_t digest, const Plan& plan, const Answer& answer);
  static void recall(const Transfer& transfer, Answer& answer);
  void add_transfer(const Transfer& transfer);
  void end_hold(std::uint32_t transfer, HoldState state);
  void read_accounts(Reader& in);
  void read_assets(Reader& in);
  void read_transfer(Reader& in);

  LedgerLimits limits_;
  LazyArray<Account> accounts_;
  LazyArray<Asset> assets_;
  LazyArray<Balance> balances_;
  LazyArray<std::uint32_t> first_balance_; // by account slot: balance slot + 1
  LazyArray<std::uint32_t> next_balance_;  // by balance slot: the like
  LazyArray<Transfer> transfers_;
  HashIndex<std::uint64_t> account_index_, asset_index_, balance_index_;
  SlotIndex transfer_index_;
  Holds holds_;
  std::uint32_t account_count_ = 0, asset_count_ = 0, balance_count_ = 0;
  std::uint32_t transfer_count_ = 0;
};

// Every field but correlation_id, session and sent_at; absent optional fields count as zero.
std::uint64_t content_digest(const LedgerCommand& command);

} // namespace cmatch
