// What a reader sees of a venue's orders, positions and counters.
#pragma once

#include <cstdint>

#include "cmatch/venue/limits.hpp"
#include "cmatch/venue/records.hpp"

namespace cmatch {

// An order: live, or what is remembered of one that has ended (then without prices and quantities but cum_qty).
struct VenueOrderView {
  std::uint64_t order_id;
  std::uint64_t account;
  std::uint32_t instrument_id;
  std::uint32_t session;
  std::uint16_t side;
  std::uint16_t type;
  std::uint16_t time_in_force;
  std::uint16_t order_status; // OrderStatus
  std::int64_t order_qty;
  std::int64_t cum_qty;
  std::int64_t leaves_qty;
  std::int64_t price;      // where flags say kReportPrice
  std::int64_t stop_price; // where flags say kReportStopPrice
  std::uint32_t reserved_asset;
  std::uint16_t flags;     // ReportFlag
  std::uint16_t reject;    // RejectCode of a request that was refused
  std::int64_t reserved;   // minor units of reserved_asset
  std::int64_t entered_at; // journaled time, ns
  std::uint64_t sequence;  // of the request
  char client_order_id[40];
};

struct PositionView {
  std::uint64_t account;
  std::uint32_t instrument_id;
  std::uint32_t live_orders;
  std::int64_t qty;        // lots, bought less sold
  std::int64_t cost;       // minor units of quote, signed as qty; clamped to 64 bits, as are the others
  std::int64_t realised;   // since the UTC day began
  std::int64_t unrealised; // at the mark, else the last price; 0 where there is neither
  std::int64_t open_buy_lots;
  std::int64_t open_sell_lots;
  std::int64_t open_buy_notional;
  std::int64_t open_sell_notional;
  std::int64_t base_of_day; // unrealised when something touched it first on this UTC day
};

struct AccountView {
  std::uint64_t account;
  std::uint64_t parent;
  std::uint32_t tenant;
  std::uint16_t killed; // its own switch, or its tenant's
  std::uint16_t reserved;
  std::int64_t countdown_at; // 0: none
};

struct SessionView {
  std::uint32_t session;
  std::uint32_t tenant;
  std::uint16_t cancels_when_lost;
  std::uint16_t reserved[3];
  char name[40];
};

struct ShardView {
  std::uint32_t shard;
  std::uint32_t instruments;
  std::uint16_t away;
  std::uint16_t runs_here;
  std::uint32_t queued;   // orders that wait until it is back
  std::uint64_t passed;   // commands that were passed on and have no answer yet
  std::uint64_t expected; // the number of the event that follows
  std::uint64_t made;     // events that its engine has made, where it runs here
};

struct VenueStatus {
  std::uint64_t epoch;
  std::uint64_t sequence;
  std::uint64_t event_sequence;
  std::uint64_t event_digest;
  std::int64_t clock;
  std::uint64_t trades;
  std::uint32_t live_orders;
  std::uint32_t queued_orders;
  std::uint32_t accounts;
  std::uint32_t assets;
  std::uint32_t instruments;
  std::uint32_t client_ids;
  std::uint16_t away;
  std::uint16_t policy;
  std::uint16_t killed; // the whole venue
  std::uint16_t solo;
};

static_assert(sizeof(VenueOrderView) == 144 && sizeof(PositionView) == 88 && sizeof(VenueStatus) == 80 &&
              sizeof(ShardView) == 40);

} // namespace cmatch
