// The journal, what follows it, and the disks under both.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

#include "cmatch/check.hpp"
#include "cmatch/io/journal_errors.hpp"
#include "cmatch/io/journal_segments.hpp"
#include "cmatch/io/memory_disk.hpp"
#include "cmatch/io/posix_disk.hpp"
#include "cmatch/snapshot.hpp"
#include "pybind11/journal_host.hpp"
#include "pybind11/register.hpp"
#include "shared/buffer_argument.hpp"

namespace cmatch::face {
namespace {

using py::literals::operator""_a;
using DiskPointer = std::shared_ptr<io::Disk>;
using JournalClass = py::class_<JournalHost, std::shared_ptr<JournalHost>>;

constexpr const char* kJournalDoc =
    R"(Journal(directory, *, disk=None, segment_bytes=67108864, write_bytes=4194304, epoch=0, first_sequence=1, journal_id=0, recover_from=0, known_durable=0)

The write-ahead journal in one directory, which this object alone may write until it is closed. Recovers what is there,
or makes a new one. A record survives the process when append() came back, the machine when sync() did.

Args:
    directory: Made where it is absent.
    disk: A PosixDisk where it is None.
    segment_bytes: Size of new segments, a multiple of 8.
    write_bytes: The most that one write takes: 64 for each record, and its payload padded to a multiple of 8.
    epoch: Of this writer, no less than that of the journal; 0: the journal's own, 1 of a new one.
    first_sequence: Of a new journal.
    journal_id: Of a new journal; 0: a random one.
    recover_from: What comes before it is in a snapshot and is not read; 0: read all.
    known_durable: A sequence of which something beside the journal says that it was synced.

Raises:
    JournalLocked: Another process writes it.
    JournalCorrupt: It is damaged in a way that no power cut explains, or ends before `known_durable`.
    JournalGap: It does not hold or border on `recover_from`.
    JournalError: Another writer's epoch is ahead.
    JournalReadOnly: There is no room to begin.
    ValueError: The options cannot be.
    OSError: The disk failed.
)";

constexpr const char* kReaderDoc = R"(JournalReader(directory, from_sequence=0, *, disk=None)

Follows a journal, also while its writer appends. Iterating ends where there is nothing yet and may begin again.

Args:
    directory: Need not exist yet.
    from_sequence: Begins with the record that holds it; 0: with the oldest.
    disk: A PosixDisk where it is None.
)";

constexpr const char* kMemoryDiskDoc = R"(MemoryDisk(*, capacity_bytes=None, tracks_crashes=True)

Files in memory, whose power can be cut and whose operations can be made to fail.

Args:
    capacity_bytes: Beyond it there is no space; None: there always is.
    tracks_crashes: Keep what a power cut would leave, too.
)";

std::string path_of(const py::object& path) {
  PyObject* bytes = nullptr;
  if (PyUnicode_FSConverter(path.ptr(), static_cast<void*>(&bytes)) == 0) throw py::error_already_set();
  return py::reinterpret_steal<py::bytes>(bytes);
}

DiskPointer disk_of(DiskPointer disk) {
  static const auto real = std::make_shared<io::PosixDisk>();
  return disk != nullptr ? std::move(disk) : real;
}

std::span<const std::uint8_t> octets(const BufferArgument& buffer) {
  return {reinterpret_cast<const std::uint8_t*>(buffer.view().data()), buffer.view().size()};
}

py::bytes as_bytes(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void translate_journal_error(std::exception_ptr error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const io::JournalError&) {
    set_error_from_current_exception();
  } catch (const io::StateParted&) {
    set_error_from_current_exception();
  } catch (const io::DiskError&) {
    set_error_from_current_exception();
  } catch (const InvariantViolation&) {
    set_error_from_current_exception();
  } catch (const EngineBusy&) {
    set_error_from_current_exception();
  } catch (const SnapshotError&) {
    set_error_from_current_exception();
  }
}

