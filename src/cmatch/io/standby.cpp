#include "cmatch/io/standby.hpp"

#include <algorithm>
#include <cstring>

#include "cmatch/planted.hpp"

namespace cmatch::io {

Standby::Standby(Sequencer& core, Venue& venue, Journal& journal, const StandbyOptions& options)
    : core_(core), venue_(venue), journal_(journal), options_(options), in_sync_(options.in_sync),
      last_epoch_(venue.epoch()), frame_(FrameWriter::largest_frame<FollowRequest>(1)) {}

std::uint64_t Standby::next_sequence() const { return journal_.written_sequence() + staged_ + 1; }

bool Standby::in_sync() const {
  if (planted(Bug::promotes_laggard)) return true;
  return in_sync_ && (!venue_.solo() || planted(Bug::ignores_solo));
}

void Standby::connected() {
  if (state_ == StandbyState::streaming) ask_again();
}

void Standby::ask_again() {
  state_ = StandbyState::asking;
  speak_at_ = 0;
}

// --- what comes --------------------------------------------------------------------------------------------------------

void Standby::take(std::span<const std::byte> frame, std::int64_t now) {
  CommandFrame commands{};
  if (decode_commands(frame, commands, kRecordBytes) != FrameFault::none) {
    ask_again(); // also a refusal, which is no frame of commands
    speak_at_ = now + options_.timeout_ns / 4;
    return;
  }
  if (commands.list != CommandList::follow_answers) {
    heard_at_ = now;
    return take_batch(commands.header, commands.records.count, frame);
  }
  FollowAnswer answer{};
  copy_records(WireRecords{commands.records.data, 1, commands.records.words}, &answer);
  if (answer.epoch < std::max(leader_epoch_, last_epoch_)) return; // of the past
  leader_epoch_ = answer.epoch;
  heard_at_ = now;
  take_answer(answer);
}

void Standby::take_answer(const FollowAnswer& answer) {
  switch (static_cast<FollowOutcome>(answer.kind)) {
  case FollowOutcome::streaming:
    if (state_ == StandbyState::asking && answer.sequence + 1 == next_sequence())
      state_ = StandbyState::streaming;
    return;
  case FollowOutcome::heartbeat:
    leader_sequence_ = answer.sequence;
    if ((answer.flags & kFollowInSync) != 0)
      in_sync_ = true;
    else if ((answer.flags & kFollowWaits) == 0)
      in_sync_ = false;
    return;
  case FollowOutcome::behind:
    leader_sequence_ = answer.sequence;
    state_ = StandbyState::behind;
    return;
  case FollowOutcome::ahead:
    state_ = StandbyState::ahead;
    return;
  case FollowOutcome::diverged:
    state_ = StandbyState::diverged;
    return;
  case FollowOutcome::fenced:
  case FollowOutcome::promoted:
  case FollowOutcome::refused:
    return;
  }
}

void Standby::take_batch(const CommandHeader& header, std::uint32_t count, std::span<const std::byte> frame) {
  if (state_ != StandbyState::streaming) return;
  leader_sequence_ = std::max(leader_sequence_, header.first_seq + count - 1);
  if (header.first_seq < next_sequence()) return; // again
  if (header.first_seq > next_sequence() || !stage(header, count, frame)) ask_again();
}

bool Standby::take_history(std::span<const std::byte> payload) {
  CommandFrame commands{};
  if (decode_commands(payload, commands, kRecordBytes) != FrameFault::none) return false;
  if (commands.header.first_seq + commands.records.count <= next_sequence()) return true;
  return commands.header.first_seq == next_sequence() &&
         stage(commands.header, commands.records.count, payload);
}

void Standby::resume() {
  if (state_ == StandbyState::behind) ask_again();
}

// False where it is of a leader of the past, or the disk has no room.
bool Standby::stage(const CommandHeader& header, std::uint32_t count, std::span<const std::byte> payload) {
  if (header.epoch < last_epoch_) return false;
  const bool next_life = header.epoch != journal_.epoch();
  if ((next_life || record_bytes(payload.size()) > journal_.room()) && staged_ != 0 && !write()) return false;
  if (next_life) journal_.raise_epoch(header.epoch);
  last_epoch_ = header.epoch;
  const std::span<std::uint8_t> room = journal_.reserve(payload.size());
  std::memcpy(room.data(), payload.data(), payload.size());
  journal_.commit(header.first_seq, count, header.ts_ns, payload.size());
  staged_ += count;
  batches_.insert(batches_.end(), payload.begin(), payload.end());
  lengths_.push_back(payload.size());
  return true;
}

// --- what becomes of it ------------------------------------------------------------------------------------------------

bool Standby::write() {
  const std::uint64_t count = std::exchange(staged_, 0);
  if (count != 0 && journal_.write() != AppendResult::written) {
    drop();
    ask_again();
    return false;
  }
  if (!planted(Bug::acknowledges_unsynced)) journal_.sync();
  return true;
}

// What is not in the journal is not folded either.
void Standby::drop() {
  std::size_t kept = 0, bytes = 0;
  for (; kept < lengths_.size(); bytes += lengths_[kept++]) {
    CommandFrame frame{};
    const auto payload = std::span(batches_).subspan(bytes, lengths_[kept]);
    CM_CHECK(decode_commands(payload, frame, kRecordBytes) == FrameFault::none);
    if (frame.header.first_seq > journal_.written_sequence()) break;
  }
  lengths_.resize(kept);
  batches_.resize(bytes);
}

void Standby::fold() {
  std::size_t at = 0;
  for (const std::size_t length : lengths_) {
    core_.fold(std::span(batches_).subspan(at, length));
    at += length;
  }
  if (planted(Bug::folds_twice) && state_ == StandbyState::asking) return;
  lengths_.clear();
  batches_.clear();
  CM_CHECK(staged_ == 0 && venue_.sequence() == journal_.written_sequence());
}

std::uint64_t Standby::durable_sequence() const {
  return planted(Bug::acknowledges_unsynced) ? journal_.written_sequence() : journal_.durable_sequence();
}

std::span<const std::byte> Standby::say(std::int64_t now) {
  if (state_ == StandbyState::streaming && now - heard_at_ > options_.timeout_ns) ask_again();
  const bool due = now >= speak_at_;
  if (state_ == StandbyState::asking && due) return say(FollowAction::follow, now);
  const std::uint64_t durable = durable_sequence();
  if (state_ == StandbyState::streaming && (due || durable > acknowledged_)) {
    acknowledged_ = durable;
    return say(FollowAction::acknowledge, now);
  }
  return {};
}

std::span<const std::byte> Standby::say(FollowAction action, std::int64_t now) {
  FollowRequest request{};
  request.kind = static_cast<std::uint16_t>(action);
  request.flags = kFollowStandby;
  request.sequence = action == FollowAction::follow ? next_sequence() - 1 : durable_sequence();
  request.epoch = last_epoch_;
  request.highest_epoch = std::max(leader_epoch_, last_epoch_);
  request.sent_at = now;
  std::memcpy(request.name, options_.name.data(), std::min(options_.name.size(), sizeof request.name));
  speak_at_ = now + options_.timeout_ns / 4;
  return FrameWriter(frame_).write<FollowRequest>({}, std::span(&request, 1)).bytes;
}

// --- the lead ----------------------------------------------------------------------------------------------------------

FollowAnswer Standby::promote(bool accepts_loss, std::int64_t now) {
  CM_CHECK(lengths_.empty() && staged_ == 0);
  FollowAnswer answer{};
  answer.timestamp = now;
  if (leader_sequence_ > journal_.written_sequence()) {
    answer.first_lost = journal_.written_sequence() + 1;
    answer.last_lost = leader_sequence_;
  }
  const bool may = state_ != StandbyState::leading && (in_sync() || accepts_loss);
  if (may) core_.lead(next_term(std::max(leader_epoch_, last_epoch_)));
  if (may) state_ = StandbyState::leading;
  answer.kind = static_cast<std::uint16_t>(may ? FollowOutcome::promoted : FollowOutcome::refused);
  answer.reject = static_cast<std::uint16_t>(may ? RejectCode::none : RejectCode::not_in_sync);
  answer.epoch = journal_.epoch();
  answer.sequence = journal_.written_sequence();
  return answer;
}

} // namespace cmatch::io
