// The yardstick: the book that most people write first. A std::map of prices to std::list of orders, a hash map of ids.
// Limit, IOC and cancel only, with trades appended to a vector; compiled with the same flags as the core.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <unordered_map>
#include <vector>

namespace bench {

class MapBook {
 public:
  struct Trade {
    std::uint64_t maker, taker;
    std::int64_t price, qty;
  };
  std::vector<Trade> trades;

  void limit(std::uint64_t id, bool buy, std::int64_t price, std::int64_t qty, bool ioc) {
    qty = buy ? match(asks_, id, price, qty, [](std::int64_t p, std::int64_t l) { return p <= l; })
              : match(bids_, id, price, qty, [](std::int64_t p, std::int64_t l) { return p >= l; });
    if (qty == 0 || ioc) return;
    if (buy)
      rest(bids_, id, true, price, qty);
    else
      rest(asks_, id, false, price, qty);
  }

  bool cancel(std::uint64_t id) {
    const auto found = index_.find(id);
    if (found == index_.end()) return false;
    const Where& where = found->second;
    if (where.buy)
      erase(bids_, where);
    else
      erase(asks_, where);
    index_.erase(found);
    return true;
  }

  std::size_t resting() const { return index_.size(); }

 private:
  struct Order {
    std::uint64_t id;
    std::int64_t qty;
  };
  struct Where {
    bool buy;
    std::int64_t price;
    std::list<Order>::iterator at;
  };
  using Bids = std::map<std::int64_t, std::list<Order>, std::greater<>>;
  using Asks = std::map<std::int64_t, std::list<Order>>;

  template <class Levels, class Crosses>
  std::int64_t match(Levels& levels, std::uint64_t taker, std::int64_t limit, std::int64_t qty,
                     Crosses crosses) {
    while (qty > 0 && !levels.empty() && crosses(levels.begin()->first, limit)) {
      auto& queue = levels.begin()->second;
      Order& maker = queue.front();
      const std::int64_t traded = qty < maker.qty ? qty : maker.qty;
      trades.push_back({maker.id, taker, levels.begin()->first, traded});
      qty -= traded;
      maker.qty -= traded;
      if (maker.qty > 0) continue;
      index_.erase(maker.id);
      queue.pop_front();
      if (queue.empty()) levels.erase(levels.begin());
    }
    return qty;
  }

  template <class Levels>
  void rest(Levels& levels, std::uint64_t id, bool buy, std::int64_t price, std::int64_t qty) {
    auto& queue = levels[price];
    queue.push_back({id, qty});
    index_[id] = {buy, price, std::prev(queue.end())};
  }

  template <class Levels>
  void erase(Levels& levels, const Where& where) {
    const auto level = levels.find(where.price);
    level->second.erase(where.at);
    if (level->second.empty()) levels.erase(level);
  }

  Bids bids_;
  Asks asks_;
  std::unordered_map<std::uint64_t, Where> index_;
};

} // namespace bench
