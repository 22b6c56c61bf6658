#include "process.hpp"

#include <cstring>

#include "cmatch/io/journal_errors.hpp"

namespace cmatch::simulation {
namespace {

constexpr TimeNs kSilence = 400 * kMillisecond;
constexpr TimeNs kReopen = 50 * kMillisecond;
constexpr TimeNs kRetry = 60 * kMillisecond;
constexpr std::uint64_t kWriteBytes = 32'768;
constexpr std::uint32_t kBatchBytes = 2'048;
constexpr std::size_t kPartBytes = 4'096; // of history, at once

// What the loop tells of itself interests nobody here; its memory is taken once.
io::SharedStats& statistics() {
  static io::SharedStats stats = io::SharedStats::in_memory();
  return stats;
}

void put_word(Bytes& bytes, std::uint64_t word) {
  const auto* const from = reinterpret_cast<const std::byte*>(&word);
  bytes.insert(bytes.end(), from, from + sizeof word);
}

std::uint64_t word_at(const Bytes& bytes, std::size_t at) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

} // namespace

Process::Process(io::Disk& disk, const World& world, io::Clock& clock, Network& network,
                 std::shared_ptr<Life> life_in, std::function<TimeNs()> moment, const Directory& directory)
    : life(std::move(life_in)), venue(small_limits()),
      journal(disk, kJournalDirectory, journal_options(world)), transport(network, life, std::move(moment)),
      core(make_core(world, clock, directory)) {
  io::JournalReader reader(disk, kJournalDirectory, 1);
  const Sequence reached = core->replay(reader, journal.written_sequence());
  if (reached != journal.written_sequence())
    violate("machine ", life->machine, ": the journal ends with sequence ", journal.written_sequence(),
            ", what follows from it with ", reached);
  core->begin();
  if (directory.leads) return;
  io::StandbyOptions options;
  options.timeout_ns = kStandbyTimeout;
  options.in_sync = directory.in_sync && !journal.recovery().cut;
  standby.emplace(*core, venue, journal, options);
}

io::JournalOptions Process::journal_options(const World& world) {
  io::JournalOptions options;
  options.segment_bytes = world.segment_bytes;
  options.write_bytes = kWriteBytes;
  options.journal_id = kJournalId;
  options.recover_from = 1;
  return options;
}

std::unique_ptr<io::Sequencer> Process::make_core(const World& world, io::Clock& clock,
                                                  const Directory& directory) {
  // Another life of the core: what it writes is told from what was before.
  if (directory.leads && journal.written_sequence() != 0) journal.raise_epoch(journal.epoch() + 1);
  io::SequencerOptions options;
  options.epoch = journal.epoch();
  options.durability = world.durability;
  options.max_frames = 256;
  options.max_batch_bytes = kBatchBytes;
  options.max_sessions = 16;
  options.ring_reports = world.ring_reports;
  options.silence_ns = kSilence;
  options.leads = directory.leads;
  options.followers.bytes = world.follow_bytes;
  options.followers.timeout_ns = kStandbyTimeout;
  options.outbox_bytes = world.outbox_bytes;
  return std::make_unique<io::Sequencer>(venue, journal, transport, clock, statistics(), options);
}

// --- the standby's link --------------------------------------------------------------------------------------------------

void StandbyTurns::connect(Endpoint leader) {
  leader_ = leader;
  link_ = network_.open();
  broken_ = false;
  inbox_.clear();
  history_.reset();
  retry_ = 0;
}

void StandbyTurns::arrive(Envelope&& envelope) {
  if (envelope.link != link_ || envelope.from != leader_) return;
  if (envelope.reset)
    broken_ = true;
  else if (envelope.history)
    history_ = std::move(envelope.bytes);
  else
    inbox_.push_back(std::move(envelope.bytes));
}

void StandbyTurns::send(Bytes&& bytes, bool history, const std::shared_ptr<const Life>& life, TimeNs when) {
  Envelope envelope;
  envelope.from = self_;
  envelope.to = leader_;
  envelope.link = link_;
  envelope.to_server = true;
  envelope.history = history;
  envelope.life = life;
  envelope.sent_at = when;
  envelope.bytes = std::move(bytes);
  network_.send(std::move(envelope));
}

void StandbyTurns::turn(Process& process, const std::function<TimeNs()>& moment) {
  io::Standby& standby = *process.standby;
  const TimeNs now = schedule_.now();
  const io::StandbyState before = standby.state();
  for (const Bytes& frame : std::exchange(inbox_, {}))
    standby.take(frame, now);
  if (broken_ && now >= reopen_) {
    reopen_ = now + kReopen;
    connect(leader_);
    standby.connected();
  }
  if (standby.state() == io::StandbyState::behind) catch_up(process, now);
  if (standby.pending()) standby.write();
  const std::span<const std::byte> message = standby.say(now);
  if (!message.empty()) send({message.begin(), message.end()}, false, process.life, moment());
  if (standby.pending()) standby.fold();
  if (standby.state() != before)
    trace_("standby ", self_, " state ", static_cast<int>(standby.state()), " next ",
           standby.next_sequence());
}

void StandbyTurns::catch_up(Process& process, TimeNs now) {
  if (history_) return take_history(*process.standby);
  if (now < retry_) return;
  retry_ = now + kRetry;
  Bytes request;
  put_word(request, process.standby->next_sequence() - 1);
  put_word(request, process.standby->last_epoch());
  send(std::move(request), true, process.life, now);
}

void StandbyTurns::take_history(io::Standby& standby) {
  const Bytes part = *std::exchange(history_, std::nullopt);
  if (part.empty()) return;
  const bool more = word_at(part, 0) != 0;
  bool taken = true;
  for (std::size_t at = 8; at < part.size() && taken;) {
    const std::uint64_t length = word_at(part, at);
    taken = standby.take_history(std::span(part).subspan(at + 8, length));
    at += 8 + length;
  }
  retry_ = 0;
  if (!taken || !more) standby.resume();
}

void StandbyTurns::fence(std::uint64_t epoch) {
  io::FollowRequest request{};
  request.kind = static_cast<std::uint16_t>(io::FollowAction::fence);
  request.epoch = epoch;
  std::vector<std::byte> memory(io::FrameWriter::largest_frame<io::FollowRequest>(1));
  const auto frame = io::FrameWriter(memory).write<io::FollowRequest>({}, std::span(&request, 1));
  send({frame.bytes.begin(), frame.bytes.end()}, false, nullptr, schedule_.now());
}

Bytes read_history(const io::MemoryDisk& disk, const Bytes& request) {
  const std::uint64_t after = word_at(request, 0), epoch = word_at(request, 8);
  io::MemoryDisk copy({.capacity_bytes = UINT64_MAX, .tracks_crashes = false});
  copy_journal(disk, copy);
  io::JournalReader reader(copy, kJournalDirectory, std::max<std::uint64_t>(after, 1));
  Bytes payloads;
  bool more = false;
  try {
    while (const auto record = reader.next()) {
      if (record->last_sequence() <= after) {
        if (record->last_sequence() == after && record->epoch != epoch) return {};
        continue;
      }
      if (!payloads.empty() && payloads.size() + record->payload.size() > kPartBytes) {
        more = true;
        break;
      }
      put_word(payloads, record->payload.size());
      const auto bytes = std::as_bytes(record->payload);
      payloads.insert(payloads.end(), bytes.begin(), bytes.end());
    }
  } catch (const io::JournalError&) { // what is to be had of it is in the answer
  }
  Bytes part;
  put_word(part, more ? 1 : 0);
  part.insert(part.end(), payloads.begin(), payloads.end());
  return part;
}

} // namespace cmatch::simulation
