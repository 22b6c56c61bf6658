// A seeded stream of commands that reaches every rule of the specification: mostly sensible, some of it not.
// It never looks at the engine, so every compiler and every engine is given the same commands; and no two draws
// stand in one expression, where compilers differ in which comes first.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "commands.hpp"

namespace cmatch::test {

// SplitMix64: small, and the same everywhere (the standard library's distributions are not).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // From `low` to `high`, both included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool one_in(std::int64_t n) { return between(1, n) == 1; }

 private:
  std::uint64_t state_;
};

class Session {
 public:
  static constexpr InstrumentId kInstruments = 4;
  static constexpr std::int64_t kAccounts = 6;

  explicit Session(std::uint64_t seed) : random_(seed) {}

  Command next() {
    Command command = made_ < kInstruments  ? definition_of_book(static_cast<InstrumentId>(made_ + 1))
                      : random_.one_in(100) ? garbage()
                                            : sensible();
    ++made_;
    if (random_.one_in(2)) clock_ += random_.between(0, 2'000);
    if (!random_.one_in(50)) command.timestamp = clock_;
    return command;
  }

  std::vector<Command> take(std::size_t count) {
    std::vector<Command> commands(count);
    for (Command& command : commands)
      command = next();
    return commands;
  }

 private:
  struct Market {
    Ticks mid = 1'000;
    std::size_t phase_step = 0;
  };

  // Four ways to run a book: plain; quotes, collar and bands that reject; marks and bands that halt, steps of 5
  // and 10; prices below zero.
  static Command definition_of_book(InstrumentId instrument_id) {
    Definition book = definition(instrument_id);
    book.max_price = 2'000;
    book.max_pegs = 12;
    book.max_parts = 40;
    if (instrument_id == 2) {
      book.trigger_source = raw(TriggerSource::quote);
      book.present = kHasCollar | kHasDynamicBand | kHasStaticBand | kHasReference;
      book.collar = 12;
      book.dynamic_band = 30;
      book.static_band = 200;
      book.reference = 1'000;
    }
    if (instrument_id == 3) {
      book.trigger_source = raw(TriggerSource::mark);
      book.stop_wrong_side = raw(StopWrongSide::trigger);
      book.band_mode = raw(BandMode::halt);
      book.present = kHasDynamicBand | kHasReference;
      book.dynamic_band = 25;
      book.reference = 1'000;
      book.tick_step = 5;
      book.min_price = 5;
      book.lot_step = 10;
    }
    if (instrument_id == 4) {
      book.stop_wrong_side = raw(StopWrongSide::trigger);
      book.min_price = -2'000;
      book.phase = raw(Phase::pre_open);
    }
    return command_of(book);
  }

  Command garbage() {
    Command command = sensible();
    auto* bytes = reinterpret_cast<unsigned char*>(&command);
    for (std::int64_t n = random_.between(1, 4); n > 0; --n) {
      const std::int64_t at = random_.between(8, sizeof command - 1);
      bytes[at] = static_cast<unsigned char>(random_.next());
    }
    command.up_to = std::min(command.up_to, last_order_); // retiring every id there is would end the session
    return command;
  }

  Command sensible() {
    const std::int64_t dice = random_.between(1, 1'000);
    const bool is_new = dice <= 620;
    const bool names_order = dice <= 960;
    const OrderId order_id = is_new ? ++last_order_ : recent_order();
    // An order's id tells its book and its owner, so that whoever names it later mostly names it right.
    std::uint64_t key = order_id;
    if (!names_order || (!is_new && random_.one_in(20))) key = random_.next();
    market_ = &markets_[key % kInstruments];
    if (random_.one_in(20)) market_->mid += random_.between(-3, 3);
    if (market_->mid < 900 || market_->mid > 1'100) market_->mid = 1'000;
    Command command = is_new        ? new_order(order_id)
                      : dice <= 880 ? cancel(order_id)
                      : names_order ? replace(order_id)
                                    : administration(dice);
    command.instrument_id = static_cast<InstrumentId>(key % kInstruments + 1);
    if (names_order) command.account = key / kInstruments % kAccounts + 1;
    return command;
  }

  Command new_order(OrderId order_id) {
    static constexpr std::array kTypes = {
        OrderType::limit,  OrderType::limit,           OrderType::limit,
        OrderType::limit,  OrderType::limit,           OrderType::limit,
        OrderType::limit,  OrderType::limit,           OrderType::market,
        OrderType::stop,   OrderType::stop_limit,      OrderType::trailing_stop,
        OrderType::pegged, OrderType::market_to_limit, OrderType::trailing_stop_limit,
    };
    const OrderType type = kTypes[random_.next() % kTypes.size()];
    Command order = test::order(type, order_id, side(), 0);
    order.qty = lots();
    order.stp_mode = static_cast<std::uint8_t>(random_.between(0, 4));
    if (random_.one_in(10)) set(order, kHasStpGroup, order.stp_group, random_.between(1, 3));
    switch (type) {
    case OrderType::limit:
      shape_limit(order);
      break;
    case OrderType::market:
      shape_market(order);
      break;
    case OrderType::market_to_limit:
      shape_display(order);
      break;
    case OrderType::stop:
      set(order, kHasStopPrice, order.stop_price, beyond(order.side));
      break;
    case OrderType::stop_limit:
      set(order, kHasStopPrice, order.stop_price, beyond(order.side));
      set(order, kHasPrice, order.price, near());
      shape_display(order);
      break;
    case OrderType::trailing_stop:
      set(order, kHasTrail, order.trail, stepped(random_.between(1, 20)));
      break;
    case OrderType::trailing_stop_limit:
      set(order, kHasTrail, order.trail, stepped(random_.between(1, 20)));
      set(order, kHasOffset, order.offset, stepped(random_.between(-5, 5)));
      shape_display(order);
      break;
    case OrderType::pegged:
      set(order, kHasPeg, order.peg, random_.between(1, 2));
      if (random_.one_in(2)) set(order, kHasOffset, order.offset, stepped(random_.between(-4, 4)));
      if (random_.one_in(3)) set(order, kHasPrice, order.price, near());
      if (random_.one_in(6)) order.flags = kHidden;
      break;
    }
    return order;
  }

  void shape_limit(Command& order) {
    static constexpr std::array kTimes = {
        TimeInForce::gtc, TimeInForce::gtc, TimeInForce::gtc, TimeInForce::gtc,      TimeInForce::gtc,
        TimeInForce::gtc, TimeInForce::gtc, TimeInForce::gtc, TimeInForce::day,      TimeInForce::day,
        TimeInForce::gtd, TimeInForce::ioc, TimeInForce::fok, TimeInForce::at_close,
    };
    set(order, kHasPrice, order.price, passive(order.side));
    const TimeInForce time = kTimes[random_.next() % kTimes.size()];
    order.time_in_force = raw(random_.one_in(30) ? TimeInForce::at_open : time);
    if (order.time_in_force != raw(time)) return;
    if (time == TimeInForce::gtd)
      set(order, kHasExpireAt, order.expire_at, clock_ + random_.between(1, 100'000));
    if (time == TimeInForce::ioc && random_.one_in(3)) set(order, kHasMinQty, order.min_qty, lots());
    if (time == TimeInForce::gtc || time == TimeInForce::day) {
      shape_display(order);
      if (order.flags == 0 && random_.one_in(10)) order.flags = kPostOnly;
    }
    if (random_.one_in(20)) order.flags |= kReduceOnly;
  }

  void shape_market(Command& order) {
    static constexpr std::array kTimes = {TimeInForce::ioc, TimeInForce::ioc, TimeInForce::fok,
                                          TimeInForce::at_open, TimeInForce::at_close};
    order.time_in_force = raw(kTimes[random_.next() % kTimes.size()]);
  }

  void shape_display(Command& order) {
    if (random_.one_in(10))
      order.flags |= kHidden;
    else if (random_.one_in(8))
      set(order, kHasDisplayQty, order.display_qty, 10 * random_.between(1, 4));
  }

  Command replace(OrderId order_id) {
    Command replace = test::command(CommandKind::replace);
    replace.order_id = order_id;
    if (random_.one_in(2)) set(replace, kHasQty, replace.qty, lots());
    if (random_.one_in(2)) set(replace, kHasPrice, replace.price, near());
    if (random_.one_in(8)) set(replace, kHasStopPrice, replace.stop_price, near());
    return replace;
  }

  Command administration(std::int64_t dice) {
    Command command = test::command(CommandKind::advance_time);
    if (dice <= 965) {
      command = set_phase(next_phase());
    } else if (dice <= 970) {
      command.kind = raw(CommandKind::set_reference);
      command.price = near();
    } else if (dice <= 990) {
      command.kind = raw(CommandKind::set_mark);
      command.price = near();
    } else if (dice <= 992) {
      command.kind = raw(CommandKind::mass_cancel);
      set(command, kHasAccount, command.account, random_.between(1, kAccounts));
      if (!random_.one_in(4)) command.present |= kHasInstrument;
      if (random_.one_in(2)) set(command, kHasSide, command.side, raw(side()));
    } else if (dice == 993) {
      command.kind = raw(CommandKind::retire_ids);
      command.up_to = last_order_ > 5'000 ? last_order_ - 5'000 : 0;
    } else if (dice == 994) {
      command = definition_of_book(static_cast<InstrumentId>(random_.between(1, kInstruments)));
    }
    return command;
  }

  // Walks through all phases; what a band halted is picked up on the way.
  Phase next_phase() {
    static constexpr std::array kWalk = {
        Phase::continuous,   Phase::halted,     Phase::call_auction, Phase::continuous,   Phase::continuous,
        Phase::call_auction, Phase::continuous, Phase::continuous,   Phase::closing_call, Phase::closed,
        Phase::pre_open,     Phase::continuous, Phase::call_auction, Phase::continuous,   Phase::continuous};
    return kWalk[market_->phase_step++ % kWalk.size()];
  }

  template <class Field>
  static void set(Command& command, CommandField field, Field& target, std::int64_t value) {
    target = static_cast<Field>(value);
    command.present |= field;
  }

  Side side() { return random_.one_in(2) ? Side::buy : Side::sell; }
  Lots lots() { return random_.one_in(4) ? random_.between(1, 99) : 10 * random_.between(1, 12); }
  Ticks near() { return stepped(market_->mid + random_.between(-12, 12)); }
  // Of a limit order: mostly on its own side of the middle, so that books fill up.
  Ticks passive(std::uint8_t side) {
    const Ticks away = random_.between(-3, 14);
    return stepped(market_->mid + (side == raw(Side::buy) ? -away : away));
  }
  Ticks beyond(std::uint8_t side) {
    const Ticks away = random_.between(-2, 15);
    return stepped(market_->mid + (side == raw(Side::buy) ? away : -away));
  }
  // Most values fit the largest step there is.
  std::int64_t stepped(std::int64_t value) { return random_.one_in(3) ? value : value - value % 5; }
  OrderId recent_order() {
    const OrderId back = random_.next() % 1'500;
    return last_order_ > back ? last_order_ - back : 1;
  }

  Random random_;
  std::array<Market, kInstruments> markets_{};
  Market* market_ = nullptr;
  std::uint64_t made_ = 0;
  OrderId last_order_ = 0;
  TimeNs clock_ = 0;
};

} // namespace cmatch::test
