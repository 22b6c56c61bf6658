// The venue's class: ledger, limits and matching behind one apply, and its views as arrays.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cmatch/io/frames.hpp"
#include "cmatch/io/in_thread.hpp"
#include "cmatch/venue/venue.hpp"
#include "pybind11/journal_host.hpp"
#include "pybind11/layout.hpp"
#include "pybind11/register.hpp"
#include "pybind11/venue_host.hpp"
#include "shared/arrays.hpp"
#include "shared/buffer_argument.hpp"

namespace cmatch::face {
namespace {

using py::literals::operator""_a;
using VenueClass = py::class_<VenueHost, std::shared_ptr<VenueHost>>;

constexpr const char* kVenueDoc =
    R"(An exchange as one deterministic state machine: ledger, limits and matching engine. See docs/venue.md.

Args:
    max_accounts, max_assets, max_balances, max_holds, max_transfers: Sizes of the ledger.
    max_instruments, max_orders: Sizes of the engine; reaching one is a reject, never an error.
    max_order_ids: Order ids that the engine has room for; it forgets one when a sixteenth as many
        commands came after it.
    max_positions, max_client_ids, max_recent_orders, max_sessions: Sizes of what is remembered.
    queue_capacity: Orders that wait while the matching stage is away.
    queue_ttl: Nanoseconds after which such an order expires.
    max_unposted_trades: As many trades that wait for their settlement refuse new orders.
    prefault: Touch all memory now.
    huge_pages: Have memory by huge pages, where the system has them, as it is first touched.
    deltas: Record L2 and L3 deltas.
    tape: How many trades trades() remembers.
    hash_seed: Where strangers choose client order ids: a number that they do not know. It changes no answer.
    shard: Whose engine runs here too, from 1; ALL_SHARDS: those of all; 0: none. It changes no answer.

Raises:
    ValueError: A limit is 0 or too large.
    MemoryError: The limits ask for more memory than there is.
)";

template <class Record>
py::object array_of_records(const RecordBuffer<Record>& records, const char* dtype) {
  return array(std::vector<Record>(records.view().begin(), records.view().end()), dtype);
}

py::tuple outcome(const Output& output) {
  return py::make_tuple(array_of_records(output.reports, "EXECUTION_REPORT_DTYPE"),
                        array_of_records(output.answers, "ANSWER_DTYPE"));
}

template <class Record>
void apply_records(VenueHost& host, const BatchHeader& header, const BufferArgument& commands) {
  const std::span<const Record> records = commands.records<Record>("commands");
  const py::gil_scoped_release unlocked;
  host.venue.apply(header, records, host.output);
}

py::tuple apply(VenueHost& host, std::uint16_t family, std::uint64_t first_sequence, std::int64_t timestamp,
                const py::object& commands, std::uint64_t epoch) {
  const BufferArgument buffer(commands);
  const VenueStay stay(host);
  host.output.clear();
  const BatchHeader header{epoch, first_sequence, timestamp};
  switch (static_cast<Family>(family)) {
  case Family::orders:
    apply_records<OrderCommand>(host, header, buffer);
    break;
  case Family::ledger:
    apply_records<LedgerCommand>(host, header, buffer);
    break;
  case Family::instruments:
    apply_records<InstrumentCommand>(host, header, buffer);
    break;
  case Family::administration:
    apply_records<AdminCommand>(host, header, buffer);
    break;
  case Family::shard_events:
    apply_records<ShardEvent>(host, header, buffer);
    break;
  default:
    throw py::value_error("no family has the number " + std::to_string(family));
  }
  return outcome(host.output);
}

py::tuple apply_payload(VenueHost& host, const py::object& payload) {
  const BufferArgument buffer(payload);
  const VenueStay stay(host);
  host.output.clear();
  {
    const py::gil_scoped_release unlocked;
    host.replayer.apply(buffer.view(), host.venue, host.output);
  }
  return outcome(host.output);
}

// What a follower of the journal need not look at: nobody but traders and shards acted in it.
bool is_of_orders(std::span<const std::byte> payload) {
  io::CommandFrame frame{};
  return io::decode_commands(payload, frame, io::kRecordBytes) == io::FrameFault::none &&
         (frame.list == io::CommandList::orders || frame.list == io::CommandList::shard_events);
}

// Records of orders and of shards' events that follow each other, and what came of them.
struct Orders {
  std::uint64_t commands = 0;
  std::uint64_t epoch = 0;              // of all of them; 0: there are none
  std::optional<io::RecordView> behind; // was read and is not applied
};

template <bool kKeepsOutput>
Orders apply_orders(VenueHost& host, JournalReaderHost& journal, std::uint64_t most_commands,
                    std::uint64_t until) {
  const py::gil_scoped_release unlocked;
  Orders done;
  host.output.clear();
  while (done.commands < most_commands && (done.behind = journal.reader.next())) {
    const io::RecordView& record = *done.behind;
    const std::span payload = std::as_bytes(record.payload);
    if (record.last_sequence() > until || record.first_sequence != host.venue.sequence() + 1 ||
        (done.commands != 0 && record.epoch != done.epoch) || !is_of_orders(payload))
      break;
    if constexpr (!kKeepsOutput) host.output.clear();
    host.replayer.apply(payload, host.venue, host.output);
    done.commands += record.count;
    done.epoch = record.epoch;
    done.behind.reset();
  }
  return done;
}

py::object behind(const Orders& done) { return done.behind ? record_of(*done.behind) : py::none(); }

py::tuple pass_orders(VenueHost& host, JournalReaderHost& journal, std::uint64_t most_commands,
                      std::uint64_t until) {
  const VenueStay stay(host);
  const JournalStay reading(journal.busy);
  const Orders done = apply_orders<false>(host, journal, most_commands, until);
  return py::make_tuple(done.commands, done.epoch, behind(done));
}

py::tuple take_orders(VenueHost& host, JournalReaderHost& journal, std::uint64_t most_commands,
                      std::uint64_t until) {
  const VenueStay stay(host);
  const JournalStay reading(journal.busy);
  const Orders done = apply_orders<true>(host, journal, most_commands, until);
  return py::make_tuple(done.commands, done.epoch, behind(done)) + outcome(host.output);
}

// What a view reads while this thread alone is in the venue.
template <class Read>
auto inside_venue(VenueHost& host, Read&& read) {
  const VenueStay stay(host);
  return read(std::as_const(host.venue));
}

std::vector<VenueOrderView> to_list(const std::optional<VenueOrderView>& view) {
  return view ? std::vector{*view} : std::vector<VenueOrderView>{};
}

VenueOptions venue_options(bool prefault, bool huge_pages, bool deltas, std::uint32_t tape,
                           std::uint64_t hash_seed, ShardId shard) {
  return {.engine = {.prefault = prefault, .huge_pages = huge_pages, .deltas = deltas, .tape = tape},
          .hash_seed = hash_seed,
          .shard = shard};
}

void define_class(VenueClass& venue) {
  venue.def(py::init([](std::uint32_t max_accounts, std::uint32_t max_assets, std::uint32_t max_balances,
                        std::uint32_t max_holds, std::uint64_t max_transfers, std::uint32_t max_instruments,
                        std::uint32_t max_orders, std::uint64_t max_order_ids, std::uint32_t max_positions,
                        std::uint32_t max_client_ids, std::uint32_t max_recent_orders,
                        std::uint32_t max_sessions, std::uint32_t queue_capacity, std::int64_t queue_ttl,
                        std::uint32_t max_unposted_trades, bool prefault, bool huge_pages, bool deltas,
                        std::uint32_t tape, std::uint64_t hash_seed, ShardId shard) {
              VenueLimits limits;
              limits.ledger = {max_accounts, max_assets, max_balances, max_holds, max_transfers};
              limits.engine = {max_instruments, max_orders, max_order_ids};
              limits.max_positions = max_positions;
              limits.max_client_ids = max_client_ids;
              limits.max_recent_orders = max_recent_orders;
              limits.max_sessions = max_sessions;
              limits.queue_capacity = queue_capacity;
              limits.queue_ttl = queue_ttl;
              limits.max_unposted_trades = max_unposted_trades;
              return std::make_shared<VenueHost>(
                  Venue(limits, venue_options(prefault, huge_pages, deltas, tape, hash_seed, shard)));
            }),
            py::kw_only(), "max_accounts"_a = 1u << 17, "max_assets"_a = 256, "max_balances"_a = 1u << 19,
            "max_holds"_a = 1u << 17, "max_transfers"_a = 1u << 22, "max_instruments"_a = 1024,
            "max_orders"_a = 1u << 20, "max_order_ids"_a = 1ull << 24, "max_positions"_a = 1u << 18,
            "max_client_ids"_a = 1u << 22, "max_recent_orders"_a = 1u << 18, "max_sessions"_a = 1u << 14,
            "queue_capacity"_a = 10'000, "queue_ttl"_a = 5'000'000'000, "max_unposted_trades"_a = 1u << 20,
            "prefault"_a = false, "huge_pages"_a = false, "deltas"_a = false, "tape"_a = 1024,
            "hash_seed"_a = 0, "shard"_a = 0, kVenueDoc);
  venue
      .def("apply", &apply, "family"_a, "first_sequence"_a, "timestamp"_a, "commands"_a, py::kw_only(),
           "epoch"_a = 1,
           "apply(family, first_sequence, timestamp, commands, *, epoch=1) -> tuple[ndarray, ndarray]\n\n"
           "One batch of commands of one family; returns the reports and the answers, in order of "
           "event_sequence "
           "together.\n\n"
           "Raises:\n    InvariantViolation: first_sequence is not sequence + 1, or the state contradicts "
           "itself.")
      .def("apply_payload", &apply_payload, "payload"_a,
           "apply_payload(payload) -> tuple[ndarray, ndarray]\n\nOne record of a journal.")
      .def("pass_orders", &pass_orders, "reader"_a, "most_commands"_a, "until"_a,
           R"(pass_orders(reader, most_commands, until) -> tuple[int, int, JournalRecord | None]

Applies records of orders and of shards' events until so many commands were applied, or another record comes, or one
that goes beyond a sequence, is of another epoch or does not follow what the venue has: how many commands it was, their
epoch (0: of none), and that other record, which is not applied. The GIL is released.

Args:
    reader: At the sequence after the venue's.
    most_commands: A record more may be applied.
    until: Sequence.

Raises:
    JournalCorrupt, JournalGap, OSError: See JournalReader.next.
    InvariantViolation: See Venue.apply.
)")
      .def(
          "take_orders", &take_orders, "reader"_a, "most_commands"_a, "until"_a,
          R"(take_orders(reader, most_commands, until) -> tuple[int, int, JournalRecord | None, ndarray, ndarray]

As pass_orders, with the reports and the answers of all of them, as of apply.)")
      .def("state_hash",
           [](VenueHost& host) {
             return inside_venue(host, [](const Venue& v) {
               const py::gil_scoped_release unlocked;
               return v.state_hash();
             });
           })
      .def("snapshot",
           [](VenueHost& host) {
             const auto bytes = inside_venue(host, [](const Venue& v) {
               const py::gil_scoped_release unlocked;
               return v.snapshot();
             });
             return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
           })
      .def_static(
          "restore",
          [](const py::object& data, bool prefault, bool huge_pages, bool deltas, std::uint32_t tape,
             std::uint64_t hash_seed, ShardId shard) {
            const BufferArgument buffer(data);
            const std::span<const std::byte> view = buffer.view();
            const py::gil_scoped_release unlocked;
            return std::make_shared<VenueHost>(Venue::restore(
                {reinterpret_cast<const std::uint8_t*>(view.data()), view.size()},
                venue_options(prefault, huge_pages, deltas, tape, hash_seed, shard), io::in_thread));
          },
          "data"_a, py::kw_only(), "prefault"_a = false, "huge_pages"_a = false, "deltas"_a = false,
          "tape"_a = 1024, "hash_seed"_a = 0, "shard"_a = 0)
      .def("check_invariants",
           [](VenueHost& host) { inside_venue(host, [](const Venue& v) { v.check_invariants(); }); });
}

void define_counters(VenueClass& venue) {
  const auto counter = [&](const char* name, auto read) {
    venue.def_property_readonly(name, [read](VenueHost& host) { return inside_venue(host, read); });
  };
  counter("sequence", [](const Venue& v) { return v.sequence(); });
  counter("event_sequence", [](const Venue& v) { return v.event_sequence(); });
  counter("event_digest", [](const Venue& v) { return v.event_digest(); });
  counter("clock", [](const Venue& v) { return v.clock(); });
  counter("epoch", [](const Venue& v) { return v.epoch(); });
  counter("next_timer", [](const Venue& v) { return v.next_timer(); });
  counter("away", [](const Venue& v) { return v.away(); });
  counter("solo", [](const Venue& v) { return v.solo(); });
  counter("settled_by_service", [](const Venue& v) { return v.settlement() == SettlementMode::by_service; });
  counter("unposted_trades", [](const Venue& v) { return v.unposted_trades(); });
  counter("queue_room", [](const Venue& v) { return v.queue_room(); });
}

struct BalanceRow {
  std::uint64_t account;
  std::uint32_t asset;
  std::uint32_t scale;
  std::int64_t total;
  std::int64_t reserved;
  std::uint64_t version;
};
struct HoldRow {
  std::uint64_t transfer_id[2];
  std::uint64_t account;
  std::int64_t amount;
  std::int64_t expire_at; // the largest value: never
  std::uint32_t asset;
  std::uint32_t reserved;
};
struct AssetRow {
  std::uint32_t asset;
  std::uint32_t scale;
  char symbol[24];
  std::int64_t mark;
  std::int64_t haircut;
  std::uint32_t collateral_asset;
  std::uint32_t reserved;
};

std::vector<BalanceRow> balances_of(const Venue& venue, AccountId account) {
  std::vector<BalanceRow> rows;
  const Ledger& ledger = venue.ledger();
  const auto add = [&](AccountSlot slot) {
    ledger.for_each_balance(slot, [&](BalanceSlot, const Balance& balance) {
      const Asset& asset = ledger.asset(balance.asset);
      rows.push_back(
          {ledger.account(slot).id, asset.id, asset.scale, balance.total, balance.reserved, balance.version});
    });
  };
  if (account != 0) {
    const AccountSlot slot = ledger.find_account(account);
    if (slot != kNoSlot) add(slot);
  } else {
    for (AccountSlot slot = 0; slot < ledger.accounts(); ++slot)
      add(slot);
  }
  return rows;
}

std::vector<HoldRow> holds_of(const Venue& venue, AccountId account) {
  std::vector<HoldRow> rows;
  const Ledger& ledger = venue.ledger();
  const AccountSlot slot = ledger.find_account(account);
  if (slot == kNoSlot) return rows;
  ledger.for_each_hold(slot, [&](const Hold& hold) {
    HoldRow row{};
    row.transfer_id[0] = hold.id.low;
    row.transfer_id[1] = hold.id.high;
    row.account = account;
    row.amount = hold.amount;
    row.expire_at = hold.expire_at;
    row.asset = ledger.asset(ledger.balance(hold.balance).asset).id;
    rows.push_back(row);
  });
  return rows;
}

std::vector<AssetRow> all_assets(const Venue& venue) {
  std::vector<AssetRow> rows;
  for (AssetSlot slot = 0; slot < venue.ledger().assets(); ++slot) {
    const Asset& asset = venue.ledger().asset(slot);
    AssetRow row{asset.id, asset.scale, {}, asset.mark, asset.haircut, asset.collateral_asset, 0};
    std::memcpy(row.symbol, asset.symbol, sizeof row.symbol);
    rows.push_back(row);
  }
  return rows;
}

void define_ledger_views(VenueClass& venue) {
  venue
      .def(
          "balances",
          [](VenueHost& host, std::uint64_t account) {
            return array(inside_venue(host, [&](const Venue& v) { return balances_of(v, account); }),
                         "BALANCE_DTYPE");
          },
          "account"_a = 0,
          "balances(account=0) -> ndarray\n\nBALANCE_DTYPE; 0: of every account, the house's too.")
      .def(
          "holds",
          [](VenueHost& host, std::uint64_t account) {
            return array(inside_venue(host, [&](const Venue& v) { return holds_of(v, account); }),
                         "HOLD_DTYPE");
          },
          "account"_a, "holds(account) -> ndarray\n\nHOLD_DTYPE: its pending reservations by command.")
      .def(
          "accounts",
          [](VenueHost& host) {
            return array(inside_venue(host, [](const Venue& v) { return v.accounts(); }), "ACCOUNT_DTYPE");
          },
          "accounts() -> ndarray\n\nACCOUNT_DTYPE, in order of opening.")
      .def(
          "assets", [](VenueHost& host) { return array(inside_venue(host, &all_assets), "ASSET_DTYPE"); },
          "assets() -> ndarray\n\nASSET_DTYPE, in order of definition.")
      .def(
          "collateral",
          [](VenueHost& host, std::uint64_t account, std::uint32_t asset) {
            return inside_venue(host, [&](const Venue& v) {
              const AccountSlot slot = v.ledger().find_account(account);
              return slot == kNoSlot ? Amount{0} : v.ledger().collateral(slot, asset);
            });
          },
          "account"_a, "asset"_a, "collateral(account, asset) -> int\n\nMinor units of `asset`.");
}

void define_order_views(VenueClass& venue) {
  venue
      .def(
          "order",
          [](VenueHost& host, std::uint64_t order_id) {
            return array(inside_venue(host, [&](const Venue& v) { return to_list(v.order(order_id)); }),
                         "VENUE_ORDER_DTYPE");
          },
          "order_id"_a, "order(order_id) -> ndarray\n\nVENUE_ORDER_DTYPE: the live order, or no row.")
      .def(
          "find_order",
          [](VenueHost& host, std::uint64_t account, const std::string& client_order_id) {
            char head[16] = {}, tail[24] = {};
            if (client_order_id.size() > 40)
              throw py::value_error("a client order id has at most 40 characters");
            client_order_id.copy(tail, sizeof tail, client_order_id.copy(head, sizeof head));
            return array(
                inside_venue(host, [&](const Venue& v) { return to_list(v.request(account, head, tail)); }),
                "VENUE_ORDER_DTYPE");
          },
          "account"_a, "client_order_id"_a,
          "find_order(account, client_order_id) -> ndarray\n\n"
          "VENUE_ORDER_DTYPE: the live order, or how the request ended; no row once it is forgotten.")
      .def(
          "open_orders",
          [](VenueHost& host, std::uint64_t account, std::uint32_t instrument) {
            return array(
                inside_venue(host, [&](const Venue& v) { return v.open_orders(account, instrument); }),
                "VENUE_ORDER_DTYPE");
          },
          "account"_a, "instrument"_a = 0,
          "open_orders(account, instrument=0) -> ndarray\n\nVENUE_ORDER_DTYPE.")
      .def(
          "positions",
          [](VenueHost& host, std::uint64_t account) {
            return array(inside_venue(host, [&](const Venue& v) { return v.positions(account); }),
                         "POSITION_DTYPE");
          },
          "account"_a, "positions(account) -> ndarray\n\nPOSITION_DTYPE, by instrument.")
      .def(
          "limits",
          [](VenueHost& host, std::uint64_t account, std::uint32_t instrument) {
            std::vector<Limits> rows;
            if (const auto limits =
                    inside_venue(host, [&](const Venue& v) { return v.limits_of(account, instrument); }))
              rows.push_back(*limits);
            return array(std::move(rows), "LIMITS_DTYPE");
          },
          "account"_a, "instrument"_a = 0,
          "limits(account, instrument=0) -> ndarray\n\nLIMITS_DTYPE: those that bind; `present` says which "
          "there are.")
      .def(
          "instruments",
          [](VenueHost& host) {
            return array(inside_venue(host, [](const Venue& v) { return v.instruments(); }),
                         "INSTRUMENT_COMMAND_DTYPE");
          },
          "instruments() -> ndarray\n\nINSTRUMENT_COMMAND_DTYPE: as last defined, with the phase of now.")
      .def(
          "sessions",
          [](VenueHost& host) {
            return array(inside_venue(host, [](const Venue& v) { return v.sessions(); }), "SESSION_DTYPE");
          },
          "sessions() -> ndarray\n\nSESSION_DTYPE, by number.")
      .def(
          "status",
          [](VenueHost& host) {
            return array(std::vector{inside_venue(host, [](const Venue& v) { return v.status(); })},
                         "VENUE_STATUS_DTYPE");
          },
          "status() -> ndarray\n\nVENUE_STATUS_DTYPE, one row.");
}

// The engine that has the book; one without any where that is elsewhere.
const Engine& book_of(const Venue& venue, std::uint32_t instrument) {
  const Engine* const engine = venue.engine_of(instrument);
  return engine == nullptr ? venue.engine() : *engine;
}

void define_book_views(VenueClass& venue) {
  venue
      .def(
          "l2",
          [](VenueHost& host, std::uint32_t instrument, std::uint16_t side, std::size_t depth) {
            if (side != 1 && side != 2) throw py::value_error("side is 1 (buy) or 2 (sell)");
            return array(
                inside_venue(host,
                             [&](const Venue& v) {
                               return book_of(v, instrument).l2(instrument, static_cast<Side>(side), depth);
                             }),
                "LEVEL_DTYPE");
          },
          "instrument"_a, "side"_a, "depth"_a = 0,
          "l2(instrument, side, depth=0) -> ndarray\n\nLEVEL_DTYPE; 0: all. No level where the book is not "
          "here.")
      .def(
          "l3",
          [](VenueHost& host, std::uint32_t instrument) {
            return array(
                inside_venue(host, [&](const Venue& v) { return book_of(v, instrument).l3(instrument); }),
                "L3_DTYPE");
          },
          "instrument"_a, "l3(instrument) -> ndarray\n\nL3_DTYPE: bids, then asks; likewise.")
      .def(
          "trades",
          [](VenueHost& host) {
            return array(inside_venue(host, [](const Venue& v) { return v.engine().trades(); }),
                         "TAPE_DTYPE");
          },
          "trades() -> ndarray\n\nTAPE_DTYPE: the last ones of the books here, oldest first.");
}

void define_shard_views(VenueClass& venue) {
  venue
      .def(
          "shards",
          [](VenueHost& host) {
            return array(inside_venue(host, [](const Venue& v) { return v.shards(); }), "SHARD_DTYPE");
          },
          "shards() -> ndarray\n\nSHARD_DTYPE, by number.")
      .def(
          "shard_events",
          [](VenueHost& host, ShardId shard, std::uint64_t from, std::size_t most) {
            return array(
                inside_venue(host, [&](const Venue& v) { return v.shard_events(shard, from, most); }),
                "SHARD_EVENT_DTYPE");
          },
          "shard"_a, "from_number"_a = 0, "most"_a = 4096,
          "shard_events(shard, from_number=0, most=4096) -> ndarray\n\n"
          "SHARD_EVENT_DTYPE: what the engine of a shard that runs here made and the journal does not have "
          "yet.");
}

} // namespace

