#include "cmatch/io/journal_recovery.hpp"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <utility>
#include <vector>

#include "cmatch/io/journal_cursor.hpp"
#include "cmatch/io/journal_errors.hpp"
#include "cmatch/io/journal_segments.hpp"
#include "cmatch/planted.hpp"

namespace cmatch::io {
namespace {

constexpr std::size_t kCopied = 1u << 16; // bytes at once

void write_fully(DiskFile& file, const std::string& path, std::uint64_t offset,
                 std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const Written written = file.write(offset, bytes);
    if (written.error != 0 || written.bytes == 0)
      throw DiskError(written.error != 0 ? written.error : ENOSPC, "write", path);
    offset += written.bytes;
    bytes = bytes.subspan(written.bytes);
  }
}

void sync_fully(DiskFile& file, const std::string& path) {
  if (const int error = file.sync(); error != 0) throw DiskError(error, "sync", path);
}

class Recovery {
 public:
  Recovery(Disk& disk, const std::string& directory, std::uint64_t from_sequence, std::uint64_t known_durable)
      : disk_(disk), directory_(directory), from_sequence_(from_sequence), known_durable_(known_durable) {}

  Recovered run() {
    find_start();
    read_records();
    judge_tail();
    check_reach();
    if (cut_) discard_tail();
    write_again();
    finish();
    return std::move(result_);
  }

 private:
  struct Segment {
    std::uint64_t first = 0;
    std::string path;
    std::uint64_t bytes = 0; // as its header says
    std::uint64_t tail = 0;  // past its last good group
  };
  // A place from which on nothing is known to be durable, unless `sequence` is.
  struct Mark {
    std::uint64_t sequence = 0;
    std::size_t segment = 0;
    std::uint64_t offset = 0;
  };

  void find_start();
  void read_records();
  bool enter(std::size_t index, std::unique_ptr<DiskFile>& file);
  bool read_segment(std::size_t index, std::unique_ptr<DiskFile> file);
  void check_reach() const;
  void judge_tail();
  void discard_tail();
  void write_again();
  void finish();

  bool stop(std::string file, std::uint64_t offset, std::string reason) {
    cut_ = JournalCut{.file = std::move(file),
                      .offset = offset,
                      .reason = std::move(reason),
                      .discarded_bytes = 0,
                      .lost_first = result_.point.next_sequence,
                      .lost_last = 0};
    return false;
  }

  void mark(std::uint64_t sequence, std::size_t segment, std::uint64_t offset) {
    marks_.push_back({.sequence = sequence, .segment = segment, .offset = offset});
    while (!marks_.empty() && marks_.front().sequence <= result_.point.durable_sequence)
      marks_.pop_front();
  }

  std::unique_ptr<DiskFile> open_for_update(const Segment& segment) {
    std::unique_ptr<DiskFile> file = disk_.open(segment.path, OpenMode::update);
    if (file == nullptr) throw DiskError(ENOENT, "open", segment.path);
    return file;
  }

