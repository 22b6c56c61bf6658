#include "cmatch/io/journal_cursor.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "cmatch/check.hpp"

namespace cmatch::io {
namespace {

constexpr std::uint64_t kLeastRead = 4'096;
constexpr std::uint64_t kScanned = 1u << 16; // at once

bool all_zero(std::span<const std::uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

RecordHeader header_at(std::span<const std::uint8_t> bytes) {
  RecordHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

} // namespace

SegmentCursor::SegmentCursor(std::unique_ptr<DiskFile> file, std::string path, const ChainPoint& start,
                             std::uint64_t limit)
    : file_(std::move(file)), path_(std::move(path)), point_(start), limit_(limit) {}

Found SegmentCursor::look() {
  if (offset_ < group_end_) return Found::record;
  const bool stale = offset_ < buffer_offset_ + buffer_bytes_;
  Found found = check_group();
  if (found != Found::record && stale) {
    buffer_bytes_ = 0;
    found = check_group();
  }
  if (found == Found::record) {
    read_ahead_ = std::min(read_ahead_ * 4, kMostRead);
  } else {
    buffer_bytes_ = 0;
    read_ahead_ = kLeastRead;
  }
  return found;
}

RecordView SegmentCursor::take() {
  CM_CHECK(offset_ < group_end_);
  const auto start = bytes(offset_, sizeof(RecordHeader));
  const RecordHeader header = header_at(start);
  const auto record = bytes(offset_, record_bytes(header.length));
  point_.pass(header);
  offset_ += record.size();
  return {.first_sequence = header.first_sequence,
          .count = header.count,
          .ts_ns = header.ts_ns,
          .epoch = header.epoch,
          .durable_sequence = header.durable_sequence,
          .payload = record.subspan(sizeof header, header.length)};
}

Found SegmentCursor::object(Found found, std::uint64_t place, const char* reason) {
  found_offset_ = place;
  reason_ = reason;
  return found;
}

// All records of the group that begins at offset_, so that none is given out before the last is there.
Found SegmentCursor::check_group() {
  ChainPoint point = point_;
  std::uint64_t place = offset_;
  std::uint32_t left = 0;
  for (bool first = true;; first = false) {
    RecordHeader header;
    const Found found = check_record(place, first, point, header);
    if (found != Found::record) return found;
    if (!first && header.left + 1 != left)
      return object(Found::damage, place, "the record is not the next one of its group");
    left = header.left;
    point.pass(header);
    place += record_bytes(header.length);
    if (left == 0) break;
  }
  group_end_ = place;
  return Found::record;
}

Found SegmentCursor::check_record(std::uint64_t place, bool first, const ChainPoint& point,
                                  RecordHeader& header) {
  const auto start =
      limit_ - place < sizeof header ? std::span<const std::uint8_t>() : bytes(place, sizeof header);
  if (first && (start.empty() || all_zero(start))) return object(Found::end, place, "the records end");
  if (start.empty()) return object(Found::damage, place, "a group of records is cut off");
  const auto plausible = plausible_record(start, point.journal_id, place, limit_);
  if (!plausible) return object(Found::damage, place, "there is no header of a record");
  header = *plausible;
  const auto record = bytes(place, record_bytes(header.length));
  if (record.empty()) return object(Found::damage, place, "the record is cut off");
  if (!is_sealed(record)) return object(Found::damage, place, "the record's checksum is wrong");
  const char* const reason = misfit(header, point);
  if (reason == nullptr) return Found::record;
  // A group that was taken back and written again may have left its first record: the others then follow another one.
  return object(first ? Found::misfit : Found::damage, place, reason);
}

std::span<const std::uint8_t> SegmentCursor::bytes(std::uint64_t place, std::uint64_t count) {
  if (buffer_bytes_ == 0 || place + count > buffer_offset_ + buffer_bytes_) fill(place + count);
  if (place + count > buffer_offset_ + buffer_bytes_) return {};
  return {reinterpret_cast<const std::uint8_t*>(buffer_.data()) + (place - buffer_offset_), count};
}

// Makes the buffer begin at offset_ and reach to `end`, and further where more is expected.
void SegmentCursor::fill(std::uint64_t end) {
  const std::uint64_t buffered_end = buffer_offset_ + buffer_bytes_;
  const std::uint64_t kept = buffer_bytes_ > 0 && offset_ < buffered_end ? buffered_end - offset_ : 0;
  const std::uint64_t wanted = std::max(end - offset_, std::min(read_ahead_, limit_ - offset_));
  if (kept > 0) {
    auto* const memory = reinterpret_cast<std::uint8_t*>(buffer_.data());
    std::memmove(memory, memory + (offset_ - buffer_offset_), kept);
  }
  if (buffer_.size() * 8 < wanted) buffer_.resize(padded(wanted) / 8);
  auto* const memory = reinterpret_cast<std::uint8_t*>(buffer_.data());
  buffer_offset_ = offset_;
  buffer_bytes_ = kept;
  buffer_bytes_ += file_->read(offset_ + kept, {memory + kept, wanted - kept});
}

std::unique_ptr<DiskFile> open_segment(Disk& disk, const std::string& path, OpenMode mode,
                                       std::optional<SegmentHeader>& header) {
  std::unique_ptr<DiskFile> file = disk.open(path, mode);
  if (file == nullptr) return nullptr;
  std::vector<std::uint8_t> block(kSegmentHeaderBytes);
  const std::size_t count = file->read(0, block);
  header = read_segment_header(std::span(block).first(count));
  return file;
}

TailScan scan_tail(DiskFile& file, std::uint64_t from, std::uint64_t journal_id) {
  CM_CHECK(from % 8 == 0);
  TailScan scan;
  const std::uint64_t end = file.size();
  if (from >= end) return scan;
  std::vector<std::uint64_t> words((std::min(kScanned, padded(end - from)) + sizeof(RecordHeader)) / 8);
  std::vector<std::uint8_t> record;
  const std::span bytes(reinterpret_cast<std::uint8_t*>(words.data()), words.size() * 8);
  for (std::uint64_t base = from; base < end; base += kScanned) {
    const std::size_t count = file.read(base, bytes);
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(count), bytes.end(), 0);
    if (std::all_of(words.begin(), words.end(), [](std::uint64_t word) { return word == 0; })) continue;
    for (std::size_t at = 0; at < std::min<std::size_t>(count, kScanned); at += 8) {
      const std::uint64_t offset = base + at;
      if (words[at / 8] != 0) scan.nonzero_end = std::min(offset + 8, end);
      if (words[at / 8 + offsetof(RecordHeader, journal_id) / 8] != journal_id) continue;
      const auto header = plausible_record(bytes.subspan(at), journal_id, offset, end);
      if (!header) continue;
      record.resize(record_bytes(header->length));
      if (file.read(offset, record) < record.size() || !is_sealed(record)) continue;
      ++scan.records;
      scan.last_sequence = std::max(scan.last_sequence, header->first_sequence + header->count - 1);
      if (header->durable_sequence < scan.durable_sequence || header->durable_sequence == 0) continue;
      scan.durable_sequence = header->durable_sequence;
      scan.durable_offset = offset;
    }
  }
  return scan;
}

} // namespace cmatch::io
