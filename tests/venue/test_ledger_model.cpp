// Random commands, money of orders among them, on the ledger and on a plain model: the same answers, balances and holds at
// every step, and the same from every snapshot on.
#include <doctest/doctest.h>

#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "ledger_model.hpp"

TEST_SUITE_BEGIN("test_ledger_model");

using namespace cmatch;
using namespace cmatch::test;

namespace {

constexpr LedgerLimits kSmall{
    .max_accounts = 5, .max_assets = 3, .max_balances = 16, .max_holds = 4, .max_transfers = 250};
constexpr LedgerLimits kWide{
    .max_accounts = 6, .max_assets = 4, .max_balances = 32, .max_holds = 12, .max_transfers = 900};

// Narrow ranges: few accounts, little money, ids that come again, so that every branch is taken.
class Flow {
 public:
  explicit Flow(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  TimeNs step_of_time() { return one_in(4) ? static_cast<TimeNs>(below(30)) : 0; }

  AccountId account() {
    if (one_in(40)) return one_in(2) ? kExternal : kFees;
    return one_in(15) ? below(8) : 1 + below(5); // 0 and, mostly, 6 and 7 are not open
  }
  AssetId asset() { return static_cast<AssetId>(one_in(20) ? below(6) : 1 + below(3)); }
  Amount amount() {
    constexpr Amount kHuge = std::numeric_limits<Amount>::max();
    if (one_in(30)) return kHuge - static_cast<Amount>(below(3));
    if (one_in(30)) return -static_cast<Amount>(below(2));
    return static_cast<Amount>(below(40)) + 1;
  }

  LedgerCommand ledger_command(TimeNs clock) {
    if (!made_.empty() && one_in(8)) { // a retry, sometimes with another content
      LedgerCommand again = made_[below(made_.size())];
      again.sent_at = clock;
      again.session = static_cast<SessionId>(below(9));
      if (one_in(3)) again.amount ^= 1;
      return again;
    }
    LedgerCommand command{};
    command.kind = static_cast<std::uint16_t>(one_in(60) ? below(9) : (one_in(3) ? 1 : 1 + below(6)));
    command.present = static_cast<std::uint16_t>(one_in(60) ? below(8) : (one_in(2) ? 0 : 2));
    if (one_in(9)) command.present |= kHasVersion;
    command.account = account();
    command.counter_account = one_in(3) ? 0 : account();
    command.asset = asset();
    command.amount = amount();
    command.transfer_id[0] = one_in(50) ? 0 : ++last_id_;
    command.transfer_id[1] = one_in(10) ? 1 : 0;
    command.expected_version = below(12);
    command.expire_at = clock + static_cast<TimeNs>(below(60)) - 3;
    command.tenant = static_cast<TenantId>(one_in(8) ? 1 + below(2) : 0);
    if (const auto action = static_cast<LedgerAction>(command.kind);
        (action == LedgerAction::post || action == LedgerAction::void_hold) && !reserves_.empty()) {
      const LedgerCommand& reserve =
          reserves_[reserves_.size() - 1 - below(std::min<std::size_t>(reserves_.size(), 8))];
      command.reservation_id[0] = reserve.transfer_id[0];
      command.reservation_id[1] = reserve.transfer_id[1];
      if (!one_in(12)) command.account = reserve.account;
      if (!one_in(12)) command.asset = reserve.asset;
    }
    made_.push_back(command);
    if (static_cast<LedgerAction>(command.kind) == LedgerAction::reserve) reserves_.push_back(command);
    return command;
  }

  AdminCommand open_command() {
    return account_command(account(), static_cast<TenantId>(one_in(9) ? below(3) : 1),
                           one_in(6) ? account() : 0);
  }
  InstrumentCommand define_command() {
    static const char* const kSymbols[] = {"USD", "BTC", "ETH", "SOL", "XRP", "eth"};
    return asset_command(asset(), kSymbols[below(6)],
                         static_cast<std::uint16_t>(one_in(5) ? 18 + below(2) : 2));
  }

 private:
  std::mt19937_64 random_;
  std::uint64_t last_id_ = 0;
  std::vector<LedgerCommand> made_, reserves_;
};

// The ledger and the model, side by side.
struct Pair {
  explicit Pair(const LedgerLimits& limits_in)
      : limits(limits_in), ledger(std::make_unique<Ledger>(limits_in)), model(limits_in) {}

  BalanceSlot slot_of(LedgerModel::Place place) const {
    const AccountSlot account = ledger->find_account(place.first);
    const AssetSlot asset = ledger->find_asset(place.second);
    return account == kNoSlot || asset == kNoSlot ? kNoSlot : ledger->find_balance(account, asset);
  }

