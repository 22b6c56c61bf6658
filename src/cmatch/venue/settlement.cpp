#include "cmatch/venue/settlement.hpp"

#include "cmatch/venue/limit_checks.hpp"
#include "cmatch/venue/positions.hpp"
#include "cmatch/venue/venue_state.hpp"

namespace cmatch {
namespace {

void set_detail(Answer& answer, std::uint64_t value, std::int64_t asked) {
  answer.flags |= kAnswerDetail;
  answer.detail_value = static_cast<std::int64_t>(value);
  answer.detail_asked = asked;
}

// The fee of one side, in the asset where it is charged; a negative one is given by the house.
void charge(VenueState& state, Position& position, bool in_base, Amount fee, bool moves_money) {
  const VenueInstrument& instrument = state.instruments[position.instrument];
  touch(state, position);
  if (!in_base) position.realised -= fee;
  if (!moves_money || fee == 0) return;
  const BalanceSlot own = in_base ? position.base_balance : position.quote_balance;
  const BalanceSlot house =
      state.ledger.find_balance(kFeesSlot, in_base ? instrument.base : instrument.quote);
  if (fee > 0)
    state.ledger.pay(own, house, fee, 0);
  else
    state.ledger.pay(house, own, -fee, 0);
}

bool exceeds(Answer& answer, Amount fee, Amount most) {
  if (fee <= most && fee >= -most) return false;
  set_detail(answer, static_cast<std::uint64_t>(most), fee);
  return true;
}

RejectCode check(const VenueState& state, const LedgerCommand& command, Answer& answer) {
  if (command.present != 0) return RejectCode::invalid_field;
  if (command.tenant != 0) return RejectCode::unknown_account;
  const auto& unposted = state.settlement.unposted;
  const std::uint64_t next = state.trades - unposted.size() + 1;
  if (command.trade_id != 0 && command.trade_id < next) return RejectCode::already_posted;
  if (command.trade_id != next || unposted.empty()) {
    set_detail(answer, next, static_cast<std::int64_t>(command.trade_id));
    return RejectCode::unexpected_trade;
  }
  const UnpostedTrade& trade = unposted.front();
  if (exceeds(answer, command.buyer_fee, trade.buyer_fee_most) ||
      exceeds(answer, command.seller_fee, trade.seller_fee_most))
    return RejectCode::fee_out_of_bounds;
  return RejectCode::none;
}

} // namespace

void post_trade(VenueState& state, const LedgerCommand& command, Answer& answer) {
  answer.transfer_id[0] = command.trade_id;
  const RejectCode code = check(state, command, answer);
  answer.reject = static_cast<std::uint16_t>(code);
  if (code != RejectCode::none) return;
  const UnpostedTrade trade = state.settlement.unposted.front();
  state.settlement.unposted.pop_front();
  Position &buyer = state.positions[trade.buyer], &seller = state.positions[trade.seller];
  if (trade.moves_money) {
    state.ledger.pay(buyer.quote_balance, seller.quote_balance, trade.cost, trade.buyer_held);
    state.ledger.pay(seller.base_balance, buyer.base_balance, trade.goods, trade.seller_held);
  }
  charge(state, buyer, trade.buyer_fee_in_base, command.buyer_fee, trade.moves_money);
  charge(state, seller, trade.seller_fee_in_base, command.seller_fee, trade.moves_money);
}

} // namespace cmatch