// What `act` does with the journal while this thread alone is in it, without the GIL.
template <class Act>
auto inside_journal(JournalHost& host, Act&& act) {
  const JournalStay stay(host.busy);
  io::Journal& journal = host.journal();
  const py::gil_scoped_release unlocked;
  return act(journal);
}

template <class Read>
auto look_into(JournalHost& host, Read&& read) {
  const JournalStay stay(host.busy);
  return read(std::as_const(host.journal()));
}

void take(io::AppendResult result, const io::Journal& journal) {
  if (result == io::AppendResult::refused) throw io::JournalReadOnly(journal.reason());
}

void append(JournalHost& host, std::uint64_t first_sequence, std::uint32_t count, std::int64_t ts_ns,
            const py::object& payload) {
  const BufferArgument buffer(payload);
  inside_journal(host, [&](io::Journal& journal) {
    take(journal.append({first_sequence, count, ts_ns, octets(buffer)}), journal);
  });
}

using Row = std::tuple<std::uint64_t, std::uint32_t, std::int64_t, py::object>;

void append_many(JournalHost& host, const std::vector<Row>& rows) {
  std::vector<std::unique_ptr<BufferArgument>> buffers;
  std::vector<io::JournalEntry> entries;
  for (const auto& [first_sequence, count, ts_ns, payload] : rows) {
    buffers.push_back(std::make_unique<BufferArgument>(payload));
    entries.push_back({first_sequence, count, ts_ns, octets(*buffers.back())});
  }
  inside_journal(host, [&](io::Journal& journal) { take(journal.append_many(entries), journal); });
}

py::dict counters(const io::JournalCounters& counters) {
  return py::dict("records"_a = counters.records, "writes"_a = counters.writes, "bytes"_a = counters.bytes,
                  "syncs"_a = counters.syncs, "rotations"_a = counters.rotations,
                  "segments_made_late"_a = counters.segments_made_late, "refusals"_a = counters.refusals);
}

py::object cut(const std::optional<io::JournalCut>& cut) {
  if (!cut) return py::none();
  return py::dict("file"_a = cut->file, "offset"_a = cut->offset, "reason"_a = cut->reason,
                  "discarded_bytes"_a = cut->discarded_bytes, "lost_first"_a = cut->lost_first,
                  "lost_last"_a = cut->lost_last, "message"_a = cut->to_string());
}

py::dict recovery(const io::RecoveryReport& report) {
  return py::dict("created"_a = report.created, "segments"_a = report.segments, "records"_a = report.records,
                  "last_sequence"_a = report.last_sequence, "durable_sequence"_a = report.durable_sequence,
                  "rewritten_bytes"_a = report.rewritten_bytes, "cut"_a = cut(report.cut));
}

template <class Value>
void define_value(JournalClass& journal, const char* name, Value (io::Journal::*read)() const,
                  const char* doc) {
  journal.def_property_readonly(
      name,
      [read](JournalHost& host) {
        return look_into(host, [&](const io::Journal& j) { return (j.*read)(); });
      },
      doc);
}

void define_properties(JournalClass& journal) {
  using io::Journal;
  define_value(journal, "next_sequence", &Journal::next_sequence, "Of the next record.");
  define_value(journal, "written_sequence", &Journal::written_sequence,
               "The last that survives the process.");
  define_value(journal, "durable_sequence", &Journal::durable_sequence,
               "The last that survives the machine.");
  define_value(journal, "epoch", &Journal::epoch, "Of the next record.");
  define_value(journal, "last_ts_ns", &Journal::last_ts_ns,
               "Time of the last record; the next is no earlier.");
  define_value(journal, "journal_id", &Journal::journal_id,
               "In every record of this journal and of no other.");
  define_value(journal, "state", &Journal::state, "A JournalState.");
  define_value(journal, "segment", &Journal::segment, "First sequence of the segment that is written to.");
  define_value(journal, "tail_offset", &Journal::tail_offset, "Where its next record goes, bytes.");
  define_value<const std::string&>(journal, "reason", &Journal::reason, "Why it is not open; else empty.");
  define_value<const std::string&>(journal, "directory", &Journal::directory, "Where it is.");
  journal.def_property_readonly(
      "counters",
      [](JournalHost& host) {
        return look_into(host, [](const Journal& j) { return counters(j.counters()); });
      },
      "Since it was opened: records, writes, bytes, syncs, rotations, segments_made_late, refusals.");
  journal.def_property_readonly(
      "recovery",
      [](JournalHost& host) {
        return look_into(host, [](const Journal& j) { return recovery(j.recovery()); });
      },
      "What opening it found: created, segments, records, last_sequence, durable_sequence as the records "
      "said, "
      "rewritten_bytes, and cut: None, or what was lost as file, offset, reason, discarded_bytes, "
      "lost_first, lost_last "
      "(0: unknown) and a message that says it all.");
}