  // Money of orders: reserve, release, and pay to another balance of the asset.
  void trade(Flow& flow) {
    const LedgerModel::Place from{flow.account(), flow.asset()};
    const BalanceSlot slot = slot_of(from);
    if (slot == kNoSlot || ledger->balance(slot).account < kHouseAccounts) return;
    const auto amount = static_cast<Amount>(flow.below(30)) + 1;
    LedgerModel::Wide& reserved = model.order_reserved[from];
    if (flow.one_in(2)) {
      const bool enough = model.available(from) >= amount;
      REQUIRE(ledger->reserve(slot, amount) == enough);
      if (enough) {
        reserved += amount;
        model.add(from, 0, amount);
      }
      return;
    }
    const Amount released = static_cast<Amount>(flow.below(static_cast<std::uint64_t>(reserved) + 1));
    if (flow.one_in(2)) {
      ledger->release(slot, released);
      if (released != 0) model.add(from, 0, -static_cast<LedgerModel::Wide>(released));
      reserved -= released;
      return;
    }
    const LedgerModel::Place to{flow.one_in(3) ? kFees : flow.account(), from.second};
    if (ledger->find_account(to.first) == kNoSlot || to.first == kExternal || to == from) return;
    if (slot_of(to) == kNoSlot && !ledger->can_make_balances(1)) return;
    if (model.available(from) + released < amount) return;
    const BalanceSlot receiver =
        ledger->make_balance(ledger->find_account(to.first), ledger->find_asset(to.second));
    if (!ledger->can_receive(receiver, amount)) return;
    ledger->pay(slot, receiver, amount, released);
    model.add(from, -static_cast<LedgerModel::Wide>(amount), -static_cast<LedgerModel::Wide>(released));
    model.add(to, amount, 0);
    reserved -= released;
  }

  std::string balances() const {
    std::string all;
    for (AccountSlot slot = 0; slot < ledger->accounts(); ++slot)
      ledger->for_each_balance(slot, [&](BalanceSlot, const Balance& balance) {
        const AccountId id = ledger->account(slot).id;
        all += (id == kExternal ? "external"
                : id == kFees   ? "fees"
                                : std::to_string(id)) +
               "." + std::to_string(ledger->asset(balance.asset).id) + " " + std::to_string(balance.total) +
               "/" + std::to_string(balance.reserved) + " v" + std::to_string(balance.version) + "; ";
      });
    return all;
  }

  void compare() const {
    REQUIRE(balances() == model.describe());
    std::vector<Amount> reserved(ledger->balances());
    for (const auto& [place, amount] : model.order_reserved)
      if (const BalanceSlot slot = slot_of(place); slot != kNoSlot)
        reserved[slot] = static_cast<Amount>(amount);
    ledger->check_invariants(reserved);
    std::size_t holds = 0;
    TimeNs next = kEndOfTime;
    for (AccountSlot slot = 0; slot < ledger->accounts(); ++slot)
      ledger->for_each_hold(slot, [&](const Hold& hold) {
        const LedgerModel::Hold& known = model.holds.at({hold.id.high, hold.id.low});
        REQUIRE(known.state == "pending");
        REQUIRE(known.place.first == ledger->account(slot).id);
        REQUIRE(known.amount == hold.amount);
        REQUIRE(known.expire_at == hold.expire_at);
        next = std::min(next, hold.expire_at);
        ++holds;
      });
    REQUIRE(holds == model.pending());
    REQUIRE(ledger->next_expiry() == next);
  }

  void step(Flow& flow, std::map<std::string, int>& met) {
    clock += flow.step_of_time();
    ledger->expire(clock);
    model.expire(clock);
    if (flow.one_in(6)) return trade(flow);
    if (flow.one_in(12)) {
      const AdminCommand command = flow.open_command();
      const bool known = model.accounts.count(command.account) != 0;
      const RejectCode expected = model.open_account(command);
      REQUIRE(ledger->open_account(command) == expected);
      if (expected == RejectCode::none && !known) model.opened.push_back(command.account);
      ++met["open " + std::to_string(static_cast<int>(expected))];
      return;
    }
    if (flow.one_in(20)) {
      const InstrumentCommand command = flow.define_command();
      const RejectCode expected = model.define_asset(command);
      REQUIRE(ledger->define_asset(command) == expected);
      ++met["define " + std::to_string(static_cast<int>(expected))];
      return;
    }
    const LedgerCommand command = flow.ledger_command(clock);
    const std::string expected = model.apply(command, clock);
    Answer answer{};
    ledger->apply(command, clock, answer);
    REQUIRE(text(answer) == expected);
    const std::string word = expected.substr(0, expected.find(' '));
    ++met[word == "again" ? word : word + (word == "done" ? " " + std::to_string(command.kind) : "")];
  }

