// Messages between named endpoints, over connections that one side opens, through a network that misbehaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "io/random.hpp"
#include "plan.hpp"
#include "trace.hpp"

namespace cmatch::simulation {

using Endpoint = std::uint32_t;
using Link = std::uint64_t; // a connection, from its first message on; never used again
using Bytes = std::vector<std::byte>;

inline constexpr TimeNs kNever = INT64_MAX;

// One life of a process: what it sends after its death was never sent.
struct Life {
  std::uint32_t machine = 0;
  std::uint32_t number = 0; // of all lives of the simulation
  TimeNs death = kNever;
};

struct Envelope {
  Endpoint from = 0, to = 0;
  Link link = 0;
  bool to_server = false;           // else back to whom opened the link
  bool reset = false;               // no message: the other side of the link is gone
  bool history = false;             // to and from the replica beside a core: records from its files
  std::shared_ptr<const Life> life; // of the server that sent it
  TimeNs sent_at = 0;
  Bytes bytes;
};

// Owns what is under way. Where it is ordered a connection is a stream, as TCP has it: what a partition holds up or a
// loss costs comes later, in its order. Else every message is on its own, and may be lost, doubled and overtaken.
class Network {
 public:
  using Receiver = std::function<void(Envelope&&)>;

  Network(Schedule& schedule, Trace& trace, const World& world);

  void attach(Endpoint endpoint, Receiver receiver);
  Link open() { return ++links_; }
  // False where too much is under way on that link already, and nothing was sent.
  bool send(Envelope envelope);
  // A step of a network kind: from now on, for its length.
  void disturb(const Step& step);
  // All disturbances end.
  void calm() { disturbances_.clear(); }

 private:
  static constexpr std::uint32_t kMostUnderWay = 256; // of one link, in one direction

  struct Disturbance {
    StepKind kind;
    Endpoint from, to;
    std::uint32_t per_cent;
    TimeNs until;
  };
  struct Direction {
    TimeNs last = 0; // arrival
    std::uint32_t under_way = 0;
  };
  using Key = std::pair<Link, bool>;

  bool chance(std::uint32_t per_cent) { return random_.below(100) < per_cent; }
  void send_in_order(Envelope&& envelope, Direction& direction);
  void send_alone(const Envelope& envelope, Direction& direction);
  void deliver_at(TimeNs when, Envelope&& envelope);
  void deliver(Envelope&& envelope);
  template <class Visit>
  void each_disturbance(const Envelope& envelope, Visit&& visit);

  Schedule& schedule_;
  Trace& trace_;
  bool ordered_;
  test::Random random_;
  std::vector<Receiver> receivers_;
  std::vector<Disturbance> disturbances_;
  std::map<Key, Direction> directions_;
  Link links_ = 0;
};

} // namespace cmatch::simulation
