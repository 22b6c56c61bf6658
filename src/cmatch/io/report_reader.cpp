#include "cmatch/io/report_reader.hpp"

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

#include "cmatch/io/frames.hpp"
#include "cmatch/venue/text.hpp"

namespace cmatch::io {

namespace {

// Whether a report of this type is the answer to a request of this kind.
bool answers(char kind, ExecType type) {
  switch (type) {
  case ExecType::accepted:
  case ExecType::rejected:
    return kind == 'n';
  case ExecType::replaced:
    return kind == 'r';
  case ExecType::canceled:
    return kind == 'c';
  case ExecType::cancel_rejected:
    return kind == 'c' || kind == 'r' || kind == 'm';
  case ExecType::done:
    return kind == 'm';
  case ExecType::trade:
  case ExecType::expired:
  case ExecType::triggered:
  case ExecType::restated:
    return false;
  }
  return false;
}

std::optional<std::uint64_t> number_of(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

} // namespace

void ReportReader::clear() {
  counts_ = {};
  rejects_.clear();
  last_event_.clear();
}

void ReportReader::read(std::uint32_t socket, std::span<const std::byte> frame, AnswerSink& sink) {
  ReportFrame read{};
  if (decode_reports(frame, read) != FrameFault::none) {
    ++counts_.bad_frames;
    return;
  }
  if (read.list != ReportList::reports) {
    ++(read.list == ReportList::refusals ? counts_.refused_frames : counts_.other_frames);
    return;
  }
  if (reports_.size() < read.records.count) reports_.resize(read.records.count);
  copy_records(read.records, reports_.data());
  for (std::uint32_t i = 0; i < read.records.count; ++i)
    take(socket, reports_[i], sink);
}

void ReportReader::take(std::uint32_t socket, const ExecutionReport& report, AnswerSink& sink) {
  count(report);
  if (report.event_sequence != 0 && (report.flags & kReportDuplicate) == 0) {
    if (last_event_.size() <= socket) last_event_.resize(socket + std::size_t{1});
    counts_.out_of_order += report.event_sequence <= last_event_[socket];
    last_event_[socket] = report.event_sequence;
  }
  const std::string_view id = text_of(report.correlation_id_head);
  if (id.size() < 2 || !answers(id[0], static_cast<ExecType>(report.exec_type))) return;
  if (const std::optional<std::uint64_t> number = number_of(id.substr(1))) sink.answered(*number);
}

void ReportReader::count(const ExecutionReport& report) {
  ++counts_.reports;
  counts_.duplicates += (report.flags & kReportDuplicate) != 0;
  if (report.reject != 0) ++rejects_[report.reject];
  switch (static_cast<ExecType>(report.exec_type)) {
  case ExecType::accepted:
    ++counts_.accepted;
    break;
  case ExecType::rejected:
    ++counts_.rejected;
    break;
  case ExecType::trade:
    ++counts_.fills;
    counts_.taker_fills += report.liquidity == static_cast<std::uint16_t>(Liquidity::taker);
    break;
  case ExecType::canceled:
    ++counts_.canceled;
    break;
  case ExecType::expired:
    ++counts_.expired;
    break;
  case ExecType::replaced:
    ++counts_.replaced;
    break;
  case ExecType::cancel_rejected:
    ++counts_.cancel_rejected;
    break;
  case ExecType::triggered:
  case ExecType::restated:
  case ExecType::done:
    break;
  }
}

} // namespace cmatch::io
