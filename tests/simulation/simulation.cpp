#include "simulation.hpp"

#include <algorithm>
#include <exception>

namespace cmatch::simulation {
namespace {

constexpr TimeNs kPatience = 20 * kSecond;        // for all answers, once nothing goes wrong any more
constexpr TimeNs kAftermath = 150 * kMillisecond; // for reports that are still on their way

bool is_of_client(StepKind kind) { return kind <= StepKind::silence; }
bool is_of_network(StepKind kind) { return kind >= StepKind::partition && kind <= StepKind::reorder; }
bool is_of_operator(StepKind kind) { return kind >= StepKind::promote; }

class Simulation {
 public:
  Simulation(const Plan& plan, bool keeps_lines)
      : plan_(plan), trace_(schedule_, keeps_lines), network_(schedule_, trace_, plan.world),
        oracle_(trace_, plan.world), operator_(schedule_, trace_, network_, plan.world, machines_) {
    for (std::uint32_t i = 0; i < plan.world.machines; ++i) {
      machines_.push_back(std::make_unique<Machine>(schedule_, trace_, network_, oracle_, plan.world, i));
      network_.attach(i, [machine = machines_.back().get()](Envelope&& e) { machine->arrive(std::move(e)); });
    }
    for (std::uint32_t i = 0; i < plan.world.clients; ++i) {
      clients_.push_back(std::make_unique<Client>(schedule_, trace_, network_, oracle_, plan.world, i));
      network_.attach(endpoint_of_client(plan.world, i),
                      [client = clients_.back().get()](Envelope&& e) { client->receive(std::move(e)); });
    }
    network_.attach(plan.world.machines + plan.world.clients,
                    [](Envelope&&) {}); // the operator listens to nobody
  }

  void play() {
    trace_(plan_.world.to_string());
    for (const auto& machine : machines_)
      machine->start();
    machines_[0]->feed(opening(plan_.world, kEpochStart));
    for (const auto& client : clients_)
      client->start();
    for (const Step& step : plan_.steps)
      schedule_.at(step.at, [this, &step] { take(step); });
    run_until(plan_.world.duration);
    heal();
    wait_for_answers();
    lose_clients();
  }

  void judge() {
    if (leader().halted()) return; // it refused a rotten journal, loudly
    const Story story = read_story(leader().disk());
    oracle_.check(story, leader().venue());
    for (const auto& client : clients_)
      client->check(story);
    for (const auto& machine : machines_)
      if (machine->standby() != nullptr && machine->venue().sequence() == story.venue.sequence() &&
          machine->venue().state_hash() != story.venue.state_hash())
        violate("leader and standby have the same commands, and are not in the same state");
  }

  void report(Result& result) {
    result.trace_hash = trace_.hash();
    result.lines = trace_.take_lines();
    Counts& counts = result.counts;
    counts.runs = 1;
    counts.acknowledged = oracle_.acknowledged();
    counts.lives = oracle_.lives();
    counts.rewound = oracle_.rewound();
    counts.halted = leader().halted();
    counts.simulated = schedule_.now();
    for (const auto& client : clients_) {
      counts.commands += client->requests();
      counts.told_twice += client->told_twice();
    }
    counts.faults = static_cast<std::uint64_t>(std::count_if(
        plan_.steps.begin(), plan_.steps.end(), [](const Step& step) { return !is_of_client(step.kind); }));
  }

 private:
  void take(const Step& step) {
    trace_("step: ", step.to_string());
    if (is_of_client(step.kind)) return clients_[step.who]->act(step);
    if (is_of_network(step.kind)) return network_.disturb(step);
    if (is_of_operator(step.kind)) return operator_.act(step);
    machines_[step.who]->take(step);
  }

  void run_until(TimeNs until) {
    while (schedule_.step(until)) {
    }
  }

  void heal() {
    trace_("all is well again");
    network_.calm();
    for (const auto& machine : machines_)
      machine->heal();
  }

  bool settled() const {
    return std::all_of(clients_.begin(), clients_.end(),
                       [](const auto& client) { return client->settled(); });
  }

  void wait_for_answers() {
    const TimeNs deadline = schedule_.now() + kPatience;
    for (int calm = 0; calm < 2;) {
      run_until(schedule_.now() + kAftermath);
      operator_.look_after();
      if (is_over()) return;
      calm = settled() && leader().running() && operator_.content() ? calm + 1 : 0;
      if (schedule_.now() < deadline || calm != 0) continue;
      if (!leader().running()) violate("stuck: no core runs");
      for (const auto& client : clients_)
        if (!client->settled()) violate("stuck: ", client->waits_for());
      violate("stuck: the standby does not get in sync");
    }
  }

  // Who led has a journal that rotted, and nobody can take its place.
  bool is_over() const {
    if (!leader().halted() || !leader().rotted()) return false;
    return std::none_of(machines_.begin(), machines_.end(), [&](const auto& machine) {
      return machine.get() != &leader() && !machine->halted() && !machine->leads();
    });
  }

  // Those who asked for it leave no order behind when they are gone.
  void lose_clients() {
    if (is_over()) return;
    for (const auto& client : clients_)
      if (client->cancels_when_lost()) client->vanish();
    run_until(schedule_.now() + kSecond);
    for (const auto& client : clients_)
      if (client->cancels_when_lost() && !leader().venue().open_orders(client->account()).empty())
        violate("orders of account ", client->account(), " outlive their client");
  }

  Machine& leader() const { return *machines_[operator_.leader()]; }

  const Plan& plan_;
  Schedule schedule_;
  Trace trace_;
  Network network_;
  Oracle oracle_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<std::unique_ptr<Client>> clients_;
  Operator operator_;
};

} // namespace

void Counts::add(const Counts& other) {
  runs += other.runs;
  commands += other.commands;
  acknowledged += other.acknowledged;
  told_twice += other.told_twice;
  lives += other.lives;
  faults += other.faults;
  rewound += other.rewound;
  halted += other.halted;
  simulated += other.simulated;
}

std::string Counts::to_string() const {
  return line_of(runs, " runs, ", simulated / kSecond, " s simulated, ", commands, " requests, ",
                 acknowledged, " answers, ", told_twice, " reports told again, ", lives, " lives of cores, ",
                 faults, " faults, ", rewound, " runs with losses that nobody promised to prevent, ", halted,
                 " rotten journals refused");
}

Result run(const Plan& plan, bool keeps_lines) {
  Result result;
  Simulation simulation(plan, keeps_lines);
  try {
    simulation.play();
    simulation.judge();
  } catch (const std::exception& error) {
    result.failure = error.what();
  }
  simulation.report(result);
  return result;
}

} // namespace cmatch::simulation
