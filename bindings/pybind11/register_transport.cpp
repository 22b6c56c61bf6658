// How the core process reaches its clients and tells of itself: transports, what they drain and send, statistics.
#include <algorithm>
#include <optional>
#include <string>
#include <system_error>

#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

#include "cmatch/io/loop_timer.hpp"
#include "cmatch/io/memory_transport.hpp"
#include "cmatch/io/pacer.hpp"
#include "cmatch/io/report_reader.hpp"
#include "cmatch/io/shared_stats.hpp"
#include "cmatch/io/tally.hpp"
#include "cmatch/io/zmq_transport.hpp"
#include "pybind11/register.hpp"
#include "shared/buffer_argument.hpp"

namespace cmatch::face {
namespace {

using py::literals::operator""_a;
using Unlocked = py::call_guard<py::gil_scoped_release>;

py::bytes as_bytes(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A system's error is an OSError with its errno; a transport's is cmatch.errors.TransportFailed.
void translate_transport_error(std::exception_ptr error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const io::TransportError& failed) {
    const py::object type = py::module_::import("cmatch.errors").attr("TransportFailed");
    PyErr_SetString(type.ptr(), failed.what());
  } catch (const std::system_error& failed) {
    const py::tuple arguments = py::make_tuple(failed.code().value(), failed.what());
    PyErr_SetObject(PyExc_OSError, arguments.ptr());
  }
}

void define_transport_words(py::module_& module) {
  py::native_enum<io::FrameKind>(module, "FrameKind", "enum.IntEnum", "What a drained frame is.")
      .value("whole", io::FrameKind::whole)
      .value("oversize", io::FrameKind::oversize)
      .value("malformed", io::FrameKind::malformed)
      .finalize();
  py::native_enum<io::SendResult>(module, "SendResult", "enum.IntEnum", "What became of a frame to be sent.")
      .value("sent", io::SendResult::sent)
      .value("would_block", io::SendResult::would_block)
      .value("gone", io::SendResult::gone)
      .finalize();
  py::native_enum<io::Stat> stat(module, "Stat", "enum.IntEnum", "A counter or gauge of the core process.");
  for (std::size_t i = 0; i < io::kStats.size(); ++i)
    stat.value(std::string(io::kStats[i].name).c_str(), static_cast<io::Stat>(i));
  stat.finalize();
  py::native_enum<io::Timing> timing(module, "Timing", "enum.IntEnum", "A histogram of the core process.");
  for (std::size_t i = 0; i < io::kTimings.size(); ++i)
    timing.value(std::string(io::kTimings[i].name).c_str(), static_cast<io::Timing>(i));
  timing.finalize();
}

void define_inbound(py::module_& module) {
  using io::Inbound;
  const auto frame_at = [](const Inbound& inbound, std::uint32_t index) {
    if (index >= inbound.size()) throw py::index_error("there are fewer frames");
    return inbound.frames()[index];
  };
  py::class_<Inbound>(module, "Inbound", "The frames of one drain: a reusable arena.")
      .def(py::init<std::uint32_t, std::uint32_t>(), "max_frames"_a, "max_bytes"_a,
           "__init__(max_frames, max_bytes)\n\nReserves place for that many frames and bytes.")
      .def("__len__", &Inbound::size)
      .def_property_readonly("bytes_used", &Inbound::bytes_used, "Bytes of the arena in use, padding too.")
      .def_property_readonly("max_frames", &Inbound::max_frames)
      .def_property_readonly("max_bytes", &Inbound::max_bytes)
      .def(
          "frame",
          [frame_at](const Inbound& inbound, std::uint32_t index) {
            const io::InboundFrame frame = frame_at(inbound, index);
            return py::make_tuple(frame.connection, as_bytes(inbound.bytes(frame)), frame.kind,
                                  frame.first != 0);
          },
          "index"_a,
          "frame(index) -> tuple[int, bytes, FrameKind, bool]\n\n"
          "Connection, a copy of its bytes (none unless whole), kind, and whether it is its connection's "
          "first.")
      .def(
          "user_id",
          [frame_at](const Inbound& inbound, std::uint32_t index) {
            frame_at(inbound, index);
            return py::str(inbound.user_id(index).data(), inbound.user_id(index).size());
          },
          "index"_a,
          "user_id(index) -> str\n\nWho sent it, by the transport's authentication; empty but for a first "
          "frame.");
}

py::dict counts_of(const io::Transport& transport) {
  const io::TransportCounts& c = transport.counts();
  return py::dict("frames_in"_a = c.frames_in, "bytes_in"_a = c.bytes_in,
                  "frames_oversize"_a = c.frames_oversize, "frames_malformed"_a = c.frames_malformed,
                  "frames_foreign"_a = c.frames_foreign, "frames_out"_a = c.frames_out,
                  "bytes_out"_a = c.bytes_out, "sends_blocked"_a = c.sends_blocked,
                  "sends_gone"_a = c.sends_gone);
}

// A signal ended the wait: Python's handlers run now, not at the next order.
bool wait_for_frames(io::Transport& transport, std::int64_t timeout_ns) {
  const bool there = [&] {
    const py::gil_scoped_release unlocked;
    return transport.wait(timeout_ns);
  }();
  if (!there && PyErr_CheckSignals() != 0) throw py::error_already_set();
  return there;
}

void define_transport(py::module_& module) {
  using io::Transport;
  py::class_<Transport>(module, "Transport", "The door of the core process. One thread; only wait() waits.")
      .def("wait", &wait_for_frames, "timeout_ns"_a,
           "wait(timeout_ns) -> bool\n\nTrue once a frame is there, False when the time (ns) is over or a "
           "signal came.")
      .def("drain", &Transport::drain, "inbound"_a, "max_frames"_a, "max_bytes"_a, Unlocked(),
           "drain(inbound, max_frames, max_bytes) -> int\n\n"
           "Replaces the frames of `inbound` by those that are there: at most max_frames, none after "
           "max_bytes.")
      .def(
          "send",
          [](Transport& transport, io::ConnectionId connection, const py::object& data) {
            const BufferArgument bytes(data);
            return transport.send(connection, bytes.view());
          },
          "connection"_a, "data"_a, "send(connection, data) -> SendResult\n\nOne frame, whole or not at all.")
      .def(
          "echo",
          [](Transport& transport, const io::Inbound& inbound) {
            std::uint32_t sent = 0;
            for (const io::InboundFrame& frame : inbound.frames())
              sent += transport.send(frame.connection, inbound.bytes(frame)) == io::SendResult::sent;
            return sent;
          },
          "inbound"_a, Unlocked(),
          "echo(inbound) -> int\n\nSends every frame back, as a bare link would; returns how many were sent.")
      .def(
          "user_id",
          [](const Transport& transport, io::ConnectionId connection) {
            const std::string_view user_id = transport.user_id(connection);
            return py::str(user_id.data(), user_id.size());
          },
          "connection"_a,
          "user_id(connection) -> str\n\n"
          "Who is there, by the transport's authentication; empty of one not heard of, gone or forgotten.")
      .def("forget", &Transport::forget, "connection"_a,
           "forget(connection) -> None\n\nIts next frame is a first one again.")
      .def_property_readonly("counts", &counts_of, "What passed so far, by name.");
}

void define_transports(py::module_& module) {
  module.def("seed_addresses", &io::seed_addresses,
             "seed_addresses() -> None\n\n"
             "Makes the numbers of connections unpredictable: once, before any ROUTER socket is made. "
             "Without it any\n"
             "client can stop the process.");
  py::class_<io::ZmqTransport, io::Transport>(module, "ZmqTransport", "Over a ROUTER socket of pyzmq.")
      .def(
          py::init([](std::uintptr_t underlying, const std::string& library, const py::object&, bool yields) {
            return std::make_unique<io::ZmqTransport>(underlying, library, yields);
          }),
          "underlying"_a, "library"_a = "", "owner"_a = py::none(), py::kw_only(), "yields"_a = false,
          py::keep_alive<1, 4>(),
          "__init__(underlying, library='', owner=None, *, yields=False)\n\n"
          "Args:\n"
          "    underlying: Socket.underlying of a ROUTER socket that is used nowhere else meanwhile.\n"
          "    library: Path of pyzmq's libzmq; empty: found.\n"
          "    owner: Kept alive; the socket object.\n"
          "    yields: Each wait lets threads of the same SCHED_FIFO rank go first.\n\n"
          "Raises:\n"
          "    TransportFailed: The library is not there, or the socket is none of that kind.")
      .def_property_readonly(
          "library", [](const io::ZmqTransport& transport) { return transport.library().path; },
          "Path of the libzmq in use.")
      .def_static("find_library", &io::ZmqLibrary::loaded_path,
                  "find_library() -> str\n\nPaths of every libzmq in this process, with commas between; "
                  "empty: none.");

  py::class_<io::MemoryTransport, io::Transport>(module, "MemoryTransport", "Queues in this process.")
      .def(py::init<std::uint32_t>(), "capacity"_a,
           "__init__(capacity)\n\nEach connection holds at most that many frames either way.")
      .def("open", &io::MemoryTransport::open, "user_id"_a = "",
           "open(user_id='') -> int\n\nA new connection.")
      .def("close", &io::MemoryTransport::close, "connection"_a,
           "close(connection) -> bool\n\nFalse where it is not open.")
      .def(
          "push",
          [](io::MemoryTransport& transport, io::ConnectionId connection, const py::object& data,
             std::uint32_t parts) {
            const BufferArgument bytes(data);
            return transport.push(connection, bytes.view(), parts);
          },
          "connection"_a, "data"_a, "parts"_a = 1,
          "push(connection, data, parts=1) -> bool\n\n"
          "From the client; False where its queue is full. More than one part makes a malformed frame.")
      .def(
          "take",
          [](io::MemoryTransport& transport, io::ConnectionId connection) -> py::object {
            io::MemoryTransport::Bytes bytes;
            if (!transport.take(connection, bytes)) return py::none();
            return as_bytes(bytes);
          },
          "connection"_a, "take(connection) -> bytes | None\n\nThe oldest frame for the client.")
      .def_property_readonly("waiting", &io::MemoryTransport::waiting, "Frames that were not drained yet.");
}

void define_histogram(py::module_& module) {
  using io::Histogram;
  py::class_<Histogram>(module, "Histogram",
                        "Counts by value, read back at most 1/128 too high and never too low.")
      .def(py::init([] { return std::make_unique<Histogram>(Histogram{}); }), "__init__()\n\nEmpty.")
      .def("record", &Histogram::record, "value"_a, "times"_a = 1, "record(value, times=1) -> None")
      .def("merge", &Histogram::merge, "other"_a, "merge(other) -> None")
      .def("clear", &Histogram::clear, "clear() -> None")
      .def_property_readonly("count", &Histogram::count)
      .def_property_readonly("sum", &Histogram::sum)
      .def_property_readonly("max", &Histogram::max)
      .def("percentile", &Histogram::percentile, "parts_per_million"_a,
           "percentile(parts_per_million) -> int\n\n"
           "The least value that so many in a million do not exceed; 0 of an empty one.")
      .def(
          "buckets",
          [](const Histogram& histogram) {
            py::list buckets;
            for (std::size_t i = 0; i < Histogram::kBuckets; ++i)
              if (histogram.in_bucket(i) != 0)
                buckets.append(py::make_tuple(Histogram::highest_in(i), histogram.in_bucket(i)));
            return buckets;
          },
          "buckets() -> list[tuple[int, int]]\n\nThe highest value and the count of each bucket that has "
          "one.");
}

void define_stats(py::module_& module) {
  using io::SharedStats;
  py::class_<SharedStats>(module, "SharedStats", py::buffer_protocol(),
                          "Counters, gauges and histograms that other processes may read. One thread writes.")
      .def(py::init([](const std::optional<std::string>& path) {
             return std::make_unique<SharedStats>(path ? SharedStats::create(*path)
                                                       : SharedStats::in_memory());
           }),
           "path"_a = py::none(),
           "__init__(path=None)\n\nA new file in place of `path`, or private memory.\n\nRaises:\n    OSError")
      .def_buffer([](SharedStats& stats) {
        const std::span<const std::byte> bytes = stats.bytes();
        return py::buffer_info(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                               static_cast<py::ssize_t>(bytes.size()));
      })
      .def("begin", &SharedStats::begin, "begin() -> None\n\nWhat follows until end() changes together.")
      .def("end", &SharedStats::end, "end() -> None")
      .def("add", &SharedStats::add, "stat"_a, "n"_a = 1, "add(stat, n=1) -> None")
      .def("set", &SharedStats::set, "stat"_a, "value"_a, "set(stat, value) -> None")
      .def("raise_to", &SharedStats::raise, "stat"_a, "value"_a,
           "raise_to(stat, value) -> None\n\nSets it where it is less.")
      .def("get", &SharedStats::get, "stat"_a, "get(stat) -> int")
      .def("histogram", py::overload_cast<io::Timing>(&SharedStats::histogram), "timing"_a,
           py::return_value_policy::reference_internal, "histogram(timing) -> Histogram")
      .def(
          "tally_reports",
          [](SharedStats& stats, const py::object& reports) {
            io::tally(stats, BufferArgument(reports).records<ExecutionReport>("reports"));
          },
          "reports"_a, "tally_reports(reports) -> None\n\nCounts execution reports: records of 256 bytes.")
      .def(
          "tally_answers",
          [](SharedStats& stats, const py::object& answers) {
            io::tally(stats, BufferArgument(answers).records<Answer>("answers"));
          },
          "answers"_a, "tally_answers(answers) -> None\n\nCounts answers: records of 144 bytes.");

  py::class_<io::LoopTimer>(module, "LoopTimer", "The stopwatch of the core loop.")
      .def(py::init<SharedStats&>(), "stats"_a, py::keep_alive<1, 2>(), "__init__(stats)")
      .def("idle", &io::LoopTimer::idle, "idle() -> None\n\nA wait is over.")
      .def("stage", &io::LoopTimer::stage, "timing"_a, "stage(timing) -> None\n\nA stage is over.")
      .def("finish", &io::LoopTimer::finish, "transport"_a, "frames"_a,
           "finish(transport, frames) -> None\n\nA turn is over; with frames above 0 it was a batch.");
}

// In slices, so that Ctrl-C is heard.
void run_load(io::LoadGenerator& load, const py::object& plan, const py::object& arena,
              io::AnswerReader& reader, const io::LoadGenerator::Options& options) {
  constexpr std::uint64_t kSliceNs = 100'000'000;
  const BufferArgument plan_bytes(plan), arena_bytes(arena);
  const std::span<const io::PlannedFrame> frames = plan_bytes.records<io::PlannedFrame>("planned frames");
  bool over = false;
  {
    const py::gil_scoped_release unlocked;
    load.start(frames, arena_bytes.view(), reader, options);
  }
  while (!over) {
    {
      const py::gil_scoped_release unlocked;
      over = load.run(kSliceNs);
    }
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
}

void define_load(py::module_& module) {
  using io::LoadGenerator;
  const py::class_<io::AnswerReader> any_reader(module, "AnswerReader",
                                                "Finds in a received frame the requests it answers.");
  py::class_<io::EchoReader, io::AnswerReader>(
      module, "EchoReader",
      "Of a peer that sends back frames which begin with first request and requests, u64.")
      .def(py::init<>(), "__init__()");
  py::class_<io::ReportReader, io::AnswerReader>(module, "ReportReader",
                                                 "Of the core: a request's correlation id is n (new), r "
                                                 "(replace), c (cancel) or m (mass cancel) and its number,\n"
                                                 "1 to 15 hexadecimal digits.")
      .def(py::init<>(), "__init__()")
      .def("clear", &io::ReportReader::clear, "clear() -> None")
      .def_property_readonly(
          "counts",
          [](const io::ReportReader& reader) {
            const io::ReportCounts& c = reader.counts();
            return py::dict("reports"_a = c.reports, "accepted"_a = c.accepted, "rejected"_a = c.rejected,
                            "canceled"_a = c.canceled, "expired"_a = c.expired, "replaced"_a = c.replaced,
                            "cancel_rejected"_a = c.cancel_rejected, "fills"_a = c.fills,
                            "taker_fills"_a = c.taker_fills, "duplicates"_a = c.duplicates,
                            "refused_frames"_a = c.refused_frames, "other_frames"_a = c.other_frames,
                            "bad_frames"_a = c.bad_frames, "out_of_order"_a = c.out_of_order);
          },
          "What became of everything, by name.")
      .def_property_readonly(
          "rejects", [](const io::ReportReader& reader) { return reader.rejects(); },
          "How often each reject code came.");

  py::class_<LoadGenerator>(module, "LoadGenerator",
                            "Sends each frame at its time and measures from that time.")
      .def(py::init([](const std::vector<std::uintptr_t>& sockets, const std::string& library,
                       const py::object&) { return std::make_unique<LoadGenerator>(sockets, library); }),
           "sockets"_a, "library"_a = "", "owner"_a = py::none(), py::keep_alive<1, 4>(),
           "__init__(sockets, library='', owner=None)\n\n"
           "Args:\n"
           "    sockets: Socket.underlying of connected DEALER sockets; they have to outlive this.\n"
           "    library: Path of pyzmq's libzmq; empty: found.\n"
           "    owner: Kept alive; the socket objects.")
      .def(
          "run",
          [](LoadGenerator& load, const py::object& plan, const py::object& arena, io::AnswerReader& reader,
             std::uint64_t measure_from_ns, std::uint64_t linger_ns, std::uint64_t settle_ns,
             std::uint64_t spin_ns, std::uint64_t in_flight, std::uint64_t stop_ns) {
            run_load(load, plan, arena, reader,
                     {.measure_from_ns = measure_from_ns,
                      .linger_ns = linger_ns,
                      .settle_ns = settle_ns,
                      .spin_ns = spin_ns,
                      .in_flight = in_flight,
                      .stop_ns = stop_ns});
          },
          "plan"_a, "arena"_a, "reader"_a, py::kw_only(), "measure_from_ns"_a = 0,
          "linger_ns"_a = 1'000'000'000, "settle_ns"_a = 10'000'000, "spin_ns"_a = 5'000, "in_flight"_a = 0,
          "stop_ns"_a = 0,
          "run(plan, arena, reader, *, measure_from_ns=0, linger_ns=10**9, settle_ns=10**7, "
          "spin_ns=5_000, in_flight=0, stop_ns=0)\n\n"
          "Args:\n"
          "    plan: Contiguous records (u64 at_ns, u64 offset, u32 length, u32 socket, u32 first_request,\n"
          "        u32 requests), by time; requests are numbered from 0 without gaps.\n"
          "    arena: The bytes of all frames.\n"
          "    reader: Knows the layout of the answers.\n"
          "    measure_from_ns: Requests due before are warm-up.\n"
          "    linger_ns: How long to wait for answers after the last frame.\n"
          "    settle_ns: How long to listen for surplus answers once all are there.\n"
          "    spin_ns: How long before a frame is due to poll instead of sleep.\n"
          "    in_flight: So many requests, or one frame, wait for answers at most; each is due when it is\n"
          "        sent. 0: no limit.\n"
          "    stop_ns: Nothing more is sent from then on, since the start. 0: all of the plan is.")
      .def_property_readonly(
          "counts",
          [](const LoadGenerator& load) {
            const io::LoadCounts& c = load.counts();
            return py::dict("frames_sent"_a = c.frames_sent, "frames_received"_a = c.frames_received,
                            "bytes_received"_a = c.bytes_received, "requests_sent"_a = c.requests_sent,
                            "answered"_a = c.answered, "lost"_a = load.lost(), "duplicates"_a = c.duplicates,
                            "unknown"_a = c.unknown, "blocked"_a = c.blocked, "elapsed_ns"_a = c.elapsed_ns);
          },
          "Of the last run, by name.")
      .def_property_readonly("latency", &LoadGenerator::latency, py::return_value_policy::reference_internal,
                             "ns from the intended time to the answer.")
      .def_property_readonly("lateness", &LoadGenerator::lateness,
                             py::return_value_policy::reference_internal,
                             "ns from the intended time to the send.")
      .def(
          "latencies", [](const LoadGenerator& load) { return as_bytes(std::as_bytes(load.latencies())); },
          "latencies() -> bytes\n\nOf each request, u64 ns; 0: no answer.");
}

} // namespace

void register_transport(py::module_& module) {
  py::register_local_exception_translator(&translate_transport_error);
  define_transport_words(module);
  define_inbound(module);
  define_transport(module);
  define_transports(module);
  define_histogram(module);
  define_stats(module);
  define_load(module);
}

} // namespace cmatch::face
