// Which requests of an account were answered, and how: docs/venue.md, section 3.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "cmatch/check.hpp"
#include "cmatch/lazy_array.hpp"
#include "cmatch/types.hpp"
#include "cmatch/venue/hash_index.hpp"
#include "cmatch/venue/ledger.hpp"
#include "cmatch/venue/records.hpp"
#include "cmatch/venue/text.hpp"

namespace cmatch {

// What is needed to give the first answer again: the venue's to fill and to read.
struct RequestOutcome {
  std::uint64_t digest; // of the content
  std::uint64_t order_id;
  std::uint64_t sequence;
  std::int64_t detail_value, detail_asked;
  std::int64_t final_cum_qty;
  std::int64_t order_qty;
  std::int64_t price;
  std::uint32_t instrument_id;
  std::uint16_t reject;        // RejectCode
  std::uint16_t exec_type;     // ExecType
  std::uint16_t action;        // OrderAction
  std::uint16_t final_status;  // OrderStatus
  std::uint16_t cancel_reason; // CancelReason, VenueCancelReason
  std::uint16_t flags;         // ReportFlag
  std::uint16_t side;
  std::uint16_t type;
  std::uint16_t time_in_force;
  std::uint16_t reserved;
  bool operator==(const RequestOutcome&) const = default;
};
static_assert(sizeof(RequestOutcome) == 88);

// Remembers requests by (account, client order id). Those whose order lives stay; the others are forgotten in the order
// in which they came to rest: after the window, where their account has `per_account` later ones, or to make room. What is
// forgotten raises its account's watermark to its sent_at, so that its retry is too old and never passes as new.
// Owns its entries, which never move. Times in ns of the venue's clock, sent_at in the client's. Not thread-safe.
// Every operation O(1), but where it says otherwise.
class ClientIds {
 public:
  using Entry = std::uint32_t; // valid until forgotten; another after a restore

  // `max_accounts`: account slots, with those of the house. `seed`: where strangers choose ids, one that they do not know;
  // it changes no answer and is no state.
  static constexpr std::uint32_t kPerAccount = 65'536;
  static constexpr TimeNs kWindow = 600'000'000'000;
  ClientIds(std::uint32_t max_ids, std::uint32_t max_accounts, std::uint32_t per_account = kPerAccount,
            TimeNs window = kWindow, std::uint64_t seed = 0);

  // Of a client order id of the account, by which it is found: worked out once for all that is done about a request.
  std::uint64_t hash(AccountSlot account, const IdHead& head, const IdTail& tail) const {
    return id_hash(head, tail, seed_ + account * 0x9E3779B97F4A7C15ull);
  }
  // kNoSlot where it is not known.
  Entry find(std::uint64_t hash, AccountSlot account, const IdHead& head, const IdTail& tail) const {
    return index_.find(hash, [&](Entry entry) {
      const Remembered& known = entries_[entry];
      return nodes_[entry].account == account && same_id(known.head, known.tail, head, tail);
    });
  }
  Entry find(AccountSlot account, const IdHead& head, const IdTail& tail) const {
    return find(hash(account, head, tail), account, head, tail);
  }
  bool too_old(AccountSlot account, TimeNs sent_at) const { return sent_at <= watermark(account); }
  TimeNs watermark(AccountSlot account) const { // the least number of all where nothing was forgotten
    return static_cast<TimeNs>(accounts_[account].raised + kLeast);
  }

  // remember() would find room.
  bool has_room() const { return size_ < max_ids_ || settled_.first != 0; }
  // An id that is not known, with its hash. At most one other is forgotten for it. kNoSlot where no room is left.
  // `live`: its order lives: it is kept until ended(). All of its outcome is then to be written, in its place: a copy of what
  // was just written piece by piece would wait for each piece.
  Entry remember(std::uint64_t hash, AccountSlot account, const IdHead& head, const IdTail& tail,
                 TimeNs sent_at, bool live, TimeNs clock);
  // Its order ended: its time to be forgotten starts now. May forget another of the account.
  void ended(Entry entry, TimeNs clock, OrderStatus final_status, Lots final_cum_qty,
             std::uint16_t cancel_reason = 0);
  // Forgets those whose window is over at `clock`, oldest first, at most that many.
  void forget_due(TimeNs clock, std::uint32_t at_most);

