// The codec of hot frames: unpacked Cap'n Proto of one segment, holding one list of structs of data alone, whose layout
// is our records' own. The schemas are python/exchange/schema/v1; wire_layout.hpp is made from them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "cmatch/io/wire_layout.hpp"

namespace cmatch::io {

static_assert(std::endian::native == std::endian::little,
              "records are copied to and from the wire as they lie");

// Of a frame between client and core.
inline constexpr std::size_t kClientFrameBytes = std::size_t{64} * 1024;
// Of the payload of a journal record.
inline constexpr std::size_t kRecordBytes = std::size_t{16} * 1024 * 1024;

// What exactly is wrong with a frame that cannot be read. Append only; the checks run in this order.
enum class FrameFault : std::uint16_t {
  none = 0,
  too_large = 1,
  length = 2,      // not whole words, or too few for any frame
  segments = 3,    // more than one, or its length is not the frame's
  far_pointer = 4, // where the root or the list should be
  root = 5,        // no struct that lies whole behind its pointer and has a pointer itself
  version = 6,     // not ours
  list_kind = 7,   // the union is unset, or names a list that is not known here
  list = 8,        // its pointer is no list of structs that lies whole behind the root
  elements = 9,    // they have pointers, no words, do not fill their list, or are none
  trailing = 10,   // something lies in the segment that nothing of ours points to
  count = 11,      // the header counts other than the list
};

// The code that the sender of such a frame gets.
constexpr RejectCode reject_of(FrameFault fault) {
  if (fault == FrameFault::none) return RejectCode::none;
  if (fault == FrameFault::too_large) return RejectCode::frame_too_large;
  return fault == FrameFault::version ? RejectCode::unsupported_version : RejectCode::bad_frame;
}

// The records of a frame as they lie in it, at any alignment: `count` of `words` words each, which may be fewer or more
// than ours. Nobody has looked into them: enums and flags may be anything.
struct WireRecords {
  const std::byte* data;
  std::uint32_t count;
  std::uint32_t words;
};

struct CommandFrame {
  CommandHeader header; // what an older writer did not know is zero
  CommandList list;
  WireRecords records;
};

struct ReportFrame {
  ReportHeader header;
  ReportList list;
  WireRecords records;
};

// Looks at every word that says where something lies, before anything is read by it; O(1). On a fault `frame` is as it
// was. `frame` points into `bytes`.
FrameFault decode_commands(std::span<const std::byte> bytes, CommandFrame& frame,
                           std::size_t limit = kClientFrameBytes);
FrameFault decode_reports(std::span<const std::byte> bytes, ReportFrame& frame,
                          std::size_t limit = kClientFrameBytes);

// `records` as records of `words` words each at `out`: what an older writer did not send is zero, what a newer one sent
// beyond ours is left out.
void copy_words(const WireRecords& records, std::uint32_t words, std::byte* out);

// The records of a frame whose list is Record's, into the first `records.count` places of `out`.
template <class Record>
void copy_records(const WireRecords& records, Record* out) {
  copy_words(records, Wire<Record>::words, reinterpret_cast<std::byte*>(out));
}

// A frame, and how many records went into it.
struct WrittenFrame {
  std::span<const std::byte> bytes;
  std::size_t count = 0;
};

// Records to be written: all `count` from `data` on, or those that `rows` names, in that order.
struct RecordSource {
  const std::byte* data;
  const std::uint32_t* rows; // nullptr: all
  std::size_t count;
  std::uint32_t words; // of a record
};

// Writes frames into a caller's memory, which may lie at any alignment. Words at the end that are zero in every record
// of a frame, and in its header, are left out. Owns nothing, allocates nothing; O(bytes of the records).
class FrameWriter {
 public:
  // No frame gets larger than the memory or `limit`.
  explicit FrameWriter(std::span<std::byte> memory, std::size_t limit = kClientFrameBytes);

  // Writes as many of the first records as one frame can hold, and says how many; none only where the memory or the
  // limit is below largest_frame(1). The version, count and list of `header` are the writer's.
  template <class Record>
  WrittenFrame write(const typename Wire<Record>::Header& header, std::span<const Record> records) {
    return write_source(header, Wire<Record>::list, source<Record>(records.data(), nullptr, records.size()));
  }

  // The same of the records that `rows` names.
  template <class Record>
  WrittenFrame write_rows(const typename Wire<Record>::Header& header, const Record* records,
                          std::span<const std::uint32_t> rows) {
    return write_source(header, Wire<Record>::list, source<Record>(records, rows.data(), rows.size()));
  }

  // Bytes that always suffice for a frame of that many.
  template <class Record>
  static constexpr std::size_t largest_frame(std::size_t count) {
    return 4 * sizeof(std::uint64_t) + sizeof(typename Wire<Record>::Header) + count * sizeof(Record);
  }

 private:
  template <class Record>
  static RecordSource source(const Record* records, const std::uint32_t* rows, std::size_t count) {
    return {reinterpret_cast<const std::byte*>(records), rows, count, Wire<Record>::words};
  }
  WrittenFrame write_source(CommandHeader header, CommandList list, const RecordSource& source);
  WrittenFrame write_source(ReportHeader header, ReportList list, const RecordSource& source);

  std::span<std::byte> memory_; // no more of it than the limit
};

} // namespace cmatch::io