void close(JournalHost& host) {
  const JournalStay stay(host.busy);
  host.open.reset();
}

JournalClass define_journal(py::module_& module) {
  JournalClass journal(module, "Journal", kJournalDoc);
  journal.def(py::init([](const py::object& directory, DiskPointer disk, std::uint64_t segment_bytes,
                          std::uint64_t write_bytes, std::uint64_t epoch, std::uint64_t first_sequence,
                          std::uint64_t journal_id, std::uint64_t recover_from, std::uint64_t known_durable) {
                const std::string path = path_of(directory);
                const io::JournalOptions options{.segment_bytes = segment_bytes,
                                                 .write_bytes = write_bytes,
                                                 .epoch = epoch,
                                                 .first_sequence = first_sequence,
                                                 .journal_id = journal_id,
                                                 .recover_from = recover_from,
                                                 .known_durable = known_durable};
                const py::gil_scoped_release unlocked;
                return std::make_shared<JournalHost>(disk_of(std::move(disk)), path, options);
              }),
              "directory"_a, py::kw_only(), "disk"_a = py::none(), "segment_bytes"_a = 64u << 20,
              "write_bytes"_a = 4u << 20, "epoch"_a = 0, "first_sequence"_a = 1, "journal_id"_a = 0,
              "recover_from"_a = 0, "known_durable"_a = 0);
  journal
      .def("append", &append, "first_sequence"_a, "count"_a, "ts_ns"_a, "payload"_a,
           R"(append(first_sequence, count, ts_ns, payload)

Writes one record. The GIL is released.

Raises:
    ValueError: The sequence is not the next one, the time steps back, count is 0, or it is larger than write_bytes.
    JournalReadOnly: The disk has no room or refuses: nothing of it is in the journal. See try_resume().
    JournalFailed: Nobody can say what is in the journal: the process must exit.
)")
      .def("append_many", &append_many, "records"_a,
           "append_many(records)\n\nWrites (first_sequence, count, ts_ns, payload) tuples by one write: all "
           "of them or "
           "none. Raises as append() does.")
      .def(
          "sync", [](JournalHost& host) { inside_journal(host, [](io::Journal& j) { j.sync(); }); },
          "sync()\n\nGroup commit: what was written until now survives a power cut. The GIL is released.\n\n"
          "Raises:\n    JournalFailed: It does not, and nobody can say what does: the process must exit.")
      .def(
          "note_durable",
          [](JournalHost& host, std::uint64_t sequence) {
            inside_journal(host, [&](io::Journal& j) { j.note_durable(sequence); });
          },
          "sequence"_a,
          "note_durable(sequence)\n\nAnother process has made everything up to here durable, by "
          "sync_segments().\n\n"
          "Raises:\n    ValueError: It was not written yet.")
      .def(
          "try_resume",
          [](JournalHost& host) {
            return inside_journal(host, [](io::Journal& j) { return j.try_resume(); });
          },
          "try_resume() -> bool\n\nWhere it is read-only: whether there is room again, so that it is "
          "open.\n\n"
          "Raises:\n    JournalFailed: It failed before.")
      .def(
          "prepare_spare",
          [](JournalHost& host) { inside_journal(host, [](io::Journal& j) { j.prepare_spare(); }); },
          "prepare_spare()\n\nMakes the next segment ahead. Better in another process, by the function of "
          "this name."
          "\n\nRaises:\n    OSError: There is no room.")
      .def(
          "raise_epoch",
          [](JournalHost& host, std::uint64_t epoch) {
            inside_journal(host, [&](io::Journal& j) { j.raise_epoch(epoch); });
          },
          "epoch"_a,
          "raise_epoch(epoch)\n\nOf all records from now on.\n\nRaises:\n    ValueError: It would step back.")
      .def("close", &close, "close()\n\nGives up the lock; syncs nothing. May be called again.")
      .def("__enter__", [](std::shared_ptr<JournalHost> host) { return host; })
      .def("__exit__", [](JournalHost& host, const py::args&) { close(host); });
  return journal;
}

