// What the ledger and the table of client order ids cost an order: ns of CPU each, single-threaded, median of the rounds.
// Each round touches balances and ids at random, as many as told, so that caches miss as they do in an exchange.
// `bench_ledger [--accounts N] [--ids N] [--rounds N]`
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "cmatch/snapshot_format.hpp"
#include "cmatch/venue/client_ids.hpp"
#include "cmatch/venue/ledger.hpp"

namespace {

using namespace cmatch;

// CPU time of this process, so that what else runs here counts little.
double cpu_ns() { return static_cast<double>(std::clock()) * (1e9 / CLOCKS_PER_SEC); }

constexpr std::size_t kOps = 1'000'000;

struct Settings {
  std::uint32_t accounts = 1'000;
  std::uint32_t ids = 1u << 20;
  int rounds = 5;
};

// ns an operation of `run(kOps)`, median of the rounds.
template <class F>
double measure(const Settings& settings, F&& run) {
  std::vector<double> rounds;
  for (int round = 0; round < settings.rounds; ++round) {
    const double start = cpu_ns();
    run();
    rounds.push_back((cpu_ns() - start) / kOps);
  }
  std::sort(rounds.begin(), rounds.end());
  return rounds[rounds.size() / 2];
}

void print(const char* what, double ns) { std::printf("%-58s %8.1f ns\n", what, ns); }

LedgerCommand deposit(std::uint64_t id, AccountId account, AssetId asset, Amount amount) {
  LedgerCommand command{};
  command.kind = static_cast<std::uint16_t>(LedgerAction::deposit);
  command.transfer_id[0] = id;
  command.account = account;
  command.asset = asset;
  command.amount = amount;
  return command;
}

struct Bank {
  Ledger ledger;
  std::vector<BalanceSlot> usd; // by account
  std::uint64_t last_id = 0;

