// What goes wrong with a machine, and how it ends.
#include <algorithm>
#include <cerrno>

#include "cmatch/io/journal_segments.hpp"
#include "machine.hpp"

namespace cmatch::simulation {

using io::CrashKind;
using io::DiskOperation;

void Machine::take(const Step& step) {
  try {
    strike(step);
  } catch (const io::PowerCut&) { // a look at the disk counts, too
    die(planned_cut_.value_or(Cut{CrashKind::kept, 0, kMillisecond}), schedule_.now(),
        "while it was looked at");
  }
}

void Machine::strike(const Step& step) {
  constexpr CrashKind kPower[] = {CrashKind::lost, CrashKind::torn, CrashKind::reordered};
  const CrashKind kind = kPower[step.salt % 3];
  switch (step.kind) {
  case StepKind::kill:
    return die({CrashKind::kept, step.salt, step.length}, schedule_.now(), "from outside");
  case StepKind::power:
    return die({kind, step.salt, step.length}, schedule_.now(), "at once");
  case StepKind::kill_at_operation:
    planned_cut_ = Cut{CrashKind::kept, step.salt, step.length};
    return disk_.cut_power_after(step.count);
  case StepKind::power_at_operation:
    planned_cut_ = Cut{kind, step.salt, step.length};
    return disk_.cut_power_after(step.count);
  case StepKind::pause:
    if (process_ == nullptr) return;
    paused_ = true;
    return schedule_.after(step.length, [this, generation = generation_] {
      if (generation != generation_) return;
      paused_ = false;
      next_turn_ = kNever;
      turn_at(schedule_.now());
    });
  case StepKind::write_error:
    return disk_.fail(DiskOperation::write, step.count,
                      {.error = step.salt % 2 == 0 ? ENOSPC : EIO,
                       .bytes = step.salt / 2 % 3 == 0 ? std::size_t{0} : std::size_t{step.salt / 8 % 700},
                       .times = 1 + step.salt / 8'192 % 3});
  case StepKind::sync_error:
    return disk_.fail(DiskOperation::sync, step.count, {.error = EIO, .bytes = 0, .times = 1});
  case StepKind::disk_full: {
    std::uint64_t used = 0;
    for (const std::uint64_t segment : io::list_segments(disk_, kJournalDirectory))
      used += disk_.contents(io::segment_path(kJournalDirectory, segment)).size();
    disk_.set_capacity(used + step.salt % 4'096);
    return schedule_.after(step.length, [this] { disk_.set_capacity(UINT64_MAX); });
  }
  case StepKind::slow_disk:
    slowness_ = step.count * 4;
    slow_until_ = schedule_.now() + step.length;
    return;
  case StepKind::flip_bit:
    return flip(step.salt);
  case StepKind::clock_jump:
    clock_offset_ += step.length;
    if (step.length > 0) oracle_.clock_jumped();
    return;
  case StepKind::clock_freeze:
    if (!frozen_at_) frozen_at_ = clock_now();
    return schedule_.after(step.length, [this] { frozen_at_.reset(); });
  default:
    violate("step ", name_of(step.kind), " is none of a machine");
  }
}

// A bit of what a segment holds, at rest.
void Machine::flip(std::uint64_t salt) {
  std::vector<std::uint64_t> segments;
  for (const std::string& name : disk_.list(kJournalDirectory))
    if (const auto sequence = io::segment_sequence(name)) segments.push_back(*sequence);
  if (segments.empty()) return;
  const std::string path = io::segment_path(kJournalDirectory, segments[salt % segments.size()]);
  const std::vector<std::uint8_t> bytes = disk_.contents(path);
  const auto last = std::find_if(bytes.rbegin(), bytes.rend(), [](std::uint8_t byte) { return byte != 0; });
  const auto used = static_cast<std::uint64_t>(bytes.rend() - last);
  if (used == 0) return;
  ++flips_;
  disk_.flip_bit(path, salt / 64 % (used * 8));
}

void Machine::heal() {
  disk_.clear_faults();
  disk_.set_capacity(UINT64_MAX);
  slow_until_ = 0;
  frozen_at_.reset();
  clock_offset_ = 0;
  if (planned_cut_) {
    planned_cut_.reset();
    disk_.cut_power_after(UINT64_MAX / 2);
  }
  if (process_ != nullptr && flips_ > 0) // what rotted is noticed when it is read
    die({CrashKind::kept, 0, 0}, schedule_.now(), "to be looked at");
  if (process_ == nullptr) return start_after(0);
  if (!paused_) return;
  paused_ = false;
  turn_at(schedule_.now());
}

void Machine::begin_anew(Endpoint leader) {
  trace_("machine ", number_, " begins anew, standing by for ", leader);
  end_process(schedule_.now(), true);
  disk_.crash(CrashKind::kept, 0);
  for (const std::string& path : disk_.paths())
    disk_.remove(path);
  disk_.sync_directory(kJournalDirectory);
  directory_ = {.leads = false, .in_sync = false, .leader = leader};
  led_epoch_ = 0;
  halted_ = suspect_ = was_solo_ = false;
  solo_until_ = durable_ = written_ = 0;
  flips_ = 0;
  vouched_.clear();
  start_after(kMillisecond);
}

} // namespace cmatch::simulation