// The type of what a reader gives out; made once, when the module is imported.
py::object& record_type() {
  static py::object* const type =
      new py::object; // never freed: its interpreter may be gone before statics are
  return *type;
}

void define_record(py::module_& module) {
  const py::object make = py::module_::import("collections").attr("namedtuple");
  record_type() = make("JournalRecord", "first_sequence commands ts_ns epoch payload",
                       "module"_a = module.attr("__name__"));
  record_type().attr("__doc__") =
      "A record of the journal: so many commands from that sequence on, ns, epoch, bytes.";
  module.attr("JournalRecord") = record_type();
}

py::object next_record(JournalReaderHost& host) {
  const JournalStay stay(host.busy);
  std::optional<io::RecordView> record;
  {
    const py::gil_scoped_release unlocked;
    record = host.reader.next();
  }
  return record ? record_of(*record) : py::none();
}

void define_reader(py::module_& module) {
  py::class_<JournalReaderHost, std::shared_ptr<JournalReaderHost>>(module, "JournalReader", kReaderDoc)
      .def(py::init([](const py::object& directory, std::uint64_t from_sequence, DiskPointer disk) {
             return std::make_shared<JournalReaderHost>(disk_of(std::move(disk)), path_of(directory),
                                                        from_sequence);
           }),
           "directory"_a, "from_sequence"_a = 0, py::kw_only(), "disk"_a = py::none())
      .def("next", &next_record,
           R"(next() -> JournalRecord | None

The next record, or None where there is nothing yet. The GIL is released.

Raises:
    JournalCorrupt: The record cannot be where it is, or the journal goes on behind damage.
    JournalGap: What follows was removed.
    OSError: The disk failed.
)")
      .def("__iter__", [](std::shared_ptr<JournalReaderHost> host) { return host; })
      .def("__next__",
           [](JournalReaderHost& host) {
             py::object record = next_record(host);
             if (record.is_none()) throw py::stop_iteration();
             return record;
           })
      .def(
          "check_tail",
          [](JournalReaderHost& host) {
            const JournalStay stay(host.busy);
            const py::gil_scoped_release unlocked;
            host.reader.check_tail();
          },
          "check_tail()\n\nSees that what follows the last record is an honest end. A journal that lost "
          "power has to "
          "be recovered first.\n\nRaises:\n    JournalCorrupt: Whole records lie behind bytes that are none.")
      .def_property_readonly(
          "next_sequence", [](JournalReaderHost& host) { return host.reader.next_sequence(); },
          "What it waits for.")
      .def_property_readonly(
          "segment", [](JournalReaderHost& host) { return host.reader.path(); },
          "Path of the segment that is read; empty before the first.")
      .def_property_readonly(
          "offset", [](JournalReaderHost& host) { return host.reader.offset(); },
          "Place in that segment, bytes.");
}