  explicit Bank(const Settings& settings) : ledger({.max_accounts = settings.accounts}) {
    for (AssetId asset = 1; asset <= 2; ++asset) {
      InstrumentCommand define{};
      define.asset = asset;
      define.symbol[0] = static_cast<char>('A' + asset);
      CM_CHECK(ledger.define_asset(define) == RejectCode::none);
    }
    for (AccountId account = 1; account <= settings.accounts; ++account) {
      AdminCommand open{};
      open.account = account;
      open.tenant = 1;
      CM_CHECK(ledger.open_account(open) == RejectCode::none);
      for (AssetId asset = 1; asset <= 2; ++asset) {
        Answer answer{};
        ledger.apply(deposit(++last_id, account, asset, 1'000'000'000'000), 0, answer);
        CM_CHECK(answer.reject == 0);
      }
      usd.push_back(ledger.find_balance(ledger.find_account(account), 0));
    }
  }
};

void bench_money(const Settings& settings) {
  Bank bank(settings);
  Ledger& ledger = bank.ledger;
  std::mt19937_64 random(1);
  std::vector<std::uint32_t> who(2 * kOps);
  for (std::uint32_t& one : who)
    one = static_cast<std::uint32_t>(random() % settings.accounts);
  print("reserve + release, one balance at random", measure(settings, [&] {
          for (std::size_t i = 0; i < kOps; ++i) {
            CM_CHECK(ledger.reserve(bank.usd[who[i]], 100));
            ledger.release(bank.usd[who[i]], 100);
          }
        }));
  print("reserve + release + pay, two balances at random", measure(settings, [&] {
          for (std::size_t i = 0; i < kOps; ++i) {
            const BalanceSlot from = bank.usd[who[2 * i]];
            CM_CHECK(ledger.reserve(from, 100));
            ledger.release(from, 10);
            ledger.pay(from, bank.usd[who[2 * i + 1]], 80, 90);
          }
        }));
  print("find_account + find_balance + reserve + release", measure(settings, [&] {
          for (std::size_t i = 0; i < kOps; ++i) {
            const BalanceSlot slot = ledger.find_balance(ledger.find_account(who[i] + 1, 1), 0);
            CM_CHECK(ledger.reserve(slot, 100));
            ledger.release(slot, 100);
          }
        }));
  ledger.check_invariants({});
  std::size_t at = 0;
  Settings once = settings;
  once.rounds = std::min(settings.rounds, 3); // each leaves a million transfers for ever
  print("deposit, a new transfer id", measure(once, [&] {
          for (std::size_t i = 0; i < kOps; ++i) {
            Answer answer{};
            ledger.apply(deposit(++bank.last_id, who[at++ % kOps] + 1, 1, 5), 0, answer);
            CM_CHECK(answer.reject == 0);
          }
        }));
  const double start = cpu_ns();
  Writer out;
  ledger.write(out);
  const double written = (cpu_ns() - start) / 1e6;
  Ledger restored({.max_accounts = settings.accounts});
  Reader in(out.bytes);
  restored.read(in);
  const double read = (cpu_ns() - start) / 1e6 - written;
  std::printf("snapshot of %llu transfers: %.0f MB, written in %.0f ms, read in %.0f ms\n",
              static_cast<unsigned long long>(ledger.transfers()),
              static_cast<double>(out.bytes.size()) / 1e6, written, read);
}

void bench_client_ids(const Settings& settings) {
  ClientIds ids(settings.ids, settings.accounts + kHouseAccounts);
  MemoryList memory;
  ids.list_memory(memory);
  memory.touch_all();
  struct Request {
    OrderCommand command{};
    AccountSlot account = 0;
  };
  std::vector<Request> requests(500); // a batch, which a decoder has just written
  std::uint64_t number = 0;
  TimeNs clock = 0;
  const auto renew = [&] { // not timed
    for (Request& request : requests) {
      std::snprintf(request.command.client_order_id_head, sizeof request.command.client_order_id_head,
                    "o%llu", static_cast<unsigned long long>(++number));
      request.account = static_cast<AccountSlot>(kHouseAccounts + number * 7'919 % settings.accounts);
    }
  };
  const auto run = [&](bool live, std::size_t ahead) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (i + ahead < requests.size() && ahead != 0) {
        const Request& next = requests[i + ahead];
        ids.prefetch_hash(
            ids.hash(next.account, next.command.client_order_id_head, next.command.client_order_id_tail));
      }
      const auto& [command, account] = requests[i];
      const IdHead& head = command.client_order_id_head;
      const IdTail& tail = command.client_order_id_tail;
      const std::uint64_t hash = ids.hash(account, head, tail);
      CM_CHECK(ids.find(hash, account, head, tail) == kNoSlot);
      clock += 10'000; // 100,000 a second
      const ClientIds::Entry entry = ids.remember(hash, account, head, tail, clock, live, clock);
      CM_CHECK(entry != kNoSlot);
      RequestOutcome& outcome = ids.outcome(entry);
      outcome = {};
      outcome.digest = content_digest(command);
      if (live) ids.ended(entry, clock, OrderStatus::filled, 1);
      ids.forget_due(clock, 2);
    }
  };
  const auto requests_ns = [&](std::size_t count, bool live, std::size_t ahead) {
    double spent = 0;
    for (std::size_t done = 0; done < count; done += requests.size()) {
      renew();
      const double start = cpu_ns();
      run(live, ahead);
      spent += cpu_ns() - start;
    }
    return spent / static_cast<double>(count);
  };
  const std::size_t filling = settings.ids / 2 / requests.size() * requests.size();
  print("client id: digest + find + remember, table filling", requests_ns(filling, false, 0));
  requests_ns(settings.ids, false, 0);
  print("client id: the same, one is forgotten for each", requests_ns(kOps, false, 0));
  print("client id: the same, fetched 8 ahead", requests_ns(kOps, false, 8));
  print("client id: the same and its order's end", requests_ns(kOps, true, 8));
  OrderCommand command{};
  std::uint64_t sum = 0;
  print("content_digest of an order", measure(settings, [&] {
          for (std::size_t i = 0; i < kOps; ++i) {
            command.qty = static_cast<std::int64_t>(i);
            sum += content_digest(command);
          }
        }));
  CM_CHECK(sum != 0);
  ids.check_invariants();
  const double start = cpu_ns();
  Writer out;
  ids.write(out);
  const double written = (cpu_ns() - start) / 1e6;
  ClientIds restored(settings.ids, settings.accounts + kHouseAccounts);
  Reader in(out.bytes);
  restored.read(in, settings.accounts + kHouseAccounts);
  const double read = (cpu_ns() - start) / 1e6 - written;
  std::printf("snapshot of %u client ids: %.0f MB, written in %.0f ms, read in %.0f ms\n", ids.size(),
              static_cast<double>(out.bytes.size()) / 1e6, written, read);
}

} // namespace

int main(int count, char** arguments) {
  Settings settings;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = arguments[i];
    const long value = std::strtol(arguments[i + 1], nullptr, 10);
    if (value < 1) return std::fprintf(stderr, "%s needs a number above 0\n", name.c_str()), 2;
    if (name == "--accounts")
      settings.accounts = static_cast<std::uint32_t>(value);
    else if (name == "--ids")
      settings.ids = static_cast<std::uint32_t>(value);
    else if (name == "--rounds")
      settings.rounds = static_cast<int>(value);
    else
      return std::fprintf(stderr, "bench_ledger [--accounts N] [--ids N] [--rounds N]\n"), 2;
  }
  bench_money(settings);
  bench_client_ids(settings);
  return 0;
}
