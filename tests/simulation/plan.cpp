#include "plan.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "io/random.hpp"
#include "trace.hpp"

namespace cmatch::simulation {
namespace {

using test::Random;

constexpr std::array<const char*, 29> kNames = {
    "orders",    "cancel",      "replace",    "mass cancel", "deposits",  "again",
    "reconnect", "silence",     "kill",       "kill at",     "power cut", "power at",
    "pause",     "write error", "sync error", "disk full",   "slow disk", "flip bit",
    "jump",      "freeze",      "partition",  "one way",     "loss",      "delay",
    "duplicate", "reorder",     "promote",    "solo",        "rejoin",
};
static_assert(kNames.size() == static_cast<std::size_t>(StepKind::rejoin) + 1);

// `Weights`: how often each kind is drawn among its like.
struct Weighted {
  StepKind kind;
  std::uint32_t weight;
};

constexpr Weighted kActions[] = {
    {StepKind::orders, 50},   {StepKind::cancel, 14}, {StepKind::replace, 10},  {StepKind::mass_cancel, 2},
    {StepKind::deposits, 10}, {StepKind::again, 8},   {StepKind::reconnect, 4}, {StepKind::silence, 2},
};
constexpr Weighted kMachineFaults[] = {
    {StepKind::kill, 10},      {StepKind::kill_at_operation, 16},  {StepKind::power, 10},
    {StepKind::pause, 8},      {StepKind::power_at_operation, 16}, {StepKind::write_error, 12},
    {StepKind::sync_error, 5}, {StepKind::disk_full, 6},           {StepKind::slow_disk, 6},
    {StepKind::clock_jump, 5}, {StepKind::clock_freeze, 3},        {StepKind::flip_bit, 3},
};
constexpr Weighted kNetworkFaults[] = {
    {StepKind::partition, 6}, {StepKind::one_way, 5},   {StepKind::loss, 5},
    {StepKind::delay, 4},     {StepKind::duplicate, 4}, {StepKind::reorder, 4},
};

template <std::size_t N>
StepKind draw(Random& random, const Weighted (&kinds)[N]) {
  std::uint32_t sum = 0;
  for (const Weighted& each : kinds)
    sum += each.weight;
  std::uint64_t at = random.below(sum);
  for (const Weighted& each : kinds) {
    if (at < each.weight) return each.kind;
    at -= each.weight;
  }
  return kinds[0].kind;
}

TimeNs between(Random& random, TimeNs least, TimeNs most) {
  return least + static_cast<TimeNs>(random.below(static_cast<std::uint64_t>(most - least + 1)));
}

World make_world(Random& random, std::uint64_t seed) {
  World world;
  world.seed = seed;
  constexpr io::Durability kDurabilities[] = {io::Durability::process, io::Durability::disk,
                                              io::Durability::disk,    io::Durability::replica,
                                              io::Durability::replica, io::Durability::replica};
  world.durability = kDurabilities[random.below(std::size(kDurabilities))];
  world.ordered = random.below(10) < 7;
  world.machines = world.durability == io::Durability::replica ? 2 : 1;
  world.clients = static_cast<std::uint32_t>(2 + random.below(3));
  world.ring_reports = random.below(5) == 0 ? 64 : 4096;
  world.segment_bytes = random.below(2) == 0 ? 36'864 : 65'536;
  world.follow_bytes = random.below(3) == 0 ? 4'096 : 1 << 18;
  world.outbox_bytes = random.below(3) == 0 ? 8'192 : 1 << 18;
  world.cancels_when_lost = random.below(3) == 0;
  world.duration = between(random, 800 * kMillisecond, 3 * kSecond);
  return world;
}

Step make_action(Random& random, const World& world) {
  Step step;
  step.kind = draw(random, kActions);
  step.who = static_cast<std::uint32_t>(random.below(world.clients));
  step.count = static_cast<std::uint32_t>(1 + (random.below(4) == 0 ? random.below(12) : 0));
  step.length = between(random, 100 * kMillisecond, 900 * kMillisecond);
  return step;
}

TimeNs clock_jump(Random& random) {
  const TimeNs size = random.below(3) == 0 ? between(random, kSecond, 3'600 * kSecond)
                                           : between(random, kMillisecond, kSecond);
  return random.below(2) == 0 ? size : -size;
}

Step make_machine_fault(Random& random, const World& world) {
  Step step;
  do
    step.kind = draw(random, kMachineFaults);
  while (step.kind == StepKind::sync_error && world.durability == io::Durability::process);
  step.who = static_cast<std::uint32_t>(random.below(world.machines));
  step.count = static_cast<std::uint32_t>(1 + random.below(random.below(3) == 0 ? 200 : 12));
  step.length =
      between(random, 5 * kMillisecond, random.below(4) == 0 ? 900 * kMillisecond : 80 * kMillisecond);
  if (step.kind == StepKind::clock_jump) step.length = clock_jump(random);
  if (step.kind == StepKind::write_error || step.kind == StepKind::sync_error)
    step.count = 1 + step.count % 6;
  return step;
}

Step make_network_fault(Random& random, const World& world) {
  Step step;
  step.kind = draw(random, kNetworkFaults);
  const auto endpoints = world.machines + world.clients;
  step.who = static_cast<std::uint32_t>(random.below(endpoints));
  step.other = static_cast<std::uint32_t>(random.below(endpoints));
  if (step.who >= world.machines && step.other >= world.machines) // clients do not talk to each other
    (random.below(2) == 0 ? step.who : step.other) = static_cast<std::uint32_t>(random.below(world.machines));
  step.count = static_cast<std::uint32_t>(5 + random.below(60)); // per cent
  step.length =
      between(random, 10 * kMillisecond, random.below(3) == 0 ? 900 * kMillisecond : 200 * kMillisecond);
  return step;
}

Step make_operation(Random& random) {
  Step step;
  const std::uint64_t kind = random.below(10);
  step.kind = kind < 5 ? StepKind::promote : kind < 8 ? StepKind::solo : StepKind::rejoin;
  step.count = random.below(step.kind == StepKind::promote ? 4 : 2) == 0 ? 1 : 0;
  return step;
}

} // namespace

const char* name_of(StepKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::string Step::to_string() const {
  return line_of(name_of(kind), " who ", who, " other ", other, " count ", count, " length ",
                 length / kMicrosecond, " us");
}

std::string World::to_string() const {
  const char* const words[] = {"?", "process", "disk", "replica"};
  return line_of("seed ", seed, ": durability ", words[static_cast<std::size_t>(durability)], ", ", machines,
                 " machines, ", clients, " clients, ", ordered ? "ordered" : "datagrams", ", ring ",
                 ring_reports, ", segments of ", segment_bytes,
                 cancels_when_lost ? ", cancels when lost" : "");
}

Plan make_plan(std::uint64_t seed) {
  Random random(seed);
  Plan plan;
  plan.world = make_world(random, seed);
  const std::uint64_t actions = plan.world.clients * (10 + random.below(40));
  const std::uint64_t machine_faults = random.below(7);
  const std::uint64_t network_faults = random.below(5);
  const auto add = [&](Step step) {
    step.at = between(random, 5 * kMillisecond, plan.world.duration);
    step.salt = random.next();
    plan.steps.push_back(step);
  };
  for (std::uint64_t i = 0; i < actions; ++i)
    add(make_action(random, plan.world));
  for (std::uint64_t i = 0; i < machine_faults; ++i)
    add(make_machine_fault(random, plan.world));
  for (std::uint64_t i = 0; i < network_faults; ++i)
    add(make_network_fault(random, plan.world));
  const std::uint64_t operations = plan.world.machines == 2 ? random.below(5) : 0;
  for (std::uint64_t i = 0; i < operations; ++i)
    add(make_operation(random));
  std::stable_sort(plan.steps.begin(), plan.steps.end(),
                   [](const Step& left, const Step& right) { return left.at < right.at; });
  return plan;
}

} // namespace cmatch::simulation
