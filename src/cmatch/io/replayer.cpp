#include "cmatch/io/replayer.hpp"

#include <string>

#include "cmatch/io/journal_errors.hpp"

namespace cmatch::io {
namespace {

template <class Record>
void replay(const CommandFrame& frame, RecordBuffer<Record>& records, Venue& venue, Output& out) {
  records.resize(frame.records.count);
  copy_records(frame.records, records.data());
  venue.apply({frame.header.epoch, frame.header.first_seq, frame.header.ts_ns}, records.view(), out);
}

} // namespace

void Replayer::apply(std::span<const std::byte> payload, Venue& venue, Output& out) {
  CommandFrame frame{};
  const FrameFault fault = decode_commands(payload, frame, kRecordBytes);
  if (fault != FrameFault::none)
    throw BadPayload("a journal record is no batch of commands: fault " +
                     std::to_string(static_cast<unsigned>(fault)));
  if (const std::uint64_t said = frame.header.event_digest; said != 0 && said != venue.event_digest())
    throw StateParted("the events before sequence " + std::to_string(frame.header.first_seq) +
                      " had the digest " + std::to_string(said) + " where they were made, and have " +
                      std::to_string(venue.event_digest()) + " here");
  switch (frame.list) {
  case CommandList::orders:
    return replay(frame, batches_.orders, venue, out);
  case CommandList::ledger:
    return replay(frame, batches_.ledger, venue, out);
  case CommandList::instruments:
    return replay(frame, batches_.instruments, venue, out);
  case CommandList::administration:
    return replay(frame, batches_.administration, venue, out);
  case CommandList::shard_events:
    return replay(frame, batches_.shard_events, venue, out);
  case CommandList::sessions:
  case CommandList::follow_requests:
  case CommandList::follow_answers:
  case CommandList::order_queries:
  case CommandList::balance_queries:
  case CommandList::verdicts:
    break;
  }
  throw BadPayload("a journal record holds what is never journaled");
}

} // namespace cmatch::io