  // Puts a ledger that was read from the bytes of this one in its place.
  void restart() {
    const std::vector<std::uint8_t> bytes = bytes_of(*ledger);
    auto restored = std::make_unique<Ledger>(limits);
    Reader in(bytes);
    restored->read(in);
    REQUIRE(in.done());
    REQUIRE(bytes_of(*restored) == bytes);
    for (BalanceSlot slot = 0; slot < ledger->balances(); ++slot) {
      REQUIRE(restored->balance(slot).account == ledger->balance(slot).account);
      REQUIRE(restored->balance(slot).asset == ledger->balance(slot).asset);
    }
    ledger = std::move(restored);
  }

  LedgerLimits limits;
  std::unique_ptr<Ledger> ledger;
  LedgerModel model;
  TimeNs clock = 0;
};

const std::vector<std::string> kEveryOutcome = {
    "again",       "done 1",      "done 2",     "done 3",    "done 4",   "done 5",      "done 6",
    "2001",        "2002",        "2003",       "2004",      "2005",     "2006",        "2007",
    "2008",        "2009",        "2010",       "2011",      "2012",     "2013",        "2014",
    "2023",        "2024",        "2025",       "4001",      "4002",     "4020",        "open 0",
    "open 2001",   "open 2015",   "open 2019",  "open 2021", "define 0", "define 2016", "define 2017",
    "define 2020", "define 2022", "define 2031"};

} // namespace

// req: B046
TEST_CASE("ledger: 100,000 random commands, answers and balances as the model's, sums zero after each") {
  std::map<std::string, int> met;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Pair pair(seed % 2 == 0 ? kSmall : kWide);
    Flow flow(seed);
    for (int step = 0; step < 1'000; ++step) {
      pair.step(flow, met);
      pair.compare();
    }
  }
  for (const std::string& outcome : kEveryOutcome)
    CHECK_MESSAGE(met[outcome] > 0, "never met: ", outcome);
}

TEST_CASE("ledger: restored from its bytes before every step of a run, goes on as the model does") {
  std::map<std::string, int> met;
  Pair pair(kWide);
  Flow flow(4'711);
  for (int step = 0; step < 1'500; ++step) {
    pair.restart();
    pair.step(flow, met);
    pair.compare();
  }
  CHECK(met["done 5"] > 0);
  CHECK(met["2011"] > 0);
  CHECK(met["again"] > 0);
}

TEST_CASE("ledger: bytes that are cut or have one byte changed, are refused or are another ledger's") {
  Pair pair(kWide);
  Flow flow(12);
  std::map<std::string, int> met;
  for (int step = 0; step < 300; ++step)
    pair.step(flow, met);
  const std::vector<std::uint8_t> bytes = bytes_of(*pair.ledger);
  const auto refused = [&](std::span<const std::uint8_t> some) {
    Ledger ledger(kWide);
    Reader in(some);
    try {
      ledger.read(in);
    } catch (const SnapshotError&) {
      return true;
    }
    if (!in.done()) return true; // as the venue does with bytes that are left over
    // What was taken is a ledger whose bytes are the same; money that does not sum to zero is found by the invariants.
    REQUIRE(bytes_of(ledger) == std::vector<std::uint8_t>(some.begin(), some.end()));
    return false;
  };
  for (std::size_t length = 0; length < bytes.size(); ++length)
    REQUIRE(refused(std::span(bytes).first(length)));
  std::size_t refusals = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::vector<std::uint8_t> changed = bytes;
    changed[at] ^= static_cast<std::uint8_t>(1u << at % 8);
    refusals += refused(changed);
  }
  CHECK(refusals > 100);
  CHECK_FALSE(refused(bytes));
}

TEST_CASE("ledger: bytes with more than the limits, are refused") {
  Pair pair(kWide);
  Flow flow(12);
  std::map<std::string, int> met;
  for (int step = 0; step < 400 || pair.ledger->holds() == 0; ++step)
    pair.step(flow, met);
  const std::vector<std::uint8_t> bytes = bytes_of(*pair.ledger);
  const auto refusal = [&](const LedgerLimits& limits) -> std::string {
    Ledger ledger(limits);
    Reader in(bytes);
    try {
      ledger.read(in);
    } catch (const SnapshotError& error) {
      return error.what();
    }
    return "";
  };
  LedgerLimits limits = kWide;
  limits.max_accounts = static_cast<std::uint32_t>(pair.model.accounts.size()) - 1;
  CHECK(refusal(limits) == "the snapshot has more accounts than the limit");
  limits = kWide;
  limits.max_assets = static_cast<std::uint32_t>(pair.model.assets.size()) - 1;
  CHECK(refusal(limits) == "the snapshot has more assets than the limit");
  limits = kWide;
  limits.max_balances = pair.ledger->balances() - 1;
  CHECK(refusal(limits) == "the snapshot has more balances than the limit");
  limits = kWide;
  limits.max_transfers = pair.ledger->transfers() - 1;
  CHECK(refusal(limits) == "the snapshot has more transfers than the limit");
  limits = kWide;
  limits.max_holds = pair.ledger->holds() - 1;
  CHECK(refusal(limits) == "the snapshot has more reservations than the limit");
}
