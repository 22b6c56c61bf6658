// What must hold, judged from outside: from what clients were told, and from the journal as an independent reader finds it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cmatch/io/frames.hpp"
#include "cmatch/io/memory_disk.hpp"
#include "cmatch/venue/venue.hpp"
#include "network.hpp"

namespace cmatch::simulation {

inline const std::string kJournalDirectory = "data/journal";

VenueLimits small_limits();

// Which request a command is: the same each time that it is sent.
std::uint64_t key_of(const OrderCommand& command);
std::uint64_t key_of(const LedgerCommand& command);
std::uint64_t hash_of(const ExecutionReport& report); // of all of it

// A client was told at which sequence its request took effect, or was refused.
struct Acknowledgement {
  Sequence sequence = 0;
  std::uint64_t key = 0;
  std::uint64_t epoch = 0;
  std::uint32_t life = 0; // of the core that said so
  std::uint32_t client = 0;
};

// What a journal holds, and what follows from it, read and folded by the oracle itself.
struct Story {
  Venue venue{small_limits()};
  Output output;
  std::vector<std::uint64_t> keys; // by sequence - 1; 0: no client's
};
Story read_story(const io::MemoryDisk& disk);

// The files of a journal on a disk of their own, so that reading them disturbs nobody.
void copy_journal(const io::MemoryDisk& from, io::MemoryDisk& to);

// Owns what was promised. One thread.
class Oracle {
 public:
  Oracle(Trace& trace, const World& world) : trace_(trace), world_(world) {}

  // --- what it is told while things happen ---
  std::uint32_t new_life(std::uint32_t machine);
  void acknowledge(const Acknowledgement& acknowledgement);
  // A machine lost its power, and what was not durable on its disk.
  void power_cut(Sequence durable);
  // A core has recovered. Bits of its journal had rotted, and cost it what came after `excused_after`; else UINT64_MAX.
  // `shorter`: it has less than was written before.
  void recovered(std::uint32_t machine, const io::MemoryDisk& disk, Sequence excused_after, bool shorter);
  // An operator had a machine go on with what is on its disk, whatever else was acknowledged after `kept`. `rotten`: it
  // cannot be read.
  void accept_loss(const io::MemoryDisk& disk, Sequence kept, bool rotten);
  // A standby leads from now on, and may not lack what anybody was told.
  void took_the_lead(const io::MemoryDisk& disk);
  void clock_jumped() { jumped_ = true; }

  // --- what it judges at the end ---
  // What the journal says against the core that wrote it, and against what everybody was told.
  void check(const Story& story, const Venue& live);

  bool rewound() const {
    return rewound_;
  } // clients know of what is gone, and nobody had promised to keep it
  bool jumped() const { return jumped_; } // ids may be forgotten early
  std::size_t acknowledged() const { return acknowledged_.size(); }
  std::size_t lives() const { return lives_.size(); }

 private:
  struct Loss { // what lives up to this one said of later sequences may be gone
    std::uint32_t life;
    Sequence kept;
  };

  void check_kept(const std::vector<std::uint64_t>& keys);
  static void check_once(const Story& story);
  static void check_money(const Story& story);

  Trace& trace_;
  const World& world_;
  struct LifeOfCore {
    std::uint32_t machine;
    Sequence had; // when it began
  };
  std::vector<LifeOfCore> lives_;
  std::map<std::uint64_t, std::uint32_t> leaders_; // by epoch: the life that answered what it wrote in it
  std::vector<Acknowledgement> acknowledged_;
  std::vector<Loss> losses_;
  bool rewound_ = false;
  bool jumped_ = false;
};

} // namespace cmatch::simulation
