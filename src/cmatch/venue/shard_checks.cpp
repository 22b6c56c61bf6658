// Whether what a shard sends can be taken: nothing of it is believed before the whole of it fits.
#include <algorithm>
#include <unordered_map>

#include "cmatch/venue/money.hpp"

namespace cmatch {
namespace {

bool is_kind(const ShardEvent& event, EventKind kind) {
  return event.kind == static_cast<std::uint16_t>(kind);
}

// What an order would be after the events so far.
struct Open {
  VenueSlot slot;
  Lots leaves;
  Ticks exposure; // of a buy: the most that it pays
  Wide spent;     // of a budget
  bool ended;
};

class GroupCheck {
 public:
  GroupCheck(const VenueState& state, const Shard& shard) : state_(state), shard_(shard) {}

  bool sound() {
    std::size_t first = 0;
    if (shard_.partial.front().answers != 0) {
      if (!answers(shard_.passed.front(), shard_.partial.front())) return false;
      if (is_kind(shard_.partial.front(), EventKind::rejected)) return shard_.partial.size() == 1;
      first = 1;
    }
    for (std::size_t i = first; i < shard_.partial.size(); ++i)
      if (!follows(shard_.partial[i])) return false;
    for (const auto& [id, open] : orders_)
      if (!open.ended && open.leaves == 0) return false;
    return true;
  }

 private:
  // An order of the shard's in that instrument, which its engine has or just took; null where there is none.
  Open* find(std::uint64_t order_id, InstrumentId instrument, bool accepted = false) {
    const auto known = orders_.find(order_id);
    if (known != orders_.end()) return known->second.ended ? nullptr : &known->second;
    const VenueSlot slot = order_id == 0 ? kNoSlot : state_.orders.find(order_id);
    if (slot == kNoSlot) return nullptr;
    const VenueOrder& order = state_.orders[slot];
    const VenueInstrument& of = state_.instruments[order.instrument];
    const bool taken = order.status != static_cast<std::uint16_t>(OrderStatus::pending_new);
    if (of.shard != &shard_ || of.id() != instrument || taken == accepted) return nullptr;
    return &orders_.emplace(order_id, Open{slot, order.leaves, order.exposure_price, 0, false}).first->second;
  }

  bool answers(const Passed& passed, const ShardEvent& event) {
    if (event.instrument_id != passed.command.instrument_id) return false;
    if (is_kind(event, EventKind::rejected))
      return event.reason != 0 && passed.kind != static_cast<std::uint16_t>(PassedKind::steering);
    switch (static_cast<PassedKind>(passed.kind)) {
    case PassedKind::new_order:
    case PassedKind::queued_order:
      return event.order_id == passed.order_id && accepts(event);
    case PassedKind::replace:
      if (event.order_id != passed.order_id) return false;
      return is_kind(event, EventKind::canceled) ? ends(event) : replaces(passed, event);
    case PassedKind::cancel:
    case PassedKind::venue_cancel:
      return event.order_id == passed.order_id && is_kind(event, EventKind::canceled) && ends(event);
    case PassedKind::phase:
    case PassedKind::steering:
      return is_kind(event, EventKind::accepted);
    }
    return false;
  }

  bool accepts(const ShardEvent& event) {
    Open* const open = find(event.order_id, event.instrument_id, true);
    if (open == nullptr || !is_kind(event, EventKind::accepted)) return false;
    const VenueOrder& order = state_.orders[open->slot];
    const Lots most = state_.instruments[order.instrument].definition.max_qty;
    if (order.has_budget ? event.qty < 1 || event.qty > most : event.qty != order.order_qty) return false;
    open->leaves = event.qty;
    if (order.type == static_cast<std::uint16_t>(OrderType::market_to_limit) &&
        (event.present & kEventPrice) != 0)
      open->exposure = std::min(open->exposure, event.price);
    return priced_within(event);
  }

  bool replaces(const Passed& passed, const ShardEvent& event) {
    Open* const open = find(event.order_id, event.instrument_id);
    if (open == nullptr || !is_kind(event, EventKind::replaced)) return false;
    const VenueOrder& order = state_.orders[open->slot];
    if (order.has_budget || order.replaces == 0 || event.qty <= order.cum_qty ||
        event.qty > order.order_qty + order.extra_lots)
      return false;
    open->leaves = event.qty - order.cum_qty;
    if (order.replaces == 1)
      open->exposure = (passed.command.present & kHasPrice) != 0 ? passed.command.price : order.own_exposure;
    return priced_within(event);
  }

