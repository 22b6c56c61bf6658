// The ledger: accounts, assets, money that moves, and collateral, rule by rule (docs/venue.md, 2 and 4).
#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "ledger_desk.hpp"

TEST_SUITE_BEGIN("test_ledger");

using namespace cmatch;
using namespace cmatch::test;
using enum LedgerAction;

namespace {

constexpr Amount kMost = std::numeric_limits<Amount>::max();

Ledger copy_of(const Ledger& ledger) { // by its bytes
  const std::vector<std::uint8_t> bytes = bytes_of(ledger);
  Ledger copy({});
  Reader in(bytes);
  copy.read(in);
  CM_CHECK(in.done());
  return copy;
}

} // namespace

TEST_CASE("open_account: new, again, and with others; slots are given in order") {
  Ledger ledger({});
  CHECK(ledger.accounts() == kHouseAccounts);
  CHECK(ledger.open_account(account_command(10, 1)) == RejectCode::none);
  CHECK(ledger.open_account(account_command(11, 1, 10)) == RejectCode::none);
  CHECK(ledger.open_account(account_command(12, 2)) == RejectCode::none);
  const auto before = bytes_of(ledger);
  CHECK(ledger.open_account(account_command(10, 1)) == RejectCode::none);
  CHECK(ledger.open_account(account_command(11, 1, 10)) == RejectCode::none);
  CHECK(ledger.open_account(account_command(10, 2)) == RejectCode::account_exists);
  CHECK(ledger.open_account(account_command(11, 1)) == RejectCode::account_exists);
  CHECK(ledger.open_account(account_command(12, 2, 10)) == RejectCode::account_exists);
  CHECK(ledger.open_account(account_command(kExternal, 1)) == RejectCode::account_exists);
  CHECK(ledger.open_account(account_command(kFees, 1)) == RejectCode::account_exists);
  CHECK(ledger.open_account(account_command(0, 1)) == RejectCode::invalid_account);
  CHECK(ledger.open_account(account_command(13, 0)) == RejectCode::invalid_account);
  CHECK(ledger.open_account(account_command(13, 2, 10)) == RejectCode::unknown_account); // of another tenant
  CHECK(ledger.open_account(account_command(13, 1, 99)) == RejectCode::unknown_account);
  CHECK(ledger.open_account(account_command(13, 1, 13)) == RejectCode::unknown_account);
  CHECK(ledger.open_account(account_command(13, 1, kExternal)) == RejectCode::unknown_account);
  CHECK(ledger.open_account(account_command(13, 1, 11)) ==
        RejectCode::invalid_account); // has a parent itself
  CHECK(bytes_of(ledger) == before);
  CHECK(ledger.find_account(11) == 3);
  CHECK(ledger.account(3).id == 11);
  CHECK(ledger.account(3).parent == 10);
  CHECK(ledger.account(3).tenant == 1);
  CHECK(ledger.accounts() == 5);
}

TEST_CASE("find_account: by tenant, knows no other tenant's and none of the house") {
  const Desk desk;
  CHECK(desk.ledger.find_account(kAlice, 1) == 2);
  CHECK(desk.ledger.find_account(kAlice, 0) == 2);
  CHECK(desk.ledger.find_account(kAlice, 2) == kNoSlot);
  CHECK(desk.ledger.find_account(99, 0) == kNoSlot);
  for (const AccountId house : {kExternal, kFees}) {
    CHECK(desk.ledger.find_account(house, 0) == kNoSlot);
    CHECK(desk.ledger.find_account(house, 1) == kNoSlot);
  }
  CHECK(desk.ledger.find_account(kExternal) == kExternalSlot);
  CHECK(desk.ledger.find_account(kFees) == kFeesSlot);
}

TEST_CASE("define_asset: new, again, with others, and wrong") {
  Desk desk;
  const auto before = bytes_of(desk.ledger);
  CHECK(desk.ledger.define_asset(asset_command(kUsd, "USD", 2)) == RejectCode::none);
  CHECK(desk.ledger.define_asset(asset_command(kUsd, "USD", 3)) == RejectCode::asset_exists);
  CHECK(desk.ledger.define_asset(asset_command(kUsd, "USDT", 2)) == RejectCode::asset_exists);
  CHECK(desk.ledger.define_asset(asset_command(0, "EUR", 2)) == RejectCode::invalid_asset);
  CHECK(desk.ledger.define_asset(asset_command(3, "EUR", 19)) == RejectCode::invalid_asset);
  CHECK(desk.ledger.define_asset(asset_command(3, "eur", 2)) == RejectCode::invalid_symbol);
  CHECK(desk.ledger.define_asset(asset_command(3, "", 2)) == RejectCode::invalid_symbol);
  CHECK(bytes_of(desk.ledger) == before);
  CHECK(desk.ledger.define_asset(asset_command(3, "EUR", 18)) == RejectCode::none);
  CHECK(desk.ledger.find_asset(3) == 2);
  CHECK(desk.ledger.asset(2).scale == 18);
  CHECK(desk.ledger.assets() == 3);
  CHECK(desk.ledger.find_asset(0) == kNoSlot);
}

