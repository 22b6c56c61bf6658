// One life of a core process, as core_process.py puts it together: it leads, or it stands by.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "cmatch/io/journal.hpp"
#include "cmatch/io/sequencer.hpp"
#include "cmatch/io/standby.hpp"
#include "oracle.hpp"
#include "server_transport.hpp"

namespace cmatch::simulation {

inline constexpr std::uint64_t kJournalId = 0x53696D756C617465ull;
inline constexpr TimeNs kStandbyTimeout = 300 * kMillisecond;

// The small files beside a journal.
struct Directory {
  bool leads = true;    // else it stands by
  bool in_sync = false; // the standby had all that was acknowledged
  Endpoint leader = 0;  // whom it follows, and fences once it leads
};

// Owns everything that dies with the process. Throws what recovery throws.
struct Process {
  Process(io::Disk& disk, const World& world, io::Clock& clock, Network& network,
          std::shared_ptr<Life> life_in, std::function<TimeNs()> moment, const Directory& directory);

  std::shared_ptr<Life> life;
  Venue venue;
  io::Journal journal;
  ServerTransport transport;
  std::unique_ptr<io::Sequencer> core;
  std::optional<io::Standby> standby; // until it leads

 private:
  static io::JournalOptions journal_options(const World& world);
  std::unique_ptr<io::Sequencer> make_core(const World& world, io::Clock& clock, const Directory& directory);
};

// Its link to the leader, as services/orders/standby.py has it: a turn takes what came, acknowledges, folds.
class StandbyTurns {
 public:
  StandbyTurns(Schedule& schedule, Trace& trace, Network& network, Endpoint self)
      : schedule_(schedule), trace_(trace), network_(network), self_(self) {}

  void connect(Endpoint leader);
  void arrive(Envelope&& envelope);
  // `moment` is when what it sends leaves, given by the disk's work so far.
  void turn(Process& process, const std::function<TimeNs()>& moment);
  // Tells whoever led before that `epoch` leads now.
  void fence(std::uint64_t epoch);

 private:
  void send(Bytes&& bytes, bool history, const std::shared_ptr<const Life>& life, TimeNs when);
  void catch_up(Process& process, TimeNs now);
  void take_history(io::Standby& standby);

  Schedule& schedule_;
  Trace& trace_;
  Network& network_;
  Endpoint self_;
  Endpoint leader_ = 0;
  Link link_ = 0;
  bool broken_ = false;
  TimeNs reopen_ = 0, retry_ = 0;
  std::vector<Bytes> inbox_;
  std::optional<Bytes> history_;
};

// What the leader's replica answers to whoever is behind: payloads of the records after a sequence, from its files.
// Empty where the record with that sequence is another one, or nothing can be had.
Bytes read_history(const io::MemoryDisk& disk, const Bytes& request);

} // namespace cmatch::simulation
