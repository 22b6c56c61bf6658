#include "cmatch/venue/client_ids.hpp"

#include <cstddef>
#include <cstring>

#include "cmatch/command.hpp"
#include "cmatch/planted.hpp"
#include "cmatch/snapshot_format.hpp"
#include "cmatch/venue/venue_format.hpp"

namespace cmatch {
namespace {

constexpr std::size_t kWatermarkBytes = 12, kEntryBytes = 146; // as write() writes them

} // namespace

ClientIds::ClientIds(std::uint32_t max_ids, std::uint32_t max_accounts, std::uint32_t per_account,
                     TimeNs window, std::uint64_t seed)
    : entries_(max_ids), nodes_(max_ids), hashes_(max_ids), accounts_(max_accounts), index_(max_ids),
      max_ids_(max_ids), per_account_(per_account), window_(window), seed_(seed) {
  CM_CHECK(max_ids < 1u << 31 && per_account > 0 && window >= 0);
}

ClientIds::Entry ClientIds::remember(std::uint64_t hash, AccountSlot account, const IdHead& head,
                                     const IdTail& tail, TimeNs sent_at, bool live, TimeNs clock) {
  CM_CHECK(account < accounts_.size());
  if (!live && accounts_[account].count == per_account_)
    forget_first_of(account);
  else if (size_ == max_ids_ && settled_.first != 0)
    forget_first_of(nodes_[settled_.first - 1].account);
  if (size_ == max_ids_) return kNoSlot;

  const Entry entry = take();
  Remembered& added = entries_[entry];
  std::memcpy(added.head, head, sizeof(IdHead));
  std::memcpy(added.tail, tail, sizeof(IdTail));
  Node& node = nodes_[entry];
  node.sent_at = sent_at;
  node.account = account;
  add_to_index(hash, entry);
  if (live) {
    node.settled_at = kEndOfTime;
    append(live_, entry);
    ++live_count_;
  } else {
    settle(entry, clock);
  }
  return entry;
}

void ClientIds::ended(Entry entry, TimeNs clock, OrderStatus final_status, Lots final_cum_qty,
                      std::uint16_t cancel_reason) {
  CM_CHECK(entry < made_ && live(entry) && live_count_ > 0);
  RequestOutcome& outcome = entries_[entry].outcome;
  outcome.final_status = static_cast<std::uint16_t>(final_status);
  outcome.final_cum_qty = final_cum_qty;
  outcome.cancel_reason = cancel_reason;
  unlink(live_, entry);
  --live_count_;
  const AccountSlot account = nodes_[entry].account;
  if (accounts_[account].count == per_account_) forget_first_of(account);
  settle(entry, clock);
}

void ClientIds::forget_due(TimeNs clock, std::uint32_t at_most) {
  for (; at_most > 0 && settled_.first != 0; --at_most) {
    const Node& oldest = nodes_[settled_.first - 1];
    if (clock - oldest.settled_at < window_) return;
    forget_first_of(oldest.account);
  }
}

ClientIds::Entry ClientIds::take() {
  constexpr Entry kSoon = 4;
  ++size_;
  Entry entry = made_, soon = made_ + kSoon;
  if (free_ == 0) {
    ++made_;
  } else {
    entry = free_ - 1;
    free_ = nodes_[entry].next;
    soon = free_ - 1;
  }
  if (soon < max_ids_) prefetch(soon); // what is stored far away holds up all that is stored after it
  return entry;
}

void ClientIds::append(List& list, Entry entry) {
  nodes_[entry].prev = list.last;
  nodes_[entry].next = 0;
  (list.last == 0 ? list.first : nodes_[list.last - 1].next) = entry + 1;
  list.last = entry + 1;
}

void ClientIds::unlink(List& list, Entry entry) {
  const Node& gone = nodes_[entry];
  (gone.prev == 0 ? list.first : nodes_[gone.prev - 1].next) = gone.next;
  (gone.next == 0 ? list.last : nodes_[gone.next - 1].prev) = gone.prev;
}

void ClientIds::settle(Entry entry, TimeNs clock) {
  Node& known = nodes_[entry];
  CM_CHECK(settled_.last == 0 || nodes_[settled_.last - 1].settled_at <= clock);
  CM_CHECK(clock < kEndOfTime);
  known.settled_at = clock;
  append(settled_, entry);
  OfAccount& of = accounts_[known.account];
  known.later = 0;
  (of.settled.last == 0 ? of.settled.first : nodes_[of.settled.last - 1].later) = entry + 1;
  of.settled.last = entry + 1;
  ++of.count;
}

// The oldest of an account is the first of its chain, and so is the oldest of all.
void ClientIds::forget_first_of(AccountSlot account) {
  OfAccount& of = accounts_[account];
  CM_CHECK(of.count > 0 && of.settled.first != 0);
  const Entry entry = of.settled.first - 1;
  Node& gone = nodes_[entry];
  CM_CHECK(gone.account == account);
  const auto raised = static_cast<std::uint64_t>(gone.sent_at) - kLeast;
  if (raised > of.raised && !planted(Bug::forgets_client_ids)) of.raised = raised;
  of.settled.first = gone.later;
  if (gone.later == 0) of.settled.last = 0;
  --of.count;
  unlink(settled_, entry);
  if (settled_.first != 0) prefetch_oldest();
  index_.erase(hashes_[entry], entry);
  gone.next = free_;
  free_ = entry + 1;
  --size_;
}

void ClientIds::write_entry(Entry entry, Writer& out) const {
  const Remembered& known = entries_[entry];
  const RequestOutcome& outcome = known.outcome;
  const Node& node = nodes_[entry];
  out.put(node.account);
  put_text(out, known.head);
  put_text(out, known.tail);
  out.put(node.sent_at);
  out.put(node.settled_at);
  out.put(outcome.digest);
  out.put(outcome.order_id);
  out.put(outcome.sequence);
  for (const std::int64_t value :
       {outcome.detail_value, outcome.detail_asked, outcome.final_cum_qty, outcome.order_qty, outcome.price})
    out.put(value);
  out.put(outcome.instrument_id);
  for (const std::uint16_t value :
       {outcome.reject, outcome.exec_type, outcome.action, outcome.final_status, outcome.cancel_reason,
        outcome.flags, outcome.side, outcome.type, outcome.time_in_force})
    out.put(value);
}

ClientIds::Entry ClientIds::read_entry(Reader& in, std::uint32_t accounts) {
  const Entry entry = take();
  Remembered& known = entries_[entry];
  Node& node = nodes_[entry];
  node.account = in.get<AccountSlot>();
  get_text(in, known.head);
  get_text(in, known.tail);
  node.sent_at = in.get<TimeNs>();
  node.settled_at = in.get<TimeNs>();
  RequestOutcome& outcome = known.outcome;
  outcome.digest = in.get<std::uint64_t>();
  outcome.order_id = in.get<std::uint64_t>();
  outcome.sequence = in.get<std::uint64_t>();
  for (std::int64_t* value : {&outcome.detail_value, &outcome.detail_asked, &outcome.final_cum_qty,
                              &outcome.order_qty, &outcome.price})
    *value = in.get<std::int64_t>();
  outcome.instrument_id = in.get<std::uint32_t>();
  for (std::uint16_t* value :
       {&outcome.reject, &outcome.exec_type, &outcome.action, &outcome.final_status, &outcome.cancel_reason,
        &outcome.flags, &outcome.side, &outcome.type, &outcome.time_in_force})
    *value = in.get<std::uint16_t>();
  outcome.reserved = 0;
  refuse_unless(node.account >= kHouseAccounts && node.account < accounts, "a request of no account");
  refuse_unless(is_printable_id(known.head, known.tail), "a request without a client order id");
  const std::uint64_t of_id = hash(node.account, known.head, known.tail);
  refuse_unless(find(of_id, node.account, known.head, known.tail) == kNoSlot, "a client order id twice");
  add_to_index(of_id, entry);
  return entry;
}

void ClientIds::write(Writer& out) const {
  std::uint32_t raised = 0;
  for (std::size_t slot = 0; slot < accounts_.size(); ++slot)
    raised += accounts_[slot].raised != 0;
  out.put(std::uint64_t{raised});
  for (std::uint32_t slot = 0; raised > 0; ++slot)
    if (accounts_[slot].raised != 0) {
      out.put(slot);
      out.put(accounts_[slot].raised);
      --raised;
    }
  out.put(std::uint64_t{live_count_});
  for_each_live([&](Entry entry) { write_entry(entry, out); });
  out.put(std::uint64_t{size_ - live_count_});
  for (std::uint32_t link = settled_.first; link != 0; link = nodes_[link - 1].next)
    write_entry(link - 1, out);
}

std::span<const std::uint8_t> ClientIds::take_written(Reader& in) {
  const std::span<const std::uint8_t> all = in.rest();
  for (const std::size_t size : {kWatermarkBytes, kEntryBytes, kEntryBytes})
    in.take(in.get_count(size) * size);
  return all.first(all.size() - in.rest().size());
}

void ClientIds::read(Reader& in, std::uint32_t accounts) {
  CM_CHECK(size_ == 0 && made_ == 0);
  accounts = accounts < accounts_.size() ? accounts : static_cast<std::uint32_t>(accounts_.size());
  std::uint32_t least = kHouseAccounts;
  for (std::uint64_t left = in.get_count(kWatermarkBytes); left > 0; --left) {
    const auto slot = in.get<AccountSlot>();
    const auto raised = in.get<std::uint64_t>();
    refuse_unless(slot >= least && slot < accounts && raised != 0, "a watermark of no account");
    accounts_[slot].raised = raised;
    least = slot + 1;
  }
  std::uint64_t left = in.get_count(kEntryBytes);
  refuse_unless(left <= max_ids_, "more client order ids than the limit");
  for (; left > 0; --left) {
    const Entry entry = read_entry(in, accounts);
    refuse_unless(nodes_[entry].settled_at == kEndOfTime, "a live order's request that has ended");
    append(live_, entry);
    ++live_count_;
  }
  left = in.get_count(kEntryBytes);
  refuse_unless(left <= max_ids_ - size_, "more client order ids than the limit");
  for (TimeNs last = std::numeric_limits<TimeNs>::min(); left > 0; --left) {
    const Entry entry = read_entry(in, accounts);
    const TimeNs settled_at = nodes_[entry].settled_at;
    refuse_unless(settled_at >= last && settled_at != kEndOfTime, "client order ids out of order");
    refuse_unless(accounts_[nodes_[entry].account].count < per_account_,
                  "more client order ids than an account has");
    settle(entry, last = settled_at);
  }
}

void ClientIds::check_invariants() const {
  std::uint32_t seen = 0, settled = 0;
  const auto known_as = [&](Entry entry) {
    const Remembered& known = entries_[entry];
    return find(nodes_[entry].account, known.head, known.tail) == entry;
  };
  std::uint32_t prev = 0;
  for (std::uint32_t link = live_.first; link != 0; prev = link, link = nodes_[link - 1].next) {
    CM_CHECK(nodes_[link - 1].prev == prev && live(link - 1) && known_as(link - 1));
    CM_CHECK(++seen <= live_count_);
  }
  CM_CHECK(live_.last == prev && seen == live_count_);
  prev = 0;
  for (std::uint32_t link = settled_.first; link != 0; prev = link, link = nodes_[link - 1].next) {
    CM_CHECK(nodes_[link - 1].prev == prev && !live(link - 1) && known_as(link - 1));
    CM_CHECK(prev == 0 || nodes_[prev - 1].settled_at <= nodes_[link - 1].settled_at);
    CM_CHECK(++seen <= size_);
  }
  CM_CHECK(settled_.last == prev && seen == size_ && index_.size() == size_ && size_ <= max_ids_);
  for (AccountSlot slot = 0; slot < accounts_.size(); ++slot) {
    const OfAccount& of = accounts_[slot];
    std::uint32_t count = 0, last = 0;
    for (std::uint32_t link = of.settled.first; link != 0; last = link, link = nodes_[link - 1].later) {
      CM_CHECK(nodes_[link - 1].account == slot && ++count <= of.count);
      CM_CHECK(last == 0 || nodes_[last - 1].settled_at <= nodes_[link - 1].settled_at);
    }
    CM_CHECK(of.settled.last == last && count == of.count && count <= per_account_);
    settled += count;
  }
  CM_CHECK(settled == size_ - live_count_);
}

namespace {

// `Plain`: no optional field but price and qty is present.
template <bool Plain>
std::uint64_t content_digest_of(const OrderCommand& command) {
  using C = OrderCommand;
  const auto action = static_cast<OrderAction>(command.kind);
  const auto word = [&](std::size_t offset) { return word_at(&command, offset); };
  const auto only = [&](bool counts, std::uint64_t value) {
    return value & (std::uint64_t{0} - static_cast<std::uint64_t>(counts));
  };
  const auto present = [&](std::uint16_t bit, std::int64_t value) {
    return only((command.present & bit) != 0, static_cast<std::uint64_t>(value));
  };
  const auto rare = [&](std::uint16_t bit, std::int64_t value) {
    return Plain ? std::uint64_t{0} : present(bit, value);
  };
  const bool has_qty = action != OrderAction::replace || (command.present & kHasQty) != 0;
  const std::uint64_t words[] = {
      word(0), // kind, side, type, time_in_force
      word(8), // instrument_id, stp_mode, present
      command.account,
      only(has_qty, static_cast<std::uint64_t>(command.qty)),
      present(kHasPrice, command.price),
      only(action != OrderAction::new_order, command.order_id),
      word(offsetof(C, client_order_id_head)),
      word(offsetof(C, client_order_id_head) + 8),
      word(offsetof(C, client_order_id_tail)),
      word(offsetof(C, client_order_id_tail) + 8),
      word(offsetof(C, client_order_id_tail) + 16),
      word(offsetof(C, orig_client_order_id_head)),
      word(offsetof(C, orig_client_order_id_head) + 8),
      word(offsetof(C, orig_client_order_id_tail)),
      word(offsetof(C, orig_client_order_id_tail) + 8),
      word(offsetof(C, orig_client_order_id_tail) + 16),
      std::uint64_t{command.flags} << 16 | rare(kHasPeg, command.peg),
      rare(kHasStopPrice, command.stop_price),
      rare(kHasTrail, command.trail),
      rare(kHasOffset, command.offset),
      rare(kHasDisplayQty, command.display_qty),
      rare(kHasMinQty, command.min_qty),
      rare(kHasExpireAt, command.expire_at),
      rare(kHasStpGroup, static_cast<std::int64_t>(command.stp_group)),
      rare(kHasQuoteQty, command.quote_qty),
      0,
  };
  static_assert(offsetof(C, instrument_id) == 8 && offsetof(C, account) == 16);
  return words_digest(words);
}

} // namespace

std::uint64_t content_digest(const OrderCommand& command) {
  const bool plain = (command.present & ~(kHasPrice | kHasQty)) == 0;
  return plain ? content_digest_of<true>(command) : content_digest_of<false>(command);
}

} // namespace cmatch
