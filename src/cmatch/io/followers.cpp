#include "cmatch/io/followers.hpp"

#include <algorithm>
#include <array>

#include "cmatch/io/frames.hpp"
#include "cmatch/venue/text.hpp"

namespace cmatch::io {

SendResult send_follow_answer(Transport& transport, ConnectionId connection, const FollowAnswer& answer) {
  std::array<std::byte, FrameWriter::largest_frame<FollowAnswer>(1)> memory{};
  FrameWriter writer(memory);
  const WrittenFrame written = writer.write<FollowAnswer>({}, std::span(&answer, 1));
  return transport.send(connection, written.bytes);
}

Followers::One* Followers::find(ConnectionId connection) {
  for (One& one : followers_)
    if (one.connection == connection) return &one;
  return nullptr;
}

FollowAnswer Followers::answer(FollowOutcome outcome, const Leader& leader) const {
  FollowAnswer answer{};
  answer.kind = static_cast<std::uint16_t>(outcome);
  answer.epoch = leader.epoch;
  answer.sequence = leader.written;
  answer.oldest = batches_.empty() ? leader.written + 1 : batches_.tag(batches_.first()).first;
  answer.timestamp = leader.now;
  return answer;
}

void Followers::note(std::uint64_t first_sequence, std::uint64_t last_sequence,
                     std::span<const std::byte> payload) {
  const Batch batch{first_sequence, last_sequence};
  while (!batches_.push(batch, payload) && !batches_.empty())
    batches_.pop();
}

bool Followers::at_hand(std::uint64_t sequence, const Leader& leader, std::uint64_t& number) const {
  number = batches_.end();
  if (sequence == leader.written) return true;
  if (batches_.empty() || sequence + 1 < batches_.tag(batches_.first()).first) return false;
  for (number = batches_.first(); number < batches_.end(); ++number)
    if (batches_.tag(number).first == sequence + 1) return true;
  return false; // it ends inside a batch: not a journal of ours
}

FollowAnswer Followers::take(ConnectionId connection, const FollowRequest& request, const EpochTable& epochs,
                             const Leader& leader) {
  switch (static_cast<FollowAction>(request.kind)) {
  case FollowAction::follow:
    return follow(connection, request, epochs, leader);
  case FollowAction::acknowledge:
    if (One* const one = find(connection)) acknowledge(*one, request, leader);
    return {};
  case FollowAction::leave:
    std::erase_if(followers_, [&](const One& one) { return one.connection == connection; });
    return {};
  case FollowAction::promote:
  case FollowAction::fence:
    break;
  }
  FollowAnswer refused = answer(FollowOutcome::refused, leader);
  refused.reject = static_cast<std::uint16_t>(RejectCode::unknown_command);
  return refused;
}

FollowAnswer Followers::follow(ConnectionId connection, const FollowRequest& request,
                               const EpochTable& epochs, const Leader& leader) {
  const std::string name(text_of(request.name));
  const bool standby = (request.flags & kFollowStandby) != 0 && name == options_.standby;
  // A name has one connection: who came back is a new one.
  std::erase_if(followers_, [&](const One& one) { return one.connection == connection || one.name == name; });
  if (request.sequence > leader.written) return answer(FollowOutcome::ahead, leader);
  const auto epoch = epochs.of(request.sequence);
  if (request.sequence != 0 && epoch && *epoch != request.epoch)
    return answer(FollowOutcome::diverged, leader);
  std::uint64_t number = 0;
  const bool known = request.sequence == 0 || epoch.has_value();
  if (!known || !at_hand(request.sequence, leader, number)) return answer(FollowOutcome::behind, leader);
  if (followers_.size() == kMost) {
    FollowAnswer refused = answer(FollowOutcome::refused, leader);
    refused.reject = static_cast<std::uint16_t>(RejectCode::capacity_sessions);
    return refused;
  }
  followers_.push_back({.connection = connection,
                        .name = name,
                        .standby = standby,
                        .streaming = true,
                        .in_sync = false,
                        .next = number,
                        .acknowledged = 0,
                        .goal = leader.written,
                        .heard_at = leader.steady,
                        .next_heartbeat = leader.steady});
  FollowAnswer streaming = answer(FollowOutcome::streaming, leader);
  streaming.sequence = request.sequence;
  return streaming;
}

void Followers::acknowledge(One& one, const FollowRequest& request, const Leader& leader) {
  if (request.sequence > leader.written) return; // not of this stream
  one.heard_at = leader.steady;
  one.acknowledged = std::max(one.acknowledged, request.sequence);
  if (!one.standby) return;
  replicated_ = std::max(replicated_, one.acknowledged);
  if (one.acknowledged >= one.goal && !one.in_sync) {
    one.in_sync = true;
    one.next_heartbeat = leader.steady; // which tells it
  }
}

bool Followers::in_sync() const {
  return std::any_of(followers_.begin(), followers_.end(), [](const One& one) { return one.in_sync; });
}

// False where it is gone.
bool Followers::publish_to(One& one, Transport& transport, const Leader& leader) {
  if (one.next < batches_.first()) { // it reads too slowly: what it needs is in the files
    one.streaming = one.in_sync = false;
    return send_follow_answer(transport, one.connection, answer(FollowOutcome::behind, leader)) !=
           SendResult::gone;
  }
  for (; one.next < batches_.end(); ++one.next) {
    const SendResult result = transport.send(one.connection, batches_.bytes(one.next));
    if (result != SendResult::sent) return result != SendResult::gone;
  }
  return true;
}

void Followers::publish(Transport& transport, const Leader& leader) {
  std::erase_if(followers_, [&](One& one) { return one.streaming && !publish_to(one, transport, leader); });
}

void Followers::keep(Transport& transport, const Leader& leader) {
  std::erase_if(followers_, [&](One& one) { return leader.steady - one.heard_at > options_.timeout_ns; });
  publish(transport, leader);
  const bool news = std::exchange(waits_, leader.waits) != leader.waits;
  for (One& one : followers_) {
    if (!news && leader.steady < one.next_heartbeat) continue;
    one.next_heartbeat = leader.steady + options_.timeout_ns / 4;
    FollowAnswer alive = answer(FollowOutcome::heartbeat, leader);
    // Who need not be waited for may lack what was acknowledged a moment ago.
    if (leader.waits)
      alive.flags = static_cast<std::uint16_t>(kFollowWaits | (one.in_sync ? kFollowInSync : 0));
    send_follow_answer(transport, one.connection, alive);
  }
}

} // namespace cmatch::io
