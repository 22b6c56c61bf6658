// The stages of the core loop as methods, each without the GIL, and the clocks that it may run on.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "cmatch/io/toucher.hpp"
#include "pybind11/register.hpp"
#include "pybind11/sequencer_host.hpp"
#include "shared/buffer_argument.hpp"

namespace cmatch::face {
namespace {

using py::literals::operator""_a;
using Unlocked = py::call_guard<py::gil_scoped_release>;

template <auto Stage>
auto stage(SequencerHost& self) {
  const SequencerHost::Stay stay(self);
  return (self.sequencer.*Stage)();
}

void define_clocks(py::module_& module) {
  py::class_<io::Clock>(module, "Clock",
                        "Where the time of a batch comes from: ns since the Unix epoch, UTC.")
      .def("now_ns", &io::Clock::now_ns, "now_ns() -> int")
      .def("steady_ns", &io::Clock::steady_ns,
           "steady_ns() -> int\n\nNs from some moment on, whatever the time of day is set to.");
  py::class_<io::SystemClock, io::Clock>(module, "SystemClock", "The clock of the machine.")
      .def(py::init<>());
  py::class_<io::VirtualClock, io::Clock>(module, "VirtualClock", "Stands still until it is moved.")
      .def(py::init<std::int64_t>(), "start_ns"_a = 0, "__init__(start_ns=0)")
      .def("set", &io::VirtualClock::set, "ns"_a, "set(ns) -> None")
      .def("advance", &io::VirtualClock::advance, "ns"_a, "advance(ns) -> None");
}

io::SequencerOptions options_from(std::uint64_t epoch, std::uint16_t durability, std::uint32_t max_frames,
                                  std::uint32_t max_batch_bytes, std::uint32_t max_sessions,
                                  std::uint32_t ring_reports, std::int64_t silence_ns,
                                  std::uint32_t orders_per_s, std::uint32_t orders_burst,
                                  std::uint32_t cancels_per_s, std::uint32_t cancels_burst,
                                  std::uint32_t shards, bool trusts_peers, bool leads,
                                  std::size_t follow_bytes, std::int64_t standby_timeout_ns,
                                  std::string standby, bool accounts, bool risk,
                                  std::int64_t proposal_timeout_ns, std::uint32_t orders_behind) {
  if (durability < 1 || durability > 3)
    throw py::value_error("durability is 1 (process), 2 (disk) or 3 (replica)");
  if (max_frames < 1 || max_batch_bytes < 1 || max_sessions < 1 || ring_reports < 1 || silence_ns < 1 ||
      follow_bytes < 1 || standby_timeout_ns < 1 || proposal_timeout_ns < 1 || orders_behind < 1)
    throw py::value_error("a size or a time of the sequencer is below 1");
  io::SequencerOptions options;
  options.epoch = epoch;
  options.durability = static_cast<io::Durability>(durability);
  options.max_frames = max_frames;
  options.max_batch_bytes = max_batch_bytes;
  options.max_sessions = max_sessions;
  options.ring_reports = ring_reports;
  options.silence_ns = silence_ns;
  options.orders_per_second = orders_per_s;
  options.orders_burst = orders_burst;
  options.cancels_per_second = cancels_per_s;
  options.cancels_burst = cancels_burst;
  options.shards = shards;
  options.trusts_peers = trusts_peers;
  options.leads = leads;
  options.followers = {
      .bytes = follow_bytes, .timeout_ns = standby_timeout_ns, .standby = std::move(standby)};
  options.outbox_bytes = follow_bytes;
  options.stages = {
      .accounts = accounts, .risk = risk, .timeout_ns = proposal_timeout_ns, .behind = orders_behind};
  return options;
}

// The venue and the sequencer live as long as this does.
std::unique_ptr<io::Toucher> touch_memory_of(SequencerHost& host, std::vector<int> processors) {
  MemoryList memory;
  {
    const SequencerHost::Stay stay(host);
    host.sequencer.list_memory(memory);
  }
  return std::make_unique<io::Toucher>(memory, std::move(processors));
}

void define_toucher(py::module_& module) {
  py::class_<io::Toucher>(
      module, "Toucher",
      "Toucher(sequencer, processors=())\n\nTouches all memory of a venue and its sequencer, in a thread "
      "beside "
      "them, of low rank, once it is told to.\n\nArgs:\n    processors: Where it runs, by number; (): where "
      "the caller does.")
      .def(py::init(&touch_memory_of), "sequencer"_a, "processors"_a = std::vector<int>(),
           py::keep_alive<1, 2>())
      .def_property_readonly("left", &io::Toucher::left, "What it has not touched yet, bytes.")
      .def("begin", &io::Toucher::begin, "begin() -> None\n\nOnce.")
      .def("stop", &io::Toucher::stop, Unlocked(), "stop() -> None\n\nEnds it, whatever is left.");
}

io::Judge judge_of(std::uint16_t number) {
  if (number < 1 || number > 2) throw py::value_error("a judge is 1 (accounts) or 2 (risk)");
  return static_cast<io::Judge>(number);
}

} // namespace

void register_sequencer(py::module_& module) {
  define_clocks(module);
  py::class_<SequencerHost>(
      module, "Sequencer",
      "The stages of the core loop over a venue, a journal, a transport and a clock. One thread. Each turn:\n"
      "drain, keep_house now and then, decode, and where something is pending append, apply (and sync), then "
      "answer\n"
      "and finish.")
      .def(
          py::init([](std::shared_ptr<VenueHost> venue, std::shared_ptr<JournalHost> journal,
                      io::Transport& transport, io::Clock& clock, io::SharedStats& stats, std::uint64_t epoch,
                      std::uint16_t durability, std::uint32_t max_frames, std::uint32_t max_batch_bytes,
                      std::uint32_t max_sessions, std::uint32_t ring_reports, std::int64_t silence_ns,
                      std::uint32_t orders_per_s, std::uint32_t orders_burst, std::uint32_t cancels_per_s,
                      std::uint32_t cancels_burst, std::uint32_t shards, bool trusts_peers, bool leads,
                      std::size_t follow_bytes, std::int64_t standby_timeout_ns, std::string standby,
                      bool accounts, bool risk, std::int64_t proposal_timeout_ns,
                      std::uint32_t orders_behind) {
            return std::make_unique<SequencerHost>(
                std::move(venue), std::move(journal), transport, clock, stats,
                options_from(epoch, durability, max_frames, max_batch_bytes, max_sessions, ring_reports,
                             silence_ns, orders_per_s, orders_burst, cancels_per_s, cancels_burst, shards,
                             trusts_peers, leads, follow_bytes, standby_timeout_ns, std::move(standby),
                             accounts, risk, proposal_timeout_ns, orders_behind));
          }),
          "venue"_a, "journal"_a, "transport"_a, "clock"_a, "stats"_a, py::kw_only(), "epoch"_a = 1,
          "durability"_a = 1, "max_frames"_a = 4096, "max_batch_bytes"_a = 4u << 20, "max_sessions"_a = 4096,
          "ring_reports"_a = 1u << 18, "silence_ns"_a = 10'000'000'000, "orders_per_s"_a = 0,
          "orders_burst"_a = 1, "cancels_per_s"_a = 0, "cancels_burst"_a = 1, "shards"_a = 0,
          "trusts_peers"_a = true, "leads"_a = true, "follow_bytes"_a = std::size_t{16} << 20,
          "standby_timeout_ns"_a = 2'000'000'000, "standby"_a = "standby", "accounts"_a = false,
          "risk"_a = false, "proposal_timeout_ns"_a = 500'000'000, "orders_behind"_a = 4096,
          py::keep_alive<1, 4>(), py::keep_alive<1, 5>(), py::keep_alive<1, 6>(),
          "__init__(venue, journal, transport, clock, stats, *, epoch=1, durability=1, max_frames=4096, "
          "max_batch_bytes=4194304,\n"
          "    max_sessions=4096, ring_reports=262144, silence_ns=10000000000, orders_per_s=0, "
          "orders_burst=1,\n"
          "    cancels_per_s=0, cancels_burst=1, shards=0, trusts_peers=True, leads=True, "
          "follow_bytes=16777216,\n"
          "    standby_timeout_ns=2000000000, standby='standby', accounts=False, risk=False,\n"
          "    proposal_timeout_ns=500000000, orders_behind=4096)\n\n"
          "Args:\n"
          "    durability: 1 process, 2 disk, 3 replica: what an acknowledgement says; the loop keeps the "
          "promise.\n"
          "    ring_reports: Reports that a client that comes back may still ask for.\n"
          "    silence_ns: After which a session is lost, where it asks for nothing else.\n"
          "    orders_per_s, cancels_per_s: Of one session; 0: no limit.\n"
          "    shards: Those that instruments may be assigned to, from 1.\n"
          "    trusts_peers: A private socket: a peer is who it says. Else only whom permit() named is let "
          "in.\n"
          "    leads: False: it stands by; a Standby brings what the leader journals, until it takes the "
          "lead.\n"
          "    follow_bytes: Of batches at hand for followers, and of answers that wait for the standby.\n"
          "    standby_timeout_ns: Of a follower's silence, after which it is gone.\n"
          "    standby: The name of the one follower that answers wait for.\n"
          "    accounts, risk: Whether the stage has a process of its own, which new and replaced orders are "
          "proposed to.\n"
          "    proposal_timeout_ns: For all verdicts on a batch; then its orders are refused.\n"
          "    orders_behind: Commands behind such a batch, from which on orders are refused.")
      .def(
          "permit",
          [](SequencerHost& self, const std::string& user_id, std::uint32_t tenant, bool trades,
             bool administers, bool follows, bool shards, bool stages) {
            self.sequencer.permit(user_id, {tenant, trades, administers, follows, shards, stages});
          },
          "user_id"_a, "tenant"_a, "trades"_a, "administers"_a, "follows"_a = false, "shards"_a = false,
          "stages"_a = false,
          "permit(user_id, tenant, trades, administers, follows=False, shards=False, stages=False) -> "
          "None\n\n"
          "tenant 0: any. follows: the journal. shards: it may send what the engine of a shard made. stages: "
          "it judges\nwhat is proposed.")
      .def(
          "revoke", [](SequencerHost& self, const std::string& user_id) { self.sequencer.revoke(user_id); },
          "user_id"_a, "revoke(user_id) -> None")
      .def(
          "replay",
          [](SequencerHost& self, JournalReaderHost& reader, Sequence until) {
            const VenueStay stay(*self.host);
            const JournalStay reading(reader.busy);
            const py::gil_scoped_release unlocked;
            return self.sequencer.replay(reader.reader, until);
          },
          "reader"_a, "until"_a,
          "replay(reader, until) -> int\n\nThe journal from the reader's place to a sequence, before "
          "begin(). "
          "Returns the sequence\nreached: less than `until` where the journal ends sooner.")
      .def("begin", &stage<&io::Sequencer::begin>,
           "begin() -> None\n\nTakes up the sessions that the venue knows.")
      .def(
          "wait",
          [](SequencerHost& self, std::int64_t timeout_ns) {
            const bool there = [&] {
              const py::gil_scoped_release unlocked;
              return self.sequencer.wait(timeout_ns);
            }();
            if (!there && PyErr_CheckSignals() != 0) throw py::error_already_set();
            return there;
          },
          "timeout_ns"_a,
          "wait(timeout_ns) -> bool\n\nUntil a frame is there, a timer of the venue is due, or the time is "
          "over.")
      .def("drain", &stage<&io::Sequencer::drain>, Unlocked(),
           "drain() -> None\n\nTakes the frames that are there.")
      .def("decode", &stage<&io::Sequencer::decode>, Unlocked(), "decode() -> None\n\nFrames into commands.")
      .def_property_readonly(
          "pending", [](const SequencerHost& self) { return self.sequencer.pending(); },
          "Whether there are commands to be journaled.")
      .def("propose", &stage<&io::Sequencer::propose>, Unlocked(),
           "propose() -> bool\n\nAsks the stages that have processes of their own, without waiting for them; "
           "True: there is a batch to append.")
      .def("append", &stage<&io::Sequencer::append>, Unlocked(),
           "append() -> bool\n\nWrites the batch ahead; False: refused, nothing of it is in the journal.\n\n"
           "Raises:\n    JournalFailed")
      .def("apply", &stage<&io::Sequencer::apply>, Unlocked(), "apply() -> None\n\nReserve, limits, match.")
      .def("sync", &stage<&io::Sequencer::sync>, Unlocked(), "sync() -> None\n\nRaises:\n    JournalFailed")
      .def("answer", &stage<&io::Sequencer::answer>, Unlocked(), "answer() -> None\n\nSends what is due.")
      .def("finish", &stage<&io::Sequencer::finish>, Unlocked(),
           "finish() -> None\n\nEnds the turn: statistics.")
      .def("keep_house", &stage<&io::Sequencer::keep_house>, Unlocked(),
           "keep_house() -> None\n\nAfter drain(): silent sessions, heartbeats, slow readers, a read-only "
           "journal.")
      .def("close_sessions", &stage<&io::Sequencer::close_sessions>, Unlocked(),
           "close_sessions() -> None\n\nTells everyone who is connected that the core goes.")
      .def(
          "set_stage",
          [](SequencerHost& self, bool away, ShardId shard) { self.sequencer.set_stage(away, shard); },
          "away"_a, "shard"_a = 0,
          "set_stage(away, shard=0) -> None\n\n"
          "After drain(): the matching stage of a shard (0: the core's own) went away, or is back.")
      .def(
          "set_disk_nearly_full",
          [](SequencerHost& self, bool nearly_full) { self.sequencer.set_disk_nearly_full(nearly_full); },
          "nearly_full"_a,
          "set_disk_nearly_full(nearly_full) -> None\n\n"
          "Whether little room is left: then new and replaced orders are refused, and all else is taken.")
      .def(
          "shard_link",
          [](SequencerHost& self, ShardId shard) {
            const io::StageLink link = self.sequencer.shard_link(shard);
            return py::make_tuple(link.heard_at, link.followed);
          },
          "shard"_a,
          "shard_link(shard) -> tuple[int, int]\n\n"
          "When the process of a shard was last heard of, ns, and the sequence that it had followed; 0, 0: "
          "never.")
      .def(
          "set_judge",
          [](SequencerHost& self, std::uint16_t judge, bool away) {
            self.sequencer.set_judge(judge_of(judge), away);
          },
          "judge"_a, "away"_a,
          "set_judge(judge, away) -> None\n\n"
          "The process of a stage that judges orders (1 accounts, 2 risk) went away, or is back.")
      .def(
          "judge_link",
          [](SequencerHost& self, std::uint16_t judge) {
            const io::StageLink link = self.sequencer.judge_link(judge_of(judge));
            return py::make_tuple(link.heard_at, link.followed);
          },
          "judge"_a, "judge_link(judge) -> tuple[int, int]\n\nThe same of the process of such a stage.")
      .def_property_readonly(
          "waits", [](const SequencerHost& self) { return self.sequencer.waits(); },
          "Whether a batch is held until the stages have judged it.")
      .def_property_readonly(
          "next_timer", [](SequencerHost& self) { return self.sequencer.next_timer(); },
          "When time alone is due to change something, ns.")
      .def_property_readonly(
          "now", [](SequencerHost& self) { return self.sequencer.now(); },
          "When this turn began, ns since the Unix epoch.")
      .def_property_readonly(
          "syncs", [](SequencerHost& self) { return self.sequencer.syncs(); },
          "Whether answers have to wait for sync().")
      .def_property_readonly(
          "fenced_by", [](SequencerHost& self) { return self.sequencer.fenced_by(); },
          "The epoch of who has taken over; 0: nobody. Else nothing is journaled any more: the loop has to "
          "end.")
      .def_property_readonly(
          "replicated", [](SequencerHost& self) { return self.sequencer.replicated(); },
          "Up to this sequence the standby has everything on its disk.")
      .def_property_readonly("standby_in_sync",
                             [](SequencerHost& self) { return self.sequencer.standby_in_sync(); })
      .def_property_readonly(
          "steady", [](SequencerHost& self) { return self.sequencer.steady(); },
          "When this turn began, ns of the clock's steady time.")
      .def_property_readonly("sequence", [](SequencerHost& self) { return self.sequencer.sequence(); })
      .def_property_readonly("read_only", [](SequencerHost& self) { return self.sequencer.read_only(); })
      .def_property_readonly("sessions", [](SequencerHost& self) { return self.sequencer.sessions(); });
  define_toucher(module);
}

} // namespace cmatch::face