  bool follows(const ShardEvent& event) {
    const std::uint32_t number = state_.find_instrument(event.instrument_id);
    if (number == VenueState::kNoInstrument || state_.instruments[number].shard != &shard_) return false;
    if (is_kind(event, EventKind::trade)) return trades(state_.instruments[number], event);
    if (is_kind(event, EventKind::prevented)) return prevents(event);
    if (is_kind(event, EventKind::canceled)) return event.reason != 0 && ends(event);
    if (is_kind(event, EventKind::expired)) return ends(event);
    if (is_kind(event, EventKind::triggered) || is_kind(event, EventKind::repriced))
      return find(event.order_id, event.instrument_id) != nullptr && priced_within(event);
    if (is_kind(event, EventKind::uncrossed)) return within(state_.instruments[number], event.price);
    return is_kind(event, EventKind::phase_changed) && event.phase >= 1 &&
           event.phase <= static_cast<std::uint16_t>(Phase::call_auction);
  }

  bool trades(const VenueInstrument& instrument, const ShardEvent& event) {
    if (find(event.order_id, event.instrument_id) == nullptr ||
        find(event.maker_order_id, event.instrument_id) == nullptr || event.order_id == event.maker_order_id)
      return false;
    Open &taker = orders_.at(event.order_id), &maker = orders_.at(event.maker_order_id);
    const std::uint16_t side = state_.orders[taker.slot].side;
    if (side == state_.orders[maker.slot].side || (event.side != 0 && event.side != side)) return false;
    if (event.qty < 1 || event.qty > taker.leaves || event.qty > maker.leaves ||
        event.leaves != taker.leaves - event.qty || event.maker_leaves != maker.leaves - event.qty)
      return false;
    const bool buys = side == static_cast<std::uint16_t>(Side::buy);
    if (!within(instrument, event.price) || !pays(instrument, buys ? taker : maker, event)) return false;
    for (Open* const open : {&taker, &maker}) {
      open->leaves -= event.qty;
      open->ended = open->leaves == 0;
    }
    return true;
  }

  // What was reserved for the buyer is enough.
  bool pays(const VenueInstrument& instrument, Open& buyer, const ShardEvent& event) {
    const VenueOrder& order = state_.orders[buyer.slot];
    if (!order.has_budget) return event.price <= buyer.exposure;
    const Wide cost = notional(instrument, event.price, event.qty);
    if (order.reserve_balance == kNoSlot) return fits_amount(cost);
    const Wide due = order.fee_due + buyer.spent * instrument.worst_rate;
    const Wide fee = instrument.fee_in_base(Side::buy) ? 0 : fee_on(due, cost, instrument.worst_rate);
    const Wide before =
        instrument.fee_in_base(Side::buy) ? 0 : fee_on(order.fee_due, buyer.spent, instrument.worst_rate);
    if (buyer.spent + before + cost + fee > order.reserved) return false;
    buyer.spent += cost;
    return true;
  }

  bool prevents(const ShardEvent& event) {
    if (find(event.order_id, event.instrument_id) == nullptr ||
        find(event.maker_order_id, event.instrument_id) == nullptr || event.order_id == event.maker_order_id)
      return false;
    Open &taker = orders_.at(event.order_id), &maker = orders_.at(event.maker_order_id);
    if (event.leaves < 0 || event.leaves > taker.leaves || event.maker_leaves < 0 ||
        event.maker_leaves > maker.leaves)
      return false;
    taker.leaves = event.leaves;
    maker.leaves = event.maker_leaves;
    return true;
  }

  bool ends(const ShardEvent& event) {
    Open* const open = find(event.order_id, event.instrument_id);
    if (open == nullptr || event.qty != open->leaves) return false;
    open->leaves = 0;
    return open->ended = true;
  }

  static bool within(const VenueInstrument& instrument, Ticks price) {
    return price >= instrument.definition.min_price && price <= instrument.definition.max_price;
  }
  bool priced_within(const ShardEvent& event) const {
    const VenueInstrument& instrument = state_.instruments[state_.find_instrument(event.instrument_id)];
    return (event.present & kEventPrice) == 0 || within(instrument, event.price);
  }

  const VenueState& state_;
  const Shard& shard_;
  std::unordered_map<std::uint64_t, Open> orders_; // looked up; its order decides nothing
};

} // namespace

bool is_sound(const VenueState& state, const Shard& shard) { return GroupCheck(state, shard).sound(); }

} // namespace cmatch
