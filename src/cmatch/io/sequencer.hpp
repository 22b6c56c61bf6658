// The stages of the core loop, each one call over whole arrays: decode, journal, apply, answer (DESIGN, section 1).
// The loop that calls them is python/exchange/services/orders/loop.py. Owns sessions, arrays, followers, the ring of reports;
// borrows venue, journal, transport, clock and statistics. One thread. Allocates while its arrays grow, then no more.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cmatch/io/batches.hpp"
#include "cmatch/io/clock.hpp"
#include "cmatch/io/epochs.hpp"
#include "cmatch/io/event_marks.hpp"
#include "cmatch/io/followers.hpp"
#include "cmatch/io/inbound.hpp"
#include "cmatch/io/journal.hpp"
#include "cmatch/io/journal_reader.hpp"
#include "cmatch/io/loop_timer.hpp"
#include "cmatch/io/outbox.hpp"
#include "cmatch/io/proposals.hpp"
#include "cmatch/io/replayer.hpp"
#include "cmatch/io/report_ring.hpp"
#include "cmatch/io/session_table.hpp"
#include "cmatch/io/shared_stats.hpp"
#include "cmatch/memory.hpp"

namespace cmatch::io {

struct SequencerOptions {
  std::uint64_t epoch = 1;
  Durability durability = Durability::process;
  std::uint32_t max_frames = 4096; // of one batch
  std::uint32_t max_batch_bytes = 4u << 20;
  std::uint32_t max_sessions = 4096;
  std::uint32_t ring_reports = 1u << 18;    // that can be sent again
  std::int64_t silence_ns = 10'000'000'000; // after which a session is lost, where it asks for nothing else
  std::uint32_t orders_per_second = 0;      // a session; 0: no limit
  std::uint32_t cancels_per_second = 0;     // a session; 0: no limit
  std::uint32_t orders_burst = 1, cancels_burst = 1;
  std::uint32_t shards = 0; // that instruments may be assigned to: those with a process
  bool trusts_peers = true; // a private socket: a peer is who it says; else only whom permit() named
  bool leads = true;        // else it stands by: it takes what a Standby brings, until lead()
  ProposalsOptions stages{};
  FollowersOptions followers{};
  std::size_t outbox_bytes = 16u << 20; // of answers that wait for the standby
};

// An operator's wish that a standby leads.
struct Promotion {
  ConnectionId connection;
  bool accepts_loss;
};

class Sequencer {
 public:
  Sequencer(Venue& venue, Journal& journal, Transport& transport, Clock& clock, SharedStats& stats,
            const SequencerOptions& options);

  // What every command may need, and of its own what every answer may.
  void list_memory(MemoryList& list) const;

  // A key's user id, as the transport's authentication names it, and what it may do.
  void permit(const std::string& user_id, const Principal& principal);
  void revoke(const std::string& user_id);

  // Takes the records of the journal from the reader's place to `until`, before the loop begins: the venue's state, and
  // the reports that may be asked for. Returns the sequence reached: less where the journal ends sooner.
  Sequence replay(JournalReader& reader, Sequence until);
  // One batch that is in the journal. Throws BadPayload and StateParted.
  void fold(std::span<const std::byte> payload);
  // After that, or after a restore from a snapshot: takes up the sessions that the venue knows.
  void begin();

  // --- the stages, in this order; each turn of the loop begins with drain() ---
  bool wait(std::int64_t timeout_ns); // for a frame, at most so long, and not beyond the next timer
  void drain();                       // what is there, without waiting
  void decode(); // frames into commands; what is not to be journaled is answered at the end of the turn
  bool pending() const { return !batches_.empty() || stages_.waits(); }
  // Asks the stages elsewhere, if there are any, and never waits for them. True: there is a batch to append now.
  bool propose();
  bool waits() const { return stages_.waits(); } // a batch is held for their verdicts
  // Writes the batch ahead. False: nothing of it is in the journal, all of it is refused.
  bool append();
  void apply();
  void sync();   // makes it durable; throws JournalFailed
  void answer(); // reports and answers to whom they are due, then what was asked besides
  void finish(); // ends the turn: statistics

