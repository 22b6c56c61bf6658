#include "cmatch/io/proposals.hpp"

#include <algorithm>

#include "cmatch/check.hpp"

namespace cmatch::io {
namespace {

bool is_code_of_stage(std::uint16_t reject) { return reject >= 2000 && reject < 4000; }

} // namespace

Proposals::Proposals(const ProposalsOptions& options)
    : options_(options), accounts_{.there = options.accounts}, risk_{.there = options.risk} {}

bool Proposals::hear(Judge judge, ConnectionId connection, std::int64_t steady, Sequence followed) {
  if ((judge != Judge::accounts && judge != Judge::risk) || !stage(judge).there) return false;
  RemoteStage& heard = stage(judge);
  if (heard.connection != connection) heard.anew = true;
  heard.connection = connection;
  heard.link = {steady, followed};
  heard.late = false;
  return true;
}

bool Proposals::send(const RemoteStage& stage, const Batches& batch, CommandHeader header,
                     Transport& transport) {
  bool sent = true;
  visit_frames(batch, header, [&](const CommandHeader& of_run, auto records) {
    if (!sent) return;
    using Record = typename decltype(records)::value_type;
    frame_.resize(std::max(frame_.size(), FrameWriter::largest_frame<Record>(records.size())));
    FrameWriter writer(frame_, kRecordBytes);
    const WrittenFrame written = writer.write<Record>(of_run, records);
    CM_CHECK(written.count == records.size());
    sent = transport.send(stage.connection, written.bytes) == SendResult::sent;
  });
  return sent;
}

void Proposals::inform(const Batches& batch, const CommandHeader& header, Transport& transport) {
  // Who misses it reads the journal.
  for (const RemoteStage* const each : {&risk_, &accounts_})
    if (each->there && !closed(*each)) send(*each, batch, header, transport);
}

void Proposals::hold(Batches& batch, const CommandHeader& header, Transport& transport, std::int64_t steady) {
  CM_CHECK(!waits() && held_.empty());
  std::swap(held_, batch);
  header_ = header;
  Sequence sequence = header.first_seq;
  for (const Run& run : held_.runs) {
    if (run.family == Family::orders) {
      const auto orders = held_.orders.view().subspan(run.first, run.count);
      if (std::any_of(orders.begin(), orders.end(), is_judged)) to_judge_ = sequence + run.count - 1;
    }
    sequence += run.count;
  }
  last_ = sequence - 1;
  proposed_at_ = steady;
  deadline_ = steady + options_.timeout_ns;
  ask(risk_.there ? Judge::risk : Judge::accounts, transport);
}

void Proposals::ask(Judge judge, Transport& transport) {
  asked_ = static_cast<std::uint16_t>(judge);
  judged_ = header_.first_seq - 1;
  RemoteStage& asked = stage(judge);
  asked.anew = false;
  if (!closed(asked)) asked.late = !send(asked, held_, header_, transport);
}

OrderCommand* Proposals::held_order(Sequence sequence) {
  Sequence first = header_.first_seq;
  for (const Run& run : held_.runs) {
    if (sequence < first + run.count)
      return run.family == Family::orders ? &held_.orders[run.first + (sequence - first)] : nullptr;
    first += run.count;
  }
  return nullptr;
}

bool Proposals::take(const Verdict& verdict) {
  const auto kind = static_cast<VerdictKind>(verdict.kind);
  const auto judge = static_cast<Judge>(verdict.judge);
  if (kind != VerdictKind::refused && kind != VerdictKind::judged) return false;
  if (judge != Judge::accounts && judge != Judge::risk) return false;
  if (kind == VerdictKind::refused && !is_code_of_stage(verdict.reject)) return false;
  const bool due = asked_ == verdict.judge && verdict.epoch == header_.epoch &&
                   verdict.proposed_at == header_.ts_ns && verdict.sequence > judged_ &&
                   verdict.sequence <= last_;
  if (!due) return true;
  if (kind == VerdictKind::judged) {
    judged_ = verdict.sequence;
    return true;
  }
  OrderCommand* const order = held_order(verdict.sequence);
  if (order == nullptr || !is_judged(*order)) return false;
  if (order->verdict == 0) order->verdict = verdict.reject;
  return true;
}

Proposals::State Proposals::proceed(Transport& transport, std::int64_t steady) {
  if (judged_ >= to_judge_) {
    if (static_cast<Judge>(asked_) == Judge::accounts || !accounts_.there) return State::judged;
    ask(Judge::accounts, transport);
  }
  RemoteStage& asked = stage(static_cast<Judge>(asked_));
  if (asked.anew) ask(static_cast<Judge>(asked_), transport); // who was asked is gone
  if (steady >= deadline_) asked.late = true;
  return closed(asked) ? State::late : State::waits;
}

CommandHeader Proposals::release(Batches& batch, std::int64_t steady) {
  CM_CHECK(waits());
  asked_ = kNobody;
  took_ = steady - proposed_at_;
  std::swap(held_, batch);
  return header_;
}

void Proposals::next(Batches& batch) {
  batch.clear();
  std::swap(held_, batch);
}

} // namespace cmatch::io
