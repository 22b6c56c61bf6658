// From frames to commands: who may send what, how often, and what is wrong with it before it is journaled.
#include <algorithm>
#include <cstring>

#include "cmatch/io/sequencer.hpp"
#include "cmatch/planted.hpp"
#include "cmatch/venue/reports.hpp"
#include "cmatch/venue/requests.hpp"
#include "cmatch/venue/text.hpp"

namespace cmatch::io {

void Sequencer::decode() {
  for (const InboundFrame& frame : inbound_.frames())
    decode_frame(frame);
  if (options_.leads && !pending() && timer_due()) {
    AdminCommand tick{};
    tick.kind = static_cast<std::uint16_t>(AdminAction::tick);
    journal_own(tick);
    stats_.add(Stat::ticks);
  }
  timer_.stage(Timing::stage_decode);
}

void Sequencer::refuse_frame(ConnectionId connection, RejectCode code, FrameFault fault, std::uint32_t size) {
  Reply reply{};
  reply.connection = connection;
  reply.is_refusal = true;
  reply.refusal.reject = static_cast<std::uint16_t>(code);
  reply.refusal.reason = static_cast<std::uint16_t>(fault);
  reply.refusal.size = size;
  replies_.push_back(reply);
}

void Sequencer::decode_frame(const InboundFrame& frame) {
  if (frame.kind == FrameKind::oversize)
    return refuse_frame(frame.connection, RejectCode::frame_too_large, FrameFault::too_large, frame.length);
  CommandFrame command{};
  const FrameFault fault =
      frame.kind == FrameKind::whole ? decode_commands(inbound_.bytes(frame), command) : FrameFault::segments;
  if (fault != FrameFault::none) {
    stats_.add(Stat::frames_bad);
    return refuse_frame(frame.connection, reject_of(fault), fault, frame.length);
  }
  if (command.list == CommandList::follow_requests) return take_follower(frame, command);
  if (!options_.leads) return decode_standing_by(frame, command);
  if (command.list == CommandList::sessions) return take_sessions(frame, command);
  ClientSession* const session = sessions_.by_connection(frame.connection);
  if (session == nullptr)
    return refuse_frame(frame.connection, RejectCode::not_logged_on, FrameFault::none, frame.length);
  session->last_heard = steady_;
  if (command.list == CommandList::verdicts) return take_verdicts(*session, frame, command);
  // All commands of a batch have to fit one write of the journal, at the full size of their records. What others sent before
  // it is no fault of a frame: it may come again.
  constexpr std::uint64_t kCommandsAtMost = 8192;
  if (batches_.commands() + command.records.count > kCommandsAtMost)
    return refuse_frame(frame.connection,
                        batches_.empty() ? RejectCode::frame_too_large : RejectCode::queue_full,
                        FrameFault::none, frame.length);
  switch (command.list) {
  case CommandList::orders:
    return take_orders(*session, command);
  case CommandList::ledger:
    return take_records(*session, command, batches_.ledger);
  case CommandList::instruments:
    return take_records(*session, command, batches_.instruments);
  case CommandList::administration:
    return take_records(*session, command, batches_.administration);
  case CommandList::shard_events:
    return take_records(*session, command, batches_.shard_events);
  case CommandList::order_queries:
  case CommandList::balance_queries:
    return take_queries(*session, command);
  case CommandList::follow_answers: // a leader's to say
    return refuse_frame(frame.connection, RejectCode::bad_frame, FrameFault::list_kind, frame.length);
  case CommandList::sessions:
  case CommandList::follow_requests:
  case CommandList::verdicts:
    return;
  }
}

// Who stands by answers nobody but its operator.
void Sequencer::decode_standing_by(const InboundFrame& frame, const CommandFrame& command) {
  if (command.list != CommandList::sessions)
    return refuse_frame(frame.connection, RejectCode::not_leader, FrameFault::none, frame.length);
  const SessionAnswer refused = session_answer(SessionOutcome::refused, nullptr, RejectCode::not_leader);
  replies_.push_back({frame.connection, false, refused, {}});
}

void Sequencer::take_follower(const InboundFrame& frame, const CommandFrame& command) {
  Principal principal;
  const bool may = find_principal(frame, principal) && (principal.administers || principal.follows);
  if (!may) return refuse_frame(frame.connection, RejectCode::not_permitted, FrameFault::none, frame.length);
  for (std::uint32_t i = 0; i < command.records.count; ++i) {
    FollowRequest request{};
    copy_records(WireRecords{command.records.data + std::size_t{i} * command.records.words * 8, 1,
                             command.records.words},
                 &request);
    const auto action = static_cast<FollowAction>(request.kind);
    if (action == FollowAction::promote && !options_.leads) {
      promotion_ = Promotion{frame.connection, (request.flags & kFollowAcceptLoss) != 0};
      continue;
    }
    const std::uint64_t theirs = action == FollowAction::fence ? request.epoch : request.highest_epoch;
    if (theirs > options_.epoch && options_.leads) fenced_by_ = theirs;
    FollowAnswer answer = followers_.take(frame.connection, request, epochs_, leader());
    if (fenced_by_ != 0 || action == FollowAction::fence) {
      answer = FollowAnswer{};
      answer.kind =
          static_cast<std::uint16_t>(fenced_by_ != 0 ? FollowOutcome::fenced : FollowOutcome::refused);
      answer.reject = static_cast<std::uint16_t>(RejectCode::stale_epoch);
      answer.epoch = options_.epoch;
      answer.sequence = journal_.written_sequence();
    }
    if (answer.kind != 0) send_follow_answer(transport_, frame.connection, answer);
  }
}

// --- orders ------------------------------------------------------------------------------------------------------------

RejectCode Sequencer::admit(ClientSession& session, const OrderCommand& command) {
  if (!session.trades) return RejectCode::not_permitted;
  if (const RejectCode code = check_shape(command); code != RejectCode::none) return code;
  const auto action = static_cast<OrderAction>(command.kind);
  const bool enters = action == OrderAction::new_order || action == OrderAction::replace;
  RateGate& gate = enters ? session.orders : session.cancels;
  if (!gate.pass(steady_)) return RejectCode::session_throttled;
  if (enters && disk_nearly_full_) return RejectCode::disk_nearly_full;
  if (enters && waits_for_standby() && !followers_.in_sync()) return RejectCode::no_replica;
  if (enters && stages_.any()) {
    if (const RejectCode code = stages_.closed(); code != RejectCode::none) return code;
    if (stages_.full_behind(batches_)) return RejectCode::queue_full;
  }
  if (action == OrderAction::new_order && venue_.away()) {
    if (queued_here_ >= venue_.queue_room()) return RejectCode::queue_full;
    ++queued_here_;
  }
  return RejectCode::none;
}

void Sequencer::take_orders(ClientSession& session, const CommandFrame& frame) {
  scratch_.resize(frame.records.count);
  copy_records(frame.records, scratch_.data());
  for (std::size_t i = 0; i < scratch_.size(); ++i) {
    OrderCommand& command = scratch_[i];
    command.session = session.id;
    command.tenant = session.tenant;
    command.verdict = 0;
    if (const RejectCode code = admit(session, command); code != RejectCode::none) [[unlikely]] {
      note_refused(command, code);
      continue;
    }
    batches_.orders.push() = command;
    batches_.extend(Family::orders, batches_.orders.size());
  }
}

// --- all else that is journaled ------------------------------------------------------------------------------------------

// Every id of a transfer is remembered: a client uses them up no faster than it may send orders.
RejectCode Sequencer::admit(ClientSession& session, const LedgerCommand& command) const {
  if (session.administers) return RejectCode::none;
  const auto action = static_cast<LedgerAction>(command.kind);
  if (!session.trades || action != LedgerAction::transfer) return RejectCode::not_permitted;
  return session.orders.pass(steady_) ? RejectCode::none : RejectCode::session_throttled;
}

RejectCode Sequencer::admit(const ClientSession& session, const InstrumentCommand& command) const {
  if (!session.administers) return RejectCode::not_permitted;
  const bool assigns = command.kind == static_cast<std::uint16_t>(InstrumentAction::assign_shard);
  return assigns && command.shard > options_.shards ? RejectCode::unknown_shard : RejectCode::none;
}

RejectCode Sequencer::admit(const ClientSession& session, const ShardEvent&) {
  return session.shards ? RejectCode::none : RejectCode::not_permitted;
}

RejectCode Sequencer::admit(const ClientSession& session, const AdminCommand& command) const {
  switch (static_cast<AdminAction>(command.kind)) {
  case AdminAction::set_solo:
    if (!session.administers) return RejectCode::not_permitted;
    if (options_.durability != Durability::replica) return RejectCode::invalid_field;
    return command.flag == 0 && !followers_.in_sync() ? RejectCode::no_replica : RejectCode::none;
  case AdminAction::promote: // these are the sequencer's own
  case AdminAction::open_session:
  case AdminAction::lose_session:
  case AdminAction::tick:
    return RejectCode::not_permitted;
  case AdminAction::set_countdown:
    return session.trades || session.administers ? RejectCode::none : RejectCode::not_permitted;
  default:
    return session.administers ? RejectCode::none : RejectCode::not_permitted;
  }
}

namespace {

// Whose a command is; what an administrator means by `tenant` stays where the record says so itself.
void stamp(const ClientSession& session, LedgerCommand& command) {
  command.session = session.id;
  command.tenant = session.tenant;
}
void stamp(const ClientSession& session, ShardEvent& event) {
  event.session = session.id;
  event.tenant = session.tenant;
}
void stamp(const ClientSession& session, InstrumentCommand& command) {
  command.session = session.id;
  command.tenant = session.tenant;
}
void stamp(const ClientSession& session, AdminCommand& command) {
  const auto action = static_cast<AdminAction>(command.kind);
  command.session = session.id;
  const bool names_tenant = action == AdminAction::open_account || action == AdminAction::kill;
  if (!names_tenant || session.tenant != 0) command.tenant = session.tenant;
}

// What is journaled is told to others, who read texts as such.
template <class Record>
RejectCode check_texts(const Record& command) {
  if constexpr (requires { command.correlation_id; })
    if (!is_text(command.correlation_id)) return RejectCode::bad_correlation_id;
  if constexpr (requires { command.actor; })
    if (!is_text(command.actor)) return RejectCode::invalid_field;
  return RejectCode::none;
}

constexpr Family family_of(const LedgerCommand&) { return Family::ledger; }
constexpr Family family_of(const InstrumentCommand&) { return Family::instruments; }
constexpr Family family_of(const AdminCommand&) { return Family::administration; }
constexpr Family family_of(const ShardEvent&) { return Family::shard_events; }

} // namespace

template <class Record>
void Sequencer::take_records(ClientSession& session, const CommandFrame& frame,
                             RecordBuffer<Record>& records) {
  const std::size_t before = records.size();
  RecordBuffer<Record> given;
  given.resize(frame.records.count);
  copy_records(frame.records, given.data());
  for (std::size_t i = 0; i < given.size(); ++i) {
    Record& command = given[i];
    stamp(session, command);
    RejectCode code = admit(session, command);
    if (code == RejectCode::none) code = check_texts(command);
    if (code != RejectCode::none) {
      note_refused(command, family_of(command), code);
      continue;
    }
    records.push() = command;
    batches_.extend(family_of(command), records.size());
  }
  CM_CHECK(records.size() >= before);
}

void Sequencer::take_queries(ClientSession& session, const CommandFrame& frame) {
  for (std::uint32_t i = 0; i < frame.records.count; ++i) {
    Query query{};
    query.connection = session.connection;
    query.tenant = session.tenant;
    const WireRecords one{frame.records.data + std::size_t{i} * frame.records.words * 8, 1,
                          frame.records.words};
    query.of_order = frame.list == CommandList::order_queries;
    if (query.of_order)
      copy_records(one, &query.order);
    else
      copy_records(one, &query.balance);
    queries_.push_back(query);
  }
}

void Sequencer::take_verdicts(const ClientSession& session, const InboundFrame& frame,
                              const CommandFrame& command) {
  if (!session.stages)
    return refuse_frame(frame.connection, RejectCode::not_permitted, FrameFault::none, frame.length);
  for (std::uint32_t i = 0; i < command.records.count; ++i) {
    Verdict verdict{};
    copy_records(WireRecords{command.records.data + std::size_t{i} * command.records.words * 8, 1,
                             command.records.words},
                 &verdict);
    if (!stages_.take(verdict))
      return refuse_frame(frame.connection, RejectCode::invalid_field, FrameFault::none, frame.length);
  }
}

// --- what is refused before it is journaled ------------------------------------------------------------------------------

void Sequencer::note_refused(const OrderCommand& command, RejectCode code) {
  ExecutionReport& report = refused_orders_.push();
  report = ExecutionReport{};
  tell_refused(report, command);
  report.reject = static_cast<std::uint16_t>(code);
  report.timestamp = now_;
  std::memcpy(report.correlation_id_head, command.correlation_id_head, sizeof report.correlation_id_head);
  std::memcpy(report.correlation_id_tail, command.correlation_id_tail, sizeof report.correlation_id_tail);
  if (code == RejectCode::session_throttled) stats_.add(Stat::throttled);
  if (code == RejectCode::accounts_unavailable || code == RejectCode::risk_unavailable)
    stats_.add(Stat::orders_unjudged);
}

template <class Record>
void Sequencer::note_refused(const Record& command, Family family, RejectCode code) {
  Answer& answer = refused_others_.push();
  answer = Answer{};
  answer.family = static_cast<std::uint16_t>(family);
  answer.kind = command.kind;
  answer.reject = static_cast<std::uint16_t>(code);
  answer.session = command.session;
  answer.timestamp = now_;
  if constexpr (requires { command.correlation_id; })
    std::memcpy(answer.correlation_id, command.correlation_id, sizeof answer.correlation_id);
  if constexpr (requires { command.transfer_id; })
    std::memcpy(answer.transfer_id, command.transfer_id, sizeof answer.transfer_id);
}

void Sequencer::refuse_judged_orders(RejectCode code) {
  batches_.drop_orders([&](const OrderCommand& command) {
    if (!is_judged(command)) return false;
    note_refused(command, code);
    return true;
  });
}

// A session that the venue does not know would not be lost, and its number would be given away; one that it thinks is there
// would never have its orders cancelled: what is said of sessions is journaled when that is possible again.
void Sequencer::refuse_batches(RejectCode code) {
  for (const OrderCommand& command : batches_.orders.view())
    note_refused(command, code);
  for (const LedgerCommand& command : batches_.ledger.view())
    note_refused(command, Family::ledger, code);
  for (const InstrumentCommand& command : batches_.instruments.view())
    note_refused(command, Family::instruments, code);
  for (const AdminCommand& command : batches_.administration.view()) {
    note_refused(command, Family::administration, code);
    const auto action = static_cast<AdminAction>(command.kind);
    if (action == AdminAction::open_session || action == AdminAction::lose_session)
      overdue_.push_back(command);
  }
  for (const ShardEvent& event : batches_.shard_events.view())
    note_refused(event, Family::shard_events, code);
  batches_.clear();
}

// --- sessions ------------------------------------------------------------------------------------------------------------

void Sequencer::journal_session(const ClientSession& session, AdminAction action, bool flag) {
  AdminCommand command{};
  command.kind = static_cast<std::uint16_t>(action);
  command.flag = flag;
  command.tenant = session.tenant;
  command.session = session.id;
  command.sent_at = now_;
  std::memcpy(command.actor, session.name.data(), std::min(session.name.size(), sizeof command.actor));
  journal_own(command);
}

SessionAnswer Sequencer::session_answer(SessionOutcome outcome, const ClientSession* session,
                                        RejectCode code) {
  SessionAnswer answer{};
  answer.kind = static_cast<std::uint16_t>(outcome);
  answer.reject = static_cast<std::uint16_t>(code);
  answer.session = session == nullptr ? 0 : session->id;
  answer.epoch = options_.epoch;
  answer.sequence = journal_.written_sequence();
  answer.durable_sequence = journal_.durable_sequence();
  // Events that the standby may not have may be others where it leads: who has not seen them does not count them, and is
  // sent them as far as they are kept.
  answer.event_sequence = waits_for_standby()
                              ? std::max(marks_.upto(followers_.replicated()), ring_.complete_after())
                              : venue_.event_sequence();
  answer.oldest_event_sequence = ring_.complete_after() + 1;
  answer.timestamp = now_;
  answer.durability = static_cast<std::uint16_t>(durability());
  answer.schema_version = kSchemaVersion;
  answer.max_frame = kClientFrameBytes;
  return answer;
}

bool Sequencer::find_principal(const InboundFrame& frame, Principal& principal) const {
  if (options_.trusts_peers) {
    principal = {0, true, true, true, true, true};
    return true;
  }
  const auto found = principals_.find(std::string(transport_.user_id(frame.connection)));
  if (found == principals_.end()) return false;
  principal = found->second;
  return true;
}

void Sequencer::take_sessions(const InboundFrame& frame, const CommandFrame& command) {
  SessionRequest request{};
  const WireRecords one{command.records.data, 1, command.records.words};
  copy_records(one, &request);
  ClientSession* const session = sessions_.by_connection(frame.connection);
  switch (static_cast<SessionAction>(request.kind)) {
  case SessionAction::logon:
    return log_on(frame, request);
  case SessionAction::logoff:
    if (session != nullptr) log_off(*session, SessionOutcome::bye, RejectCode::none);
    return;
  case SessionAction::heartbeat:
    if (session != nullptr) {
      session->last_heard = steady_;
      if (session->shards && request.shard != 0 && request.shard <= options_.shards)
        links_[request.shard] = {steady_, request.followed};
      if (session->stages && request.judge != 0 &&
          !stages_.hear(static_cast<Judge>(request.judge), frame.connection, steady_, request.followed))
        return refuse_frame(frame.connection, RejectCode::invalid_field, FrameFault::none, frame.length);
      return;
    }
    return refuse_frame(frame.connection, RejectCode::not_logged_on, FrameFault::none, frame.length);
  }
  refuse_frame(frame.connection, RejectCode::unknown_command, FrameFault::none, frame.length);
}

void Sequencer::log_on(const InboundFrame& frame, const SessionRequest& request) {
  const auto refuse = [&](RejectCode code) {
    replies_.push_back({frame.connection, false, session_answer(SessionOutcome::refused, nullptr, code), {}});
  };
  const std::string name(text_of(request.name));
  Principal principal;
  if (request.schema_version != kSchemaVersion) return refuse(RejectCode::unsupported_version);
  if (name.empty() || !is_graphic(name) || (request.flags & ~kAllSessionFlags) != 0)
    return refuse(RejectCode::invalid_field);
  if (!find_principal(frame, principal)) return refuse(RejectCode::not_permitted);
  if (principal.tenant != 0 && principal.tenant != request.tenant) return refuse(RejectCode::not_permitted);
  if (read_only()) return refuse(RejectCode::read_only);

  if (ClientSession* const before = sessions_.by_connection(frame.connection)) sessions_.disconnect(*before);
  ClientSession* session = sessions_.by_name(request.tenant, name);
  const bool known = session != nullptr;
  if (!known) {
    // A name that nobody uses is forgotten before one that somebody wants is refused; two, where fewer may be than there
    // were.
    for (int left = 2; left > 0 && sessions_.full(); --left) {
      ClientSession* const away = sessions_.longest_away();
      if (away == nullptr) return refuse(RejectCode::capacity_sessions);
      journal_loss(*away);
    }
    session = &sessions_.add(sessions_.next_id(), request.tenant, name);
  } else if (session->connected) { // the newer connection is the live one
    replies_.push_back({session->connection,
                        false,
                        session_answer(SessionOutcome::bye, session, RejectCode::replaced_session),
                        {}});
  }
  const bool cancels = (request.flags & kCancelOnDisconnect) != 0;
  session->trades = principal.trades;
  session->administers = principal.administers;
  session->shards = principal.shards;
  session->stages = principal.stages;
  session->orders.set(options_.orders_per_second, options_.orders_burst);
  session->cancels.set(options_.cancels_per_second, options_.cancels_burst);
  session->last_heard = steady_;
  session->silence_allowed =
      request.heartbeat_ms == 0 ? options_.silence_ns : std::int64_t{request.heartbeat_ms} * 1'000'000;
  session->next_heartbeat = steady_ + session->silence_allowed / 3;
  sessions_.connect(*session, frame.connection);
  if (!known || cancels != session->cancels_when_lost) {
    session->cancels_when_lost = cancels;
    journal_session(*session, AdminAction::open_session, cancels);
  }
  // Who has seen events and is not known any more was lost, and has not heard what became of its orders then; who has
  // seen more than there are has heard of a core whose end is gone.
  const std::uint64_t seen = request.last_event_sequence;
  const bool gone = seen != 0 && (!known || seen < ring_.complete_after() || seen > venue_.event_sequence());
  const bool resumes = seen != 0 && !gone;
  SessionAnswer answer =
      session_answer(gone ? SessionOutcome::resync : SessionOutcome::welcome, session, RejectCode::none);
  if (gone) answer.reject = static_cast<std::uint16_t>(RejectCode::resync_required);
  // What it has seen is everywhere; and who has seen nothing is not to seem new when it comes again.
  const std::uint64_t had = resumes ? seen : 1;
  answer.event_sequence = std::max(answer.event_sequence, std::min(had, venue_.event_sequence()));
  replies_.push_back({frame.connection, false, answer, {}});
  session->behind = false;
  const bool skips = planted(Bug::resumes_from_wrong_event);
  const std::uint64_t from = resumes && !skips ? seen : answer.event_sequence;
  if (from != venue_.event_sequence()) fall_behind(*session, from + 1);
}

void Sequencer::log_off(ClientSession& session, SessionOutcome outcome, RejectCode code) {
  replies_.push_back({session.connection, false, session_answer(outcome, &session, code), {}});
  transport_.forget(session.connection);
  if (session.cancels_when_lost)
    journal_loss(session);
  else
    sessions_.disconnect(session);
}

void Sequencer::journal_loss(ClientSession& session) {
  journal_session(session, AdminAction::lose_session, false);
  sessions_.remove(session);
}

void Sequencer::journal_overdue() {
  const auto end = overdue_.begin() + std::min<std::ptrdiff_t>(std::ssize(overdue_), kLossesAtOnce);
  const std::vector<AdminCommand> due(overdue_.begin(), end);
  overdue_.erase(overdue_.begin(), end);
  for (const AdminCommand& command : due)
    journal_own(command);
}

void Sequencer::lose(ClientSession& session) {
  if (session.connected)
    send_one(session.connection, session_answer(SessionOutcome::bye, &session, RejectCode::none));
  if (session.connected) transport_.forget(session.connection);
  if (!session.cancels_when_lost) return sessions_.disconnect(session);
  if (read_only()) return; // it cannot be journaled now: the next time
  journal_loss(session);
}

} // namespace cmatch::io
