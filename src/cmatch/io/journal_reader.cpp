#include "cmatch/io/journal_reader.hpp"

#include <algorithm>
#include <utility>

#include "cmatch/io/journal_errors.hpp"
#include "cmatch/io/journal_segments.hpp"
#include "cmatch/planted.hpp"

namespace cmatch::io {
namespace {

constexpr std::uint64_t kLooksBetweenLists = 64; // listing a directory costs more than a look at the tail

} // namespace

JournalReader::JournalReader(Disk& disk, std::string directory, std::uint64_t from_sequence)
    : disk_(disk), directory_(std::move(directory)), from_sequence_(from_sequence) {}

std::uint64_t JournalReader::next_sequence() const {
  return std::max(cursor_ == nullptr ? 0 : cursor_->point().next_sequence, from_sequence_);
}

std::optional<RecordView> JournalReader::next() {
  if (cursor_ == nullptr && !begin()) return std::nullopt;
  for (;;) {
    const Found found = cursor_->look();
    if (found == Found::record) {
      idle_looks_ = 0;
      const RecordView record = cursor_->take();
      if (planted(Bug::drops_last_of_segment) &&
          disk_.open(segment_path(directory_, record.last_sequence() + 1), OpenMode::read) != nullptr)
        continue;
      if (record.last_sequence() >= from_sequence_) return record;
      continue;
    }
    if (found == Found::misfit) refuse();
    if (!advance()) return std::nullopt;
  }
}

void JournalReader::check_tail() {
  if (cursor_ == nullptr && !begin()) return;
  const Found found = cursor_->look();
  if (found == Found::record) return;
  if (found == Found::misfit) refuse();
  const ChainPoint point = cursor_->point();
  const TailScan scan = scan_tail(cursor_->file(), cursor_->found_offset(), point.journal_id);
  const std::vector<std::uint64_t> segments = list_segments(disk_, directory_);
  // The writer may have gone on since: what is bad now counts.
  const Found now = cursor_->look();
  if (now == Found::record) return;
  if (scan.records > 0)
    throw JournalCorrupt(cursor_->path(), cursor_->found_offset(),
                         std::string(cursor_->reason()) + ", and whole records lie behind");
  const auto later = std::upper_bound(segments.begin(), segments.end(), cursor_->point().next_sequence);
  if (later != segments.end())
    throw JournalCorrupt(cursor_->path(), cursor_->found_offset(),
                         "the records end here, and the next segment begins at sequence " +
                             std::to_string(*later));
  if (now == Found::damage && !segments.empty() && segments.back() == cursor_->point().next_sequence)
    refuse();
}

// Finds the segment that holds the first sequence asked for. False where there is none yet.
bool JournalReader::begin() {
  const std::vector<std::uint64_t> segments = list_segments(disk_, directory_);
  if (segments.empty()) return false;
  if (from_sequence_ > 0 && segments.front() > from_sequence_)
    throw JournalGap("sequence " + std::to_string(from_sequence_) + " is no longer in " + directory_ +
                     ", which begins at " + std::to_string(segments.front()));
  const auto behind = std::upper_bound(segments.begin(), segments.end(), from_sequence_);
  cursor_ = enter(behind == segments.begin() ? segments.front() : *(behind - 1));
  return cursor_ != nullptr;
}

// At the end of what the segment has: on to the one that continues it. False where there is none yet.
bool JournalReader::advance() {
  const std::uint64_t sequence = cursor_->point().next_sequence;
  if (next_path_sequence_ != sequence) {
    next_path_ = segment_path(directory_, sequence);
    next_path_sequence_ = sequence;
  }
  const bool is_empty = cursor_->offset() == kSegmentHeaderBytes; // then its own name is the next sequence's
  if (is_empty || disk_.open(next_path_, OpenMode::read) == nullptr) {
    if (++idle_looks_ % kLooksBetweenLists != 0) return false;
    check_gap();
    // A writer that was given larger segments replaces an empty one.
    if (std::unique_ptr<SegmentCursor> again = is_empty ? enter(sequence) : nullptr)
      cursor_ = std::move(again);
    return false;
  }
  // The writer is done with this segment; what it took back was perhaps still there when we looked.
  if (cursor_->look() != Found::end) refuse();
  std::unique_ptr<SegmentCursor> next = enter(sequence);
  if (next == nullptr) return false;
  if (next->point().journal_id != cursor_->point().journal_id ||
      next->point().chain != cursor_->point().chain)
    throw JournalCorrupt(next->path(), 0, "the segment does not continue the one before it");
  cursor_ = std::move(next);
  return true;
}

std::unique_ptr<SegmentCursor> JournalReader::enter(std::uint64_t first_sequence) {
  const std::string path = segment_path(directory_, first_sequence);
  std::optional<SegmentHeader> header;
  std::unique_ptr<DiskFile> file = open_segment(disk_, path, OpenMode::read, header);
  if (file == nullptr) return nullptr;
  if (!header) throw JournalCorrupt(path, 0, "the segment's header is damaged");
  if (header->first_sequence != first_sequence)
    throw JournalCorrupt(path, 0, "the segment was made for another name");
  return std::make_unique<SegmentCursor>(std::move(file), path, chain_of(*header), header->segment_bytes);
}

void JournalReader::check_gap() const {
  const std::uint64_t sequence = cursor_->point().next_sequence;
  const std::vector<std::uint64_t> segments = list_segments(disk_, directory_);
  if (!segments.empty() && segments.front() > sequence)
    throw JournalGap("sequence " + std::to_string(sequence) + " is no longer in " + directory_ +
                     ", which begins at " + std::to_string(segments.front()));
}

void JournalReader::refuse() const {
  throw JournalCorrupt(cursor_->path(), cursor_->found_offset(), cursor_->reason());
}

} // namespace cmatch::io
