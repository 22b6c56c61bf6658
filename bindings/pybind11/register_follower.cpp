// What a read replica is made of: the history of orders, and the follower that folds a journal into a venue.
#include <memory>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include "cmatch/io/journal_reader.hpp"
#include "cmatch/io/posix_disk.hpp"
#include "cmatch/venue/history.hpp"
#include "pybind11/layout.hpp"
#include "pybind11/register.hpp"
#include "pybind11/venue_host.hpp"
#include "shared/arrays.hpp"
#include "shared/buffer_argument.hpp"

namespace cmatch::face {
namespace {

using py::literals::operator""_a;

// A venue of Python's with the journal that it follows. The venue's guard is the only one: whoever is in the venue is in
// the history and the reader.
struct FollowerHost {
  FollowerHost(std::string directory, std::shared_ptr<VenueHost> of, const HistoryLimits& limits,
               std::shared_ptr<io::Disk> on)
      : disk(on ? std::move(on) : std::make_shared<io::PosixDisk>()), venue(std::move(of)),
        reader(*disk, std::move(directory), venue->venue.sequence() + 1), limits(limits), history(limits) {}

  std::shared_ptr<io::Disk> disk;
  std::shared_ptr<VenueHost> venue;
  io::JournalReader reader;
  HistoryLimits limits;
  History history;
};

std::uint64_t advance(FollowerHost& host, std::uint64_t most_commands) {
  VenueHost& venue = *host.venue;
  const VenueStay stay(venue);
  const py::gil_scoped_release unlocked;
  std::uint64_t commands = 0;
  while (commands < most_commands) {
    const std::optional<io::RecordView> record = host.reader.next();
    if (!record) break;
    venue.output.clear();
    venue.replayer.apply({reinterpret_cast<const std::byte*>(record->payload.data()), record->payload.size()},
                         venue.venue, venue.output);
    host.history.record(venue.output.reports.view());
    commands += record->count;
  }
  return commands;
}

HistoryFilter filter_of(std::uint32_t instrument, std::uint16_t status, std::int64_t from_ns,
                        std::int64_t to_ns, std::uint64_t before) {
  HistoryFilter filter;
  filter.instrument_id = instrument;
  filter.order_status = status;
  filter.from_ns = from_ns;
  filter.to_ns = to_ns;
  filter.before = before;
  return filter;
}

py::object orders(FollowerHost& host, std::uint64_t account, std::size_t limit, std::uint32_t instrument,
                  std::uint16_t status, std::int64_t from_ns, std::int64_t to_ns, std::uint64_t before,
                  const std::string& client_order_id) {
  char padded[40] = {};
  HistoryFilter filter = filter_of(instrument, status, from_ns, to_ns, before);
  if (client_order_id.size() > sizeof padded)
    throw py::value_error("a client order id has at most 40 characters");
  client_order_id.copy(padded, sizeof padded);
  if (!client_order_id.empty()) filter.client_order_id = padded;
  const VenueStay stay(*host.venue);
  return array(host.history.orders(account, filter, limit), "HISTORY_ORDER_DTYPE");
}

py::object order(FollowerHost& host, std::uint64_t order_id) {
  std::vector<HistoryOrder> found;
  {
    const VenueStay stay(*host.venue);
    if (const HistoryOrder* const known = host.history.order(order_id)) found.push_back(*known);
  }
  return array(std::move(found), "HISTORY_ORDER_DTYPE");
}

py::tuple prices(FollowerHost& host, std::uint32_t instrument) {
  const VenueStay stay(*host.venue);
  const Venue& venue = host.venue->venue;
  const Engine* const engine = venue.engine_of(instrument);
  const InstrumentView view = (engine == nullptr ? venue.engine() : *engine).instrument(instrument);
  return py::make_tuple(view.reference, view.mark, view.last);
}

void register_layouts_of_history(py::module_& module) {
  const py::dict layouts = module.attr("LAYOUTS");
  layouts["HISTORY_ORDER"] = layout(
      sizeof(HistoryOrder), CM_FIELD(HistoryOrder, order_id), CM_FIELD(HistoryOrder, account),
      CM_FIELD(HistoryOrder, instrument_id), CM_FIELD(HistoryOrder, side), CM_FIELD(HistoryOrder, type),
      CM_FIELD(HistoryOrder, time_in_force), CM_FIELD(HistoryOrder, order_status),
      CM_FIELD(HistoryOrder, cancel_reason), CM_FIELD(HistoryOrder, flags), CM_FIELD(HistoryOrder, order_qty),
      CM_FIELD(HistoryOrder, cum_qty), CM_FIELD(HistoryOrder, leaves_qty), CM_FIELD(HistoryOrder, price),
      CM_FIELD(HistoryOrder, stop_price), CM_FIELD(HistoryOrder, cost_low), CM_FIELD(HistoryOrder, cost_high),
      CM_FIELD(HistoryOrder, entered_at), CM_FIELD(HistoryOrder, updated_at),
      CM_FIELD(HistoryOrder, event_sequence), CM_FIELD(HistoryOrder, reject),
      CM_FIELD(HistoryOrder, reserved0), CM_FIELD(HistoryOrder, fills),
      CM_FIELD(HistoryOrder, client_order_id));
  layouts["HISTORY_FILL"] =
      layout(sizeof(HistoryFill), CM_FIELD(HistoryFill, trade_id), CM_FIELD(HistoryFill, order_id),
             CM_FIELD(HistoryFill, sequence), CM_FIELD(HistoryFill, timestamp), CM_FIELD(HistoryFill, price),
             CM_FIELD(HistoryFill, qty), CM_FIELD(HistoryFill, fee), CM_FIELD(HistoryFill, fee_asset),
             CM_FIELD(HistoryFill, instrument_id), CM_FIELD(HistoryFill, side),
             CM_FIELD(HistoryFill, liquidity), CM_FIELD(HistoryFill, reserved));
  layouts["HISTORY_TRADE"] =
      layout(sizeof(HistoryTrade), CM_FIELD(HistoryTrade, trade_id), CM_FIELD(HistoryTrade, sequence),
             CM_FIELD(HistoryTrade, timestamp), CM_FIELD(HistoryTrade, price), CM_FIELD(HistoryTrade, qty),
             CM_FIELD(HistoryTrade, instrument_id), CM_FIELD(HistoryTrade, taker_side),
             CM_FIELD(HistoryTrade, reserved));
}

constexpr const char* kFollowerDoc =
    R"(Follower(directory, venue, *, orders_per_account=10000, max_orders=4194304, max_accounts=131072, max_instruments=4096, disk=None)

Folds a journal into a venue, record by record, and remembers what became of orders.

Args:
    directory: Of the journal; it may be in use, and need not exist yet.
    venue: Where it is to be folded into; it begins with the sequence after the venue's.
    orders_per_account: How many orders of an account are remembered, ended ones too; as many fills.
    max_orders: How many of all accounts together; the oldest are forgotten first. As many fills.
    max_accounts, max_instruments: What is known of others is counted by `dropped` and forgotten.
    disk: A PosixDisk where it is None.

Raises:
    ValueError: A limit is 0 or above 2**30.
    MemoryError: The limits ask for more memory than there is.
)";

} // namespace

