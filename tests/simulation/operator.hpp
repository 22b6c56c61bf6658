// Whoever runs the machines: has a standby lead, has a leader go on alone, and begins anew with what can do neither.
// It follows docs/replication.md: nobody leads without --accept-loss whose leader was solo since it last had everything.
#pragma once

#include <memory>
#include <vector>

#include "machine.hpp"

namespace cmatch::simulation {

// Sees all machines; speaks over the network, and hears nothing: what came of it shows. One thread.
class Operator {
 public:
  Operator(Schedule& schedule, Trace& trace, Network& network, const World& world,
           const std::vector<std::unique_ptr<Machine>>& machines)
      : schedule_(schedule), trace_(trace), network_(network), world_(world), machines_(machines) {}

  void act(const Step& step);
  // Looks after a pair in which something stopped; now and then, once nothing goes wrong any more.
  void look_after();

  // Who leads: the last one that was promoted, dead or alive.
  std::uint32_t leader() const;
  // The pair is as it should be: one leads, and the other has everything.
  bool content() const;

 private:
  void promote(bool accepts_loss);
  void set_solo(bool on);
  void rejoin();
  void send(std::uint32_t machine, Link link, Bytes&& bytes);
  Endpoint self() const { return world_.machines + world_.clients; }
  std::uint32_t other() const { return 1 - leader(); }

  Schedule& schedule_;
  Trace& trace_;
  Network& network_;
  const World& world_;
  const std::vector<std::unique_ptr<Machine>>& machines_;
  TimeNs patient_until_ = 0;
  TimeNs solo_under_way_until_ = 0, promotion_under_way_until_ = 0; // asked for, and perhaps not there yet
};

} // namespace cmatch::simulation