  Disk& disk_;
  const std::string& directory_;
  std::uint64_t from_sequence_, known_durable_;
  std::vector<Segment> segments_; // from the start on
  std::size_t last_ = 0;          // the one that holds the end
  std::deque<Mark> marks_;
  std::optional<JournalCut> cut_;
  Recovered result_;
};

void Recovery::find_start() {
  const std::vector<std::uint64_t> all = list_segments(disk_, directory_);
  std::size_t start = 0;
  while (start + 1 < all.size() && all[start + 1] <= from_sequence_)
    ++start;
  // A header that a power cut took is judged by what comes before it.
  std::optional<SegmentHeader> header;
  while (start > 0 &&
         (open_segment(disk_, segment_path(directory_, all[start]), OpenMode::read, header), !header))
    --start;
  for (; start < all.size(); ++start)
    segments_.push_back({.first = all[start], .path = segment_path(directory_, all[start])});
  if (segments_.empty()) throw JournalGap("there is no journal in " + directory_);
}

void Recovery::read_records() {
  for (last_ = 0;; ++last_) {
    std::unique_ptr<DiskFile> file;
    if (!enter(last_, file)) {
      --last_;
      return;
    }
    ++result_.report.segments;
    if (!read_segment(last_, std::move(file)) || last_ + 1 == segments_.size()) return;
    const Segment& next = segments_[last_ + 1];
    if (next.first != result_.point.next_sequence) {
      stop(segments_[last_].path, segments_[last_].tail,
           "the records end here, and the next segment begins at sequence " + std::to_string(next.first));
      return;
    }
  }
}

// Reads the header of a segment whose name continues the journal. False where that stops the journal before it.
bool Recovery::enter(std::size_t index, std::unique_ptr<DiskFile>& file) {
  Segment& segment = segments_[index];
  std::optional<SegmentHeader> header;
  file = open_segment(disk_, segment.path, OpenMode::read, header);
  if (file == nullptr) throw DiskError(ENOENT, "open", segment.path);
  ChainPoint& point = result_.point;
  if (!header) {
    // The first segment was durable, with its name, before the journal had a record.
    if (index == 0) throw JournalCorrupt(segment.path, 0, "the segment's header is damaged");
    return stop(segment.path, 0, "the segment's header is damaged");
  }
  if (header->first_sequence != segment.first)
    throw JournalCorrupt(segment.path, 0, "the segment was made for another name");
  if (index > 0) {
    if (header->journal_id != point.journal_id)
      throw JournalCorrupt(segment.path, 0, "the segment belongs to another journal");
    if (header->chain != point.chain || header->ts_ns != point.ts_ns)
      throw JournalCorrupt(segment.path, 0, "the segment does not continue the one before it");
    if (header->epoch < point.epoch)
      throw JournalCorrupt(segment.path, 0, "the segment's epoch is behind that of the one before it");
  }
  point = chain_of(*header);
  segment.bytes = header->segment_bytes;
  segment.tail = kSegmentHeaderBytes;
  mark(segment.first, index, 0);
  return true;
}

// False where the segment ends in damage.
bool Recovery::read_segment(std::size_t index, std::unique_ptr<DiskFile> file) {
  Segment& segment = segments_[index];
  SegmentCursor cursor(std::move(file), segment.path, result_.point, segment.bytes);
  Found found;
  while ((found = cursor.look()) == Found::record) {
    const std::uint64_t offset = cursor.offset();
    const RecordView record = cursor.take();
    result_.point = cursor.point();
    segment.tail = cursor.offset();
    ++result_.report.records;
    mark(record.last_sequence(), index, offset);
  }
  if (found == Found::misfit) throw JournalCorrupt(segment.path, cursor.found_offset(), cursor.reason());
  return found == Found::end || stop(segment.path, cursor.found_offset(), cursor.reason());
}

void Recovery::check_reach() const {
  if (from_sequence_ == 0) return;
  if (result_.point.next_sequence < from_sequence_)
    throw JournalGap("the journal in " + directory_ + " ends before sequence " +
                     std::to_string(result_.point.next_sequence) + ", and " + std::to_string(from_sequence_) +
                     " is to be the next");
  if (segments_.front().first > from_sequence_)
    throw JournalGap("the journal in " + directory_ + " begins at sequence " +
                     std::to_string(segments_.front().first) + ", behind " + std::to_string(from_sequence_));
}

// Whether what lies behind the last good record is an unsynced tail: cut_ then says what is lost, or is empty where
// there is nothing.
void Recovery::judge_tail() {
  const std::uint64_t next = result_.point.next_sequence;
  if (!cut_)
    stop(segments_[last_].path, segments_[last_].tail, "the records end here, and others lie behind");
  const auto refuse_if_durable = [&](std::uint64_t durable, const std::string& path, std::uint64_t offset) {
    if (durable < next || planted(Bug::cuts_durable_records)) return;
    throw JournalCorrupt(cut_->file, cut_->offset,
                         cut_->reason + ", but what " + path + " has at offset " + std::to_string(offset) +
                             " knew sequence " + std::to_string(durable) + " to be durable");
  };
  if (next <= known_durable_ && !planted(Bug::cuts_durable_records))
    throw JournalCorrupt(cut_->file, cut_->offset,
                         cut_->reason + ", but sequence " + std::to_string(known_durable_) +
                             " was synced: what lies beside the journal says so");
  bool nothing = last_ + 1 == segments_.size();
  for (std::size_t i = last_; i < segments_.size(); ++i) {
    std::uint64_t from = segments_[i].tail;
    std::optional<SegmentHeader> header;
    const auto file = open_segment(disk_, segments_[i].path, OpenMode::read, header);
    if (file == nullptr) continue;
    if (i > last_) {
      if (header && header->journal_id != result_.point.journal_id)
        throw JournalCorrupt(segments_[i].path, 0, "the segment belongs to another journal");
      if (header) refuse_if_durable(header->durable_sequence, segments_[i].path, 0);
      from = header ? kSegmentHeaderBytes : 0;
    }
    const TailScan scan = scan_tail(*file, from, result_.point.journal_id);
    refuse_if_durable(scan.durable_sequence, segments_[i].path, scan.durable_offset);
    if (scan.nonzero_end > 0) {
      nothing = false;
      cut_->discarded_bytes += scan.nonzero_end - from;
    }
    cut_->lost_last = std::max(cut_->lost_last, scan.last_sequence);
  }
  if (nothing) cut_.reset();
}

// Zeros from the cut on, so that nothing of what lies there is ever taken for a record, and no later segments.
void Recovery::discard_tail() {
  const Segment& segment = segments_[last_];
  const auto file = open_for_update(segment);
  const std::uint64_t end = file->size();
  const std::vector<std::uint8_t> zeros(kCopied);
  for (std::uint64_t at = segment.tail; at < end; at += kCopied)
    write_fully(*file, segment.path, at, std::span(zeros).first(std::min<std::uint64_t>(kCopied, end - at)));
  sync_fully(*file, segment.path);
  while (segments_.size() > last_ + 1) {
    disk_.remove(segments_.back().path);
    segments_.pop_back();
  }
}

void Recovery::write_again() {
  if (marks_.empty() || planted(Bug::trusts_page_cache)) return;
  std::vector<std::uint8_t> bytes(kCopied);
  for (std::size_t i = marks_.front().segment; i <= last_; ++i) {
    const Segment& segment = segments_[i];
    const auto file = open_for_update(segment);
    for (std::uint64_t at = i == marks_.front().segment ? marks_.front().offset : 0; at < segment.tail;) {
      const std::uint64_t part = std::min<std::uint64_t>(kCopied, segment.tail - at);
      const std::span some = std::span(bytes).first(part);
      if (file->read(at, some) < part) throw DiskError(EIO, "read", segment.path);
      write_fully(*file, segment.path, at, some);
      result_.report.rewritten_bytes += part;
      at += part;
    }
    sync_fully(*file, segment.path);
  }
}

void Recovery::finish() {
  const Segment& segment = segments_[last_];
  const auto file = open_for_update(segment);
  if (file->size() < segment.bytes) {
    file->allocate(segment.bytes);
    sync_fully(*file, segment.path);
  }
  disk_.sync_directory(directory_);
  ChainPoint& point = result_.point;
  result_.report.durable_sequence = point.durable_sequence;
  point.durable_sequence = point.next_sequence - 1;
  result_.report.last_sequence = point.durable_sequence;
  result_.report.cut = std::move(cut_);
  result_.segment = segment.first;
  result_.segment_bytes = segment.bytes;
  result_.tail = segment.tail;
}

} // namespace

std::string JournalCut::to_string() const {
  std::string text = file + " at offset " + std::to_string(offset) + ": " + reason + ". Lost: ";
  if (lost_last >= lost_first)
    text += "sequences " + std::to_string(lost_first) + " to " + std::to_string(lost_last) + ", ";
  else
    text += "what came from sequence " + std::to_string(lost_first) + " on, ";
  return text + std::to_string(discarded_bytes) + " bytes, none of them known to have been durable";
}

Recovered recover_journal(Disk& disk, const std::string& directory, std::uint64_t from_sequence,
                          std::uint64_t known_durable) {
  return Recovery(disk, directory, from_sequence, known_durable).run();
}

} // namespace cmatch::io
