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
constexpr TimeNs kSilence = 400 * kMillisecond;
constexpr std::uint64_t kWriteBytes = 32'768;
constexpr std::uint32_t kBatchBytes = 2'048;

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

// What the loop tells of itself interests nobody here; its memory is taken once.
io::SharedStats& statistics() {
  static io::SharedStats stats = io::SharedStats::in_memory();
  return stats;
}

} // namespace

struct Machine::Process {
  Process(io::Disk& disk, const World& world, io::Clock& clock, Network& network,
          std::shared_ptr<Life> life_in, std::function<TimeNs()> moment)
      : life(std::move(life_in)), venue(small_limits()), journal(disk, kJournalDirectory, options_for(world)),
        transport(network, life, std::move(moment)), core(make(clock, world)) {
    io::JournalReader reader(disk, kJournalDirectory, 1);
    const Sequence reached = core->replay(reader, journal.written_sequence());
    if (reached != journal.written_sequence())
      violate("machine ", life->machine, ": the journal ends with sequence ", journal.written_sequence(),
              ", what follows from it with ", reached);
    core->begin();
  }

  static io::JournalOptions options_for(const World& world) {
    io::JournalOptions options;
    options.segment_bytes = world.segment_bytes;
    options.write_bytes = kWriteBytes;
    options.journal_id = kJournalId;
    options.recover_from = 1;
    return options;
  }
  std::unique_ptr<io::Sequencer> make(io::Clock& clock, const World& world) {
    // Another life of the core: what it writes is told from what was before.
    if (journal.written_sequence() != 0) journal.raise_epoch(journal.epoch() + 1);
    io::SequencerOptions options;
    options.epoch = journal.epoch();
    options.durability = world.durability;
    options.max_frames = 256;
    options.max_batch_bytes = kBatchBytes;
    options.max_sessions = 16;
    options.ring_reports = world.ring_reports;
    options.silence_ns = kSilence;
    return std::make_unique<io::Sequencer>(venue, journal, transport, clock, statistics(), options);
  }

  std::shared_ptr<Life> life;
  Venue venue;
  io::Journal journal;
  ServerTransport transport;
  std::unique_ptr<io::Sequencer> core;
};

Machine::Machine(Schedule& schedule, Trace& trace, Network& network, Oracle& oracle, const World& world,
                 std::uint32_t number)
    : schedule_(schedule), trace_(trace), network_(network), oracle_(oracle), world_(world), number_(number),
      clock_(schedule) {}
Machine::~Machine() = default;

const Venue& Machine::venue() const { return process_->venue; }
const io::Journal& Machine::journal() const { return process_->journal; }

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
  }
}

void Machine::start() {
  if (process_ != nullptr || halted_) return;
  paused_ = false;
  guarded([&] {
    auto life = std::make_shared<Life>();
    life->machine = number_;
    life->number = oracle_.new_life(number_);
    process_ = std::make_unique<Process>(disk_, world_, clock_, network_, life, [this] { return moment(); });
    const io::RecoveryReport& found = process_->journal.recovery();
    trace_("machine ", number_, " starts: life ", life->number, " epoch ", process_->journal.epoch(),
           " sequence ", process_->venue.sequence(), found.cut ? " cut" : "");
    const bool shorter = process_->journal.written_sequence() < std::exchange(written_, 0);
    oracle_.recovered(number_, disk_, found.cut ? excused_after() : UINT64_MAX, shorter);
    durable_ = process_->journal.written_sequence();
    for (Sequence& sequence : vouched_)
      sequence = std::min(sequence, durable_);
  });
  if (process_ == nullptr) return;
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
  return flips_ > vouched_.size() ? 0 : vouched_[vouched_.size() - flips_];
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
  if (!machine_lives) oracle_.power_cut(durable_);
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
  process_->transport.arrive(std::move(envelope));
  if (!paused_) turn_at(schedule_.now() + 20 * kMicrosecond);
}

void Machine::turn() {
  next_turn_ = kNever;
  if (process_ == nullptr || paused_) return;
  guarded([&] { run_turn(); });
  if (process_ != nullptr) turn_at(schedule_.now() + kIdle);
}

// As python/exchange/services/orders/loop.py has it.
void Machine::run_turn() {
  io::Sequencer& core = *process_->core;
  core.drain();
  if (core.steady() >= next_house_) {
    next_house_ = core.steady() + kHouse;
    core.keep_house();
  }
  core.decode();
  if (core.pending()) {
    vouched_.push_back(process_->journal.durable_sequence());
    if (vouched_.size() > 16) vouched_.pop_front();
  }
  if (core.pending() && core.append()) {
    core.apply();
    if (world_.durability != io::Durability::process) core.sync();
    trace_("machine ", number_, " sequence ", process_->venue.sequence(), " digest ",
           process_->venue.event_digest());
  }
  core.answer();
  core.finish();
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
    guarded([&] { run_turn(); });
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

// --- faults --------------------------------------------------------------------------------------------------------------

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

} // namespace cmatch::simulation
