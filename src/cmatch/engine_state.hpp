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
  explicit BookIndex(std::uint32_t max_instruments) : cells_(std::bit_ceil(std::size_t{2} * max_instruments + 2)) {}

  std::uint32_t find(InstrumentId id) const { return cells_[probe(id)].book; }
  void insert(InstrumentId id, std::uint32_t book) { cells_[probe(id)] = {id, book}; }
  std::size_t bytes() const { return cells_.size() * sizeof(Cell); }

 private:
  struct Cell {
    InstrumentId id = 0;
    std::uint32_t book = kNone;
  };

  std::size_t probe(InstrumentId id) const {
    const std::size_t mask = cells_.size() - 1;
    std::size_t at = (id * 0x9E3779B97F4A7C15ull >> 32) & mask;
    while (cells_[at].book != kNone && cells_[at].id != id)
      at = (at + 1) & mask;
    return at;
  }

  std::vector<Cell> cells_;
};

// The last trades, oldest overwritten first.
class Tape {
 public:
  explicit Tape(std::uint32_t capacity) : capacity_(capacity) { entries_.reserve(capacity); }

  void add(const TapeEntry& entry) {
    if (capacity_ == 0) return;
    if (entries_.size() < capacity_) {
      entries_.push_back(entry);
      return;
    }
    entries_[next_] = entry;
    next_ = next_ + 1 == capacity_ ? 0 : next_ + 1;
  }

  std::vector<TapeEntry> entries() const {
    std::vector<TapeEntry> all(entries_.begin() + next_, entries_.end());
    all.insert(all.end(), entries_.begin(), entries_.begin() + next_);
    return all;
  }

 private:
  std::uint32_t capacity_;
  std::uint32_t next_ = 0; // the oldest, once it is full
  std::vector<TapeEntry> entries_;
};

class EngineState {
 public:
  EngineState(const EngineLimits& limits, const EngineOptions& options);

  OrderBook* find_book(InstrumentId id) {
    if (last_book != nullptr && last_book->id() == id) return last_book;
    const std::uint32_t number = book_index.find(id);
    if (number == kNone) return nullptr;
    return last_book = &books[number];
  }
  const OrderBook* find_book(InstrumentId id) const {
    const std::uint32_t number = book_index.find(id);
    return number == kNone ? nullptr : &books[number];
  }
  // The live order of that account in that instrument, or kNone.
  Slot find_order(const OrderBook& book, OrderId id, AccountId account) const {
    const Slot slot = storage.index.find(id);
    if (slot == kNone) return kNone;
    const Order& order = storage.orders[slot];
    return order.book == book.number() && order.account == account ? slot : kNone;
  }

  // An event of the running command. All fields but the header are zero.
  Event& emit(EventKind kind, const OrderBook& book) {
    Event& event = out->push();
    event = Event{};
    event.sequence = ++event_sequence;
    event.command_sequence = command_sequence;
    event.timestamp = clock;
    event.instrument_id = book.id();
    event.kind = static_cast<std::uint8_t>(kind);
    event.present = kEventInstrument;
    return event;
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
