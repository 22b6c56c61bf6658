// What a ledger command may do, looked at whole before anything changes, and its doing.
#include <cstddef>

#include "cmatch/venue/ledger.hpp"
#include "cmatch/venue/passing.hpp"
#include "cmatch/venue/text.hpp"

namespace cmatch {

struct Ledger::Plan {
  AccountSlot account = kNoSlot; // whose command it is
  AccountSlot from = kNoSlot, to = kNoSlot;
  AssetSlot asset = kNoSlot;
  std::uint32_t target = kNoSlot; // the transfer of the reservation that is posted or voided
  HoldSlot hold = kNoSlot;        // of a reserve, once it is made
};

namespace {

constexpr std::uint16_t kAllLedgerFields = kHasVersion | kHasReservationExpiry;

TransferId id_of(const std::uint64_t (&words)[2]) { return {words[0], words[1]}; }

bool ends_hold(LedgerAction action) {
  return action == LedgerAction::post || action == LedgerAction::void_hold;
}

RejectCode check_shape(const LedgerCommand& command) {
  if (command.kind < static_cast<std::uint16_t>(LedgerAction::deposit) ||
      command.kind > static_cast<std::uint16_t>(LedgerAction::void_hold))
    return RejectCode::unknown_command;
  if ((command.present & ~kAllLedgerFields) != 0) return RejectCode::invalid_field;
  if (id_of(command.transfer_id).zero()) return RejectCode::invalid_transfer_id;
  return RejectCode::none;
}

void set_detail(Answer& answer, Amount value, Amount asked) {
  answer.flags |= kAnswerDetail;
  answer.detail_value = value;
  answer.detail_asked = asked;
}

void set_balance(Answer& answer, const Balance& balance) {
  answer.flags |= kAnswerBalance;
  answer.total = balance.total;
  answer.reserved = balance.reserved;
  answer.version = balance.version;
}

std::uint64_t hash_of_id(const TransferId& id) {
  return mix(mix(id.low ^ 0x243F6A8885A308D3ull, id.high ^ 0x13198A2E03707344ull) ^ id.low,
             0xD6E8FEB86659FD93ull);
}

} // namespace

std::uint64_t content_digest(const LedgerCommand& command) {
  const bool versioned = (command.present & kHasVersion) != 0;
  const bool expires = (command.present & kHasReservationExpiry) != 0;
  const std::uint64_t words[] = {
      word_at(&command, 0), // kind, present, asset
      command.account,
      command.counter_account,
      static_cast<std::uint64_t>(command.amount),
      command.transfer_id[0],
      command.transfer_id[1],
      command.reservation_id[0],
      command.reservation_id[1],
      versioned ? command.expected_version : 0,
      expires ? static_cast<std::uint64_t>(command.expire_at) : 0,
      command.tenant,
      0,
  };
  static_assert(offsetof(LedgerCommand, account) == 8);
  return words_digest(words);
}

std::uint32_t Ledger::find_transfer(const TransferId& id) const {
  return transfer_index_.find(hash_of_id(id), [&](std::uint32_t slot) { return transfers_[slot].id == id; });
}

void Ledger::apply(const LedgerCommand& command, TimeNs clock, Answer& answer) {
  CM_CHECK(next_expiry() > clock || next_expiry() == kEndOfTime); // what is due was expired first
  answer.family = static_cast<std::uint16_t>(Family::ledger);
  answer.kind = command.kind;
  answer.flags = 0;
  answer.asset = command.asset;
  answer.account = command.account;
  answer.transfer_id[0] = command.transfer_id[0];
  answer.transfer_id[1] = command.transfer_id[1];
  answer.total = answer.reserved = answer.detail_value = answer.detail_asked = 0;
  answer.version = 0;
  const auto refuse = [&](RejectCode code) { answer.reject = static_cast<std::uint16_t>(code); };

  RejectCode reject = check_shape(command);
  if (reject != RejectCode::none) return refuse(reject);
  const std::uint64_t digest = content_digest(command);
  if (const std::uint32_t known = find_transfer(id_of(command.transfer_id)); known != kNoSlot) {
    if (transfers_[known].digest != digest) return refuse(RejectCode::transfer_id_different);
    return recall(transfers_[known], answer);
  }
  Plan plan;
  reject = check(command, clock, plan, answer);
  refuse(reject);
  if (reject == RejectCode::none) {
    carry_out(command, plan);
    set_balance(answer, balances_[find_balance(plan.account, plan.asset)]);
  } else if (is_passing(reject) ||
             transfer_count_ ==
                 limits_.max_transfers) { // once full, nothing new is ever done: no need to remember
    return;
  }
  remember(command, digest, plan, answer);
}

RejectCode Ledger::check(const LedgerCommand& command, TimeNs clock, Plan& plan, Answer& answer) const {
  const auto action = static_cast<LedgerAction>(command.kind);
  RejectCode reject = check_parties(command, plan);
  if (reject != RejectCode::none) return reject;
  if (action != LedgerAction::void_hold && command.amount < 1) return RejectCode::invalid_amount;
  if (ends_hold(action)) reject = check_hold(command, plan);
  if (reject != RejectCode::none) return reject;
  if (action == LedgerAction::reserve && (command.present & kHasReservationExpiry) != 0 &&
      command.expire_at <= clock)
    return RejectCode::invalid_expiry;
  reject = check_money(command, plan, answer);
  return reject != RejectCode::none ? reject : check_capacity(command, plan);
}

RejectCode Ledger::check_parties(const LedgerCommand& command, Plan& plan) const {
  const auto action = static_cast<LedgerAction>(command.kind);
  plan.account = find_account(command.account, command.tenant);
  if (plan.account == kNoSlot) return RejectCode::unknown_account;
  plan.asset = find_asset(command.asset);
  if (plan.asset == kNoSlot) return RejectCode::unknown_asset;
  plan.from = action == LedgerAction::deposit ? kExternalSlot : plan.account;
  switch (action) {
  case LedgerAction::deposit:
    plan.to = plan.account;
    break;
  case LedgerAction::withdraw:
    plan.to = kExternalSlot;
    break;
  case LedgerAction::reserve:
  case LedgerAction::void_hold:
  case LedgerAction::post_trade: // the venue's
    break;
  case LedgerAction::transfer:
  case LedgerAction::post:
    if (action == LedgerAction::post && command.counter_account == 0) {
      plan.to = kExternalSlot;
      break;
    }
    plan.to = find_account(command.counter_account, accounts_[plan.account].tenant);
    if (plan.to == kNoSlot) return RejectCode::unknown_account;
    if (plan.to == plan.account) return RejectCode::same_account;
  }
  return RejectCode::none;
}

RejectCode Ledger::check_hold(const LedgerCommand& command, Plan& plan) const {
  plan.target = find_transfer(id_of(command.reservation_id));
  if (plan.target == kNoSlot) return RejectCode::unknown_reservation;
  const Transfer& made_by = transfers_[plan.target];
  if (made_by.account != plan.account || made_by.asset != plan.asset) return RejectCode::unknown_reservation;
  switch (made_by.state) {
  case HoldState::none:
    return RejectCode::unknown_reservation;
  case HoldState::posted:
    return RejectCode::already_posted;
  case HoldState::voided:
    return RejectCode::already_voided;
  case HoldState::expired:
    return RejectCode::reservation_expired;
  case HoldState::pending:
    break;
  }
  return RejectCode::none;
}

RejectCode Ledger::check_money(const LedgerCommand& command, Plan& plan, Answer& answer) const {
  const auto action = static_cast<LedgerAction>(command.kind);
  const BalanceSlot own = find_balance(plan.account, plan.asset);
  if ((command.present & kHasVersion) != 0 &&
      command.expected_version != (own == kNoSlot ? 0 : balances_[own].version))
    return RejectCode::version_conflict;
  if (action == LedgerAction::post) {
    const Amount held = holds_[transfers_[plan.target].hold].amount;
    if (command.amount > held) {
      set_detail(answer, held, command.amount);
      return RejectCode::post_exceeds_reserved;
    }
  } else if (action != LedgerAction::deposit && action != LedgerAction::void_hold) {
    const Amount available = own == kNoSlot ? 0 : balances_[own].available();
    if (command.amount > available) {
      set_detail(answer, available, command.amount);
      return RejectCode::insufficient_funds;
    }
  }
  if (plan.to == kNoSlot) return RejectCode::none;
  const BalanceSlot from = find_balance(plan.from, plan.asset), to = find_balance(plan.to, plan.asset);
  if ((from != kNoSlot ? !can_give(from, command.amount) : command.amount > kMostMoney) ||
      (to != kNoSlot && !can_receive(to, command.amount)))
    return RejectCode::balance_overflow;
  return RejectCode::none;
}

RejectCode Ledger::check_capacity(const LedgerCommand& command, const Plan& plan) const {
  if (command.kind == static_cast<std::uint16_t>(LedgerAction::reserve) && holds_.full())
    return RejectCode::capacity_reservations;
  if (plan.to != kNoSlot) {
    const std::uint32_t missing =
        (find_balance(plan.from, plan.asset) == kNoSlot) + (find_balance(plan.to, plan.asset) == kNoSlot);
    if (!can_make_balances(missing)) return RejectCode::capacity_balances;
  }
  return transfer_count_ == limits_.max_transfers ? RejectCode::capacity_transfers : RejectCode::none;
}

void Ledger::carry_out(const LedgerCommand& command, Plan& plan) {
  const auto action = static_cast<LedgerAction>(command.kind);
  const BalanceSlot own = make_balance(plan.account, plan.asset);
  switch (action) {
  case LedgerAction::deposit:
  case LedgerAction::withdraw:
  case LedgerAction::transfer:
    pay(make_balance(plan.from, plan.asset), make_balance(plan.to, plan.asset), command.amount, 0);
    break;
  case LedgerAction::reserve: {
    CM_CHECK(reserve(own, command.amount));
    const bool ends = (command.present & kHasReservationExpiry) != 0;
    plan.hold = holds_.add({.id = id_of(command.transfer_id),
                            .amount = command.amount,
                            .expire_at = ends ? command.expire_at : kEndOfTime,
                            .balance = own,
                            .account = plan.account,
                            .transfer = transfer_count_,
                            .position = kNoSlot,
                            .prev = kNoSlot,
                            .next = kNoSlot});
    break;
  }
  case LedgerAction::post:
    pay(own, make_balance(plan.to, plan.asset), command.amount, holds_[transfers_[plan.target].hold].amount);
    end_hold(plan.target, HoldState::posted);
    break;
  case LedgerAction::void_hold:
    release(own, holds_[transfers_[plan.target].hold].amount);
    end_hold(plan.target, HoldState::voided);
    break;
  case LedgerAction::post_trade:
    break;
  }
}

void Ledger::remember(const LedgerCommand& command, std::uint64_t digest, const Plan& plan,
                      const Answer& answer) {
  const bool done = (answer.flags & kAnswerBalance) != 0;
  add_transfer({.id = id_of(command.transfer_id),
                .digest = digest,
                .first = done ? answer.total : answer.detail_value,
                .second = done ? answer.reserved : answer.detail_asked,
                .version = answer.version,
                .reject = answer.reject,
                .flags = static_cast<std::uint8_t>(answer.flags),
                .state = plan.hold != kNoSlot ? HoldState::pending : HoldState::none,
                .account = plan.account,
                .asset = plan.asset,
                .hold = plan.hold});
}

void Ledger::add_transfer(const Transfer& transfer) {
  CM_CHECK(transfer_count_ < limits_.max_transfers);
  transfers_[transfer_count_] = transfer;
  transfer_index_.insert(hash_of_id(transfer.id), transfer_count_++);
}

void Ledger::recall(const Transfer& transfer, Answer& answer) {
  answer.reject = transfer.reject;
  answer.flags = transfer.flags | kAnswerDuplicate;
  if ((transfer.flags & kAnswerBalance) != 0) {
    answer.total = transfer.first;
    answer.reserved = transfer.second;
    answer.version = transfer.version;
  } else {
    answer.detail_value = transfer.first;
    answer.detail_asked = transfer.second;
  }
}

} // namespace cmatch