void define_journal_words(py::module_& module) {
  using io::CrashKind;
  using io::DiskOperation;
  using io::JournalState;
  py::native_enum<JournalState>(module, "JournalState", "enum.IntEnum", "Whether a journal takes records.")
      .value("open", JournalState::open)
      .value("read_only", JournalState::read_only)
      .value("failed", JournalState::failed)
      .finalize();
  py::native_enum<CrashKind>(module, "CrashKind", "enum.IntEnum",
                             "What a power cut leaves of what was not synced; kept: only the process died.")
      .value("lost", CrashKind::lost)
      .value("torn", CrashKind::torn)
      .value("reordered", CrashKind::reordered)
      .value("kept", CrashKind::kept)
      .finalize();
  py::native_enum<DiskOperation>(module, "DiskOperation", "enum.IntEnum", "What can be made to fail.")
      .value("open", DiskOperation::open)
      .value("read", DiskOperation::read)
      .value("write", DiskOperation::write)
      .value("sync", DiskOperation::sync)
      .value("size", DiskOperation::size)
      .value("allocate", DiskOperation::allocate)
      .value("truncate", DiskOperation::truncate)
      .value("rename", DiskOperation::rename)
      .value("remove", DiskOperation::remove)
      .value("sync_directory", DiskOperation::sync_directory)
      .value("make_directory", DiskOperation::make_directory)
      .value("list", DiskOperation::list)
      .value("free_bytes", DiskOperation::free_bytes)
      .value("lock", DiskOperation::lock)
      .finalize();
}

void define_disks(py::module_& module) {
  using io::MemoryDisk;
  py::class_<io::Disk, DiskPointer>(module, "Disk", "Where files are: a PosixDisk or a MemoryDisk.")
      .def(
          "list", [](io::Disk& disk, const py::object& path) { return disk.list(path_of(path)); }, "path"_a,
          "list(path) -> list[str]\n\nNames of the files in a directory, sorted.")
      .def(
          "free_bytes", [](io::Disk& disk, const py::object& path) { return disk.free_bytes(path_of(path)); },
          "path"_a,
          "free_bytes(path) -> int\n\nRoom where the path is.\n\nRaises:\n    OSError: It is nowhere.");
  py::class_<io::PosixDisk, io::Disk, std::shared_ptr<io::PosixDisk>>(module, "PosixDisk",
                                                                      "PosixDisk()\n\nThe real one.")
      .def(py::init<>());
  py::class_<MemoryDisk, io::Disk, std::shared_ptr<MemoryDisk>>(module, "MemoryDisk", kMemoryDiskDoc)
      .def(py::init([](std::optional<std::uint64_t> capacity_bytes, bool tracks_crashes) {
             return std::make_shared<MemoryDisk>(MemoryDisk::Options{
                 .capacity_bytes = capacity_bytes.value_or(UINT64_MAX), .tracks_crashes = tracks_crashes});
           }),
           py::kw_only(), "capacity_bytes"_a = py::none(), "tracks_crashes"_a = true)
      .def("crash", &MemoryDisk::crash, "kind"_a, "seed"_a = 0,
           "crash(kind, seed=0)\n\nThe power goes and comes back: open files are dead, locks free, the seed "
           "chooses what "
           "is left.")
      .def("cut_power_after", &MemoryDisk::cut_power_after, "operations"_a,
           "cut_power_after(operations)\n\nThe operation after so many more, and all later ones until "
           "crash(), are a "
           "RuntimeError.")
      .def(
          "fail",
          [](MemoryDisk& disk, io::DiskOperation operation, std::uint64_t nth, int error,
             std::size_t after_bytes, std::uint64_t times) {
            disk.fail(operation, nth, {.error = error, .bytes = after_bytes, .times = times});
          },
          "operation"_a, "nth"_a, py::kw_only(), "error"_a = 0, "after_bytes"_a = 0, "times"_a = 1,
          "fail(operation, nth, *, error=0, after_bytes=0, times=1)\n\nThe nth such operation from now on, "
          "and "
          "times - 1 after "
          "it, end in this errno; a write after so many bytes, with errno 0 as a short one.")
      .def("clear_faults", &MemoryDisk::clear_faults,
           "clear_faults()\n\nForget all that was planned by fail().")
      .def(
          "set_capacity",
          [](MemoryDisk& disk, std::optional<std::uint64_t> bytes) {
            disk.set_capacity(bytes.value_or(UINT64_MAX));
          },
          "capacity_bytes"_a, "set_capacity(capacity_bytes)\n\nNone: there always is space.")
      .def(
          "operations",
          [](MemoryDisk& disk, std::optional<io::DiskOperation> operation) {
            return operation ? disk.operations(*operation) : disk.operations();
          },
          "operation"_a = py::none(),
          "operations(operation=None) -> int\n\nHow many there were, of one kind or of all.")
      .def(
          "contents",
          [](MemoryDisk& disk, const py::object& path) { return as_bytes(disk.contents(path_of(path))); },
          "path"_a, "contents(path) -> bytes\n\nRaises:\n    OSError: There is no such file.")
      .def(
          "set_contents",
          [](MemoryDisk& disk, const py::object& path, const py::object& contents) {
            disk.set_contents(path_of(path), octets(BufferArgument(contents)));
          },
          "path"_a, "contents"_a, "set_contents(path, contents)\n\nMakes or replaces a file, durably.");
}

