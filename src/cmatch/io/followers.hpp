// The leader's side of replication: who follows, the last batches at hand for them, and how far the standby has them.
// Owns a ring of batches. One thread. All calls O(followers) + O(bytes sent).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cmatch/io/blob_queue.hpp"
#include "cmatch/io/epochs.hpp"
#include "cmatch/io/replication_records.hpp"
#include "cmatch/io/transport.hpp"

namespace cmatch::io {

struct FollowersOptions {
  std::size_t bytes = 16u << 20; // of batches at hand; whoever is further behind reads the journal's files
  std::int64_t timeout_ns = 2'000'000'000; // of silence, after which a follower is gone
  // The one standby that answers wait for. One alone: of two, each would think that it has all.
  std::string standby = "standby";
};

class Followers {
 public:
  static constexpr std::size_t kMost = 16;

  explicit Followers(const FollowersOptions& options) : options_(options), batches_(options.bytes) {}

  // Where the leader stands, and what its answers say of it.
  struct Leader {
    std::uint64_t epoch;
    std::uint64_t written; // sequence
    std::int64_t now;
    std::int64_t steady; // how long a follower is silent goes by this
    bool waits;          // answers wait for the standby
  };

  // A batch that is in the journal; those before it are at hand from here on.
  void note(std::uint64_t first_sequence, std::uint64_t last_sequence, std::span<const std::byte> payload);
  // What a follower asks or tells. The answer's kind is 0 where there is nothing to say.
  FollowAnswer take(ConnectionId connection, const FollowRequest& request, const EpochTable& epochs,
                    const Leader& leader);
  // Sends everyone what they have not got, as far as they read.
  void publish(Transport& transport, const Leader& leader);
  // Tells that the leader lives, and lets go of who is silent; now and then.
  void keep(Transport& transport, const Leader& leader);

  void list_memory(MemoryList& list) const { batches_.list_memory(list); }

  // Up to here the standby has everything, durably. Never falls.
  std::uint64_t replicated() const { return replicated_; }
  // The standby is there, and was told everything that was written when it came.
  bool in_sync() const;
  std::size_t size() const { return followers_.size(); }

 private:
  struct One {
    ConnectionId connection;
    std::string name;
    bool standby;
    bool streaming;
    bool in_sync;
    std::uint64_t next;         // number of the next batch for it
    std::uint64_t acknowledged; // sequence
    std::uint64_t goal;         // in sync once it has acknowledged this
    std::int64_t heard_at;
    std::int64_t next_heartbeat;
  };

  One* find(ConnectionId connection);
  FollowAnswer follow(ConnectionId connection, const FollowRequest& request, const EpochTable& epochs,
                      const Leader& leader);
  void acknowledge(One& one, const FollowRequest& request, const Leader& leader);
  // Whether a batch that begins behind this sequence is at hand, or none is needed; its number.
  bool at_hand(std::uint64_t sequence, const Leader& leader, std::uint64_t& number) const;
  bool publish_to(One& one, Transport& transport, const Leader& leader);
  FollowAnswer answer(FollowOutcome outcome, const Leader& leader) const;

  FollowersOptions options_;
  struct Batch {
    std::uint64_t first, last; // sequences
  };
  BlobQueue<Batch> batches_;
  std::vector<One> followers_;
  std::uint64_t replicated_ = 0;
  bool waits_ = false; // what followers were told
};

// One answer to a follower. False where its peer does not take it now.
SendResult send_follow_answer(Transport& transport, ConnectionId connection, const FollowAnswer& answer);

} // namespace cmatch::io
