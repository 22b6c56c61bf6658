#include "cmatch/io/sequencer.hpp"

#include <algorithm>

#include "cmatch/io/tally.hpp"
#include "cmatch/venue/text.hpp"

namespace cmatch::io {

Sequencer::Sequencer(Venue& venue, Journal& journal, Transport& transport, Clock& clock, SharedStats& stats,
                     const SequencerOptions& options)
    : venue_(venue), journal_(journal), transport_(transport), clock_(clock), stats_(stats), timer_(stats),
      options_(options), sessions_(options.max_sessions), ring_(options.ring_reports),
      inbound_(options.max_frames, options.max_batch_bytes), frame_(kClientFrameBytes) {
  ring_.start_after(venue.event_sequence());
}

void Sequencer::permit(const std::string& user_id, const Principal& principal) {
  principals_[user_id] = principal;
}
void Sequencer::revoke(const std::string& user_id) { principals_.erase(user_id); }

Sequence Sequencer::replay(JournalReader& reader, Sequence until) {
  while (venue_.sequence() < until) {
    const std::optional<RecordView> record = reader.next();
    if (!record) break;
    output_.clear();
    replayer_.apply(std::as_bytes(record->payload), venue_, output_);
    ring_.append(output_.reports.view());
  }
  return venue_.sequence();
}

void Sequencer::begin() {
  now_ = std::max(clock_.now_ns(), venue_.clock());
  for (const SessionView& view : venue_.sessions()) {
    if (sessions_.by_id(view.session) != nullptr || sessions_.full()) continue;
    ClientSession& session = sessions_.add(view.session, view.tenant, std::string(text_of(view.name)));
    session.cancels_when_lost = view.cancels_when_lost != 0;
    session.last_heard = now_; // it has the time of a session that fell silent just now to come back
    session.silence_allowed = options_.silence_ns;
  }
  stats_.begin();
  stats_.set(Stat::epoch, options_.epoch);
  stats_.set(Stat::journal_sequence_written, journal_.written_sequence());
  stats_.set(Stat::journal_sequence_durable, journal_.durable_sequence());
  stats_.set(Stat::event_sequence, venue_.event_sequence());
  stats_.set(Stat::ready, 1);
  stats_.end();
}

bool Sequencer::wait(std::int64_t timeout_ns) {
  const std::int64_t due_in = venue_.next_timer() - clock_.now_ns();
  const bool there = transport_.wait(std::clamp<std::int64_t>(due_in, 0, timeout_ns));
  timer_.idle();
  return there;
}

void Sequencer::drain() {
  now_ = std::max(clock_.now_ns(), venue_.clock());
  transport_.drain(inbound_, options_.max_frames, options_.max_batch_bytes);
  batches_.clear();
  output_.clear();
  refused_orders_.clear();
  refused_others_.clear();
  queries_.clear();
  replies_.clear();
  queued_here_ = 0;
  timer_.stage(Timing::stage_drain);
}

bool Sequencer::timer_due() const { return venue_.next_timer() <= std::max(clock_.now_ns(), venue_.clock()); }

void Sequencer::set_stage(bool away, ShardId shard) {
  AdminCommand& command = batches_.administration.push();
  command = AdminCommand{};
  command.kind = static_cast<std::uint16_t>(AdminAction::set_stage);
  command.flag = away;
  command.shard = shard;
  command.sent_at = now_;
  batches_.extend(Family::administration, batches_.administration.size());
}

ShardLink Sequencer::shard_link(ShardId shard) const {
  const auto found = links_.find(shard);
  return found == links_.end() ? ShardLink{} : found->second;
}

bool Sequencer::append() {
  if (read_only()) {
    refuse_batches(RejectCode::read_only);
    return false;
  }
  Sequence first = venue_.sequence() + 1;
  for (const Run& run : batches_.runs) {
    visit_run(batches_, run, [&](auto records) {
      using Record = std::remove_const_t<typename decltype(records)::element_type>;
      const std::size_t most = FrameWriter::largest_frame<Record>(records.size());
      const std::span<std::uint8_t> room = journal_.reserve(most);
      FrameWriter writer(std::as_writable_bytes(room), kRecordBytes);
      CommandHeader header{};
      header.epoch = options_.epoch;
      header.first_seq = first;
      header.ts_ns = now_;
      const WrittenFrame written = writer.write<Record>(header, records);
      CM_CHECK(written.count == records.size());
      journal_.commit(first, run.count, now_, written.bytes.size());
    });
    first += run.count;
  }
  const bool written = journal_.write() == AppendResult::written;
  if (!written) refuse_batches(RejectCode::read_only);
  timer_.stage(Timing::stage_journal);
  return written;
}

void Sequencer::apply() {
  for (const Run& run : batches_.runs)
    visit_run(batches_, run, [&](auto records) {
      venue_.apply({options_.epoch, venue_.sequence() + 1, now_}, records, output_);
    });
  CM_CHECK(venue_.sequence() == journal_.written_sequence());
  ring_.append(output_.reports.view());
  timer_.stage(Timing::stage_apply);
}

void Sequencer::sync() {
  journal_.sync();
  timer_.stage(Timing::stage_journal);
}

void Sequencer::finish() {
  const std::uint32_t frames = inbound_.size();
  stats_.begin();
  stats_.add(Stat::commands, batches_.commands());
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
  stats_.end();
  timer_.finish(transport_, frames);
}

void Sequencer::keep_house() {
  now_ = std::max(clock_.now_ns(), venue_.clock());
  if (journal_.state() == JournalState::read_only) journal_.try_resume();
  for (ClientSession& session : sessions_.all()) {
    if (session.id == 0) continue;
    if (now_ - session.last_heard > session.silence_allowed &&
        (session.connected || session.cancels_when_lost)) {
      lose(session);
      continue;
    }
    if (!session.connected) continue;
    if (session.behind) catch_up(session);
    if (now_ < session.next_heartbeat) continue;
    session.next_heartbeat = now_ + session.silence_allowed / 3;
    send_one(session.connection, session_answer(SessionOutcome::heartbeat, &session, RejectCode::none));
  }
}

} // namespace cmatch::io
