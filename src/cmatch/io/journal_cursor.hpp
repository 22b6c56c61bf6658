// Reads the records of one segment, each checked and in its chain, while its writer may still be at it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cmatch/io/disk.hpp"
#include "cmatch/io/journal_format.hpp"

namespace cmatch::io {

// What lies at a place of a segment.
enum class Found : std::uint8_t {
  record = 1,
  end = 2,    // zeros, or no room for another record
  damage = 3, // bytes that are no whole group: on its way, torn, or broken
  misfit = 4, // a whole record that cannot be here: nothing that a crash leaves
};

// Owns its file and a buffer that grows to the largest group. One thread at a time. O(bytes read); a look at the tail
// where nothing new came reads one small block.
class SegmentCursor {
 public:
  // `start` is what the segment's header says, `limit` its size.
  SegmentCursor(std::unique_ptr<DiskFile> file, std::string path, const ChainPoint& start,
                std::uint64_t limit);

  // What lies at offset(). Bytes that were read before are read anew before they are called anything but a record.
  // Throws DiskError.
  Found look();
  // The record that look() found; valid until the next call. Steps past it.
  RecordView take();

  std::uint64_t offset() const { return offset_; } // of the next record; of its group where that is damaged
  std::uint64_t found_offset() const { return found_offset_; } // of what look() called damage or misfit
  const char* reason() const { return reason_; }               // why it did
  const ChainPoint& point() const { return point_; }
  const std::string& path() const { return path_; }
  std::uint64_t limit() const { return limit_; }
  DiskFile& file() { return *file_; }

 private:
  static constexpr std::uint64_t kMostRead = 1u << 18; // bytes at once

  Found check_group();
  Found check_record(std::uint64_t place, bool first, const ChainPoint& point, RecordHeader& header);
  Found object(Found found, std::uint64_t place, const char* reason);
  // The bytes at a place, read where they are not in the buffer; empty where the file ends before they do.
  std::span<const std::uint8_t> bytes(std::uint64_t place, std::uint64_t count);
  void fill(std::uint64_t end);

  std::unique_ptr<DiskFile> file_;
  std::string path_;
  ChainPoint point_;
  std::uint64_t limit_;
  std::uint64_t offset_ = kSegmentHeaderBytes;
  std::uint64_t group_end_ = kSegmentHeaderBytes; // what lies before it was checked
  std::uint64_t found_offset_ = 0;
  const char* reason_ = "";
  std::vector<std::uint64_t> buffer_; // words, so that payloads are aligned
  std::uint64_t buffer_offset_ = 0;   // of its first byte in the file
  std::uint64_t buffer_bytes_ = 0;
  std::uint64_t read_ahead_ = kMostRead;
};

// Opens a segment and reads its header into `header`, which stays empty where it is damaged or cut off. nullptr where
// there is no such file. Throws DiskError, and JournalError where another version wrote it.
std::unique_ptr<DiskFile> open_segment(Disk& disk, const std::string& path, OpenMode mode,
                                       std::optional<SegmentHeader>& header);

// What lies behind the last good record.
struct TailScan {
  std::uint64_t nonzero_end = 0; // offset past the last byte that is not zero; 0 where all are
  std::uint64_t records = 0;     // whole ones, each good in itself
  std::uint64_t last_sequence = 0;
  std::uint64_t durable_sequence = 0; // the most that one of them says was durable
  std::uint64_t durable_offset = 0;   // the record that says so
};

// Looks at every place from `from` to the end of the file where a record may begin. O(bytes).
TailScan scan_tail(DiskFile& file, std::uint64_t from, std::uint64_t journal_id);

} // namespace cmatch::io
