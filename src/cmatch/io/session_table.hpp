// Who is connected: sessions by name, by connection and by number, with their permissions, rates and place in the stream
// of reports. Not part of the venue's state but for what was journaled (open_session, lose_session).
// Owned by one loop. Units: ns of the loop's steady clock. All O(1), but longest_away(), which is O(sessions).
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cmatch/io/session_records.hpp"
#include "cmatch/io/transport.hpp"

namespace cmatch::io {

// The generic cell rate algorithm (ITU-T I.371) in whole ns. A rate of 0 lets everything through.
class RateGate {
 public:
  void set(std::uint32_t per_second, std::uint32_t burst) {
    increment_ = per_second == 0 ? 0 : 1'000'000'000 / per_second;
    allowance_ = increment_ * static_cast<std::int64_t>(burst);
  }
  bool pass(std::int64_t now) {
    if (increment_ == 0) return true;
    const std::int64_t next = (arrival_ > now ? arrival_ : now) + increment_;
    if (next - now > allowance_) return false;
    arrival_ = next;
    return true;
  }

 private:
  std::int64_t increment_ = 0, allowance_ = 0, arrival_ = 0;
};

// What a peer may do: from its key, or what the private socket stands for.
struct Principal {
  TenantId tenant = 0; // 0: of any
  bool trades = false;
  bool administers = false;
  bool follows = false; // the journal
  bool shards = false;  // its events come from the engine of a shard
  bool stages = false;  // it judges what is proposed
};

struct ClientSession {
  SessionId id = 0;
  TenantId tenant = 0;
  ConnectionId connection = 0;
  bool connected = false;
  bool cancels_when_lost = false;
  bool administers = false;
  bool trades = false;
  bool shards = false;
  bool stages = false;
  bool behind = false; // it gets its reports from the ring until it has caught up
  std::int64_t last_heard = 0;
  std::int64_t silence_allowed = 0;
  std::int64_t next_heartbeat = 0; // when it is due something from us
  std::uint64_t next_event = 0;    // behind: the first that it has not got
  RateGate orders, cancels;
  std::string name;
  std::vector<std::uint32_t> rows; // of this batch's reports that are its own
};

class SessionTable {
 public:
  explicit SessionTable(std::uint32_t max_sessions) : max_sessions_(max_sessions) {}

  ClientSession* by_connection(ConnectionId connection) {
    const auto found = by_connection_.find(connection);
    return found == by_connection_.end() ? nullptr : &sessions_[found->second];
  }
  ClientSession* by_id(SessionId id) {
    if (id >= by_id_.size() || by_id_[id] == kNone) return nullptr;
    return &sessions_[by_id_[id]];
  }
  ClientSession* by_name(TenantId tenant, const std::string& name) {
    const auto found = by_name_.find(key(tenant, name));
    return found == by_name_.end() ? nullptr : &sessions_[found->second];
  }
  bool full() const { return count_ >= max_sessions_; }
  SessionId next_id() const { return next_id_; }

  // Of those that are not connected, the one that was heard of least lately; nullptr where all are.
  ClientSession* longest_away() {
    ClientSession* found = nullptr;
    for (ClientSession& each : sessions_)
      if (each.id != 0 && !each.connected && (found == nullptr || each.last_heard < found->last_heard))
        found = &each;
    return found;
  }

  // A session that was not there.
  ClientSession& add(SessionId id, TenantId tenant, const std::string& name) {
    std::uint32_t at = static_cast<std::uint32_t>(sessions_.size());
    if (!free_.empty()) {
      at = free_.back();
      free_.pop_back();
      sessions_[at] = ClientSession{};
    } else {
      sessions_.emplace_back();
    }
    if (by_id_.size() <= id) by_id_.resize(std::size_t{id} + 1, kNone);
    by_id_[id] = at;
    by_name_[key(tenant, name)] = at;
    ClientSession& session = sessions_[at];
    session.id = id;
    session.tenant = tenant;
    session.name = name;
    if (id >= next_id_) next_id_ = id + 1;
    ++count_;
    return session;
  }

  void connect(ClientSession& session, ConnectionId connection) {
    disconnect(session);
    session.connection = connection;
    session.connected = true;
    by_connection_[connection] = index(session);
  }
  void disconnect(ClientSession& session) {
    if (!session.connected) return;
    by_connection_.erase(session.connection);
    session.connected = false;
  }
  void remove(ClientSession& session) {
    disconnect(session);
    by_id_[session.id] = kNone;
    const auto named = by_name_.find(key(session.tenant, session.name));
    if (named != by_name_.end() && named->second == index(session)) by_name_.erase(named);
    free_.push_back(index(session));
    session.id = 0;
    --count_;
  }

  std::uint32_t count() const { return count_; }
  std::uint32_t connected() const { return static_cast<std::uint32_t>(by_connection_.size()); }
  std::vector<ClientSession>& all() { return sessions_; } // id 0: none

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  static std::string key(TenantId tenant, const std::string& name) {
    return std::to_string(tenant) + '/' + name;
  }
  std::uint32_t index(const ClientSession& session) const {
    return static_cast<std::uint32_t>(&session - sessions_.data());
  }

  std::vector<ClientSession> sessions_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<ConnectionId, std::uint32_t> by_connection_;
  std::vector<std::uint32_t> by_id_;
  std::unordered_map<std::string, std::uint32_t> by_name_;
  std::uint32_t max_sessions_;
  std::uint32_t count_ = 0;
  SessionId next_id_ = 1;
};

} // namespace cmatch::io
