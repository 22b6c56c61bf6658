#include "cmatch/io/journal.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "cmatch/check.hpp"
#include "cmatch/io/journal_errors.hpp"
#include "cmatch/io/journal_segments.hpp"
#include "cmatch/planted.hpp"

namespace cmatch::io {
namespace {

constexpr std::size_t kZeros = 65'536; // at once
constexpr std::array<std::uint8_t, kZeros> kZeroBytes{};

void check_options(const JournalOptions& options) {
  const auto demand = [](bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
  };
  demand(options.write_bytes % 8 == 0 && options.write_bytes >= record_bytes(8),
         "write_bytes is no multiple of 8 that holds a record");
  demand(options.segment_bytes % 8 == 0 && options.segment_bytes <= kMaxSegmentBytes,
         "segment_bytes is no multiple of 8, or too large");
  demand(options.segment_bytes >= kSegmentHeaderBytes + options.write_bytes,
         "segment_bytes is too small for a write of write_bytes");
  demand(options.first_sequence > 0, "first_sequence begins at 1");
}

std::uint64_t random_id() {
  std::uint64_t id = 0;
  while (id == 0)
    if (::getrandom(&id, sizeof id, 0) != sizeof id) id = 0;
  return id;
}

std::string error_text(int error) { return std::generic_category().message(error); }

std::string without_slash(std::string directory) {
  while (directory.size() > 1 && directory.back() == '/')
    directory.pop_back();
  return directory;
}

} // namespace

Journal::Journal(Disk& disk, std::string directory, const JournalOptions& options)
    : disk_(disk), directory_(without_slash(std::move(directory))), options_(options) {
  check_options(options_);
  disk_.make_directory(directory_);
  std::string holder;
  lock_ = disk_.lock(directory_ + kLockFile, "process " + std::to_string(::getpid()), holder);
  if (lock_ == nullptr) throw JournalLocked("the journal in " + directory_ + " is written by " + holder);
  // A power cut may have undone the renaming of a segment and kept what was written to it: these are no zeros any more.
  disk_.remove(directory_ + kNextFile);
  disk_.remove(directory_ + kSpareFile);
  if (list_segments(disk_, directory_).empty())
    create();
  else
    open_tail();
  if (options_.epoch == 0) options_.epoch = std::max<std::uint64_t>(point_.epoch, 1);
  if (options_.epoch < point_.epoch)
    throw JournalError("epoch " + std::to_string(options_.epoch) + " is behind " +
                       std::to_string(point_.epoch) + ", at which the journal in " + directory_ +
                       " was written: another writer has taken over");
  point_.epoch = options_.epoch;
  buffer_.resize(options_.write_bytes / 8);
  drop_staged();
  // A larger write than the empty segment holds could never be made.
  if (tail_ == kSegmentHeaderBytes && limit_ < options_.segment_bytes && !rotate(true))
    throw JournalReadOnly("no segment can be made: " + reason_);
  counters_ = {};
}

Journal::~Journal() = default;

void Journal::create() {
  const std::uint64_t next = std::max(options_.recover_from, options_.known_durable + 1);
  if (next > options_.first_sequence)
    throw JournalGap("there is no journal in " + directory_ + ", and sequence " + std::to_string(next) +
                     " is to be its next");
  point_ = {.journal_id = options_.journal_id != 0 ? options_.journal_id : random_id(),
            .next_sequence = options_.first_sequence,
            .epoch = std::max<std::uint64_t>(options_.epoch, 1),
            .ts_ns = 0,
            .durable_sequence = options_.first_sequence - 1,
            .chain = 0};
  if (!rotate(true)) throw JournalReadOnly("no journal can be made: " + reason_);
  sync_names();
  const std::size_t name = directory_.rfind('/');
  if (name != std::string::npos && name > 0) disk_.sync_directory(directory_.substr(0, name));
  recovery_.created = true;
  recovery_.last_sequence = point_.durable_sequence;
  recovery_.durable_sequence = point_.durable_sequence;
}

void Journal::open_tail() {
  Recovered recovered = recover_journal(disk_, directory_, options_.recover_from, options_.known_durable);
  recovery_ = std::move(recovered.report);
  point_ = recovered.point;
  segment_ = recovered.segment;
  tail_ = recovered.tail;
  limit_ = recovered.segment_bytes;
  const std::string path = segment_path(directory_, segment_);
  file_ = disk_.open(path, OpenMode::update);
  if (file_ == nullptr) throw DiskError(ENOENT, "open", path);
}

std::span<std::uint8_t> Journal::reserve(std::size_t payload_bytes) {
  const std::size_t room = buffer_.size() * 8 - staged_bytes_;
  if (payload_bytes > room || record_bytes(payload_bytes) > room)
    throw std::invalid_argument("the write would be larger than write_bytes");
  reserved_ = payload_bytes;
  auto* const memory = reinterpret_cast<std::uint8_t*>(buffer_.data());
  return {memory + staged_bytes_ + sizeof(RecordHeader), payload_bytes};
}

void Journal::commit(std::uint64_t first_sequence, std::uint32_t count, std::int64_t ts_ns,
                     std::size_t payload_bytes) {
  const auto demand = [](bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
  };
  demand(payload_bytes <= reserved_, "more is committed than was reserved");
  demand(first_sequence == staged_sequence_, "first_sequence is not the next one");
  demand(count > 0, "a record takes at least one sequence");
  demand(ts_ns >= staged_ts_ns_, "the time steps back");
  const RecordHeader header{.crc = 0,
                            .chain = 0,
                            .length = static_cast<std::uint32_t>(payload_bytes),
                            .count = count,
                            .journal_id = point_.journal_id,
                            .first_sequence = first_sequence,
                            .ts_ns = ts_ns,
                            .durable_sequence = 0,
                            .epoch = 0,
                            .place = 0,
                            .left = 0};
  std::memcpy(reinterpret_cast<std::uint8_t*>(buffer_.data()) + staged_bytes_, &header, sizeof header);
  staged_bytes_ += record_bytes(payload_bytes);
  staged_sequence_ += count;
  staged_ts_ns_ = ts_ns;
  ++staged_records_;
  reserved_ = 0;
}

// Completes the staged records for the place at which they will be; `point` is then what follows them.
void Journal::seal_staged(ChainPoint& point) {
  auto* const memory = reinterpret_cast<std::uint8_t*>(buffer_.data());
  std::uint32_t left = staged_records_;
  for (std::size_t at = 0; at < staged_bytes_;) {
    RecordHeader header;
    std::memcpy(&header, memory + at, sizeof header);
    header.chain = point.chain;
    header.durable_sequence = point_.durable_sequence;
    header.epoch = point.epoch;
    header.place = static_cast<std::uint32_t>((tail_ + at) / 8);
    header.left = --left;
    std::memcpy(memory + at, &header, sizeof header);
    const std::span record(memory + at, record_bytes(header.length));
    seal_record(record);
    std::memcpy(&header.crc, memory + at, sizeof header.crc);
    point.pass(header);
    at += record.size();
  }
  CM_CHECK(left == 0);
}

void Journal::drop_staged() {
  staged_bytes_ = 0;
  staged_records_ = 0;
  staged_sequence_ = point_.next_sequence;
  staged_ts_ns_ = point_.ts_ns;
  reserved_ = 0;
}

AppendResult Journal::write() {
  check_alive();
  if (staged_bytes_ == 0) return AppendResult::written;
  if (state_ == JournalState::read_only) {
    ++counters_.refusals;
    drop_staged();
    return AppendResult::refused;
  }
  if (tail_ + staged_bytes_ > limit_ && !rotate(false)) {
    wants_segment_ = true;
    return refuse(std::move(reason_));
  }
  ChainPoint after = point_;
  seal_staged(after);
  int error = 0;
  if (!write_bytes(tail_, {reinterpret_cast<const std::uint8_t*>(buffer_.data()), staged_bytes_}, error)) {
    take_back(staged_bytes_);
    return refuse("a write failed: " + error_text(error));
  }
  point_ = after;
  tail_ += staged_bytes_;
  counters_.records += staged_records_;
  ++counters_.writes;
  counters_.bytes += staged_bytes_;
  drop_staged();
  return AppendResult::written;
}

void Journal::stage(const JournalEntry& entry) {
  const std::span<std::uint8_t> room = reserve(entry.payload.size());
  std::copy(entry.payload.begin(), entry.payload.end(), room.begin());
  commit(entry.first_sequence, entry.count, entry.ts_ns, entry.payload.size());
}

AppendResult Journal::append(const JournalEntry& entry) { return append_many({&entry, 1}); }

AppendResult Journal::append_many(std::span<const JournalEntry> entries) {
  check_alive();
  try {
    for (const JournalEntry& entry : entries)
      stage(entry);
  } catch (const std::invalid_argument&) {
    drop_staged();
    throw;
  }
  return write();
}

// False, with the errno, where the disk took less than all.
bool Journal::write_bytes(std::uint64_t offset, std::span<const std::uint8_t> bytes, int& error) {
  while (!bytes.empty()) {
    const Written written = file_->write(offset, bytes);
    error = written.error != 0 ? written.error : ENOSPC;
    if (written.error != 0 || written.bytes == 0) return false;
    offset += written.bytes;
    bytes = bytes.subspan(written.bytes);
  }
  return true;
}

AppendResult Journal::refuse(std::string reason) {
  ++counters_.refusals;
  state_ = JournalState::read_only;
  reason_ = std::move(reason);
  wanted_bytes_ = staged_bytes_;
  drop_staged();
  return AppendResult::refused;
}

// Undoes what a failed write may have left. Where that fails too, what is there must not be the whole group: it would
// be found and obeyed by the next recovery, though it was refused.
void Journal::take_back(std::size_t bytes) {
  if (zero(tail_, bytes)) return;
  const auto* const wanted = reinterpret_cast<const std::uint8_t*>(buffer_.data());
  std::vector<std::uint8_t> there(bytes);
  try {
    there.resize(file_->read(tail_, there));
  } catch (const DiskError& error) {
    fail(std::string("what a failed write left cannot be read: ") + error.what());
  }
  if (std::equal(there.begin(), there.end(), wanted, wanted + bytes))
    fail("a write was refused and is there, and cannot be undone");
}

bool Journal::zero(std::uint64_t offset, std::uint64_t bytes) {
  int error = 0;
  for (const std::uint64_t end = offset + bytes; offset < end; offset += kZeros)
    if (!write_bytes(offset, std::span(kZeroBytes).first(std::min<std::uint64_t>(kZeros, end - offset)),
                     error))
      return false;
  return true;
}

// Begins a new segment at the next sequence, whose header is on the disk before its name where that has to be. False,
// with the reason, where none can be had; then nothing has changed.
bool Journal::rotate(bool durable) {
  if (previous_ != nullptr) sync_previous();
  try {
    std::unique_ptr<DiskFile> next = take_spare();
    const std::string path = directory_ + kNextFile;
    std::vector<std::uint8_t> block(kSegmentHeaderBytes);
    write_segment_header(point_, options_.segment_bytes, block);
    for (std::size_t done = 0; done < block.size();) {
      const Written written = next->write(done, std::span(block).subspan(done));
      if (written.error != 0 || written.bytes == 0)
        throw DiskError(written.error != 0 ? written.error : ENOSPC, "write", path);
      done += written.bytes;
    }
    if (const int error = durable ? next->sync() : 0; error != 0) throw DiskError(error, "sync", path);
    if (!disk_.rename(path, segment_path(directory_, point_.next_sequence)))
      throw DiskError(ENOENT, "rename", path);
    previous_ = std::exchange(file_, std::move(next));
  } catch (const DiskError& error) {
    reason_ = error.what();
    return false;
  }
  segment_ = point_.next_sequence;
  tail_ = kSegmentHeaderBytes;
  limit_ = options_.segment_bytes;
  names_unsynced_ = true;
  ++counters_.rotations;
  return true;
}

// A file of zeros named "next": what try_resume() made, the spare, or one made now.
std::unique_ptr<DiskFile> Journal::take_spare() {
  const std::string path = directory_ + kNextFile;
  if (next_ != nullptr) return std::exchange(next_, nullptr);
  if (disk_.rename(directory_ + kSpareFile, path)) {
    std::unique_ptr<DiskFile> spare = disk_.open(path, OpenMode::update);
    if (spare != nullptr && spare->size() == options_.segment_bytes) return spare;
  }
  ++counters_.segments_made_late;
  return make_zeros(disk_, path, options_.segment_bytes);
}

void Journal::sync_file(DiskFile& file) {
  if (const int error = file.sync(); error != 0 && !planted(Bug::ignores_sync_error))
    fail("a sync failed: " + error_text(error));
  ++counters_.syncs;
}

void Journal::sync_names() {
  if (!names_unsynced_ || planted(Bug::leaves_name_unsynced)) return;
  try {
    disk_.sync_directory(directory_);
  } catch (const DiskError& error) {
    fail(std::string("a sync failed: ") + error.what());
  }
  names_unsynced_ = false;
}

// Afterwards all but the current segment is durable.
void Journal::sync_previous() {
  sync_file(*previous_);
  sync_names();
  previous_.reset();
  point_.durable_sequence = std::max(point_.durable_sequence, segment_ - 1);
}

void Journal::sync() {
  check_alive();
  if (point_.durable_sequence == written_sequence()) return;
  if (previous_ != nullptr) sync_previous();
  sync_file(*file_);
  point_.durable_sequence = written_sequence();
}

void Journal::note_durable(std::uint64_t sequence) {
  if (sequence > written_sequence()) throw std::invalid_argument("this sequence was not yet written");
  point_.durable_sequence = std::max(point_.durable_sequence, sequence);
}

bool Journal::try_resume() {
  check_alive();
  if (state_ == JournalState::open) return true;
  if (wants_segment_) {
    try {
      if (next_ == nullptr) next_ = take_spare();
    } catch (const DiskError& error) {
      reason_ = error.what();
      return false;
    }
  } else if (!zero(tail_, wanted_bytes_)) { // which also undoes what could not be taken back
    return false;
  }
  wants_segment_ = false;
  state_ = JournalState::open;
  reason_.clear();
  return true;
}

void Journal::prepare_spare() { io::prepare_spare(disk_, directory_, options_.segment_bytes); }

void Journal::raise_epoch(std::uint64_t epoch) {
  if (epoch < point_.epoch) throw std::invalid_argument("the epoch would step back");
  if (!planted(Bug::forgets_epoch)) point_.epoch = epoch;
}

void Journal::check_alive() const {
  if (state_ == JournalState::failed) throw JournalFailed("the journal has failed: " + reason_);
}

void Journal::fail(std::string reason) {
  state_ = JournalState::failed;
  reason_ = std::move(reason);
  throw JournalFailed("the journal has failed: " + reason_);
}

} // namespace cmatch::io