// req: B046
TEST_CASE("deposit, withdraw, transfer: move money between two balances, each by one version") {
  Desk desk;
  CHECK(desk.say(ledger_command(deposit, 1, kAlice, kUsd, 500)) == "done 500/0 v1");
  CHECK(desk.say(ledger_command(withdraw, 2, kAlice, kUsd, 120)) == "done 380/0 v2");
  CHECK(desk.say(with_counter(ledger_command(transfer, 3, kAlice, kUsd, 80), kBob)) == "done 300/0 v3");
  CHECK(desk.say(ledger_command(withdraw, 4, kBob, kUsd, 80)) == "done 0/0 v2");
  CHECK(desk.balances() == "external.1 -300/0 v3; 10.1 300/0 v3; 20.1 0/0 v2; ");
}

TEST_CASE("ledger command: the first failing check answers, in the order of the page") {
  Desk desk;
  desk.say(ledger_command(deposit, 1, kAlice, kUsd, 100));
  // Everything is wrong; each step mends one thing.
  LedgerCommand command = with_version(with_counter(ledger_command(post, 0, 99, 9, 0), 99), 7);
  command.tenant = 1;
  command.kind = 0;
  command.present |= 1 << 2;
  CHECK(desk.refusal(command) == "4001");
  command.kind = 7;
  CHECK(desk.refusal(command) == "4001");
  command.kind = static_cast<std::uint16_t>(transfer);
  CHECK(desk.refusal(command) == "4002");
  command.present = kHasVersion;
  CHECK(desk.refusal(command) == "2005");
  command.transfer_id[1] = 5; // the high word alone is an id
  CHECK(desk.refusal(command) == "2001");
  command.account = kCarol; // of another tenant
  CHECK(desk.refusal(command) == "2001");
  command.account = kFees;
  CHECK(desk.refusal(command) == "2001");
  command.account = kAlice;
  CHECK(desk.refusal(command) == "2003");
  // From here on a refusal is remembered, but for UnknownAccount and capacity: another id for each step.
  command.asset = kUsd;
  command.transfer_id[1] = 6;
  CHECK(desk.refusal(command) == "2001"); // the counter account
  command.counter_account = kExternal;
  CHECK(desk.refusal(command) == "2001");
  command.counter_account = kCarol;
  CHECK(desk.refusal(command) == "2001");
  command.tenant = 0; // the operator may name any account, but not move money between tenants
  CHECK(desk.refusal(command) == "2001");
  command.counter_account = kAlice;
  CHECK(desk.refusal(command) == "2014");
  command.counter_account = kBob;
  command.transfer_id[1] = 11;
  CHECK(desk.refusal(command) == "2004");
  command.transfer_id[1] = 7;
  command.amount = -1;
  CHECK(desk.refusal(command) == "2004");
  command.transfer_id[1] = 8;
  command.amount = 101;
  CHECK(desk.refusal(command) == "2007");
  command.transfer_id[1] = 9;
  command.expected_version = 1;
  CHECK(desk.refusal(command) == "2002 100<101");
  command.transfer_id[1] = 10;
  command.amount = 100;
  CHECK(desk.say(command) == "done 0/0 v2");
}

TEST_CASE("post and void_hold: the first failing check answers, in the order of the page") {
  Desk desk;
  desk.say(ledger_command(deposit, 1, kAlice, kUsd, 100));
  desk.say(ledger_command(reserve, 2, kAlice, kUsd, 60));
  std::uint64_t id = 100;
  const auto of = [&](LedgerAction action, Amount amount, std::uint64_t hold) {
    return of_hold(ledger_command(action, ++id, kAlice, kUsd, amount), hold);
  };
  CHECK(desk.refusal(with_version(of(post, 0, 99), 9)) == "2004");
  CHECK(desk.refusal(with_version(of(post, 61, 99), 9)) == "2008");
  CHECK(desk.refusal(with_version(of(post, 61, 0), 9)) == "2008");
  CHECK(desk.refusal(with_version(of(post, 61, 1), 9)) == "2008"); // of a deposit
  CHECK(desk.refusal(with_version(of(post, 61, 2), 9)) == "2007");
  CHECK(desk.refusal(with_version(of(post, 61, 2), 2)) == "2012 60<61");
  CHECK(desk.refusal(with_counter(of(post, 60, 2), kAlice)) == "2014");
  CHECK(desk.refusal(with_counter(of(post, 60, 2), kCarol)) == "2001");
  CHECK(desk.refusal(with_version(of(void_hold, 0, 2), 9)) == "2007");
  // Of another account, or in another asset.
  CHECK(desk.refusal(of_hold(ledger_command(void_hold, ++id, kBob, kUsd, 0), 2)) == "2008");
  CHECK(desk.refusal(of_hold(ledger_command(void_hold, ++id, kAlice, kBtc, 0), 2)) == "2008");
  CHECK(desk.balances() == "external.1 -100/0 v1; 10.1 100/60 v2; ");
}

