// Hot frames as bytes, from and to the memory of NumPy arrays; and the layouts of their records, from which cmatch.frames
// makes its dtypes.
#include "cmatch/io/frames.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "pybind11/register.hpp"
#include "shared/buffer_argument.hpp"

namespace cmatch::face {
namespace {

using py::literals::operator""_a;
using namespace cmatch::io;

template <class Header>
struct Records;
template <>
struct Records<CommandHeader> {
  // Calls `act` with a Record of the list, or gives false where there is no such list.
  template <class Act>
  static bool with(std::uint16_t list, Act&& act) {
    return any<OrderCommand, LedgerCommand, InstrumentCommand, AdminCommand, SessionRequest, OrderQuery,
               BalanceQuery, FollowRequest, FollowAnswer, ShardEvent, Verdict>(list, std::forward<Act>(act));
  }
  template <class... Record, class Act>
  static bool any(std::uint16_t list, Act&& act) {
    return ((static_cast<std::uint16_t>(Wire<Record>::list) == list && (act(Record{}), true)) || ...);
  }
};
template <>
struct Records<ReportHeader> {
  template <class Act>
  static bool with(std::uint16_t list, Act&& act) {
    return Records<CommandHeader>::any<ExecutionReport, Answer, SessionAnswer, OrderState, BalanceState,
                                       Refusal>(list, std::forward<Act>(act));
  }
};

py::tuple wire_layout(std::size_t size, std::span<const WireField> fields) {
  py::list rows;
  for (const WireField& field : fields) {
    const std::string array = field.count > 1 ? "(" + std::to_string(field.count) + ",)" : "";
    rows.append(py::make_tuple(field.name, array + field.kind + std::to_string(field.size), field.offset));
  }
  return py::make_tuple(size, py::tuple(rows));
}

template <class Header>
void add_layouts(py::dict& layouts) {
  for (std::uint16_t list = 1;; ++list) {
    const auto add = [&]<class Record>(const Record&) {
      layouts[Wire<Record>::name] = wire_layout(sizeof(Record), Wire<Record>::fields);
    };
    if (!Records<Header>::with(list, add)) return;
  }
}

// The first records of an array as one frame, and how many of them went into it.
template <class Header>
py::tuple encode(const Header& header, std::uint16_t list, const py::object& records, std::size_t limit) {
  const BufferArgument bytes(records);
  py::tuple result;
  const bool known = Records<Header>::with(list, [&]<class Record>(const Record&) {
    const std::span<const Record> rows = bytes.records<Record>("records");
    const std::size_t most = std::min(limit, FrameWriter::largest_frame<Record>(rows.size()));
    const std::unique_ptr<std::byte[]> memory(new std::byte[most]);
    const WrittenFrame frame = FrameWriter({memory.get(), most}, most).write(header, rows);
    const auto* const data = reinterpret_cast<const char*>(frame.bytes.data());
    result = py::make_tuple(py::bytes(data, frame.bytes.size()), frame.count);
  });
  if (!known) throw py::value_error("no list has the number " + std::to_string(list));
  return result;
}

template <class Frame>
py::object read_records(const Frame& frame) {
  PyObject* made = nullptr;
  Records<decltype(frame.header)>::with(static_cast<std::uint16_t>(frame.list), [&]<class Record>(
                                                                                    const Record&) {
    made = PyByteArray_FromStringAndSize(nullptr, frame.records.count * Py_ssize_t{sizeof(Record)});
    if (made == nullptr) throw py::error_already_set();
    copy_words(frame.records, Wire<Record>::words, reinterpret_cast<std::byte*>(PyByteArray_AS_STRING(made)));
  });
  return py::reinterpret_steal<py::object>(made);
}

py::object decode_command_frame(const py::object& data, std::size_t limit) {
  const BufferArgument bytes(data);
  CommandFrame frame{};
  const FrameFault fault = decode_commands(bytes.view(), frame, limit);
  if (fault != FrameFault::none) return py::int_(static_cast<int>(fault));
  const CommandHeader& header = frame.header;
  return py::make_tuple(static_cast<int>(frame.list), read_records(frame), header.stream, header.epoch,
                        header.first_seq, header.ts_ns, header.event_digest);
}

py::object decode_report_frame(const py::object& data, std::size_t limit) {
  const BufferArgument bytes(data);
  ReportFrame frame{};
  const FrameFault fault = decode_reports(bytes.view(), frame, limit);
  if (fault != FrameFault::none) return py::int_(static_cast<int>(fault));
  const ReportHeader& header = frame.header;
  return py::make_tuple(static_cast<int>(frame.list), read_records(frame), header.durability, header.epoch,
                        header.sequence, header.durable_sequence, header.ts_ns);
}

} // namespace

void register_frames(py::module_& module) {
  py::dict layouts;
  add_layouts<CommandHeader>(layouts);
  add_layouts<ReportHeader>(layouts);
  module.attr("FRAME_LAYOUTS") = layouts;
  module.attr("CLIENT_FRAME_BYTES") = kClientFrameBytes;
  module.attr("RECORD_BYTES") = kRecordBytes;
  module.attr("SCHEMA_VERSION") = kSchemaVersion;

  module.def(
      "encode_command_frame",
      [](std::uint16_t list, const py::object& records, std::size_t limit, std::uint16_t stream,
         std::uint64_t epoch, std::uint64_t first_seq, std::int64_t ts_ns, std::uint64_t event_digest) {
        const CommandHeader header{.stream = stream,
                                   .epoch = epoch,
                                   .first_seq = first_seq,
                                   .ts_ns = ts_ns,
                                   .event_digest = event_digest};
        return encode(header, list, records, limit);
      },
      "kind"_a, "records"_a, "limit"_a, "stream"_a, "epoch"_a, "first_seq"_a, "ts_ns"_a, "event_digest"_a,
      py::pos_only(), "See cmatch.frames.encode_commands().");
  module.def(
      "encode_report_frame",
      [](std::uint16_t list, const py::object& records, std::size_t limit, std::uint16_t durability,
         std::uint64_t epoch, std::uint64_t sequence, std::uint64_t durable_sequence, std::int64_t ts_ns) {
        const ReportHeader header{.durability = durability,
                                  .epoch = epoch,
                                  .sequence = sequence,
                                  .durable_sequence = durable_sequence,
                                  .ts_ns = ts_ns};
        return encode(header, list, records, limit);
      },
      "kind"_a, "records"_a, "limit"_a, "durability"_a, "epoch"_a, "sequence"_a, "durable_sequence"_a,
      "ts_ns"_a, py::pos_only(), "See cmatch.frames.encode_reports().");
  module.def("decode_command_frame", &decode_command_frame, "data"_a, "limit"_a, py::pos_only(),
             "See cmatch.frames.decode_commands().");
  module.def("decode_report_frame", &decode_report_frame, "data"_a, "limit"_a, py::pos_only(),
             "See cmatch.frames.decode_reports().");
}

} // namespace cmatch::face
