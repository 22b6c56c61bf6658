// The write-ahead journal: every command is in it before it changes anything.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cmatch/io/disk.hpp"
#include "cmatch/io/journal_format.hpp"
#include "cmatch/io/journal_recovery.hpp"

namespace cmatch::io {

struct JournalOptions {
  std::uint64_t segment_bytes = 64ull << 20; // of new segments; a multiple of 8
  std::uint64_t write_bytes = 4ull << 20; // the most that one write takes, headers included; a multiple of 8
  std::uint64_t epoch = 0;                // of this writer; 0: the journal's own, 1 of a new one
  std::uint64_t first_sequence = 1;       // of a new journal
  std::uint64_t journal_id = 0;           // of a new journal; 0: a random one
  std::uint64_t recover_from = 0;         // the records before it are in a snapshot; 0: none are
  std::uint64_t known_durable = 0; // a sequence of which something beside the journal says that it was synced
};

enum class JournalState : std::uint8_t {
  open = 1,
  read_only = 2, // writes are refused until try_resume() says otherwise
  failed = 3,    // for ever: the process must exit
};

enum class AppendResult : std::uint8_t {
  written = 1, // all of it; it survives the process
  refused = 2, // nothing of it is in the journal, which is read-only
};

// One record to append.
struct JournalEntry {
  std::uint64_t first_sequence = 0;
  std::uint32_t count = 0;
  std::int64_t ts_ns = 0;
  std::span<const std::uint8_t> payload;
};

struct JournalCounters {
  std::uint64_t records = 0;
  std::uint64_t writes = 0;
  std::uint64_t bytes = 0; // headers and padding included
  std::uint64_t syncs = 0;
  std::uint64_t rotations = 0;
  std::uint64_t segments_made_late = 0; // by the writer itself, for want of a spare
  std::uint64_t refusals = 0;
};

// Owns the end of the journal in one directory, and the lock that makes it the only writer. The disk outlives it.
// Units: bytes, nanoseconds since the Unix epoch. One thread at a time.
//
// A record is written with write() and survives the process; it survives the machine once sync() came back. At most
// the last two segments are not yet durable. reserve, commit, append and write take O(bytes) and allocate nothing; a
// write that needs a new segment takes the spare, and where there is none makes one, which takes long.
class Journal {
 public:
  // Takes the lock, recovers or creates. Throws JournalLocked; what recover_journal throws; JournalError where another
  // writer's epoch is ahead; std::invalid_argument for options that cannot be; DiskError.
  Journal(Disk& disk, std::string directory, const JournalOptions& options);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Room for the payload of one more record of the next write, 8-byte aligned; nothing is there until it is committed.
  // Throws std::invalid_argument where the write would be larger than write_bytes.
  std::span<std::uint8_t> reserve(std::size_t payload_bytes);
  // Makes the first bytes of what was reserved last a record of the next write. Throws std::invalid_argument, and
  // changes nothing, where the sequence is not the next one, the time steps back, or count is 0.
  void commit(std::uint64_t first_sequence, std::uint32_t count, std::int64_t ts_ns,
              std::size_t payload_bytes);
  // Writes what was committed since the last time as one group, which is in the journal whole or not at all.
  // Throws JournalFailed.
  AppendResult write();

  // Bytes that the next write can still take, headers of records included.
  std::uint64_t room() const { return buffer_.size() * 8 - staged_bytes_; }

  // reserve, commit and write. What an earlier commit left goes with it.
  AppendResult append(const JournalEntry& entry);
  AppendResult append_many(std::span<const JournalEntry> entries);

  // Group commit: what was written until now survives a power cut. Throws JournalFailed where the disk fails.
  void sync();
  // Another process has made everything up to this sequence durable, by sync_segments. Not more than was written.
  void note_durable(std::uint64_t sequence);

  // Where the journal is read-only: whether there is room again, so that it is open. Throws JournalFailed.
  bool try_resume();
  // Makes the next segment ahead; better in another process, by the function of the same name. Throws DiskError.
  void prepare_spare();
  // The epoch of all records from now on. Throws std::invalid_argument where that would be a step back.
  void raise_epoch(std::uint64_t epoch);

  std::uint64_t next_sequence() const { return point_.next_sequence; }
  std::uint64_t written_sequence() const { return point_.next_sequence - 1; }
  std::uint64_t durable_sequence() const { return point_.durable_sequence; }
  std::uint64_t epoch() const { return point_.epoch; }
  std::int64_t last_ts_ns() const { return point_.ts_ns; }
  std::uint64_t journal_id() const { return point_.journal_id; }
  JournalState state() const { return state_; }
  const std::string& reason() const { return reason_; } // why it is not open
  const std::string& directory() const { return directory_; }
  std::uint64_t segment() const { return segment_; } // first sequence of the one written to
  std::uint64_t tail_offset() const { return tail_; }
  const JournalCounters& counters() const { return counters_; }
  const RecoveryReport& recovery() const { return recovery_; }

 private:
  void create();
  void open_tail();
  void stage(const JournalEntry& entry);
  void seal_staged(ChainPoint& point);
  void drop_staged();
  bool write_bytes(std::uint64_t offset, std::span<const std::uint8_t> bytes, int& error);
  AppendResult refuse(std::string reason);
  void take_back(std::size_t bytes);
  bool zero(std::uint64_t offset, std::uint64_t bytes);
  bool rotate(bool durable);
  std::unique_ptr<DiskFile> take_spare();
  void sync_file(DiskFile& file);
  void sync_names();
  void sync_previous();
  void check_alive() const;
  [[noreturn]] void fail(std::string reason);

  Disk& disk_;
  std::string directory_;
  JournalOptions options_;
  std::unique_ptr<DiskLock> lock_;
  RecoveryReport recovery_;
  ChainPoint point_;               // of what is written; its durable_sequence is ours
  std::unique_ptr<DiskFile> file_; // the segment written to
  std::uint64_t segment_ = 0;
  std::uint64_t tail_ = 0; // where the next record goes
  std::uint64_t limit_ = 0;
  std::unique_ptr<DiskFile> previous_; // the segment before, until it is synced
  bool names_unsynced_ = false;        // only while previous_ is
  std::unique_ptr<DiskFile> next_;     // made by try_resume(), not yet named

  std::vector<std::uint64_t> buffer_; // what the next write takes, then what was reserved
  std::size_t staged_bytes_ = 0;
  std::uint32_t staged_records_ = 0;
  std::uint64_t staged_sequence_ = 0; // of the next record to commit
  std::int64_t staged_ts_ns_ = 0;     // of the last one
  std::size_t reserved_ = 0;

  JournalState state_ = JournalState::open;
  std::string reason_;
  bool wants_segment_ = false;     // what was refused needs a new segment
  std::uint64_t wanted_bytes_ = 0; // size of what was refused, some of which may lie behind the tail
  JournalCounters counters_;
};

} // namespace cmatch::io
