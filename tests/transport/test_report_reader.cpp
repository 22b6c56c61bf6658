// The reader of the core's reports for a load: what answers which request, and what is only counted.
#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cmatch/io/frames.hpp"
#include "cmatch/io/report_reader.hpp"

TEST_SUITE_BEGIN("test_report_reader");

using namespace cmatch;
using namespace cmatch::io;

namespace {

class Heard final : public AnswerSink {
 public:
  void answered(std::uint64_t request) override { requests.push_back(request); }
  std::vector<std::uint64_t> requests;
};

ExecutionReport report(ExecType type, std::string_view correlation_id, std::uint64_t event_sequence) {
  ExecutionReport out{};
  out.exec_type = static_cast<std::uint16_t>(type);
  out.event_sequence = event_sequence;
  std::memcpy(out.correlation_id_head, correlation_id.data(), correlation_id.size());
  return out;
}

std::vector<std::uint64_t> answered(ReportReader& reader, std::uint32_t socket,
                                    const std::vector<ExecutionReport>& reports) {
  std::vector<std::byte> memory(kClientFrameBytes);
  FrameWriter writer(memory);
  const WrittenFrame frame = writer.write<ExecutionReport>({}, reports);
  REQUIRE(frame.count == reports.size());
  Heard heard;
  reader.read(socket, frame.bytes, heard);
  return heard.requests;
}

} // namespace

TEST_CASE("report reader: each kind of request is answered by what says what became of it") {
  ReportReader reader;
  std::map<char, std::vector<std::uint64_t>> by_kind;
  std::uint64_t event = 0;
  for (const char kind : {'n', 'r', 'c', 'm', 'x'})
    for (std::uint16_t type = 1; type <= 10; ++type)
      for (const std::uint64_t request :
           answered(reader, 0, {report(static_cast<ExecType>(type), std::string(1, kind) + "1f", ++event)})) {
        CHECK(request == 0x1f);
        by_kind[kind].push_back(type);
      }
  const auto types = [](std::initializer_list<ExecType> list) {
    std::vector<std::uint64_t> numbers;
    for (const ExecType type : list)
      numbers.push_back(static_cast<std::uint64_t>(type));
    return numbers;
  };
  CHECK(by_kind['n'] == types({ExecType::accepted, ExecType::rejected}));
  CHECK(by_kind['r'] == types({ExecType::replaced, ExecType::cancel_rejected}));
  CHECK(by_kind['c'] == types({ExecType::canceled, ExecType::cancel_rejected}));
  CHECK(by_kind['m'] == types({ExecType::cancel_rejected, ExecType::done}));
  CHECK(by_kind['x'].empty());
}

TEST_CASE("report reader: ids that are no number of ours answer nothing") {
  ReportReader reader;
  for (const char* const id : {"", "n", "nx", "n1g", "n-1", "n 1", "1"})
    CHECK(answered(reader, 0, {report(ExecType::accepted, id, 0)}).empty());
  CHECK(answered(reader, 0, {report(ExecType::accepted, "nfffffffffffffff", 0)}) ==
        std::vector<std::uint64_t>{0xfff'ffff'ffff'ffff});
  CHECK(answered(reader, 0, {report(ExecType::accepted, "n0", 0), report(ExecType::accepted, "n1", 0)}) ==
        std::vector<std::uint64_t>{0, 1});
}

TEST_CASE("report reader: everything is counted, and the order of events watched by socket") {
  ReportReader reader;
  ExecutionReport rejected = report(ExecType::rejected, "n3", 3);
  rejected.reject = 2003;
  ExecutionReport fill = report(ExecType::trade, "n1", 4);
  fill.liquidity = static_cast<std::uint16_t>(Liquidity::taker);
  ExecutionReport again = report(ExecType::accepted, "n1", 1);
  again.flags = kReportDuplicate;
  answered(reader, 0, {report(ExecType::accepted, "n1", 1), rejected, fill, again});
  answered(reader, 1, {report(ExecType::canceled, "c2", 2), report(ExecType::expired, "", 2)});
  const ReportCounts& counts = reader.counts();
  CHECK(counts.reports == 6);
  CHECK(counts.accepted == 2);
  CHECK(counts.duplicates == 1);
  CHECK(counts.rejected == 1);
  CHECK(counts.fills == 1);
  CHECK(counts.taker_fills == 1);
  CHECK(counts.canceled == 1);
  CHECK(counts.expired == 1);
  CHECK(counts.out_of_order == 1);
  CHECK(reader.rejects() == std::map<std::uint16_t, std::uint64_t>{{2003, 1}});
  reader.clear();
  CHECK(reader.counts().reports == 0);
  CHECK(reader.rejects().empty());
}

TEST_CASE("report reader: frames of other kinds and of none are told apart") {
  ReportReader reader;
  Heard heard;
  std::vector<std::byte> memory(kClientFrameBytes);
  FrameWriter writer(memory);
  const std::vector<Answer> answers(2);
  reader.read(0, writer.write<Answer>({}, answers).bytes, heard);
  const std::vector<Refusal> refusals(1);
  reader.read(0, writer.write<Refusal>({}, refusals).bytes, heard);
  reader.read(0, std::span(memory).first(7), heard);
  CHECK(reader.counts().other_frames == 1);
  CHECK(reader.counts().refused_frames == 1);
  CHECK(reader.counts().bad_frames == 1);
  CHECK(reader.counts().reports == 0);
  CHECK(heard.requests.empty());
}

TEST_SUITE_END();