void register_follower(py::module_& module) {
  register_layouts_of_history(module);
  py::class_<FollowerHost, std::shared_ptr<FollowerHost>>(module, "Follower", kFollowerDoc)
      .def(py::init([](std::string directory, std::shared_ptr<VenueHost> venue,
                       std::uint32_t orders_per_account, std::uint32_t max_orders, std::uint32_t max_accounts,
                       std::uint32_t max_instruments, std::shared_ptr<io::Disk> disk) {
             HistoryLimits limits;
             limits.max_accounts = max_accounts;
             limits.max_instruments = max_instruments;
             limits.orders_per_account = limits.fills_per_account = orders_per_account;
             limits.max_orders = limits.max_fills = max_orders;
             return std::make_shared<FollowerHost>(std::move(directory), std::move(venue), limits,
                                                   std::move(disk));
           }),
           "directory"_a, "venue"_a, py::kw_only(), "orders_per_account"_a = 10'000,
           "max_orders"_a = 1u << 22, "max_accounts"_a = 1u << 17, "max_instruments"_a = 1u << 12,
           "disk"_a = py::none())
      .def("advance", &advance, "most_commands"_a,
           "advance(most_commands) -> int\n\nApplies whole records until that many commands were applied or "
           "there is "
           "nothing yet; how many it were. The GIL is released.\n\n"
           "Raises:\n    JournalCorrupt: A record cannot be where it is.\n    InvariantViolation: See "
           "Venue.apply.")
      .def(
          "check_tail",
          [](FollowerHost& host) {
            const VenueStay stay(*host.venue);
            const py::gil_scoped_release unlocked;
            host.reader.check_tail();
          },
          "check_tail()\n\nSees that nothing whole lies behind the end that was reached.\n\n"
          "Raises:\n    JournalCorrupt: Something does.")
      .def_property_readonly(
          "next_sequence", [](FollowerHost& host) { return host.reader.next_sequence(); },
          "What it waits for.")
      .def_property_readonly(
          "segment", [](FollowerHost& host) { return host.reader.path(); },
          "Path of the segment that is read; empty before the first.")
      .def_property_readonly(
          "offset", [](FollowerHost& host) { return host.reader.offset(); }, "Place in that segment, bytes.")
      .def_property_readonly(
          "order_count", [](FollowerHost& host) { return host.history.order_count(); },
          "Orders that are remembered.")
      .def_property_readonly(
          "dropped", [](FollowerHost& host) { return host.history.dropped(); },
          "Reports of accounts or instruments beyond the limits.")
      .def(
          "history_snapshot",
          [](FollowerHost& host) {
            const VenueStay stay(*host.venue);
            std::vector<std::uint8_t> bytes;
            {
              const py::gil_scoped_release unlocked;
              bytes = host.history.snapshot(host.venue->venue.sequence());
            }
            return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
          },
          "history_snapshot() -> bytes\n\nAll that is remembered, as of the venue's sequence.")
      .def(
          "restore_history",
          [](FollowerHost& host, const py::object& content) {
            const VenueStay stay(*host.venue);
            const BufferArgument buffer(content);
            const std::span<const std::byte> view = buffer.view();
            const py::gil_scoped_release unlocked;
            host.history = History::restore({reinterpret_cast<const std::uint8_t*>(view.data()), view.size()},
                                            host.venue->venue.sequence(), host.limits);
          },
          "content"_a,
          "restore_history(content)\n\nRemembers what a history_snapshot had, in the place of all that it "
          "remembers. Smaller\nlimits keep the newest.\n\nRaises:\n    SnapshotError: It is damaged, or of "
          "another sequence than the venue's; nothing has changed.")
      .def("orders", &orders, "account"_a, "limit"_a, py::kw_only(), "instrument_id"_a = 0,
           "order_status"_a = 0, "from_ns"_a = 0, "to_ns"_a = 0, "before"_a = 0, "client_order_id"_a = "",
           "orders(account, limit, *, instrument_id=0, order_status=0, from_ns=0, to_ns=0, before=0, "
           "client_order_id='') -> ndarray\n\nHISTORY_ORDER_DTYPE, the newest first; 0 and '' ask nothing.")
      .def("order", &order, "order_id"_a,
           "order(order_id) -> ndarray\n\nHISTORY_ORDER_DTYPE, one row or none.")
      .def(
          "fills",
          [](FollowerHost& host, std::uint64_t account, std::size_t limit, std::uint32_t instrument,
             std::uint64_t before) {
            const VenueStay stay(*host.venue);
            return array(host.history.fills(account, filter_of(instrument, 0, 0, 0, before), limit),
                         "HISTORY_FILL_DTYPE");
          },
          "account"_a, "limit"_a, py::kw_only(), "instrument_id"_a = 0, "before"_a = 0,
          "fills(account, limit, *, instrument_id=0, before=0) -> ndarray\n\nHISTORY_FILL_DTYPE, the newest "
          "first.")
      .def(
          "trades",
          [](FollowerHost& host, std::uint32_t instrument, std::size_t limit, std::uint64_t before) {
            const VenueStay stay(*host.venue);
            return array(host.history.trades(instrument, filter_of(0, 0, 0, 0, before), limit),
                         "HISTORY_TRADE_DTYPE");
          },
          "instrument_id"_a, "limit"_a, py::kw_only(), "before"_a = 0,
          "trades(instrument_id, limit, *, before=0) -> ndarray\n\nHISTORY_TRADE_DTYPE, the newest first.")
      .def("prices", &prices, "instrument_id"_a,
           "prices(instrument_id) -> tuple[int | None, int | None, int | None]\n\n"
           "Reference, mark and last price, ticks.\n\nRaises:\n    UnknownInstrument: It is not defined.");
}

} // namespace cmatch::face
