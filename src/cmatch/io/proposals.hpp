// Stages in processes of their own, as the core has them: a batch is proposed to each before it is journaled, and what
// they say of its new and replaced orders goes into its record (docs/stages.md). They own no truth: a batch that one of them does
// not judge in time is journaled without those orders.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "cmatch/io/batches.hpp"
#include "cmatch/io/transport.hpp"

namespace cmatch::io {

struct ProposalsOptions {
  bool accounts = false, risk = false;   // those that have a process
  std::int64_t timeout_ns = 500'000'000; // for all verdicts on a batch
  std::uint32_t behind = 4096; // commands behind a batch that is held, from which on orders are refused
};

// The process of a shard or a stage, as its heartbeats tell.
struct StageLink {
  std::int64_t heard_at = 0; // ns
  Sequence followed = 0;
};

// Owns the batch that is held for verdicts, and the frames of a proposal. One thread. Units: ns of the loop's steady clock.
// O(bytes of the batch) a stage; a verdict O(runs).
class Proposals {
 public:
  explicit Proposals(const ProposalsOptions& options);

  bool any() const { return accounts_.there || risk_.there; }
  // A batch is held until it is judged; what comes meanwhile is collected behind it.
  bool waits() const { return asked_ != kNobody; }
  bool full_behind(const Batches& collected) const {
    return waits() && collected.commands() >= options_.behind;
  }
  std::int64_t deadline() const { return deadline_; }
  // Why new and replaced orders are refused at once; none: they are not.
  RejectCode closed() const {
    if (closed(risk_)) return RejectCode::risk_unavailable;
    return closed(accounts_) ? RejectCode::accounts_unavailable : RejectCode::none;
  }

  // A heartbeat: where it is heard now, proposals go. False: there is no such stage.
  bool hear(Judge judge, ConnectionId connection, std::int64_t steady, Sequence followed);
  StageLink link(Judge judge) const { return stage(judge).link; }
  // It is silent, or is back; as the loop sees it.
  void set_away(Judge judge, bool away) { stage(judge).away = away; }
  bool serves(Judge judge) const { return stage(judge).there; }
  bool away(Judge judge) const { return closed(stage(judge)); }

  // A batch without new and replaced orders: nobody is waited for. `header` is that of its first record.
  void inform(const Batches& batch, const CommandHeader& header, Transport& transport);
  // Takes a batch that has some, and asks the first stage.
  void hold(Batches& batch, const CommandHeader& header, Transport& transport, std::int64_t steady);
  // False: no stage says such a thing. What is too late, or of another proposal, is passed over.
  bool take(const Verdict& verdict);

  // How the held batch is. Each stage is asked when the one before has judged.
  enum class State { waits, judged, late };
  State proceed(Transport& transport, std::int64_t steady);
  // The held batch comes back into `batch`; what was there, collected behind it, is kept until next().
  CommandHeader release(Batches& batch, std::int64_t steady);
  // What was collected behind the batch that was released is the batch now.
  void next(Batches& batch);
  // How long the verdicts took of the batch that was released last.
  std::int64_t took() const { return took_; }

 private:
  struct RemoteStage {
    bool there;
    bool away = true;  // until the loop hears of it
    bool late = false; // it let a proposal pass: until it is heard again
    bool anew = false; // it is heard on another connection than it was asked on
    ConnectionId connection = 0;
    StageLink link{};
  };
  static constexpr std::uint16_t kNobody = 0;

  RemoteStage& stage(Judge judge) { return judge == Judge::risk ? risk_ : accounts_; }
  const RemoteStage& stage(Judge judge) const { return judge == Judge::risk ? risk_ : accounts_; }
  static bool closed(const RemoteStage& stage) { return stage.there && (stage.away || stage.late); }
  void ask(Judge judge, Transport& transport);
  bool send(const RemoteStage& stage, const Batches& batch, CommandHeader header, Transport& transport);
  OrderCommand* held_order(Sequence sequence);

  ProposalsOptions options_;
  RemoteStage accounts_, risk_;
  Batches held_; // or, once that is released, what was collected behind it
  CommandHeader header_{};
  Sequence last_ = 0;             // of the held batch
  Sequence to_judge_ = 0;         // up to here it has new or replaced orders
  Sequence judged_ = 0;           // by the stage that is asked
  std::uint16_t asked_ = kNobody; // Judge
  std::int64_t proposed_at_ = 0, deadline_ = 0, took_ = 0;
  std::vector<std::byte> frame_;
};

// Whether a stage elsewhere has a say in it.
inline bool is_judged(const OrderCommand& command) {
  return command.kind == static_cast<std::uint16_t>(OrderAction::new_order) ||
         command.kind == static_cast<std::uint16_t>(OrderAction::replace);
}

} // namespace cmatch::io
