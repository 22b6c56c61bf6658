#include "cmatch/io/sequencer.hpp"

#include <algorithm>

#include "cmatch/io/journal_errors.hpp"
#include "cmatch/io/tally.hpp"
#include "cmatch/planted.hpp"
#include "cmatch/venue/text.hpp"

namespace cmatch::io {

Sequencer::Sequencer(Venue& venue, Journal& journal, Transport& transport, Clock& clock, SharedStats& stats,
                     const SequencerOptions& options)
    : venue_(venue), journal_(journal), transport_(transport), clock_(clock), stats_(stats), timer_(stats),
      options_(options), sessions_(std::min(options.max_sessions, venue.limits().max_sessions)),
      ring_(options.ring_reports), inbound_(options.max_frames, options.max_batch_bytes),
      stages_(options.stages), followers_(options.followers), outbox_(options.outbox_bytes),
      frame_(kClientFrameBytes) {
  ring_.start_after(venue.event_sequence());
  epochs_.start(venue.sequence(), venue.epoch());
}

void Sequencer::list_memory(MemoryList& list) const {
  venue_.list_memory(list);
  ring_.list_memory(list);
  followers_.list_memory(list);
  if (options_.durability == Durability::replica) outbox_.list_memory(list);
}

void Sequencer::permit(const std::string& user_id, const Principal& principal) {
  principals_[user_id] = principal;
}
void Sequencer::revoke(const std::string& user_id) { principals_.erase(user_id); }

Sequence Sequencer::replay(JournalReader& reader, Sequence until) {
  while (venue_.sequence() < until) {
    const std::optional<RecordView> record = reader.next();
    if (!record) break;
    fold(std::as_bytes(record->payload));
  }
  return venue_.sequence();
}

void Sequencer::fold(std::span<const std::byte> payload) {
  const Sequence first = venue_.sequence() + 1;
  output_.clear();
  replayer_.apply(payload, venue_, output_);
  ring_.append(output_.reports.view());
  epochs_.note(first, venue_.epoch());
}

void Sequencer::look_at_clock() {
  now_ = std::max(clock_.now_ns(), venue_.clock());
  steady_ = planted(Bug::goes_by_time_of_day) ? now_ : clock_.steady_ns();
}

void Sequencer::begin() {
  if (!options_.leads) return;
  look_at_clock();
  for (const SessionView& view : venue_.sessions()) {
    if (sessions_.by_id(view.session) != nullptr) continue;
    ClientSession& session = sessions_.add(view.session, view.tenant, std::string(text_of(view.name)));
    session.cancels_when_lost = view.cancels_when_lost != 0;
    session.last_heard = steady_; // it has the time of a session that fell silent just now to come back
    session.silence_allowed = options_.silence_ns;
  }
  // A record that knows those before it to be durable: a bit that flips in the last of them is no torn tail any more.
  if (options_.durability == Durability::replica && venue_.epoch() != options_.epoch)
    open_epoch(AdminAction::tick);
  marks_.note(venue_.sequence(), venue_.event_sequence());
  stats_.begin();
  stats_.set(Stat::epoch, options_.epoch);
  stats_.set(Stat::journal_sequence_written, journal_.written_sequence());
  stats_.set(Stat::journal_sequence_durable, journal_.durable_sequence());
  stats_.set(Stat::event_sequence, venue_.event_sequence());
  stats_.set(Stat::ready, 1);
  stats_.end();
}

bool Sequencer::wait(std::int64_t timeout_ns) {
  // A batch that is held keeps time from changing anything; one that was collected behind it is due now.
  std::int64_t due_in = 0;
  if (stages_.waits())
    due_in = stages_.deadline() - clock_.steady_ns();
  else if (!pending())
    due_in = venue_.next_timer() - clock_.now_ns();
  const bool there = transport_.wait(std::clamp<std::int64_t>(due_in, 0, timeout_ns));
  timer_.idle();
  return there;
}

void Sequencer::drain() {
  look_at_clock();
  transport_.drain(inbound_, options_.max_frames, options_.max_batch_bytes);
  batch_at_ = now_;
  journaled_ = false;
  output_.clear();
  refused_orders_.clear();
  refused_others_.clear();
  queries_.clear();
  replies_.clear();
  timer_.stage(Timing::stage_drain);
}

bool Sequencer::timer_due() const { return venue_.next_timer() <= std::max(clock_.now_ns(), venue_.clock()); }

void Sequencer::journal_own(const AdminCommand& command) {
  batches_.administration.push() = command;
  batches_.extend(Family::administration, batches_.administration.size());
}

void Sequencer::set_stage(bool away, ShardId shard) {
  AdminCommand command{};
  command.kind = static_cast<std::uint16_t>(AdminAction::set_stage);
  command.flag = away;
  command.shard = shard;
  command.sent_at = now_;
  journal_own(command);
}

StageLink Sequencer::shard_link(ShardId shard) const {
  const auto found = links_.find(shard);
  return found == links_.end() ? StageLink{} : found->second;
}

CommandHeader Sequencer::next_header(std::int64_t at) const {
  CommandHeader header{};
  header.epoch = options_.epoch;
  header.first_seq = venue_.sequence() + 1;
  header.ts_ns = at;
  header.event_digest = venue_.event_digest();
  return header;
}

bool Sequencer::propose() {
  if (!stages_.any()) return true;
  const bool closed = read_only() || fenced_by_ != 0; // append() refuses all
  if (!stages_.waits()) return closed || propose_batch();
  const Proposals::State state = stages_.proceed(transport_, steady_);
  if (state == Proposals::State::waits && !closed) return false;
  const CommandHeader header = stages_.release(batches_, steady_);
  CM_CHECK(header.first_seq == venue_.sequence() + 1);
  batch_at_ = header.ts_ns;
  released_ = true;
  if (state == Proposals::State::late) {
    stats_.add(Stat::proposals_late);
    refuse_judged_orders(stages_.closed());
  }
  stats_.histogram(Timing::verdicts).record(static_cast<std::uint64_t>(stages_.took()));
  return !batches_.empty();
}

// Of a batch that is not held. False: it is held now, or nothing of it is left.
bool Sequencer::propose_batch() {
  const RejectCode code = stages_.closed();
  if (code != RejectCode::none) refuse_judged_orders(code);
  const std::span<const OrderCommand> orders = batches_.orders.view();
  if (std::none_of(orders.begin(), orders.end(), is_judged)) {
    batch_at_ = std::max(now_, proposed_at_);
    stages_.inform(batches_, next_header(batch_at_), transport_);
    return !batches_.empty();
  }
  proposed_at_ = std::max(now_, proposed_at_ + 1); // by its time a proposal is known
  stages_.hold(batches_, next_header(proposed_at_), transport_, steady_);
  queued_here_ = 0;
  stats_.add(Stat::proposals);
  return false;
}

bool Sequencer::append() {
  if (read_only() || fenced_by_ != 0) {
    refuse_batches(read_only() ? RejectCode::read_only : RejectCode::stale_epoch);
    return false;
  }
  appended_.clear();
  visit_frames(batches_, next_header(batch_at_), [&](const CommandHeader& header, auto records) {
    using Record = typename decltype(records)::value_type;
    const std::span<std::uint8_t> room = journal_.reserve(FrameWriter::largest_frame<Record>(records.size()));
    FrameWriter writer(std::as_writable_bytes(room), kRecordBytes);
    const WrittenFrame written = writer.write<Record>(header, records);
    CM_CHECK(written.count == records.size());
    journal_.commit(header.first_seq, static_cast<std::uint32_t>(records.size()), header.ts_ns,
                    written.bytes.size());
    appended_.push_back(written.bytes);
  });
  journaled_ = planted(Bug::answers_before_write) || journal_.write() == AppendResult::written;
  if (journaled_) {
    // From its first record on the epoch is this life's alone, also where the power goes before anything else is synced.
    if (venue_.epoch() != options_.epoch) journal_.sync();
    tell_followers();
  } else {
    refuse_batches(RejectCode::read_only);
  }
  timer_.stage(Timing::stage_journal);
  return journaled_;
}

void Sequencer::apply() {
  for (const Run& run : batches_.runs)
    visit_run(batches_, run, [&](auto records) {
      venue_.apply({options_.epoch, venue_.sequence() + 1, batch_at_}, records, output_);
    });
  CM_CHECK(venue_.sequence() == journal_.written_sequence() || planted(Bug::answers_before_write));
  ring_.append(output_.reports.view());
  if (waits_for_standby())
    marks_.note(venue_.sequence(), venue_.event_sequence());
  else
    marks_.settle(venue_.event_sequence());
  timer_.stage(Timing::stage_apply);
}

void Sequencer::sync() {
  if (planted(Bug::skips_sync)) return;
  journal_.sync();
  timer_.stage(Timing::stage_journal);
}

void Sequencer::finish() {
  if (planted(Bug::answers_before_write)) journal_.write();
  const std::uint32_t frames = inbound_.size();
  stats_.begin();
  if (journaled_) stats_.add(Stat::commands, batches_.commands());
  tally(stats_, output_.reports.view());
  tally(stats_, refused_orders_.view());
  tally(stats_, output_.answers.view());
  stats_.add(Stat::queries, queries_.size());
  const VenueStatus status = venue_.status();
  stats_.set(Stat::event_sequence, status.event_sequence);
  stats_.set(Stat::live_orders, status.live_orders);
  stats_.set(Stat::accounts, status.accounts);
  stats_.set(Stat::instruments, status.instruments);
  stats_.set(Stat::queue_depth, status.queued_orders);
  stats_.set(Stat::sessions, sessions_.connected());
  stats_.set(Stat::journal_sequence_written, journal_.written_sequence());
  stats_.set(Stat::journal_sequence_durable, journal_.durable_sequence());
  stats_.set(Stat::journal_bytes, journal_.counters().bytes);
  stats_.set(Stat::journal_syncs, journal_.counters().syncs);
  stats_.set(Stat::journal_spares_missed, journal_.counters().segments_made_late);
  stats_.set(Stat::read_only, read_only());
  stats_.set(Stat::disk_nearly_full, disk_nearly_full_);
  stats_.set(Stat::journal_sequence_replicated, followers_.replicated());
  stats_.set(Stat::followers, followers_.size());
  stats_.set(Stat::standby_in_sync, followers_.in_sync());
  stats_.set(Stat::answers_waiting, outbox_.size());
  stats_.set(Stat::solo, status.solo);
  stats_.set(Stat::standing_by, !options_.leads);
  stats_.set(Stat::accounts_stage, stages_.serves(Judge::accounts) + stages_.away(Judge::accounts));
  stats_.set(Stat::risk_stage, stages_.serves(Judge::risk) + stages_.away(Judge::risk));
  stats_.end();
  timer_.finish(transport_, frames);
  end_batch();
}

// What was collected behind a batch that was held is the batch of the next turn.
void Sequencer::end_batch() {
  if (std::exchange(released_, false))
    stages_.next(batches_);
  else if (journaled_)
    batches_.clear();
  if (batches_.empty()) queued_here_ = 0;
}

void Sequencer::keep_house() {
  look_at_clock();
  if (journal_.state() == JournalState::read_only) journal_.try_resume();
  followers_.keep(transport_, leader());
  if (!options_.leads) return;
  if (!read_only() && !planted(Bug::forgets_refused_sessions)) journal_overdue();
  int losses = 0;
  for (ClientSession& session : sessions_.all()) {
    if (session.id == 0) continue;
    if (steady_ - session.last_heard > session.silence_allowed &&
        (session.connected || session.cancels_when_lost)) {
      if (++losses <= kLossesAtOnce) lose(session);
      continue;
    }
    if (!session.connected) continue;
    if (session.behind && replies_.empty()) catch_up(session); // behind its welcome, which may be among them
    if (steady_ < session.next_heartbeat) continue;
    session.next_heartbeat = steady_ + session.silence_allowed / 3;
    send_one(session.connection, session_answer(SessionOutcome::heartbeat, &session, RejectCode::none));
  }
}

// --- the lead ----------------------------------------------------------------------------------------------------------

Durability Sequencer::durability() const {
  return options_.durability == Durability::replica && venue_.solo() ? Durability::disk : options_.durability;
}

bool Sequencer::syncs() const { return durability() == Durability::disk; }

Followers::Leader Sequencer::leader() const {
  return {options_.epoch, journal_.written_sequence(), now_, steady_, waits_for_standby()};
}

void Sequencer::tell_followers() {
  Sequence first = venue_.sequence() + 1;
  epochs_.note(first, options_.epoch);
  for (std::size_t i = 0; i < appended_.size(); ++i) {
    const Sequence last = first + batches_.runs[i].count - 1;
    followers_.note(first, last, appended_[i]);
    first = last + 1;
  }
  followers_.publish(transport_, leader());
}

void Sequencer::lead(std::uint64_t epoch) {
  if (read_only()) throw JournalReadOnly("the lead cannot be journaled: " + journal_.reason());
  journal_.raise_epoch(epoch);
  options_.epoch = epoch;
  options_.leads = true;
  look_at_clock();
  open_epoch(AdminAction::promote);
  marks_.settle(venue_.event_sequence()); // there is no other truth than what it has
  begin();
}

// The first command of an epoch, and durable with it; nobody is told of what follows from it.
void Sequencer::open_epoch(AdminAction action) {
  batches_.clear();
  output_.clear();
  AdminCommand command{};
  command.kind = static_cast<std::uint16_t>(action);
  command.flag = action == AdminAction::promote;
  command.sent_at = now_;
  batch_at_ = now_;
  journal_own(command);
  if (!append()) throw JournalReadOnly("the lead cannot be journaled: " + journal_.reason());
  apply();
  batches_.clear();
  output_.clear();
}

void Sequencer::answer_promotion(const Promotion& promotion, const FollowAnswer& answer) {
  send_follow_answer(transport_, promotion.connection, answer);
}

} // namespace cmatch::io
