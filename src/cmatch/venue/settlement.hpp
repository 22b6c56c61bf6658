// Trades whose money and goods have not changed hands: they wait for a settlement service, which knows their fees and posts
// them in their order (docs/venue.md, section 11). What they need stays reserved.
#pragma once

#include <cstdint>
#include <deque>

#include "cmatch/venue/records.hpp"
#include "cmatch/venue/venue_order.hpp"

namespace cmatch {

class VenueState;

struct UnpostedTrade {
  PositionSlot buyer, seller;
  Amount cost, goods;             // of quote to the seller, of base to the buyer
  Amount buyer_held, seller_held; // reserved: what each gives, with its fee where that is of the same asset
  Amount buyer_fee_most, seller_fee_most;     // bounds of a fee, and of a rebate
  bool moves_money;                           // not where the policy touches no ledger
  bool buyer_fee_in_base, seller_fee_in_base; // as the instrument had it then
};

// The last of all trades, oldest first: number i of them has the id trades - size + 1 + i.
struct Settlement {
  SettlementMode mode = SettlementMode::at_once;
  std::deque<UnpostedTrade> unposted;
};

// Answers a LedgerAction::post_trade, and posts the trade where it is the next one. The caller has the answer's head.
void post_trade(VenueState& state, const LedgerCommand& command, Answer& answer);

} // namespace cmatch
