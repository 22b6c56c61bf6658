// The standby as a Python object: its loop is python/exchange/services/orders/standby.py.
#include <memory>
#include <string>
#include <tuple>

#include <pybind11/native_enum.h>

#include "cmatch/io/standby.hpp"
#include "pybind11/register.hpp"
#include "pybind11/sequencer_host.hpp"
#include "shared/buffer_argument.hpp"

namespace cmatch::face {
namespace {

using py::literals::operator""_a;

struct StandbyHost {
  StandbyHost(SequencerHost& core_in, const io::StandbyOptions& options)
      : core(core_in), standby(core_in.sequencer, core_in.host->venue, core_in.journal->journal(), options) {}

  SequencerHost& core;
  io::Standby standby;
};

// What the operator is told: outcome, reject, epoch, sequence, first and last lost.
py::tuple outcome(const io::FollowAnswer& answer) {
  return py::make_tuple(answer.kind, answer.reject, answer.epoch, answer.sequence, answer.first_lost,
                        answer.last_lost);
}

py::object promote_as_asked(StandbyHost& self, std::int64_t now) {
  const SequencerHost::Stay stay(self.core);
  const auto asked = self.core.sequencer.take_promotion();
  if (!asked) return py::none();
  const io::FollowAnswer answer = self.standby.promote(asked->accepts_loss, now);
  self.core.sequencer.answer_promotion(*asked, answer);
  return outcome(answer);
}

} // namespace

void register_standby(py::module_& module) {
  py::native_enum<io::StandbyState>(module, "StandbyState", "enum.IntEnum",
                                    "How a standby is with its leader.")
      .value("asking", io::StandbyState::asking)
      .value("streaming", io::StandbyState::streaming)
      .value("behind", io::StandbyState::behind)
      .value("ahead", io::StandbyState::ahead)
      .value("diverged", io::StandbyState::diverged)
      .value("leading", io::StandbyState::leading)
      .finalize();
  py::class_<StandbyHost>(
      module, "Standby",
      "A core that stands by: a sequencer that does not lead, kept up with the leader's journal. One "
      "thread.\n"
      "Each turn: take() what came, and where something is pending write(), send what say() says, fold().")
      .def(py::init([](SequencerHost& core, std::string name, std::int64_t timeout_ns, bool in_sync) {
             if (name.empty() || name.size() > 40 || timeout_ns < 4)
               throw py::value_error("a standby has a name of up to 40 characters and a timeout");
             return std::make_unique<StandbyHost>(
                 core, io::StandbyOptions{.name = name, .timeout_ns = timeout_ns, .in_sync = in_sync});
           }),
           "core"_a, py::kw_only(), "name"_a = "standby", "timeout_ns"_a = 2'000'000'000, "in_sync"_a = false,
           py::keep_alive<1, 2>(),
           "__init__(core, *, name='standby', timeout_ns=2000000000, in_sync=False)\n\n"
           "Args:\n    in_sync: It had all that was acknowledged when it last ran.")
      .def(
          "connected", [](StandbyHost& self) { self.standby.connected(); },
          "connected() -> None\n\nThe link was made anew.")
      .def(
          "take",
          [](StandbyHost& self, const py::object& frame, std::int64_t now) {
            const BufferArgument bytes(frame);
            const SequencerHost::Stay stay(self.core);
            self.standby.take(bytes.view(), now);
          },
          "frame"_a, "now"_a, "take(frame, now) -> None\n\nA frame of the leader's; now in ns.")
      .def(
          "take_history",
          [](StandbyHost& self, const py::object& payload) {
            const BufferArgument bytes(payload);
            const SequencerHost::Stay stay(self.core);
            return self.standby.take_history(bytes.view());
          },
          "payload"_a,
          "take_history(payload) -> bool\n\nWhere it is behind: a record of the leader's files. False: it is "
          "not the next one.")
      .def(
          "resume", [](StandbyHost& self) { self.standby.resume(); },
          "resume() -> None\n\nAsks the leader again, after take_history().")
      .def_property_readonly("pending", [](const StandbyHost& self) { return self.standby.pending(); })
      .def(
          "write",
          [](StandbyHost& self) {
            const SequencerHost::Stay stay(self.core);
            const py::gil_scoped_release unlocked;
            return self.standby.write();
          },
          "write() -> bool\n\nWrites and syncs what was taken. False: the disk has no room.\n\nRaises:\n"
          "    JournalFailed")
      .def(
          "fold",
          [](StandbyHost& self) {
            const SequencerHost::Stay stay(self.core);
            const py::gil_scoped_release unlocked;
            self.standby.fold();
          },
          "fold() -> None\n\nWhat follows from it.\n\nRaises:\n    StateParted: The leader's events were "
          "others.")
      .def(
          "say",
          [](StandbyHost& self, std::int64_t now) {
            const auto bytes = self.standby.say(now);
            return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
          },
          "now"_a, "say(now) -> bytes\n\nWhat to tell the leader; empty: nothing.")
      .def(
          "unsaid", [](StandbyHost& self) { self.standby.unsaid(); },
          "unsaid() -> None\n\nWhat say() gave could not be sent: it gives it again at once.")
      .def("promote_as_asked", &promote_as_asked, "now"_a,
           "promote_as_asked(now) -> tuple | None\n\nTakes the lead where an operator asked for it through "
           "the "
           "sequencer's socket and may; the\nasker is answered. Returns FollowOutcome, RejectCode, epoch, "
           "sequence, first and last sequence lost.\n\nRaises:\n    JournalFailed, JournalReadOnly")
      .def_property_readonly("state", [](const StandbyHost& self) { return self.standby.state(); })
      .def_property_readonly("in_sync", [](const StandbyHost& self) { return self.standby.in_sync(); })
      .def_property_readonly("next_sequence",
                             [](const StandbyHost& self) { return self.standby.next_sequence(); })
      .def_property_readonly("last_epoch", [](const StandbyHost& self) { return self.standby.last_epoch(); })
      .def_property_readonly("leader_epoch",
                             [](const StandbyHost& self) { return self.standby.leader_epoch(); })
      .def_property_readonly("leader_sequence",
                             [](const StandbyHost& self) { return self.standby.leader_sequence(); })
      .def_property_readonly("heard_at", [](const StandbyHost& self) { return self.standby.heard_at(); });
}

} // namespace cmatch::face
