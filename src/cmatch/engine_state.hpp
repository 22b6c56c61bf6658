// All that an engine is: pools, books, counters, and the buffer that the running command writes to.
// Data and its bookkeeping only; the rules are functions over it (checks, matcher, settle, auction, commands).
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "cmatch/engine.hpp"
#include "cmatch/order_book.hpp"

namespace cmatch {

// Instrument id -> number of its book: open addressing, made once for max_instruments.
class BookIndex {
 public:
  static constexpr std::uint32_t kNoBook = 0xFFFFFFFF;

  explicit BookIndex(std::uint32_t max_instruments)
      : cells_(std::bit_ceil(std::size_t{2} * max_instruments + 2)) {}

  std::uint32_t find(InstrumentId id) const { return cells_[probe(id)].book; }
  void insert(InstrumentId id, std::uint32_t book) { cells_[probe(id)] = {id, book}; }
  std::size_t bytes() const { return cells_.size() * sizeof(Cell); }

 private:
  struct Cell {
    InstrumentId id = 0;
    std::uint32_t book = kNoBook;
  };

  std::size_t probe(InstrumentId id) const {
    const std::size_t mask = cells_.size() - 1;
    std::size_t at = (id * 0x9E3779B97F4A7C15ull >> 32) & mask;
    while (cells_[at].book != kNoBook && cells_[at].id != id)
      at = (at + 1) & mask;
    return at;
  }

  std::vector<Cell> cells_;
};

// The last trades, oldest overwritten first.
class Tape {
 public:
  explicit Tape(std::uint32_t capacity) : entries_(capacity) {}

  // The entry of the next trade, still holding an older one's; null where the tape has no room at all.
  TapeEntry* next() {
    if (entries_.empty()) return nullptr;
    if (at_ == entries_.size()) at_ = 0;
    if (count_ < entries_.size()) ++count_;
    return &entries_[at_++];
  }

  std::vector<TapeEntry> entries() const {
    const auto oldest = entries_.begin() + static_cast<std::ptrdiff_t>(count_ < entries_.size() ? 0 : at_);
    std::vector<TapeEntry> all(oldest, entries_.begin() + static_cast<std::ptrdiff_t>(count_));
    all.insert(all.end(), entries_.begin(), oldest);
    return all;
  }

 private:
  std::vector<TapeEntry> entries_;
  std::size_t at_ = 0;    // the next one to write
  std::size_t count_ = 0; // written
};

class EngineState {
 public:
  EngineState(const EngineLimits& limits, const EngineOptions& options);
  void list_memory(MemoryList& list) const;

  OrderBook* find_book(InstrumentId id) {
    if (last_book != nullptr && last_book->id() == id) return last_book;
    const std::uint32_t number = book_index.find(id);
    if (number == BookIndex::kNoBook) return nullptr;
    return last_book = &books[number];
  }
  const OrderBook* find_book(InstrumentId id) const {
    const std::uint32_t number = book_index.find(id);
    return number == BookIndex::kNoBook ? nullptr : &books[number];
  }
  // The live order of that account in that instrument, or kNone.
  Slot find_order(const OrderBook& book, OrderId id, AccountId account) const {
    const Slot slot = storage.index.find(id);
    if (slot == kNone) return kNone;
    const Order& order = storage.orders[slot];
    return order.book == book.number() && order.account == account ? slot : kNone;
  }

  // An event of the running command. All fields but the header are zero.
  Event& emit(EventKind kind, InstrumentId instrument_id) {
    Event& event = out->push();
    event.sequence = ++event_sequence;
    event.command_sequence = command_sequence;
    event.timestamp = clock;
    blank(event, instrument_id, kind);
    return event;
  }
  Event& emit(EventKind kind, const OrderBook& book) {
    Event& event = emit(kind, book.id());
    event.present = kEventInstrument;
    return event;
  }
  void record(const OrderBook& book, const Event& trade) {
    TapeEntry* entry = tape.next();
    if (entry == nullptr) return;
    entry->trade_id = trade.trade_id;
    entry->command_sequence = command_sequence;
    entry->timestamp = clock;
    entry->instrument_id = book.id();
    entry->taker_side = trade.side;
    entry->price = trade.price;
    entry->qty = trade.qty;
    entry->maker_order_id = trade.maker_order_id;
    entry->taker_order_id = trade.order_id;
  }
  void touch(OrderBook& book) {
    if (book.touched) return;
    book.touched = true;
    touched.push_back(book.number());
  }

  EngineLimits limits;
  EngineOptions options;
  Storage storage;
  TimeNs clock = 0;
  std::uint64_t command_sequence = 0;
  std::uint64_t event_sequence = 0;
  std::uint64_t trade_sequence = 0;
  std::uint64_t arrivals = 0;
  std::vector<OrderBook> books; // never reallocated: reserved for max_instruments
  BookIndex book_index;
  OrderBook* last_book = nullptr; // found last
  Tape tape;
  EventBuffer* out = nullptr;
  bool poisoned = false;

  // Scratch of the running command.
  std::vector<std::uint32_t> touched; // books to settle, in the order first touched
  std::vector<Slot> selected;         // orders that a command works through
  std::vector<Slot> releases;         // stops that have triggered
};

} // namespace cmatch
