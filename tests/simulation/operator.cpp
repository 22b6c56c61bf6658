#include "operator.hpp"

#include <cstring>

#include "world.hpp"

namespace cmatch::simulation {
namespace {

constexpr TimeNs kPatience = 400 * kMillisecond; // between two measures

template <class Record>
Bytes one(const Record& record) {
  return frame_of(std::span<const Record>(&record, 1));
}

} // namespace

std::uint32_t Operator::leader() const {
  if (world_.machines == 1) return 0;
  if (machines_[0]->led_epoch() != machines_[1]->led_epoch())
    return machines_[0]->led_epoch() > machines_[1]->led_epoch() ? 0 : 1;
  return machines_[0]->leads() ? 0 : 1;
}

void Operator::act(const Step& step) {
  if (world_.machines == 1) return;
  switch (step.kind) {
  case StepKind::promote:
    return promote(step.count == 1);
  case StepKind::solo:
    return set_solo(step.count == 1);
  case StepKind::rejoin:
    return rejoin();
  default:
    violate("step ", name_of(step.kind), " is none of the operator");
  }
}

void Operator::send(std::uint32_t machine, Link link, Bytes&& bytes) {
  Envelope envelope;
  envelope.from = self();
  envelope.to = machine;
  envelope.link = link;
  envelope.to_server = true;
  envelope.sent_at = schedule_.now();
  envelope.bytes = std::move(bytes);
  network_.send(std::move(envelope));
}

void Operator::promote(bool accepts_loss) {
  const io::Standby* const standby = machines_[other()]->standby();
  if (standby == nullptr) return;
  // It cannot know of what its leader acknowledged alone, unless it has heard of it.
  const bool alone = machines_[leader()]->was_solo() || schedule_.now() < solo_under_way_until_;
  if (!accepts_loss && alone && !machines_[other()]->venue().solo()) return;
  promotion_under_way_until_ = schedule_.now() + 2 * kSecond;
  trace_("the operator has machine ", other(), " lead", accepts_loss ? ", whatever is lost" : "");
  io::FollowRequest request{};
  request.kind = static_cast<std::uint16_t>(io::FollowAction::promote);
  request.flags = accepts_loss ? io::kFollowAcceptLoss : 0;
  send(other(), network_.open(), one(request));
}

void Operator::set_solo(bool on) {
  // Whom its own promotion is about to replace must not go on alone.
  if (on && schedule_.now() < promotion_under_way_until_) return;
  trace_("the operator sets machine ", leader(), on ? " solo" : " off solo");
  if (on) solo_under_way_until_ = schedule_.now() + 2 * kSecond;
  const Link link = network_.open();
  io::SessionRequest logon{};
  logon.kind = static_cast<std::uint16_t>(io::SessionAction::logon);
  logon.schema_version = io::kSchemaVersion;
  logon.heartbeat_ms = 60'000;
  std::memcpy(logon.name, "operator", 8);
  send(leader(), link, one(logon));
  AdminCommand command{};
  command.kind = static_cast<std::uint16_t>(AdminAction::set_solo);
  command.flag = on;
  schedule_.after(20 * kMillisecond, [this, link, command, to = leader()] { send(to, link, one(command)); });
}

// The old leader, or a standby that parted from its leader.
void Operator::rejoin() {
  Machine& machine = *machines_[other()];
  const io::Standby* const standby = machine.standby();
  const bool follows = standby != nullptr && standby->state() != io::StandbyState::ahead &&
                       standby->state() != io::StandbyState::diverged;
  if (follows || (!machine.leads() && !machine.halted() && standby == nullptr))
    return; // or it is down, and will
  Machine& first = *machines_[leader()];
  if (first.suspect()) { // the other one may be all that is left of it
    if (standby != nullptr && standby->in_sync() && !first.was_solo()) return promote(false);
    first.accept_loss(0);
  }
  machine.begin_anew(leader());
}

bool Operator::content() const {
  if (world_.machines == 1) return true;
  const io::Standby* const standby = machines_[other()]->standby();
  return machines_[leader()]->running() && standby != nullptr && standby->in_sync() &&
         machines_[leader()]->venue().sequence() == standby->next_sequence() - 1;
}

void Operator::look_after() {
  if (world_.machines == 1 || content() || schedule_.now() < patient_until_) return;
  patient_until_ = schedule_.now() + kPatience;
  Machine& first = *machines_[leader()];
  Machine& second = *machines_[other()];
  const io::Standby* const standby = second.standby();
  const bool parted = standby != nullptr && (standby->state() == io::StandbyState::ahead ||
                                             standby->state() == io::StandbyState::diverged);
  if (first.halted()) return promote(standby == nullptr || !standby->in_sync() || first.was_solo());
  if (parted && standby->in_sync() && !first.was_solo())
    return promote(false); // the leader has lost something
  if (parted || second.halted() || second.leads()) return rejoin();
  if (first.running() && first.venue().solo() && standby != nullptr) set_solo(false);
}

} // namespace cmatch::simulation
