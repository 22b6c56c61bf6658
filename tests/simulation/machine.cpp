#include "machine.hpp"

#include <algorithm>
#include <cerrno>

#include "cmatch/io/journal_errors.hpp"
#include "cmatch/io/journal_segments.hpp"

namespace cmatch::simulation {

using io::CrashKind;
using io::DiskOperation;

namespace {

constexpr TimeNs kIdle = 5 * kMillisecond;
constexpr TimeNs kHouse = 20 * kMillisecond;
constexpr TimeNs kChores = 100 * kMillisecond;
constexpr TimeNs kStarting = 3 * kMillisecond;

constexpr TimeNs cost_of(DiskOperation operation) {
  switch (operation) {
  case DiskOperation::sync:
  case DiskOperation::sync_directory:
    return 300 * kMicrosecond;
  case DiskOperation::allocate:
    return 50 * kMicrosecond;
  default:
    return 4 * kMicrosecond;
  }
}

} // namespace

Machine::Machine(Schedule& schedule, Trace& trace, Network& network, Oracle& oracle, const World& world,
                 std::uint32_t number)
    : schedule_(schedule), trace_(trace), network_(network), oracle_(oracle), world_(world), number_(number),
      clock_(schedule), link_(schedule, trace, network, number) {
  directory_.leads = number == 0;
  directory_.leader = number == 0 ? 1 : 0;
}
Machine::~Machine() = default;

const Venue& Machine::venue() const { return process_->venue; }
const io::Standby* Machine::standby() const {
  return process_ != nullptr && process_->standby ? &*process_->standby : nullptr;
}

// --- time ----------------------------------------------------------------------------------------------------------------

TimeNs Machine::clock_now() const {
  return frozen_at_ ? *frozen_at_ : kEpochStart + schedule_.now() + clock_offset_;
}

TimeNs Machine::cost() const {
  TimeNs sum = 0;
  for (std::size_t i = 0; i < io::kDiskOperations; ++i) {
    const auto operation = static_cast<DiskOperation>(i);
    sum += static_cast<TimeNs>(disk_.operations(operation) - operations_before_[i]) * cost_of(operation);
  }
  return sum * (schedule_.now() < slow_until_ ? slowness_ : 1);
}

void Machine::turn_at(TimeNs when) {
  when = std::max(when, busy_until_);
  if (when >= next_turn_) return;
  next_turn_ = when;
  schedule_.at(when, [this, when, generation = generation_] {
    if (generation == generation_ && when == next_turn_) turn();
  });
}

// --- the life of the process ---------------------------------------------------------------------------------------------

// Runs work of the process on its disk; what ends the process or the machine is dealt with here.
template <class Work>
void Machine::guarded(Work&& work) {
  turn_began_ = schedule_.now();
  for (std::size_t i = 0; i < io::kDiskOperations; ++i)
    operations_before_[i] = disk_.operations(static_cast<DiskOperation>(i));
  clock_.set(clock_now());
  try {
    work();
    busy_until_ = moment();
  } catch (const io::PowerCut&) {
    const Cut cut = planned_cut_.value_or(Cut{CrashKind::kept, 0, kMillisecond});
    die(cut, moment(), "in the middle of its work");
  } catch (const io::JournalFailed& error) {
    exit_process(error.what());
  } catch (const io::JournalCorrupt& error) {
    if (flips_ == 0) violate("machine ", number_, " refuses a journal that nothing damaged: ", error.what());
    exit_process(error.what());
    halted_ = true;
  } catch (const io::JournalReadOnly& error) {
    exit_process(error.what());
  } catch (const io::DiskError& error) {
    exit_process(error.what());
  } catch (const io::StateParted& error) {
    if (directory_.leads) throw;
    exit_process(error.what());
    halted_ = true;
  }
}

void Machine::start() {
  if (process_ != nullptr || halted_) return;
  paused_ = false;
  guarded([&] {
    auto life = std::make_shared<Life>();
    life->machine = number_;
    life->number = oracle_.new_life(number_);
    process_ = std::make_unique<Process>(
        disk_, world_, clock_, network_, life, [this] { return moment(); }, directory_);
    const io::RecoveryReport& found = process_->journal.recovery();
    trace_("machine ", number_, " starts: life ", life->number, " epoch ", process_->journal.epoch(),
           " sequence ", process_->venue.sequence(), found.cut ? " cut" : "");
    const bool shorter = process_->journal.written_sequence() < std::exchange(written_, 0);
    oracle_.recovered(number_, disk_, excused_after(), shorter);
    suspect_ = suspect_ || (directory_.leads && found.cut); // by rot
    if (process_->standby) link_.connect(directory_.leader);
    durable_ = process_->journal.written_sequence();
    for (Sequence& sequence : vouched_)
      sequence = std::min(sequence, durable_);
  });
  if (process_ == nullptr) return;
  fences_ = 0;
  next_turn_ = kNever;
  next_house_ = 0;
  turn_at(busy_until_);
  schedule_.after(kChores, [this, generation = generation_] {
    if (generation == generation_) chores();
  });
}

// Rot in the last group, which no later record vouches for, looks like a torn tail: that much a flipped bit may cost, if
// it is reported. Each flip may cost one group.
Sequence Machine::excused_after() const {
  if (flips_ == 0) return UINT64_MAX;
  // The last one may be of an append that never came to be.
  return flips_ >= vouched_.size() ? 0 : vouched_[vouched_.size() - 1 - flips_];
}

void Machine::start_after(TimeNs delay) {
  schedule_.after(delay, [this, generation = generation_] {
    if (generation == generation_) start();
  });
}

void Machine::end_process(TimeNs death, bool tells) {
  ++generation_;
  next_turn_ = kNever;
  if (process_ == nullptr) return;
  process_->life->death = death;
  durable_ = std::max(durable_, process_->journal.durable_sequence());
  written_ = process_->journal.written_sequence();
  if (tells) process_->transport.reset_all();
  process_.reset();
}

// The process is gone between two operations of its disk, and with it the machine where the kind is not `kept`.
void Machine::die(const Cut& cut, TimeNs death, const char* why) {
  const bool machine_lives = cut.kind == CrashKind::kept;
  trace_("machine ", number_, machine_lives ? " is killed " : " loses power ", why);
  end_process(death, machine_lives);
  if (!machine_lives) {
    oracle_.power_cut(durable_);
    suspect_ = suspect_ || (directory_.leads && !was_solo_);
  }
  disk_.crash(cut.kind, cut.salt);
  planned_cut_.reset();
  start_after(cut.down + kStarting);
}

void Machine::exit_process(const char* why) {
  trace_("machine ", number_, " exits: ", why);
  end_process(moment(), true);
  start_after(20 * kMillisecond);
}

void Machine::arrive(Envelope&& envelope) {
  if (process_ == nullptr) return;
  if (!envelope.to_server) {
    link_.arrive(std::move(envelope));
  } else if (envelope.history) { // the replica's to answer, from the same files
    envelope.bytes = read_history(disk_, envelope.bytes);
    std::swap(envelope.from, envelope.to);
    envelope.to_server = false;
    envelope.life = process_->life;
    envelope.sent_at = schedule_.now();
    network_.send(std::move(envelope));
    return;
  } else {
    process_->transport.arrive(std::move(envelope));
  }
  if (!paused_) turn_at(schedule_.now() + 20 * kMicrosecond);
}

void Machine::turn() {
  next_turn_ = kNever;
  if (process_ == nullptr || paused_) return;
  guarded([&] {
    if (process_->standby)
      stand_by();
    else
      lead();
  });
  if (process_ != nullptr && process_->core->fenced_by() != 0) {
    exit_process("another core leads");
    halted_ = true;
  }
  if (process_ != nullptr) turn_at(schedule_.now() + kIdle);
}

bool Machine::is_house_due() {
  if (process_->core->steady() < next_house_) return false;
  next_house_ = process_->core->steady() + kHouse;
  return true;
}

// As python/exchange/services/orders/loop.py has it.
void Machine::lead() {
  io::Sequencer& core = *process_->core;
  core.drain();
  // Half of the worlds look after sessions behind what came in: neither order may matter to anybody.
  const bool house_last = world_.seed % 2 == 1;
  if (house_last) core.decode();
  if (is_house_due()) {
    if (fences_ != 0) link_.fence(fences_);
    core.keep_house();
  }
  if (!house_last) core.decode();
  if (core.pending()) {
    vouched_.push_back(process_->journal.durable_sequence());
    if (vouched_.size() > 16) vouched_.pop_front();
  }
  if (core.pending() && core.append()) {
    core.apply();
    if (core.syncs()) core.sync();
    trace_("machine ", number_, " sequence ", process_->venue.sequence(), " digest ",
           process_->venue.event_digest());
  }
  core.answer();
  core.finish();
  if (world_.durability == io::Durability::replica) watch_solo();
}

// Whether a standby that says it is in sync may be wrong: it cannot know that its leader went solo without it.
void Machine::watch_solo() {
  const io::Sequencer& core = *process_->core;
  if (process_->venue.solo()) {
    if (!was_solo_ && suspect_) accept_loss(0);
    was_solo_ = true;
    solo_until_ = process_->venue.sequence();
    return;
  }
  if (!core.standby_in_sync() || core.replicated() <= solo_until_) return;
  was_solo_ = suspect_ = false;
}

void Machine::accept_loss(Sequence kept) { oracle_.accept_loss(disk_, flips_ == 0 ? kept : 0, flips_ != 0); }

// As python/exchange/services/orders/standby.py has it.
void Machine::stand_by() {
  io::Sequencer& core = *process_->core;
  io::Standby& standby = *process_->standby;
  link_.turn(*process_, [this] { return moment(); });
  if (schedule_.now() < next_house_) return;
  next_house_ = schedule_.now() + kHouse;
  core.drain();
  core.keep_house();
  core.decode();
  const auto asked = core.take_promotion();
  bool leads = false;
  if (asked) {
    const io::FollowAnswer answer = standby.promote(asked->accepts_loss, clock_.now_ns());
    core.answer_promotion(*asked, answer);
    leads = answer.kind == static_cast<std::uint16_t>(io::FollowOutcome::promoted);
    trace_("machine ", number_, leads ? " takes the lead" : " refuses the lead", " epoch ", answer.epoch,
           " sequence ", answer.sequence, " lost ", answer.first_lost, " to ", answer.last_lost);
    if (leads && asked->accepts_loss) accept_loss(process_->journal.written_sequence() - 1);
  }
  core.answer();
  core.finish();
  directory_.in_sync = standby.in_sync();
  if (!leads) return;
  directory_.leads = true;
  led_epoch_ = fences_ = process_->journal.epoch();
  was_solo_ = true;
  solo_until_ = process_->venue.sequence();
  process_->standby.reset();
  if (flips_ == 0) oracle_.took_the_lead(disk_);
}

void Machine::feed(std::span<const Bytes> frames) {
  for (const Bytes& frame : frames) {
    Envelope envelope;
    envelope.to = number_;
    envelope.from = world_.machines + world_.clients; // nobody's
    envelope.link = 0;
    envelope.to_server = true;
    envelope.bytes = frame;
    process_->transport.arrive(std::move(envelope));
    guarded([&] { lead(); });
  }
}

// What the supervisor does beside the core, from a process of its own.
void Machine::chores() {
  schedule_.after(kChores, [this, generation = generation_] {
    if (generation == generation_) chores();
  });
  if (process_ == nullptr) return;
  const TimeNs busy = busy_until_;
  try {
    io::prepare_spare(disk_, kJournalDirectory, world_.segment_bytes);
    if (world_.durability == io::Durability::process) {
      io::sync_segments(disk_, kJournalDirectory);
      durable_ = std::max(durable_, process_->journal.written_sequence());
    }
  } catch (const io::DiskError&) { // the next time
  } catch (const io::PowerCut&) {
    const Cut cut = planned_cut_.value_or(Cut{CrashKind::kept, 0, kMillisecond});
    die(cut, schedule_.now(), "in the middle of a chore");
  }
  busy_until_ = busy;
}

} // namespace cmatch::simulation