TEST_CASE("reserve: makes money unavailable to everything else, until it is posted, voided or expires") {
  Desk desk;
  desk.say(ledger_command(deposit, 1, kAlice, kUsd, 100));
  CHECK(desk.say(ledger_command(reserve, 2, kAlice, kUsd, 101)) == "2002 100<101");
  CHECK(desk.say(ledger_command(reserve, 3, kAlice, kUsd, 60)) == "done 100/60 v2");
  CHECK(desk.refusal(ledger_command(reserve, 4, kAlice, kUsd, 41)) == "2002 40<41");
  CHECK(desk.refusal(ledger_command(withdraw, 5, kAlice, kUsd, 41)) == "2002 40<41");
  CHECK(desk.refusal(with_counter(ledger_command(transfer, 6, kAlice, kUsd, 41), kBob)) == "2002 40<41");
  CHECK_FALSE(desk.ledger.reserve(desk.slot_of(kAlice, kUsd), 41));

  // Posted in part to bob, the rest is freed.
  CHECK(desk.say(with_counter(of_hold(ledger_command(post, 7, kAlice, kUsd, 25), 3), kBob)) ==
        "done 75/0 v3");
  CHECK(desk.refusal(of_hold(ledger_command(post, 8, kAlice, kUsd, 1), 3)) == "2009");
  CHECK(desk.refusal(of_hold(ledger_command(void_hold, 9, kAlice, kUsd, 1), 3)) == "2009");

  // Posted whole to the outside.
  CHECK(desk.say(ledger_command(reserve, 10, kAlice, kUsd, 75)) == "done 75/75 v4");
  CHECK(desk.say(of_hold(ledger_command(post, 11, kAlice, kUsd, 75), 10)) == "done 0/0 v5");

  CHECK(desk.say(ledger_command(reserve, 12, kBob, kUsd, 20)) == "done 25/20 v2");
  CHECK(desk.say(of_hold(ledger_command(void_hold, 13, kBob, kUsd, -5), 12)) == "done 25/0 v3");
  CHECK(desk.refusal(of_hold(ledger_command(void_hold, 14, kBob, kUsd, 0), 12)) == "2010");
  CHECK(desk.refusal(of_hold(ledger_command(post, 15, kBob, kUsd, 1), 12)) == "2010");
  CHECK(desk.balances() == "external.1 -25/0 v2; 10.1 0/0 v5; 20.1 25/0 v3; ");
}

