// What a Python engine object holds: the engine, its buffers, and the flag that says a thread is inside.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "cmatch/engine.hpp"
#include "cmatch/owner_guard.hpp"
#include "shared/buffer_pool.hpp"
#include "shared/errors.hpp"
#include "shared/python.hpp"

namespace cmatch::face {

struct KeepOptions {
  bool keep_events = false;
  std::uint64_t max_events = 1u << 20;
};

struct EngineHost {
  explicit EngineHost(Engine made, const KeepOptions& options = {})
      : engine(std::move(made)), keep(options), buffers(options.keep_events || engine.options().deltas) {}

  Engine engine;
  KeepOptions keep;
  bool buffers;       // something is kept until it is drained
  EventBuffer events; // those kept for drain_events(), or those of the last single call
  std::shared_ptr<BufferPool> pool = std::make_shared<BufferPool>();
  std::atomic<bool> busy{false};
};

// One thread's stay in an engine. Throws EngineBusy where another is inside.
#ifdef Py_GIL_DISABLED
class Stay {
 public:
  explicit Stay(EngineHost& host) : guard_(host.busy) {
    if (!guard_) [[unlikely]]
      throw EngineBusy();
  }

 private:
  OwnerGuard guard_;
};
#else
// Whoever comes or goes holds the GIL, though it may let go of it in between: the flag needs no locked instruction,
// which would be a sixth of the time of a submit.
class Stay {
 public:
  explicit Stay(EngineHost& host) : busy_(host.busy) {
    if (busy_.load(std::memory_order_relaxed)) [[unlikely]]
      throw EngineBusy();
    busy_.store(true, std::memory_order_relaxed);
  }
  ~Stay() { busy_.store(false, std::memory_order_relaxed); }
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;

 private:
  std::atomic<bool>& busy_;
};
#endif

// A stay that applies `commands` commands. Each makes at least one event: without that many free places in the buffer
// of kept events, or with max_events deltas waiting, it throws BufferFull before anything is applied. What the commands
// emit beyond that is kept too.
class Turn {
 public:
  Turn(EngineHost& host, std::size_t commands) : stay_(host), host_(host) {
    if (host.buffers) [[unlikely]] {
      check_room(commands);
      check_deltas();
    }
  }

  // The events of one command; valid until the next command.
  std::span<const Event> apply(const Command& command) {
    EventBuffer& events = host_.events;
    if (!host_.keep.keep_events) [[likely]]
      events.clear();
    const std::size_t before = events.size();
    host_.engine.apply(command, events);
    return events.view().subspan(before);
  }

 private:
  void check_deltas() const {
    const std::uint64_t held = host_.engine.pending_deltas();
    if (held < host_.keep.max_events) return;
    throw BufferFull("the delta buffers hold " + std::to_string(held) +
                     " of max_events=" + std::to_string(host_.keep.max_events) +
                     ": call drain_l2_deltas() and drain_l3_deltas() first");
  }

  void check_room(std::size_t commands) const {
    if (!host_.keep.keep_events) return;
    const std::uint64_t held = host_.events.size();
    const std::uint64_t most = host_.keep.max_events;
    if (held < most && commands <= most - held) return;
    throw BufferFull("the event buffer holds " + std::to_string(held) +
                     " of max_events=" + std::to_string(most) + " and " + std::to_string(commands) +
                     " more are due at least: call drain_events() first" +
                     (commands > most ? ", and split the batch" : ""));
  }

  Stay stay_;
  EngineHost& host_;
};

} // namespace cmatch::face