void define_functions(py::module_& module) {
  module.def(
      "prepare_spare",
      [](const py::object& directory, std::uint64_t segment_bytes, DiskPointer disk) {
        const std::string path = path_of(directory);
        const py::gil_scoped_release unlocked;
        return io::prepare_spare(*disk_of(std::move(disk)), path, segment_bytes);
      },
      "directory"_a, "segment_bytes"_a, py::kw_only(), "disk"_a = py::none(),
      "prepare_spare(directory, segment_bytes, *, disk=None) -> bool\n\nMakes the journal's next segment "
      "ahead, beside its "
      "writer; False where another process is at it.\n\nRaises:\n    OSError: There is no room.");
  module.def(
      "remove_segments_before",
      [](const py::object& directory, std::uint64_t sequence, DiskPointer disk) {
        const std::string path = path_of(directory);
        const py::gil_scoped_release unlocked;
        return io::remove_segments_before(*disk_of(std::move(disk)), path, sequence);
      },
      "directory"_a, "sequence"_a, py::kw_only(), "disk"_a = py::none(),
      "remove_segments_before(directory, sequence, *, disk=None) -> int\n\nRemoves the segments that hold "
      "only earlier "
      "sequences, never the last one; how many. Beside the writer.\n\nRaises:\n    OSError: The disk "
      "failed.");
  module.def(
      "sync_segments",
      [](const py::object& directory, DiskPointer disk) {
        const std::string path = path_of(directory);
        const py::gil_scoped_release unlocked;
        io::sync_segments(*disk_of(std::move(disk)), path);
      },
      "directory"_a, py::kw_only(), "disk"_a = py::none(),
      "sync_segments(directory, *, disk=None)\n\nMakes what was written before the call durable, beside a "
      "writer that "
      "does not: see Journal.note_durable().\n\nRaises:\n    OSError: It may not be: the writer must exit.");
  module.def(
      "list_segments",
      [](const py::object& directory, DiskPointer disk) {
        return io::list_segments(*disk_of(std::move(disk)), path_of(directory));
      },
      "directory"_a, py::kw_only(), "disk"_a = py::none(),
      "list_segments(directory, *, disk=None) -> list[int]\n\nFirst sequences of the journal's segments, "
      "ascending.");
}

} // namespace

py::object record_of(const io::RecordView& record) {
  return record_type()(record.first_sequence, record.count, record.ts_ns, record.epoch,
                       as_bytes(record.payload));
}

void register_journal(py::module_& module) {
  py::register_local_exception_translator(&translate_journal_error);
  define_journal_words(module);
  define_disks(module);
  JournalClass journal = define_journal(module);
  define_properties(journal);
  define_record(module);
  define_reader(module);
  define_functions(module);
}

} // namespace cmatch::face
