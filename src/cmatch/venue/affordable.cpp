#include "cmatch/venue/affordable.hpp"

#include <algorithm>

#include "cmatch/venue/money.hpp"

namespace cmatch {

Lots affordable(const Engine& engine, const VenueInstrument& instrument, Amount budget) {
  const bool fee_in_quote = !instrument.fee_in_base(Side::buy);
  const Lots step = instrument.definition.lot_step;
  Wide spent = 0, due = 0;
  Lots qty = 0;
  for (const LevelView& level : engine.l2(instrument.id(), Side::sell)) {
    const Wide unit = notional(instrument, level.price, 1);
    const Lots room = std::min(level.qty, instrument.definition.max_qty - qty);
    const auto total = [&](Lots lots) {
      const Wide cost = spent + unit * lots;
      return fee_in_quote ? cost + div_up(due + unit * lots * instrument.worst_rate, kRateUnit) : cost;
    };
    Lots low = 0, high = room / step;
    while (low < high) { // the most steps that the budget pays for
      const Lots middle = low + (high - low + 1) / 2;
      if (total(middle * step) <= budget)
        low = middle;
      else
        high = middle - 1;
    }
    const Lots lots = low * step;
    qty += lots;
    spent += unit * lots;
    due += unit * lots * instrument.worst_rate;
    if (lots < level.qty) break;
  }
  return qty;
}

} // namespace cmatch
