#include "network.hpp"

#include <algorithm>

namespace cmatch::simulation {
namespace {

constexpr TimeNs kLeastLatency = 40 * kMicrosecond;
constexpr std::uint64_t kLatencySpread = 200 * kMicrosecond;
constexpr TimeNs kRetransmission = 20 * kMillisecond; // what a lost packet costs a stream

} // namespace

Network::Network(Schedule& schedule, Trace& trace, const World& world)
    : schedule_(schedule), trace_(trace), ordered_(world.ordered), random_(world.seed ^ 0x6E6574776F726Bull) {
}

void Network::attach(Endpoint endpoint, Receiver receiver) {
  if (receivers_.size() <= endpoint) receivers_.resize(endpoint + 1);
  receivers_[endpoint] = std::move(receiver);
}

void Network::disturb(const Step& step) {
  const TimeNs until = schedule_.now() + step.length;
  disturbances_.push_back({step.kind, step.who, step.other, step.count, until});
  if (step.kind != StepKind::one_way)
    disturbances_.push_back({step.kind, step.other, step.who, step.count, until});
}

template <class Visit>
void Network::each_disturbance(const Envelope& envelope, Visit&& visit) {
  std::erase_if(disturbances_, [&](const Disturbance& each) { return each.until <= schedule_.now(); });
  for (const Disturbance& each : disturbances_)
    if (each.from == envelope.from && each.to == envelope.to) visit(each);
}

bool Network::send(Envelope envelope) {
  Direction& direction = directions_[{envelope.link, envelope.to_server}];
  if (direction.under_way >= kMostUnderWay) return false;
  if (ordered_)
    send_in_order(std::move(envelope), direction);
  else
    send_alone(envelope, direction);
  return true;
}

void Network::send_in_order(Envelope&& envelope, Direction& direction) {
  TimeNs latency = kLeastLatency + static_cast<TimeNs>(random_.below(kLatencySpread));
  TimeNs held_until = envelope.sent_at;
  each_disturbance(envelope, [&](const Disturbance& each) {
    switch (each.kind) {
    case StepKind::partition:
    case StepKind::one_way:
      held_until = std::max(held_until, each.until);
      break;
    case StepKind::delay:
      latency += static_cast<TimeNs>(random_.below(each.per_cent)) * kMillisecond;
      break;
    case StepKind::loss:
      for (TimeNs wait = kRetransmission; chance(each.per_cent) && wait < kSecond; wait *= 2)
        latency += wait;
      break;
    default: // a stream neither doubles nor reorders
      break;
    }
  });
  direction.last = std::max(direction.last + 1, held_until + latency);
  ++direction.under_way;
  deliver_at(direction.last, std::move(envelope));
}

void Network::send_alone(const Envelope& envelope, Direction& direction) {
  TimeNs latency = kLeastLatency + static_cast<TimeNs>(random_.below(kLatencySpread));
  std::uint32_t copies = 1;
  bool lost = false, overtaken = false;
  each_disturbance(envelope, [&](const Disturbance& each) {
    switch (each.kind) {
    case StepKind::partition:
    case StepKind::one_way:
      lost = true;
      break;
    case StepKind::loss:
      lost = lost || chance(each.per_cent);
      break;
    case StepKind::duplicate:
      copies += chance(each.per_cent) ? 1 : 0;
      break;
    case StepKind::reorder:
      if (!chance(each.per_cent)) break;
      overtaken = true;
      latency += static_cast<TimeNs>(random_.below(30 * kMillisecond));
      break;
    default:
      latency += static_cast<TimeNs>(random_.below(each.per_cent)) * kMillisecond;
      break;
    }
  });
  if (lost) {
    trace_("lost ", envelope.from, " to ", envelope.to);
    return;
  }
  TimeNs arrival = envelope.sent_at + latency;
  if (!overtaken) arrival = direction.last = std::max(direction.last + 1, arrival);
  for (; copies > 0; --copies) {
    ++direction.under_way;
    deliver_at(arrival, Envelope(envelope));
    arrival += static_cast<TimeNs>(random_.below(5 * kMillisecond));
  }
}

void Network::deliver_at(TimeNs when, Envelope&& envelope) {
  schedule_.at(when, [this, carried = std::make_shared<Envelope>(std::move(envelope))]() {
    deliver(std::move(*carried));
  });
}

void Network::deliver(Envelope&& envelope) {
  --directions_[{envelope.link, envelope.to_server}].under_way;
  if (envelope.life != nullptr && envelope.sent_at > envelope.life->death) return;
  receivers_[envelope.to](std::move(envelope));
}

} // namespace cmatch::simulation