  RequestOutcome& outcome(Entry entry) { return entries_[entry].outcome; }
  const RequestOutcome& outcome(Entry entry) const { return entries_[entry].outcome; }
  const IdHead& head(Entry entry) const { return entries_[entry].head; }
  const IdTail& tail(Entry entry) const { return entries_[entry].tail; }
  TimeNs sent_at(Entry entry) const { return nodes_[entry].sent_at; }
  AccountSlot account(Entry entry) const { return nodes_[entry].account; }
  bool live(Entry entry) const { return nodes_[entry].settled_at == kEndOfTime; }
  std::uint32_t size() const { return size_; }
  std::uint32_t live() const { return live_count_; }
  [[gnu::always_inline]] void prefetch_hash(std::uint64_t hash) const { index_.prefetch(hash); }
  // Likely the entry of the id with that hash, where there is one: for prefetching.
  Entry guess(std::uint64_t hash) const {
    return index_.find(hash, [](Entry) { return true; });
  }
  [[gnu::always_inline]] void prefetch(Entry entry) const {
    if (entry == kNoSlot) return;
    __builtin_prefetch(&entries_[entry], 1);
    __builtin_prefetch(&entries_[entry].outcome.order_qty, 1); // the second cache line
    __builtin_prefetch(&nodes_[entry], 1);
  }
  // Those whose links change where the entry comes to rest.
  [[gnu::always_inline]] void prefetch_neighbours(Entry entry) const {
    const Node& node = nodes_[entry];
    if (node.prev != 0) __builtin_prefetch(&nodes_[node.prev - 1], 1);
    if (node.next != 0) __builtin_prefetch(&nodes_[node.next - 1], 1);
  }
  [[gnu::always_inline]] void prefetch_last(AccountSlot account) const {
    const std::uint32_t last = accounts_[account].settled.last;
    if (last != 0) __builtin_prefetch(&nodes_[last - 1], 1);
  }

  void list_memory(MemoryList& list) const {
    entries_.list_memory(list);
    nodes_.list_memory(list);
    hashes_.list_memory(list);
    accounts_.list_memory(list);
    index_.list_memory(list);
  }

  // visit(Entry) of those whose order lives, in order of arrival: how a restored venue finds its entries again. O(n).
  template <class F>
  void for_each_live(F&& visit) const {
    for (std::uint32_t link = live_.first; link != 0; link = nodes_[link - 1].next)
      visit(Entry{link - 1});
  }

  // Canonical: equal states give equal bytes. read() takes one that was just made with the same limits; throws
  // SnapshotError where the bytes are none. `accounts`: slots in use.
  void write(Writer& out) const;
  void read(Reader& in, std::uint32_t accounts);
  static std::span<const std::uint8_t> take_written(Reader& in); // as far as write() wrote; not looked at
  void check_invariants() const;                                 // O(n)

 private:
  struct alignas(64) Remembered { // touched when a request comes, or its order ends
    IdHead head;
    IdTail tail;
    RequestOutcome outcome;
  };
  struct Node { // touched also when it is forgotten
    TimeNs sent_at;
    TimeNs settled_at;        // on the venue's clock; kEndOfTime: its order lives
    std::uint32_t prev, next; // in live_ or settled_: entry + 1; `next` also chains free ones
    std::uint32_t later;      // of the same account, in settled_: entry + 1
    AccountSlot account;
  };
  static_assert(sizeof(Remembered) == 128 && sizeof(Node) == 32);

  struct List { // entry + 1; 0: empty
    std::uint32_t first, last;
  };
  struct OfAccount {
    List settled; // by `later`
    std::uint32_t count;
    std::uint32_t reserved;
    std::uint64_t raised; // watermark - kLeast: zero memory is no watermark
  };
  static constexpr std::uint64_t kLeast = std::uint64_t{1} << 63;

  Entry take(); // a free one
  void add_to_index(std::uint64_t hash, Entry entry) {
    hashes_[entry] = static_cast<std::uint32_t>(hash);
    index_.insert(hash, entry);
  }
  void append(List& list, Entry entry);
  void unlink(List& list, Entry entry);
  void settle(Entry entry, TimeNs clock); // to the end of settled_, and of its account's
  void forget_first_of(AccountSlot account);
  // It is likely the next to go, and its place the next to be taken. Its node is in reach: the one before just went.
  [[gnu::always_inline]] void prefetch_oldest() const {
    const Entry oldest = settled_.first - 1;
    const Node& node = nodes_[oldest];
    index_.prefetch(hashes_[oldest]);
    prefetch(oldest);
    __builtin_prefetch(&accounts_[node.account], 1);
    if (node.next != 0) __builtin_prefetch(&nodes_[node.next - 1], 1);
  }
  void write_entry(Entry entry, Writer& out) const;
  Entry read_entry(Reader& in, std::uint32_t accounts);

  LazyArray<Remembered> entries_;
  LazyArray<Node> nodes_;
  LazyArray<std::uint32_t> hashes_; // their low halves, as the index has them
  LazyArray<OfAccount> accounts_;
  SlotIndex index_;
  List live_{}, settled_{}; // in order of arrival; in order of coming to rest
  std::uint32_t max_ids_, per_account_;
  std::uint32_t size_ = 0, live_count_ = 0, made_ = 0;
  std::uint32_t free_ = 0; // entry + 1
  TimeNs window_;
  std::uint64_t seed_;
};

// Every field but correlation_id, session, tenant and sent_at, the order id of a new order, which is the sequencer's, and
// padding; absent optional fields count as zero.
std::uint64_t content_digest(const OrderCommand& command);

} // namespace cmatch
