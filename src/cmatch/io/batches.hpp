// Commands on their way from the wire into the journal and the venue: one array a family, and the runs in which they came.
// Owned by one loop. Allocates while it grows, then no more.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "cmatch/io/frames.hpp"
#include "cmatch/venue/output.hpp"
#include "cmatch/venue/venue.hpp"

namespace cmatch::io {

struct Run { // consecutive commands of one family: a record of the journal
  Family family;
  std::uint32_t first, count; // in the family's array
};

struct Batches {
  RecordBuffer<OrderCommand> orders;
  RecordBuffer<LedgerCommand> ledger;
  RecordBuffer<InstrumentCommand> instruments;
  RecordBuffer<AdminCommand> administration;
  RecordBuffer<ShardEvent> shard_events;
  std::vector<Run> runs;

  bool empty() const { return runs.empty(); }
  std::uint64_t commands() const {
    return orders.size() + ledger.size() + instruments.size() + administration.size() + shard_events.size();
  }
  void clear() {
    orders.clear();
    ledger.clear();
    instruments.clear();
    administration.clear();
    shard_events.clear();
    runs.clear();
  }
  // Notes that the last record of its family's array belongs to the present run.
  void extend(Family family, std::size_t size) {
    if (runs.empty() || runs.back().family != family || runs.back().count == kLongestRun)
      runs.push_back({family, static_cast<std::uint32_t>(size - 1), 0});
    ++runs.back().count;
  }

  // Takes out those orders of which drop(order) says so.
  template <class Drop>
  void drop_orders(Drop&& drop) {
    std::uint32_t kept = 0;
    for (const Run& run : std::exchange(runs, {})) {
      if (run.family != Family::orders) {
        runs.push_back(run);
        continue;
      }
      const std::uint32_t first = kept;
      for (std::uint32_t i = run.first; i < run.first + run.count; ++i)
        if (!drop(orders[i])) orders[kept++] = orders[i];
      if (kept != first) runs.push_back({Family::orders, first, kept - first});
    }
    orders.resize(kept);
  }

  static constexpr std::uint32_t kLongestRun = 4096;
};

// Calls visit(records of the run) with the right type.
template <class Visit>
void visit_run(const Batches& batches, const Run& run, Visit&& visit) {
  switch (run.family) {
  case Family::orders:
    return visit(batches.orders.view().subspan(run.first, run.count));
  case Family::ledger:
    return visit(batches.ledger.view().subspan(run.first, run.count));
  case Family::instruments:
    return visit(batches.instruments.view().subspan(run.first, run.count));
  case Family::administration:
    return visit(batches.administration.view().subspan(run.first, run.count));
  case Family::shard_events:
    return visit(batches.shard_events.view().subspan(run.first, run.count));
  }
}

// Calls visit(header, records) for each run: of the frame that is its record of the journal. `header` is that of the first
// run; what comes before the others has not been folded, so they say nothing of it.
template <class Visit>
void visit_frames(const Batches& batches, CommandHeader header, Visit&& visit) {
  for (const Run& run : batches.runs) {
    visit_run(batches, run, [&](auto records) { visit(header, records); });
    header.first_seq += run.count;
    header.event_digest = 0;
  }
}

} // namespace cmatch::io
