#include "cmatch/order_index.hpp"

#include <algorithm>

#include "cmatch/check.hpp"

namespace cmatch {

void OrderIndex::retire(OrderId up_to) {
  if (up_to <= retired_) return;
  if (sparse_fresh_ != 0) return rebuild(up_to);
  if (empty()) begin_window(up_to + 1 - std::min(up_to, capacity_ / 2));
  const OrderId first = std::max(base_, retired_ + 1);
  if (first <= up_to)
    for (std::uint64_t at = first - base_, end = std::min(up_to - base_ + 1, dense_top_); at < end; ++at)
      count_ -= cell(base_ + at) != kUnused;
  retired_ = up_to;
}

// With all that is known put anew: what is outside the window may come into it.
void OrderIndex::rebuild(OrderId up_to) {
  std::vector<std::pair<OrderId, std::uint32_t>> kept;
  const auto keep = [&](OrderId id, std::uint32_t value) {
    if (value != kUnused && (id > up_to || value != kDead)) kept.emplace_back(id, value);
  };
  for (std::uint64_t at = 0; at < dense_top_; ++at)
    keep(base_ + at, std::exchange(cell(base_ + at), kUnused));
  for (std::uint64_t i = 0; i < sparse_count_; ++i)
    keep(sparse_ids_[i], sparse_[probe(sparse_ids_[i])].value);
  sparse_ = LazyArray<Entry>();
  sparse_ids_ = LazyArray<OrderId>();
  dense_top_ = sparse_count_ = sparse_fresh_ = count_ = 0;
  sparse_highest_ = 0;
  retired_ = up_to;
  begin_window(up_to + 1);
  for (const auto& [id, value] : kept) {
    put(id, value);
    count_ += id > retired_;
  }
}

void OrderIndex::insert_elsewhere(OrderId id, Slot slot) {
  if (id > base_ && id - base_ >= window_) {
    if (empty())
      begin_window(id - capacity_ / 8);
    else
      slide(id);
  }
  put(id, value_of(slot));
  ++count_;
}

// Gives the cells of the lowest ids, where those are retired, to `id` and some after it. Never over ids that the table
// holds: those above the window wait for the next retirement, which puts all anew.
void OrderIndex::slide(OrderId id) {
  if (sparse_fresh_ != 0) return;
  const OrderId first = std::min(id - window_ + kSlide, retired_ + 1);
  if (first <= base_ || id - first >= window_) return;
  const OrderId from = base_;
  const std::uint64_t gone = std::min(first - base_, dense_top_);
  begin_window(first);
  dense_top_ -= gone;
  for (OrderId old = from; old < from + gone; ++old) {
    const std::uint32_t value = std::exchange(cell(old), kUnused);
    if (value != kUnused && value != kDead) put_sparse(old, value);
  }
}

void OrderIndex::put_sparse(OrderId id, std::uint32_t value) {
  if (sparse_.size() == 0) {
    sparse_ = LazyArray<Entry>(sparse_capacity_);
    sparse_ids_ = LazyArray<OrderId>(sparse_capacity_ / 2);
  }
  Entry& entry = sparse_[probe(id)];
  if (entry.value == kUnused) {
    CM_CHECK(sparse_count_ <= UINT32_MAX);
    sparse_ids_[sparse_count_] = id;
    entry.place = static_cast<std::uint32_t>(sparse_count_++);
    sparse_fresh_ += id > retired_;
  }
  if (id > sparse_highest_) sparse_highest_ = id;
  entry.id = id;
  entry.value = value;
}

// A retired id without an order need not be known: all of them are used.
void OrderIndex::set_sparse(OrderId id, Slot slot) {
  if (slot == kNone && id <= retired_)
    erase(id);
  else
    put_sparse(id, value_of(slot));
}

// Who lies behind it on the way from his home to his cell comes nearer.
void OrderIndex::erase(OrderId id) {
  std::uint64_t hole = probe(id);
  const OrderId last = sparse_ids_[--sparse_count_];
  sparse_ids_[sparse_[hole].place] = last;
  sparse_[probe(last)].place = sparse_[hole].place;
  for (std::uint64_t at = after(hole); sparse_[at].value != kUnused; at = after(at)) {
    const std::uint64_t mask = sparse_capacity_ - 1;
    if (((at - home(sparse_[at].id)) & mask) < ((at - hole) & mask)) continue;
    sparse_[hole] = sparse_[at];
    hole = at;
  }
  sparse_[hole] = Entry{};
}

std::vector<std::pair<OrderId, OrderId>> OrderIndex::used_ranges() const {
  std::vector<std::pair<OrderId, OrderId>> ranges;
  bool sorted = true;
  const auto add = [&](OrderId id) {
    if (!ranges.empty() && ranges.back().second + 1 == id) {
      ranges.back().second = id;
    } else {
      sorted = sorted && (ranges.empty() || ranges.back().second < id);
      ranges.emplace_back(id, id);
    }
  };
  const std::uint64_t skipped = retired_ < base_ ? 0 : retired_ + 1 - base_;
  for (std::uint64_t at = skipped; at < dense_top_; ++at)
    if (cell(base_ + at) != kUnused) add(base_ + at);
  for (std::uint64_t i = 0; sparse_fresh_ != 0 && i < sparse_count_; ++i)
    if (sparse_ids_[i] > retired_) add(sparse_ids_[i]);
  if (sorted) return ranges;
  std::sort(ranges.begin(), ranges.end());
  std::vector<std::pair<OrderId, OrderId>> merged;
  for (const auto& [first, last] : ranges) {
    if (!merged.empty() && merged.back().second + 1 == first)
      merged.back().second = last;
    else
      merged.emplace_back(first, last);
  }
  return merged;
}

} // namespace cmatch