void register_venue(py::module_& module) {
  const py::dict layouts = module.attr("LAYOUTS");
  layouts["BALANCE"] = layout(sizeof(BalanceRow), CM_FIELD(BalanceRow, account), CM_FIELD(BalanceRow, asset),
                              CM_FIELD(BalanceRow, scale), CM_FIELD(BalanceRow, total),
                              CM_FIELD(BalanceRow, reserved), CM_FIELD(BalanceRow, version));
  layouts["HOLD"] = layout(sizeof(HoldRow), CM_FIELD(HoldRow, transfer_id), CM_FIELD(HoldRow, account),
                           CM_FIELD(HoldRow, amount), CM_FIELD(HoldRow, expire_at), CM_FIELD(HoldRow, asset),
                           CM_FIELD(HoldRow, reserved));
  layouts["ACCOUNT"] =
      layout(sizeof(AccountView), CM_FIELD(AccountView, account), CM_FIELD(AccountView, parent),
             CM_FIELD(AccountView, tenant), CM_FIELD(AccountView, killed), CM_FIELD(AccountView, reserved),
             CM_FIELD(AccountView, countdown_at));
  layouts["ASSET"] = layout(sizeof(AssetRow), CM_FIELD(AssetRow, asset), CM_FIELD(AssetRow, scale),
                            CM_FIELD(AssetRow, symbol), CM_FIELD(AssetRow, mark), CM_FIELD(AssetRow, haircut),
                            CM_FIELD(AssetRow, collateral_asset), CM_FIELD(AssetRow, reserved));
  layouts["VENUE_ORDER"] =
      layout(sizeof(VenueOrderView), CM_FIELD(VenueOrderView, order_id), CM_FIELD(VenueOrderView, account),
             CM_FIELD(VenueOrderView, instrument_id), CM_FIELD(VenueOrderView, session),
             CM_FIELD(VenueOrderView, side), CM_FIELD(VenueOrderView, type),
             CM_FIELD(VenueOrderView, time_in_force), CM_FIELD(VenueOrderView, order_status),
             CM_FIELD(VenueOrderView, order_qty), CM_FIELD(VenueOrderView, cum_qty),
             CM_FIELD(VenueOrderView, leaves_qty), CM_FIELD(VenueOrderView, price),
             CM_FIELD(VenueOrderView, stop_price), CM_FIELD(VenueOrderView, reserved_asset),
             CM_FIELD(VenueOrderView, flags), CM_FIELD(VenueOrderView, reject),
             CM_FIELD(VenueOrderView, reserved), CM_FIELD(VenueOrderView, entered_at),
             CM_FIELD(VenueOrderView, sequence), CM_FIELD(VenueOrderView, client_order_id));
  layouts["POSITION"] =
      layout(sizeof(PositionView), CM_FIELD(PositionView, account), CM_FIELD(PositionView, instrument_id),
             CM_FIELD(PositionView, live_orders), CM_FIELD(PositionView, qty), CM_FIELD(PositionView, cost),
             CM_FIELD(PositionView, realised), CM_FIELD(PositionView, unrealised),
             CM_FIELD(PositionView, open_buy_lots), CM_FIELD(PositionView, open_sell_lots),
             CM_FIELD(PositionView, open_buy_notional), CM_FIELD(PositionView, open_sell_notional),
             CM_FIELD(PositionView, base_of_day));
  layouts["LIMITS"] =
      layout(sizeof(Limits), CM_FIELD(Limits, present), CM_FIELD(Limits, reserved),
             CM_FIELD(Limits, order_qty), CM_FIELD(Limits, order_notional), CM_FIELD(Limits, open_orders),
             CM_FIELD(Limits, position), CM_FIELD(Limits, gross_notional), CM_FIELD(Limits, net_notional),
             CM_FIELD(Limits, daily_loss), CM_FIELD(Limits, collar), CM_FIELD(Limits, order_rate),
             CM_FIELD(Limits, rate_interval), CM_FIELD(Limits, duplicate_window));
  layouts["SESSION"] = layout(sizeof(SessionView), CM_FIELD(SessionView, session),
                              CM_FIELD(SessionView, tenant), CM_FIELD(SessionView, cancels_when_lost),
                              CM_FIELD(SessionView, reserved), CM_FIELD(SessionView, name));
  layouts["VENUE_STATUS"] = layout(
      sizeof(VenueStatus), CM_FIELD(VenueStatus, epoch), CM_FIELD(VenueStatus, sequence),
      CM_FIELD(VenueStatus, event_sequence), CM_FIELD(VenueStatus, event_digest),
      CM_FIELD(VenueStatus, clock), CM_FIELD(VenueStatus, trades), CM_FIELD(VenueStatus, live_orders),
      CM_FIELD(VenueStatus, queued_orders), CM_FIELD(VenueStatus, accounts), CM_FIELD(VenueStatus, assets),
      CM_FIELD(VenueStatus, instruments), CM_FIELD(VenueStatus, client_ids), CM_FIELD(VenueStatus, away),
      CM_FIELD(VenueStatus, policy), CM_FIELD(VenueStatus, killed), CM_FIELD(VenueStatus, solo));
  layouts["SHARD"] =
      layout(sizeof(ShardView), CM_FIELD(ShardView, shard), CM_FIELD(ShardView, instruments),
             CM_FIELD(ShardView, away), CM_FIELD(ShardView, runs_here), CM_FIELD(ShardView, queued),
             CM_FIELD(ShardView, passed), CM_FIELD(ShardView, expected), CM_FIELD(ShardView, made));
  VenueClass venue(module, "Venue", kVenueDoc);
  define_class(venue);
  define_counters(venue);
  define_ledger_views(venue);
  define_order_views(venue);
  define_book_views(venue);
  define_shard_views(venue);
  module.attr("ALL_SHARDS") = kAllShards;
}

} // namespace cmatch::face
