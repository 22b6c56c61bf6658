// Seeded order flows as arrays of commands. A flow knows what rests by running the engine while it is made, so that
// cancels hit live orders and the book keeps its size. Making one is not timed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "cmatch/engine.hpp"

namespace bench {

struct Shape {
  std::string name;
  std::size_t ops = 1'000'000;
  std::size_t resting = 2'000; // orders that the book holds around
  std::uint32_t instruments = 1;
  double limits = 0.58, iocs = 0.08; // the rest cancels
  double drift = 0.0;                // ticks the middle moves an operation
  double walk = 0.02;                // chance that the middle moves a tick
  double spread = 40;                // mean distance of a limit from the middle, in ticks
  std::uint64_t seed = 42;
};

inline cmatch::Definition instrument_of(std::uint32_t id) {
  cmatch::Definition d{};
  d.instrument_id = id;
  d.kind = static_cast<std::uint8_t>(cmatch::CommandKind::define_instrument);
  d.trigger_source = d.stop_wrong_side = d.band_mode = 1;
  d.tick_step = d.lot_step = 1;
  d.min_price = 1;
  d.max_price = 10'000'000;
  d.phase = static_cast<std::uint8_t>(cmatch::Phase::continuous);
  d.max_qty = 1'000'000'000;
  d.max_notional = INT64_MAX;
  d.max_parts = 1000;
  d.max_pegs = 1000;
  return d;
}

// `setup` fills the books, `ops` is what is timed.
struct Flow {
  std::vector<cmatch::Command> setup, ops;
  std::uint32_t max_orders = 0;
  std::uint64_t max_ids = 0;
};

class FlowMaker {
 public:
  explicit FlowMaker(const Shape& shape)
      : shape_(shape), random_(shape.seed), middle_(shape.instruments, 1'000'000) {}

  Flow make() {
    Flow flow;
    flow.max_orders = static_cast<std::uint32_t>(shape_.resting + shape_.ops);
    flow.max_ids = shape_.resting + shape_.ops + 1'000;
    cmatch::Engine engine({shape_.instruments, flow.max_orders, flow.max_ids});
    for (std::uint32_t i = 0; i < shape_.instruments; ++i)
      add(engine, flow.setup, cmatch::command_of(instrument_of(i + 1)));
    while (live_.size() < shape_.resting)
      add(engine, flow.setup, limit(false));
    while (flow.ops.size() < shape_.ops)
      add(engine, flow.ops, next());
    return flow;
  }

 private:
  cmatch::Command next() {
    const double dice = unit_(random_);
    const std::size_t i = random_() % shape_.instruments;
    if (shape_.walk > 0 && unit_(random_) < shape_.walk) middle_[i] += random_() % 2 == 0 ? 1 : -1;
    moved_ += shape_.drift;
    if (moved_ >= 1 || moved_ <= -1) {
      for (std::int64_t& middle : middle_)
        middle += static_cast<std::int64_t>(moved_);
      moved_ -= static_cast<double>(static_cast<std::int64_t>(moved_));
    }
    if (dice < shape_.limits || live_.empty()) return limit(false);
    if (dice < shape_.limits + shape_.iocs) return limit(true);
    const std::uint64_t id = live_[random_() % live_.size()];
    cmatch::Command cancel{};
    cancel.kind = static_cast<std::uint8_t>(cmatch::CommandKind::cancel);
    cancel.instrument_id = of_[id];
    cancel.order_id = id;
    cancel.account = id % 100;
    return cancel;
  }

  cmatch::Command limit(bool ioc) {
    const std::uint32_t i = static_cast<std::uint32_t>(random_() % shape_.instruments);
    const bool buy = random_() % 2 == 0;
    const auto distance = 1 + static_cast<std::int64_t>(-shape_.spread * std::log(1 - unit_(random_)));
    cmatch::Command c{};
    c.kind = static_cast<std::uint8_t>(cmatch::CommandKind::new_order);
    c.instrument_id = i + 1;
    c.order_id = ++ids_;
    c.account = ids_ % 100;
    c.side = buy ? 1 : 2;
    c.type = static_cast<std::uint8_t>(cmatch::OrderType::limit);
    c.time_in_force = static_cast<std::uint8_t>(ioc ? cmatch::TimeInForce::ioc : cmatch::TimeInForce::gtc);
    c.present = cmatch::kHasPrice;
    // An IOC reaches over the middle, by as much as the book has grown too large.
    const std::int64_t too_many =
        live_.size() > shape_.resting
            ? static_cast<std::int64_t>(live_.size() - shape_.resting) / shape_.instruments
            : 0;
    c.qty = 1 + static_cast<std::int64_t>(random_() % 100);
    if (ioc) c.qty += std::min<std::int64_t>(too_many, 20) * 50;
    const std::int64_t reach = ioc ? -static_cast<std::int64_t>(5 * shape_.spread) : distance;
    c.price = buy ? middle_[i] - reach : middle_[i] + reach;
    return c;
  }

  void add(cmatch::Engine& engine, std::vector<cmatch::Command>& to, const cmatch::Command& command) {
    events_.clear();
    engine.apply(command, events_);
    to.push_back(command);
    for (const cmatch::Event& event : events_.view()) {
      if (event.kind == static_cast<std::uint8_t>(cmatch::EventKind::trade)) {
        if (event.maker_leaves == 0) gone(event.maker_order_id);
      } else if (event.kind == static_cast<std::uint8_t>(cmatch::EventKind::canceled)) {
        gone(event.order_id);
      }
    }
    if (command.kind == static_cast<std::uint8_t>(cmatch::CommandKind::new_order) &&
        engine.order(command.order_id)) {
      at_[command.order_id] = live_.size();
      of_[command.order_id] = command.instrument_id;
      live_.push_back(command.order_id);
    }
  }

  void gone(std::uint64_t id) {
    const auto found = at_.find(id);
    if (found == at_.end()) return;
    live_[found->second] = live_.back();
    at_[live_.back()] = found->second;
    live_.pop_back();
    at_.erase(id);
    of_.erase(id);
  }

  Shape shape_;
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> unit_{0, 1};
  std::vector<std::int64_t> middle_;
  double moved_ = 0;
  std::uint64_t ids_ = 0;
  std::vector<std::uint64_t> live_;
  std::unordered_map<std::uint64_t, std::size_t> at_;
  std::unordered_map<std::uint64_t, std::uint32_t> of_;
  cmatch::EventBuffer events_;
};

} // namespace bench
