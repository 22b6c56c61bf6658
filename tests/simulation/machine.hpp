// A machine: a disk, a clock, and the core process that lives on it, life after life.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "cmatch/io/clock.hpp"
#include "cmatch/io/memory_disk.hpp"
#include "cmatch/io/sequencer.hpp"
#include "oracle.hpp"
#include "process.hpp"

namespace cmatch::simulation {

inline constexpr TimeNs kEpochStart = 1'700'000'000 * kSecond; // what clocks show when a run begins

// Shows what it was last set to. Its steady time is the simulation's.
class MachineClock final : public io::Clock {
 public:
  explicit MachineClock(const Schedule& schedule) : schedule_(schedule) {}
  std::int64_t now_ns() override { return now_; }
  std::int64_t steady_ns() override { return schedule_.now(); }
  void set(TimeNs now) { now_ = now; }

 private:
  const Schedule& schedule_;
  TimeNs now_ = kEpochStart;
};

// Owns the disk and the process. The turn of the core is one action of the schedule; what its operations cost keeps the
// process busy afterwards, and delays what it sends.
class Machine {
 public:
  Machine(Schedule& schedule, Trace& trace, Network& network, Oracle& oracle, const World& world,
          std::uint32_t number);
  ~Machine();

  void start(); // the process; tries again where the disk does not let it
  void arrive(Envelope&& envelope);
  void take(const Step& step); // a fault
  void heal();                 // nothing more goes wrong here; what is down comes up
  // Puts frames before the core as if they had come over a private link, and makes a turn. For the first world.
  void feed(std::span<const Bytes> frames);

  bool running() const { return process_ != nullptr && !paused_; }
  bool halted() const { return halted_; } // it refused to start or to go on, until somebody looks after it
  bool leads() const { return directory_.leads; }
  bool rotted() const { return flips_ != 0; }
  // The highest epoch that it has begun to lead in.
  std::uint64_t led_epoch() const { return led_epoch_; }
  bool suspect() const { return suspect_; } // the end of its journal may be gone, and was acknowledged
  // What is not in its journal up to `kept` need not be anywhere.
  void accept_loss(Sequence kept);
  bool was_solo() const { return was_solo_; } // since a standby last had everything: it may not know
  const io::Standby* standby() const;
  // Its disk is emptied, and it stands by for another machine.
  void begin_anew(Endpoint leader);
  const Venue& venue() const;
  io::MemoryDisk& disk() { return disk_; }

 private:
  struct Cut { // what becomes of the machine when its disk stops in the middle
    io::CrashKind kind;
    std::uint64_t salt;
    TimeNs down;
  };

  TimeNs clock_now() const;
  TimeNs cost() const; // of the disk operations of this turn so far
  TimeNs moment() const { return turn_began_ + cost(); }
  void turn_at(TimeNs when);
  void turn();
  bool is_house_due();
  void lead();
  void stand_by();
  void watch_solo();
  void chores();
  template <class Work>
  void guarded(Work&& work);
  Sequence excused_after() const;
  void end_process(TimeNs death, bool tells);
  void die(const Cut& cut, TimeNs death, const char* why);
  void exit_process(const char* why);
  void start_after(TimeNs delay);
  void strike(const Step& step);
  void flip(std::uint64_t salt);

  Schedule& schedule_;
  Trace& trace_;
  Network& network_;
  Oracle& oracle_;
  const World& world_;
  std::uint32_t number_;
  io::MemoryDisk disk_;
  MachineClock clock_;
  std::unique_ptr<Process> process_;
  std::optional<Cut> planned_cut_;
  Directory directory_;
  StandbyTurns link_;
  std::uint64_t led_epoch_ = 0, fences_ = 0;
  bool was_solo_ = false;        // since the standby last had everything
  bool suspect_ = false;         // the end of its journal may be gone, and was acknowledged
  Sequence solo_until_ = 0;      // the last one that was acknowledged without a standby
  Sequence durable_ = 0;         // whatever the power does
  Sequence written_ = 0;         // when the last process ended
  std::uint32_t generation_ = 0; // of what is scheduled: older turns and starts are void
  TimeNs next_turn_ = kNever;
  TimeNs turn_began_ = 0, busy_until_ = 0, next_house_ = 0;
  std::uint64_t operations_before_[io::kDiskOperations] = {};
  TimeNs clock_offset_ = 0;
  std::optional<TimeNs> frozen_at_;
  std::uint32_t slowness_ = 1;
  TimeNs slow_until_ = 0;
  bool paused_ = false;
  bool halted_ = false;
  std::size_t flips_ = 0;        // bits that rotted
  std::deque<Sequence> vouched_; // before each of the last appends: what its record says is durable
};

} // namespace cmatch::simulation
