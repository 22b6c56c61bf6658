// What a follower and a leader say to each other between the batches of the journal (schema/v1/replication).
// As venue/records.hpp: data-only Cap'n Proto structs, zero is "none" in every enum.
#pragma once

#include <cstdint>
#include <type_traits>

namespace cmatch::io {

enum class FollowAction : std::uint16_t {
  follow = 1,      // send me what comes after `sequence`
  acknowledge = 2, // `sequence` is durable here
  leave = 3,
  promote = 4, // to a standby: lead from now on
  fence = 5,   // to a leader: `epoch` leads now, stop
};

// Bits of FollowRequest::flags.
enum FollowFlag : std::uint16_t { kFollowStandby = 1 << 0, kFollowAcceptLoss = 1 << 1 };

struct FollowRequest {
  std::uint16_t kind; // FollowAction
  std::uint16_t flags;
  std::uint32_t reserved;
  std::uint64_t sequence; // of the journal; 0: nothing yet
  std::uint64_t epoch;    // of the record with that sequence; fence: of the new leader
  std::uint64_t highest_epoch;
  std::int64_t sent_at; // ns
  char name[40];        // of the follower
};

enum class FollowOutcome : std::uint16_t {
  streaming = 1, // what comes after `sequence` follows
  behind = 2, // what was asked for is no longer at hand, `oldest` is: read the rest from the journal's files
  ahead = 3,  // the follower has more than the leader
  diverged = 4, // the follower's last record is not the leader's
  heartbeat = 5,
  fenced = 6, // it stops
  promoted = 7,
  refused = 8,
};

// Bits of FollowAnswer::flags.
enum FollowAnswerFlag : std::uint16_t {
  kFollowInSync = 1 << 0, // the standby has what was acknowledged
  kFollowWaits = 1 << 1,  // no answer leaves before the standby has what it answers
};

struct FollowAnswer {
  std::uint16_t kind;   // FollowOutcome
  std::uint16_t reject; // RejectCode; refused: why
  std::uint16_t flags;
  std::uint16_t reserved;
  std::uint64_t epoch;      // of who answers
  std::uint64_t sequence;   // streaming: the last one before the stream; else the last one written
  std::uint64_t oldest;     // the first sequence that can still be streamed
  std::uint64_t first_lost; // promoted, refused: what the old leader is known to have written beyond ours
  std::uint64_t last_lost;
  std::int64_t timestamp; // ns
};

static_assert(sizeof(FollowRequest) == 80 && sizeof(FollowAnswer) == 56);
static_assert(std::is_trivially_copyable_v<FollowRequest> && std::is_trivially_copyable_v<FollowAnswer>);

} // namespace cmatch::io
