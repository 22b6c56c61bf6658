// A core that stands by: it takes the leader's batches into a journal of its own, says how far they are durable, and folds
// them into a venue that is as warm as the leader's. Its Sequencer takes the lead when an operator says so. Reads no clock
// and no socket: whoever runs it brings frames and time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cmatch/io/journal.hpp"
#include "cmatch/io/replication_records.hpp"
#include "cmatch/io/sequencer.hpp"

namespace cmatch::io {

struct StandbyOptions {
  std::string name = "standby";
  std::int64_t timeout_ns = 2'000'000'000; // it speaks four times in that
  bool in_sync = false;                    // it had all that was acknowledged when it last ran, and kept that
};

enum class StandbyState : std::uint8_t {
  asking = 1,
  streaming = 2,
  behind =
      3, // what it needs is no longer at the leader's hand: read the journal's files, from next_sequence() on
  ahead = 4,    // it has more than the leader, who has lost something
  diverged = 5, // it has other records than the leader; nothing is truncated by itself
  leading = 6,
};

// Owns the batches on their way. Venue, journal and core outlive it. One thread. O(bytes of what comes).
class Standby {
 public:
  Standby(Sequencer& core, Venue& venue, Journal& journal, const StandbyOptions& options);

  // The link was made anew: what was on its way is lost.
  void connected();
  // A frame of the leader's. What cannot be its next batch makes it ask again; a leader of the past is not listened to.
  void take(std::span<const std::byte> frame, std::int64_t now);
  // Where it is behind: a batch of the leader's files; false where it is not the next one. Then resume().
  bool take_history(std::span<const std::byte> payload);
  void resume();

  bool pending() const { return !lengths_.empty(); }
  // Writes and syncs what was taken: from then on it may be acknowledged. False: the disk has no room, and it asks again
  // later. Throws JournalFailed.
  bool write();
  // Folds what was written. Throws StateParted where the leader's events were others, BadPayload.
  void fold();
  // What to tell the leader now, empty where that is nothing; valid until the next call.
  std::span<const std::byte> say(std::int64_t now);

  // That could not be sent: it is said again at once.
  void unsaid() { speak_at_ = 0; }

  // Takes the lead where it has all that was acknowledged, or where loss is accepted; the answer is for the operator.
  // Throws what Sequencer::lead throws.
  FollowAnswer promote(bool accepts_loss, std::int64_t now);

  StandbyState state() const { return state_; }
  std::uint64_t next_sequence() const; // of what it takes next
  // Nothing was acknowledged that it does not have, as far as the leader said.
  bool in_sync() const;
  std::uint64_t last_epoch() const { return last_epoch_; } // of the last record taken
  std::uint64_t leader_epoch() const { return leader_epoch_; }
  std::uint64_t leader_sequence() const { return leader_sequence_; } // written, when last heard
  std::int64_t heard_at() const { return heard_at_; }

 private:
  void take_answer(const FollowAnswer& answer);
  void take_batch(const CommandHeader& header, std::uint32_t count, std::span<const std::byte> frame);
  bool stage(const CommandHeader& header, std::uint32_t count, std::span<const std::byte> payload);
  void drop();
  std::uint64_t durable_sequence() const;
  void ask_again();
  std::span<const std::byte> say(FollowAction action, std::int64_t now);

  Sequencer& core_;
  Venue& venue_;
  Journal& journal_;
  StandbyOptions options_;
  StandbyState state_ = StandbyState::asking;
  bool in_sync_;
  std::vector<std::byte> batches_; // to be folded, one behind the other
  std::vector<std::size_t> lengths_;
  std::uint64_t staged_ = 0; // sequences on their way into the journal
  std::uint64_t acknowledged_ = 0;
  std::uint64_t last_epoch_;
  std::uint64_t leader_epoch_ = 0;
  std::uint64_t leader_sequence_ = 0;
  std::int64_t heard_at_ = 0;
  std::int64_t speak_at_ = 0;
  std::vector<std::byte> frame_;
};

} // namespace cmatch::io
