#include "cmatch/io/loop_timer.hpp"

#include <stdexcept>

#include "cmatch/io/clock.hpp"

namespace cmatch::io {

LoopTimer::LoopTimer(SharedStats& stats) : stats_(&stats), last_ns_(steady_ns()), started_ns_(last_ns_) {}

std::uint64_t LoopTimer::lap() {
  const std::uint64_t now = steady_ns();
  const std::uint64_t took = now - last_ns_;
  last_ns_ = now;
  return took;
}

void LoopTimer::idle() {
  stats_->add(Stat::idle_ns, lap());
  started_ns_ = last_ns_;
}

void LoopTimer::stage(Timing timing) {
  if (timing < Timing::stage_drain || timing > Timing::stage_send)
    throw std::invalid_argument("only a stage of the loop can be timed");
  stats_->histogram(timing).record(lap());
}

void LoopTimer::finish(const Transport& transport, std::uint32_t frames) {
  lap();
  const TransportCounts& counts = transport.counts();
  stats_->begin();
  stats_->set(Stat::frames_in, counts.frames_in);
  stats_->set(Stat::in_bytes, counts.bytes_in);
  stats_->set(Stat::frames_oversize, counts.frames_oversize);
  stats_->set(Stat::frames_malformed, counts.frames_malformed);
  stats_->set(Stat::frames_foreign, counts.frames_foreign);
  stats_->set(Stat::frames_out, counts.frames_out);
  stats_->set(Stat::out_bytes, counts.bytes_out);
  stats_->set(Stat::sends_blocked, counts.sends_blocked);
  stats_->set(Stat::sends_gone, counts.sends_gone);
  stats_->add(Stat::loop_iterations);
  stats_->add(Stat::busy_ns, last_ns_ - started_ns_);
  stats_->set(Stat::heartbeat_ns, last_ns_);
  if (frames > 0) {
    stats_->add(Stat::batches);
    stats_->raise(Stat::batch_size_max, frames);
    stats_->histogram(Timing::batch_size).record(frames);
    stats_->histogram(Timing::batch_service).record(last_ns_ - started_ns_);
  }
  stats_->end();
  started_ns_ = last_ns_;
}

} // namespace cmatch::io