  // Sessions that are silent, heartbeats, readers that are behind, a journal that may be written again; now and then.
  void keep_house();
  // Tells everyone who is connected that the core goes; nothing is journaled.
  void close_sessions();
  // Little room is left on the disk: no new or replaced order until there is more.
  void set_disk_nearly_full(bool nearly_full) { disk_nearly_full_ = nearly_full; }
  // The matching stage of a shard, 0: the core's own, is away or back: journaled with the next turn.
  void set_stage(bool away, ShardId shard = 0);
  // When the process of a shard was last heard of, and up to which sequence it had followed; 0, 0: never.
  StageLink shard_link(ShardId shard) const;
  // The process of a stage that judges orders is silent, or back. Not journaled: orders are refused meanwhile.
  void set_judge(Judge judge, bool away) { stages_.set_away(judge, away); }
  StageLink judge_link(Judge judge) const { return stages_.link(judge); }

  // --- the lead ---
  // Takes it: `epoch` is the first of a new term. Journals that, durably, and takes up the sessions. Between two turns.
  // Throws JournalReadOnly where the disk has no room, JournalFailed.
  void lead(std::uint64_t epoch);
  bool leads() const { return options_.leads; }
  // Where it stands by: what an operator asked for since the last time.
  std::optional<Promotion> take_promotion() { return std::exchange(promotion_, std::nullopt); }
  void answer_promotion(const Promotion& promotion, const FollowAnswer& answer);
  // The epoch of who has taken over, 0: nobody. Nothing is journaled or answered any more: the process has to stop.
  std::uint64_t fenced_by() const { return fenced_by_; }
  // An answer waits for more than the writing of its command: the disk, which sync() brings, or the standby.
  bool syncs() const;
  bool waits_for_standby() const { return options_.durability == Durability::replica && !venue_.solo(); }
  Sequence replicated() const { return followers_.replicated(); }
  bool standby_in_sync() const { return followers_.in_sync(); }

  // Time alone is due to change something.
  bool timer_due() const;
  std::int64_t next_timer() const { return venue_.next_timer(); }

  std::int64_t now() const { return now_; }       // of this turn: what it is journaled with
  std::int64_t steady() const { return steady_; } // of this turn: how long somebody is silent goes by this
  std::uint64_t sequence() const { return venue_.sequence(); }
  bool read_only() const { return journal_.state() != JournalState::open; }
  std::uint32_t sessions() const { return sessions_.connected(); }

 private:
  struct Query {
    ConnectionId connection;
    TenantId tenant;
    bool of_order;
    OrderQuery order;
    BalanceQuery balance;
  };
  struct Reply { // of this turn, to one connection
    ConnectionId connection;
    bool is_refusal;
    SessionAnswer session;
    Refusal refusal;
  };

  void look_at_clock();
  bool propose_batch();
  void end_batch();
  void open_epoch(AdminAction action);
  void decode_frame(const InboundFrame& frame);
  void decode_standing_by(const InboundFrame& frame, const CommandFrame& command);
  void take_follower(const InboundFrame& frame, const CommandFrame& command);
  Followers::Leader leader() const;
  SendResult deliver(ConnectionId connection, std::span<const std::byte> bytes, SessionId session = 0,
                     std::uint64_t first_event = 0);
  bool holds_answers() const; // until the standby has what they answer
  void release_answers();
  void tell_followers();
  void refuse_frame(ConnectionId connection, RejectCode code, FrameFault fault, std::uint32_t size);
  void take_orders(ClientSession& session, const CommandFrame& frame);
  template <class Record>
  void take_records(ClientSession& session, const CommandFrame& frame, RecordBuffer<Record>& records);
  void take_sessions(const InboundFrame& frame, const CommandFrame& command);
  void take_queries(ClientSession& session, const CommandFrame& frame);
  void take_verdicts(const ClientSession& session, const InboundFrame& frame, const CommandFrame& command);
  RejectCode admit(ClientSession& session, const OrderCommand& command);
  RejectCode admit(const ClientSession& session, const AdminCommand& command) const;
  RejectCode admit(ClientSession& session, const LedgerCommand& command) const;
  RejectCode admit(const ClientSession& session, const InstrumentCommand& command) const;
  static RejectCode admit(const ClientSession& session, const ShardEvent& event);