TEST_CASE("reserve: with an expiry, is freed at that time and not before; then it is over") {
  Desk desk;
  desk.say(ledger_command(deposit, 1, kAlice, kUsd, 100));
  CHECK(desk.ledger.next_expiry() == kEndOfTime);
  CHECK(desk.refusal(until(ledger_command(reserve, 2, kAlice, kUsd, 10), 1'000)) == "4020");
  CHECK(desk.refusal(until(ledger_command(reserve, 3, kAlice, kUsd, 10), -1)) == "4020");
  CHECK(desk.say(until(ledger_command(reserve, 4, kAlice, kUsd, 10), 2'000)) == "done 100/10 v2");
  CHECK(desk.say(until(ledger_command(reserve, 5, kAlice, kUsd, 20), 1'001)) == "done 100/30 v3");
  CHECK(desk.say(ledger_command(reserve, 6, kAlice, kUsd, 40)) == "done 100/70 v4"); // never ends by itself
  CHECK(desk.ledger.next_expiry() == 1'001);
  desk.ledger.expire(1'000);
  CHECK(desk.balances() == "external.1 -100/0 v1; 10.1 100/70 v4; ");
  desk.clock = 1'001;
  CHECK(desk.say(of_hold(ledger_command(post, 7, kAlice, kUsd, 1), 5)) == "2011");
  CHECK(desk.say(of_hold(ledger_command(void_hold, 8, kAlice, kUsd, 1), 5)) == "2011");
  CHECK(desk.balances() == "external.1 -100/0 v1; 10.1 100/50 v5; ");
  CHECK(desk.ledger.next_expiry() == 2'000);
  CHECK(desk.say(of_hold(ledger_command(post, 9, kAlice, kUsd, 10), 4)) == "done 90/40 v6");
  CHECK(desk.ledger.next_expiry() == kEndOfTime);
  desk.clock = kEndOfTime - 1;
  CHECK(desk.say(of_hold(ledger_command(void_hold, 10, kAlice, kUsd, 10), 6)) == "done 90/0 v7");
}

TEST_CASE("reserve: a command while one is due, is a broken invariant: time comes first") {
  Desk desk;
  desk.say(ledger_command(deposit, 1, kAlice, kUsd, 100));
  desk.say(until(ledger_command(reserve, 2, kAlice, kUsd, 10), 2'000));
  Answer answer{};
  CHECK_THROWS_AS(desk.ledger.apply(ledger_command(deposit, 3, kAlice, kUsd, 1), 2'000, answer),
                  InvariantViolation);
}

TEST_CASE("holds of an account: in order of making, with what they hold") {
  Desk desk;
  desk.say(ledger_command(deposit, 1, kAlice, kUsd, 100));
  desk.say(ledger_command(deposit, 2, kAlice, kBtc, 100));
  desk.say(ledger_command(deposit, 3, kBob, kUsd, 100));
  desk.say(until(ledger_command(reserve, 9, kAlice, kUsd, 1), 5'000));
  desk.say(ledger_command(reserve, 8, kAlice, kBtc, 2));
  desk.say(ledger_command(reserve, 7, kBob, kUsd, 3));
  desk.say(ledger_command(reserve, 6, kAlice, kUsd, 4));
  const auto holds = [&](AccountId account) {
    std::string all;
    desk.ledger.for_each_hold(desk.ledger.find_account(account), [&](const Hold& hold) {
      all += std::to_string(hold.id.low) + ":" + std::to_string(hold.amount) + " of " +
             std::to_string(desk.ledger.asset(desk.ledger.balance(hold.balance).asset).id) +
             (hold.expire_at == kEndOfTime ? "; " : " until " + std::to_string(hold.expire_at) + "; ");
    });
    return all;
  };
  CHECK(holds(kAlice) == "9:1 of 1 until 5000; 8:2 of 2; 6:4 of 1; ");
  CHECK(holds(kBob) == "7:3 of 1; ");
  CHECK(holds(kCarol).empty());
  desk.say(of_hold(ledger_command(void_hold, 10, kAlice, kBtc, 0), 8));
  CHECK(holds(kAlice) == "9:1 of 1 until 5000; 6:4 of 1; ");
  CHECK(desk.ledger.holds() == 3);
}

TEST_CASE(
    "transfer id: again with the same content, the first answer; with other content, TransferIdDifferent") {
  Desk desk;
  const LedgerCommand first = ledger_command(deposit, 1, kAlice, kUsd, 100);
  CHECK(desk.say(first) == "done 100/0 v1");
  CHECK(desk.say(ledger_command(withdraw, 2, kAlice, kUsd, 30)) == "done 70/0 v2");
  LedgerCommand again = first;
  again.session = 7;
  again.sent_at = 99;
  std::memset(again.correlation_id, 'x', sizeof again.correlation_id);
  again.expected_version = 5; // not present
  again.expire_at = 5;
  CHECK(desk.refusal(again) == "again done 100/0 v1");

  std::vector<LedgerCommand> others(12, first);
  others[0].kind = static_cast<std::uint16_t>(withdraw);
  others[1].present = kHasVersion;
  others[2].present = kHasReservationExpiry;
  others[3].asset = kBtc;
  others[4].account = kBob;
  others[5].counter_account = 1;
  others[6].amount = 101;
  others[7].reservation_id[0] = 1;
  others[8].reservation_id[1] = 1;
  others[9].tenant = 1;
  others[10] = with_version(first, 1);
  others[11] = until(first, 1);
  for (const LedgerCommand& other : others)
    CHECK(desk.refusal(other) == "2006");
  others[0].transfer_id[1] = 1; // another id
  CHECK(desk.say(others[0]) == "2002 70<100");
}

TEST_CASE(
    "transfer id: of a refusal, is remembered although money or the asset came; of a passing one it is not") {
  Desk desk;
  const LedgerCommand too_much = ledger_command(withdraw, 1, kAlice, kUsd, 30);
  CHECK(desk.say(too_much) == "2002 0<30");
  const LedgerCommand no_asset = ledger_command(deposit, 2, kAlice, 3, 30);
  CHECK(desk.say(no_asset) == "2003");
  const LedgerCommand no_account = ledger_command(deposit, 3, 40, kUsd, 30);
  CHECK(desk.say(no_account) == "2001");
  const LedgerCommand no_counter = with_counter(ledger_command(transfer, 4, kAlice, kUsd, 1), 40);
  CHECK(desk.say(no_counter) == "2001");
  CHECK(desk.ledger.transfers() == 2);
  CHECK(bytes_of(copy_of(desk.ledger)) == bytes_of(desk.ledger)); // one of no asset as well

  desk.say(ledger_command(deposit, 9, kAlice, kUsd, 100));
  CHECK(desk.ledger.define_asset(asset_command(3, "EUR", 2)) == RejectCode::none);
  CHECK(desk.ledger.open_account(account_command(40, 1)) == RejectCode::none);
  CHECK(desk.say(too_much) == "again 2002 0<30");
  CHECK(desk.say(no_asset) == "again 2003");
  CHECK(desk.say(no_account) == "done 30/0 v1");
  CHECK(desk.say(no_counter) == "done 99/0 v2");
}

// req: B044
TEST_CASE("expected_version: that of the balance, 0 where there is none; else VersionConflict") {
  Desk desk;
  CHECK(desk.refusal(with_version(ledger_command(deposit, 1, kAlice, kUsd, 5), 1)) == "2007");
  CHECK(desk.say(with_version(ledger_command(deposit, 2, kAlice, kUsd, 5), 0)) == "done 5/0 v1");
  CHECK(desk.refusal(with_version(ledger_command(deposit, 3, kAlice, kUsd, 5), 0)) == "2007");
  CHECK(desk.say(with_version(ledger_command(reserve, 4, kAlice, kUsd, 5), 1)) == "done 5/5 v2");
  // Two writers that both read version 2: one wins.
  CHECK(desk.say(with_version(of_hold(ledger_command(void_hold, 5, kAlice, kUsd, 0), 4), 2)) ==
        "done 5/0 v3");
  CHECK(desk.refusal(with_version(ledger_command(withdraw, 6, kAlice, kUsd, 5), 2)) == "2007");
}

TEST_CASE("balance: beyond what may be paid in of an asset, BalanceOverflow and nothing moves") {
  Desk desk;
  CHECK(desk.refusal(ledger_command(deposit, 1, kAlice, kUsd, kMostMoney + 1)) == "2013");
  CHECK(desk.say(ledger_command(deposit, 2, kAlice, kUsd, kMostMoney)) ==
        "done " + std::to_string(kMostMoney) + "/0 v1");
  CHECK(desk.refusal(ledger_command(deposit, 3, kBob, kUsd, 1)) == "2013");
  CHECK_FALSE(desk.ledger.can_give(desk.slot_of(kExternal, kUsd), 1));
  CHECK(desk.say(ledger_command(withdraw, 4, kAlice, kUsd, 1)) ==
        "done " + std::to_string(kMostMoney - 1) + "/0 v2");
  CHECK(desk.refusal(ledger_command(deposit, 3, kBob, kUsd, 1)) == "again 2013"); // it is remembered
  CHECK(desk.say(ledger_command(deposit, 5, kBob, kUsd, 1)) == "done 1/0 v1");
  CHECK_FALSE(desk.ledger.can_receive(desk.slot_of(kAlice, kUsd), kMost));
}

TEST_CASE("capacity: accounts, assets, balances, reservations and transfers, each is a reject at its limit") {
  Desk desk({.max_accounts = 3, .max_assets = 2, .max_balances = 5, .max_holds = 2, .max_transfers = 11});
  CHECK(desk.ledger.open_account(account_command(40, 1)) == RejectCode::capacity_accounts);
  CHECK(desk.ledger.open_account(account_command(kAlice, 1)) == RejectCode::none);
  CHECK(desk.ledger.define_asset(asset_command(3, "EUR", 2)) == RejectCode::capacity_assets);
  CHECK(desk.ledger.define_asset(asset_command(kUsd, "USD", 2)) == RejectCode::none);

  desk.say(ledger_command(deposit, 1, kAlice, kUsd, 100)); // external.1 alice.1
  desk.say(ledger_command(deposit, 2, kBob, kUsd, 100));   // bob.1
  CHECK(desk.ledger.can_make_balances(2));
  CHECK_FALSE(desk.ledger.can_make_balances(3));
  desk.say(ledger_command(deposit, 3, kAlice, kBtc, 100)); // external.2 alice.2
  const LedgerCommand no_balance = with_counter(ledger_command(transfer, 4, kAlice, kBtc, 5), kBob);
  CHECK(desk.refusal(no_balance) == "2023");
  CHECK(desk.refusal(ledger_command(deposit, 5, kBob, kBtc, 5)) == "2023");
  CHECK(desk.ledger.make_balance(desk.ledger.find_account(kBob), 1) == kNoSlot);
  CHECK(desk.ledger.balances() == 5);

  CHECK(desk.say(ledger_command(reserve, 6, kAlice, kUsd, 10)) == "done 100/10 v2");
  CHECK(desk.say(ledger_command(reserve, 7, kAlice, kUsd, 10)) == "done 100/20 v3");
  const LedgerCommand third = ledger_command(reserve, 8, kAlice, kUsd, 10);
  CHECK(desk.refusal(third) == "2025");
  CHECK(desk.refusal(ledger_command(reserve, 9, kAlice, kUsd, 90)) == "2002 80<90"); // the earlier check
  CHECK(desk.say(of_hold(ledger_command(void_hold, 10, kAlice, kUsd, 0), 6)) == "done 100/10 v4");
  CHECK(desk.say(third) == "done 100/20 v5");

  CHECK(desk.ledger.transfers() == 8);
  for (std::uint64_t id = 20; id < 23; ++id)
    desk.say(ledger_command(deposit, id, kAlice, kUsd, 1));
  CHECK(desk.ledger.transfers() == 11);
  CHECK(desk.refusal(ledger_command(deposit, 30, kAlice, kUsd, 1)) == "2024");
  CHECK(desk.refusal(ledger_command(withdraw, 31, kAlice, kUsd, 1'000)) == "2002 83<1000"); // not remembered
  CHECK(desk.refusal(ledger_command(withdraw, 31, kAlice, kUsd, 1'000)) == "2002 83<1000");
  CHECK(desk.refusal(ledger_command(withdraw, 31, kAlice, kUsd, 1)) == "2024");
  CHECK(desk.refusal(ledger_command(deposit, 20, kAlice, kUsd, 1)) == "again done 101/20 v6");
}

TEST_CASE("reserve and pay of orders: what one has reserved no other can spend") {
  Desk desk;
  desk.say(ledger_command(deposit, 1, kAlice, kUsd, 100));
  desk.say(ledger_command(deposit, 2, kBob, kBtc, 7));
  const BalanceSlot alice = desk.slot_of(kAlice, kUsd), bob = desk.slot_of(kBob, kUsd);
  const BalanceSlot fees = desk.slot_of(kFees, kUsd);
  CHECK(desk.ledger.reserve(alice, 100));
  CHECK_FALSE(desk.ledger.reserve(alice, 1));
  CHECK(desk.ledger.reserve(alice, 0)); // nothing, and no version
  desk.ledger.pay(alice, bob, 40, 45);  // a better price: 5 are freed
  desk.ledger.pay(alice, fees, 2, 2);
  CHECK(desk.balances() == "external.1 -100/0 v1; external.2 -7/0 v1; fees.1 2/0 v1; 10.1 58/53 v4; "
                           "20.1 40/0 v1; 20.2 7/0 v1; ");
  desk.ledger.pay(fees, bob, 3, 0);  // a rebate: the house may owe
  desk.ledger.pay(alice, bob, 5, 0); // from available
  desk.ledger.release(alice, 53);
  desk.ledger.release(alice, 0);
  desk.ledger.pay(alice, bob, 0, 0);
  CHECK(desk.balances() == "external.1 -100/0 v1; external.2 -7/0 v1; fees.1 -1/0 v2; 10.1 53/0 v6; "
                           "20.1 48/0 v3; 20.2 7/0 v1; ");
  CHECK(desk.ledger.reserve(alice, 10));
  desk.ledger.pay(alice, alice, 10, 10); // to itself: only what was reserved changes
  desk.ledger.pay(alice, alice, 10, 0);
  CHECK(desk.balances() == "external.1 -100/0 v1; external.2 -7/0 v1; fees.1 -1/0 v2; 10.1 53/0 v8; "
                           "20.1 48/0 v3; 20.2 7/0 v1; ");
  desk.ledger.check_invariants({});
}

TEST_CASE("reserve, release and pay: more than there is, or another asset, is a broken invariant") {
  Desk desk;
  desk.say(ledger_command(deposit, 1, kAlice, kUsd, 100));
  const BalanceSlot alice = desk.slot_of(kAlice, kUsd), bob = desk.slot_of(kBob, kUsd);
  const BalanceSlot btc = desk.slot_of(kBob, kBtc), fees = desk.slot_of(kFees, kUsd);
  REQUIRE(desk.ledger.reserve(alice, 60));
  const std::string before = desk.balances();
  CHECK_THROWS_AS(desk.ledger.reserve(alice, -1), InvariantViolation);
  CHECK_THROWS_AS(desk.ledger.reserve(fees, 1), InvariantViolation);
  CHECK_THROWS_AS(desk.ledger.release(alice, 61), InvariantViolation);
  CHECK_THROWS_AS(desk.ledger.release(alice, -1), InvariantViolation);
  CHECK_THROWS_AS(desk.ledger.pay(alice, bob, 41, 0), InvariantViolation); // 40 are available
  CHECK_THROWS_AS(desk.ledger.pay(alice, bob, 101, 60), InvariantViolation);
  CHECK_THROWS_AS(desk.ledger.pay(alice, bob, 1, 61), InvariantViolation);
  CHECK_THROWS_AS(desk.ledger.pay(alice, bob, -1, 0), InvariantViolation);
  CHECK_THROWS_AS(desk.ledger.pay(alice, bob, 1, -1), InvariantViolation);
  CHECK_THROWS_AS(desk.ledger.pay(alice, btc, 1, 0), InvariantViolation);
  CHECK(desk.balances() == before);
}

TEST_CASE("check_invariants: what orders reserved must be told, and money must not appear") {
  Desk desk;
  desk.say(ledger_command(deposit, 1, kAlice, kUsd, 100));
  desk.say(ledger_command(reserve, 2, kAlice, kUsd, 10));
  const BalanceSlot alice = desk.slot_of(kAlice, kUsd);
  REQUIRE(desk.ledger.reserve(alice, 5));
  std::vector<Amount> reserved(desk.ledger.balances());
  CHECK_THROWS_AS(desk.ledger.check_invariants(reserved), InvariantViolation);
  reserved[alice] = 5;
  desk.ledger.check_invariants(reserved);
  reserved[alice] = 6;
  CHECK_THROWS_AS(desk.ledger.check_invariants(reserved), InvariantViolation);
}

TEST_CASE("check_invariants: bytes in which a total was changed, are money out of nothing") {
  Desk desk;
  desk.say(ledger_command(deposit, 1, kAlice, kUsd, 100));
  std::vector<std::uint8_t> bytes = bytes_of(desk.ledger);
  // Three accounts, two assets, and the total of the first balance behind its account and asset.
  constexpr std::size_t kTotal = (8 + 3 * 24) + (8 + 2 * 50) + 8 + 8;
  REQUIRE(bytes[kTotal] == 100);
  const auto read = [&](Ledger& ledger) {
    Reader in(bytes);
    ledger.read(in);
    REQUIRE(in.done());
  };
  Ledger same({});
  read(same);
  same.check_invariants({});
  --bytes[kTotal];
  Ledger changed({});
  read(changed);
  CHECK_THROWS_AS(changed.check_invariants({}), InvariantViolation);
}

// req: B045
TEST_CASE("collateral: marks and haircuts of several assets, each rounded down") {
  Desk desk;
  REQUIRE(desk.ledger.define_asset(asset_command(3, "EUR", 2)) == RejectCode::none);
  desk.say(ledger_command(deposit, 1, kAlice, kUsd, 10'000));      // 100.00
  desk.say(ledger_command(deposit, 2, kAlice, kBtc, 150'000'001)); // 1.50000001
  desk.say(ledger_command(deposit, 3, kAlice, 3, 999));            // 9.99
  desk.say(ledger_command(reserve, 4, kAlice, kUsd, 10'000));      // reserved counts as well
  const AccountSlot alice = desk.ledger.find_account(kAlice);
  const auto set = [&](AssetId asset, AssetId in, Amount mark, std::int64_t haircut) {
    return desk.ledger.set_collateral(collateral_command(asset, in, mark, haircut));
  };
  CHECK(desk.ledger.collateral(alice, kUsd) == 10'000);                     // nothing else counts yet
  CHECK(set(kBtc, kUsd, 5'000'000, 200'000'000) == RejectCode::none);       // 50,000.00 less 20 %
  CHECK(desk.ledger.collateral(alice, kUsd) == 10'000 + 6'000'000);         // 6,000,000.04
  CHECK(set(3, kUsd, 110, 0) == RejectCode::none);                          // 1.10
  CHECK(desk.ledger.collateral(alice, kUsd) == 10'000 + 6'000'000 + 1'098); // 1,098.9
  CHECK(desk.ledger.collateral(alice, 3) == 999);
  CHECK(desk.ledger.collateral(alice, kBtc) == 150'000'001);
  CHECK(desk.ledger.collateral(alice, 9) == 0);
  CHECK(desk.ledger.collateral(alice, 0) == 0);
  CHECK(desk.ledger.collateral(desk.ledger.find_account(kBob), kUsd) == 0);
  CHECK(set(3, kBtc, 3'000, 1'000'000'000) == RejectCode::none); // moves, and counts nothing
  CHECK(desk.ledger.collateral(alice, kUsd) == 10'000 + 6'000'000);
  CHECK(desk.ledger.collateral(alice, kBtc) == 150'000'001);

  const auto before = bytes_of(desk.ledger);
  CHECK(set(3, kBtc, 3'000, 1'000'000'000) == RejectCode::none);
  CHECK(set(9, kUsd, 1, 0) == RejectCode::unknown_asset);
  CHECK(set(kBtc, 9, 1, 0) == RejectCode::unknown_asset);
  CHECK(set(kBtc, 0, 1, 0) == RejectCode::unknown_asset);
  CHECK(set(kBtc, kBtc, 1, 0) == RejectCode::invalid_collateral);
  CHECK(set(kBtc, kUsd, -1, 0) == RejectCode::invalid_collateral);
  CHECK(set(kBtc, kUsd, 1, -1) == RejectCode::invalid_collateral);
  CHECK(set(kBtc, kUsd, 1, 1'000'000'001) == RejectCode::invalid_collateral);
  CHECK(bytes_of(desk.ledger) == before);
}

TEST_CASE("collateral: products of 156 bits are exact, and what exceeds 64 bits is their bound") {
  Desk desk;
  REQUIRE(desk.ledger.define_asset(asset_command(3, "BIG", 18)) == RejectCode::none);
  REQUIRE(desk.ledger.define_asset(asset_command(4, "RAW", 0)) == RejectCode::none);
  desk.say(ledger_command(deposit, 1, kAlice, 3, kMostMoney));
  desk.say(ledger_command(deposit, 2, kBob, 4, kMostMoney));
  const AccountSlot alice = desk.ledger.find_account(kAlice), bob = desk.ledger.find_account(kBob);
  REQUIRE(desk.ledger.set_collateral(collateral_command(3, kUsd, 1'000'000'000'000'000'000, 1)) ==
          RejectCode::none);
  // 2^62 x (10^9 - 1) / 10^9 = 4611686013815701885.57...
  CHECK(desk.ledger.collateral(alice, kUsd) == 4'611'686'013'815'701'885);
  REQUIRE(desk.ledger.set_collateral(collateral_command(3, kUsd, kMost, 999'999'999)) == RejectCode::none);
  // 2^62 x (2^63 - 1) / 10^27 = 42535295865.11...
  CHECK(desk.ledger.collateral(alice, kUsd) == 42'535'295'865);
  REQUIRE(desk.ledger.set_collateral(collateral_command(4, kUsd, kMost, 0)) == RejectCode::none);
  CHECK(desk.ledger.collateral(bob, kUsd) == kMost);
  CHECK(desk.ledger.collateral(kExternalSlot, kUsd) == std::numeric_limits<Amount>::min());
}

TEST_CASE("balances of an account: by ascending asset id, without those that never changed") {
  Desk desk;
  REQUIRE(desk.ledger.define_asset(asset_command(9, "NINE", 0)) == RejectCode::none);
  REQUIRE(desk.ledger.define_asset(asset_command(5, "FIVE", 0)) == RejectCode::none);
  std::uint64_t id = 0;
  for (const AssetId asset : {5u, 2u, 9u, 1u})
    desk.say(ledger_command(deposit, ++id, kAlice, asset, 10 * asset));
  desk.slot_of(kBob, kUsd);
  std::string seen;
  desk.ledger.for_each_balance(desk.ledger.find_account(kAlice),
                               [&](BalanceSlot slot, const Balance& balance) {
                                 CHECK(&desk.ledger.balance(slot) == &balance);
                                 seen += std::to_string(desk.ledger.asset(balance.asset).id) + "=" +
                                         std::to_string(balance.available()) + " ";
                               });
  CHECK(seen == "1=10 2=20 5=50 9=90 ");
  int of_bob = 0;
  desk.ledger.for_each_balance(desk.ledger.find_account(kBob),
                               [&](BalanceSlot, const Balance&) { ++of_bob; });
  CHECK(of_bob == 0);
}
