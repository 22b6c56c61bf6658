#include "cmatch/engine.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "cmatch/commands.hpp"
#include "cmatch/engine_state.hpp"

namespace cmatch {
namespace {

EngineLimits checked(const EngineLimits& limits) {
  constexpr std::uint32_t kMostInstruments = 1u << 20, kMostOrders = 1u << 28;
  constexpr std::uint64_t kMostIds = 1ull << 36;
  if (limits.max_instruments < 1 || limits.max_instruments > kMostInstruments)
    throw std::invalid_argument("max_instruments must be from 1 to 1048576");
  if (limits.max_orders < 1 || limits.max_orders > kMostOrders)
    throw std::invalid_argument("max_orders must be from 1 to 268435456");
  if (limits.max_order_ids < 1 || limits.max_order_ids > kMostIds)
    throw std::invalid_argument("max_order_ids must be from 1 to 68719476736");
  return limits;
}

} // namespace

EngineState::EngineState(const EngineLimits& limits_in, const EngineOptions& options_in)
    : limits(checked(limits_in)), options(options_in),
      storage(limits.max_orders, limits.max_order_ids, options.deltas), book_index(limits.max_instruments),
      tape(options.tape) {
  books.reserve(limits.max_instruments);
  MemoryList memory;
  list_memory(memory);
  if (options.huge_pages) memory.prefer_huge_pages();
  if (options.prefault) memory.touch_all();
}

void EngineState::list_memory(MemoryList& list) const {
  storage.orders.list_memory(list);
  storage.levels.list_memory(list);
  storage.index.list_memory(list);
  storage.nodes.list_memory(list, std::min<std::size_t>(limits.max_orders, 1u << 16));
}

Engine::Engine(const EngineLimits& limits, const EngineOptions& options)
    : state_(std::make_unique<EngineState>(limits, options)) {}
Engine::Engine(std::unique_ptr<EngineState> state) : state_(std::move(state)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

namespace {

// Runs `work` with `out` as the buffer of the events; whatever it throws poisons the engine.
template <class F>
void guarded(EngineState& state, EventBuffer& out, F&& work) {
  if (state.poisoned) throw InvariantViolation("the engine is poisoned by an earlier failure");
  state.out = &out;
  try {
    work();
  } catch (...) {
    state.poisoned = true;
    state.out = nullptr;
    throw;
  }
  state.out = nullptr;
}

} // namespace

void Engine::apply(const Command& command, EventBuffer& out) {
  guarded(*state_, out, [&] { apply_one(*state_, command); });
}

void Engine::apply_batch(std::span<const Command> commands, EventBuffer& out) {
  guarded(*state_, out, [&] { apply_many(*state_, commands); });
}

void Engine::list_memory(MemoryList& list) const { state_->list_memory(list); }
void Engine::prefetch_id(OrderId order_id) const { state_->storage.index.prefetch(order_id); }
void Engine::prefetch_order(OrderId order_id) const {
  state_->storage.orders.prefetch(state_->storage.index.guess(order_id));
}
void Engine::prefetch_neighbours(OrderId order_id) const {
  const Storage& storage = state_->storage;
  const Order& order = storage.orders[storage.index.guess(order_id)];
  storage.orders.prefetch(order.prev);
  storage.orders.prefetch(order.next);
  storage.levels.prefetch(order.level);
}

std::size_t Engine::next_makers(InstrumentId instrument_id, Side side, std::span<OrderId> ids) const {
  const Storage& storage = state_->storage;
  const OrderBook* book = std::as_const(*state_).find_book(instrument_id);
  if (book == nullptr || book->best(side) == kNone) return 0;
  std::size_t count = 0;
  Slot slot = book->level(book->best(side)).displayed.head;
  for (; slot != kNone && count < ids.size(); slot = storage.orders[slot].next)
    ids[count++] = storage.orders[slot].order_id;
  storage.orders.prefetch(slot); // for the next time
  return count;
}

OrderId Engine::next_order_id() const { return state_->storage.index.highest() + 1; }
TimeNs Engine::clock() const { return state_->clock; }
TimeNs Engine::next_expiry() const {
  const Storage& storage = state_->storage;
  return storage.expiry.empty() ? std::numeric_limits<TimeNs>::max()
                                : storage.orders.detail(storage.expiry.top()).expire_at;
}
std::uint64_t Engine::command_sequence() const { return state_->command_sequence; }
std::uint64_t Engine::event_sequence() const { return state_->event_sequence; }
std::uint64_t Engine::trade_sequence() const { return state_->trade_sequence; }
const EngineLimits& Engine::limits() const { return state_->limits; }
const EngineOptions& Engine::options() const { return state_->options; }
std::uint32_t Engine::live_orders() const { return state_->storage.orders.live(); }
std::uint64_t Engine::remembered_ids() const { return state_->storage.index.count(); }
OrderId Engine::retired_up_to() const { return state_->storage.index.retired(); }

std::vector<InstrumentId> Engine::instruments() const {
  std::vector<InstrumentId> ids;
  for (const OrderBook& book : state_->books)
    ids.push_back(book.id());
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::size_t Engine::memory_bytes() const {
  const Storage& storage = state_->storage;
  return storage.orders.bytes() + storage.levels.bytes() + storage.nodes.bytes() + storage.index.bytes() +
         state_->books.capacity() * sizeof(OrderBook) + state_->book_index.bytes() +
         state_->options.tape * sizeof(TapeEntry);
}

std::vector<L2Delta> Engine::drain_l2_deltas() { return state_->storage.deltas.drain_l2(); }
std::size_t Engine::pending_deltas() const { return state_->storage.deltas.pending(); }
std::vector<L3Delta> Engine::drain_l3_deltas() { return state_->storage.deltas.drain_l3(); }

} // namespace cmatch