  void log_on(const InboundFrame& frame, const SessionRequest& request);
  void log_off(ClientSession& session, SessionOutcome outcome, RejectCode code);
  void lose(ClientSession& session);
  void journal_loss(ClientSession& session);
  void journal_overdue();
  void journal_session(const ClientSession& session, AdminAction action, bool flag);
  void journal_own(const AdminCommand& command);
  SessionAnswer session_answer(SessionOutcome outcome, const ClientSession* session, RejectCode code);
  bool find_principal(const InboundFrame& frame, Principal& principal) const;

  void note_refused(const OrderCommand& command, RejectCode code);
  template <class Record>
  void note_refused(const Record& command, Family family, RejectCode code);
  void refuse_batches(RejectCode code);
  void refuse_judged_orders(RejectCode code);

  Durability durability() const; // of what leaves now
  ReportHeader header() const;
  CommandHeader next_header(std::int64_t at) const; // of what is journaled next
  template <class Record>
  bool send_rows(ClientSession& session, const Record* records, std::span<const std::uint32_t> rows);
  template <class Record>
  SendResult send_one(ConnectionId connection, const Record& record);
  void route_reports();
  void route_answers();
  template <class Record>
  void collect(std::span<const Record> records, bool only_current);
  template <class Record>
  void route_once(std::span<const Record> records);
  void answer_queries();
  void catch_up(ClientSession& session);
  static void fall_behind(ClientSession& session, std::uint64_t next_event);

  Venue& venue_;
  Journal& journal_;
  Transport& transport_;
  Clock& clock_;
  SharedStats& stats_;
  LoopTimer timer_;
  SequencerOptions options_;
  SessionTable sessions_;
  ReportRing ring_;
  Inbound inbound_;
  Batches batches_; // collected, then journaled and applied
  Proposals stages_;
  Output output_;
  Replayer replayer_;
  Followers followers_;
  Outbox outbox_;
  EpochTable epochs_;
  EventMarks marks_; // while answers wait for the standby
  std::optional<Promotion> promotion_;
  std::uint64_t fenced_by_ = 0;
  bool disk_nearly_full_ = false;
  std::vector<std::span<const std::byte>> appended_; // payloads of this turn, in the journal's memory
  std::int64_t now_ = 0, steady_ = 0;                // of this turn
  std::int64_t batch_at_ = 0;                        // what the batch is journaled with
  std::int64_t proposed_at_ = 0;                     // the like, of the last proposal
  bool journaled_ = false;                           // the batch, in this turn
  bool released_ = false;                            // it had been held
  RecordBuffer<ExecutionReport> refused_orders_;     // never journaled
  RecordBuffer<Answer> refused_others_;
  RecordBuffer<Answer> asked_; // of this turn's answers, those that somebody waits for
  RecordBuffer<OrderCommand> scratch_;
  std::vector<Query> queries_;
  std::vector<Reply> replies_;
  std::vector<SessionId> touched_;
  std::vector<std::byte> frame_;
  std::unordered_map<std::string, Principal> principals_;
  // What is journaled of its own beside a batch has to fit the same write: after a restart more may fall silent at once.
  static constexpr int kLossesAtOnce = 1024;
  std::vector<AdminCommand> overdue_; // sessions opened and lost that the journal did not take
  std::uint32_t queued_here_ = 0;     // orders of this batch that will wait for the matching stage
  std::unordered_map<ShardId, StageLink> links_;
};

} // namespace cmatch::io
