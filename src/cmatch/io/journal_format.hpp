// The bytes of a journal: little-endian, 8-byte aligned, every record complete in itself and chained to the one before.
//
//   segment   a header of 4,096 bytes, then records, then zeros up to its size; named by its first sequence
//   record    a header of 64 bytes, the payload, zeros up to a multiple of 8
//   group     the records of one write: they count, or do not, together
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace cmatch::io {

inline constexpr std::uint64_t kSegmentMagic = 0x314C4E524A4D43ull; // "CMJRNL1"
inline constexpr std::uint32_t kJournalVersion = 1;
inline constexpr std::size_t kSegmentHeaderBytes = 4'096;
inline constexpr std::uint64_t kMaxSegmentBytes = 1ull << 34; // offsets / 8 fit 32 bits, with room

// Says of a record what, where, and after which other one. `crc` is of everything behind it, padding included.
struct RecordHeader {
  std::uint32_t crc;
  std::uint32_t chain;      // crc of the record before, in whatever segment
  std::uint32_t length;     // of the payload, in bytes
  std::uint32_t count;      // how many sequences it takes
  std::uint64_t journal_id; // random, so that no payload can hold a record of its own journal
  std::uint64_t first_sequence;
  std::int64_t ts_ns;             // never less than the one before
  std::uint64_t durable_sequence; // was durable when this was written
  std::uint64_t epoch;            // never less than the one before
  std::uint32_t place;            // its offset in the segment / 8
  std::uint32_t left;             // how many records of its group follow
};
static_assert(sizeof(RecordHeader) == 64);

// What the chain is when the segment begins.
struct SegmentHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t chain; // crc of the last record before
  std::uint64_t journal_id;
  std::uint64_t first_sequence;
  std::uint64_t segment_bytes;
  std::uint64_t epoch;
  std::int64_t ts_ns; // of the last record before
  std::uint64_t durable_sequence;
  std::uint32_t reserved;
  std::uint32_t crc; // of everything before it
};
static_assert(sizeof(SegmentHeader) == 72);

// Where a journal stands: what its next record has to continue.
struct ChainPoint {
  std::uint64_t journal_id = 0;
  std::uint64_t next_sequence = 1;
  std::uint64_t epoch = 0;
  std::int64_t ts_ns = 0;
  std::uint64_t durable_sequence = 0; // as the records say
  std::uint32_t chain = 0;

  void pass(const RecordHeader& record);
};

// A record as it lies in the journal.
struct RecordView {
  std::uint64_t first_sequence = 0;
  std::uint32_t count = 0;
  std::int64_t ts_ns = 0;
  std::uint64_t epoch = 0;
  std::uint64_t durable_sequence = 0;
  std::span<const std::uint8_t> payload; // 8-byte aligned

  std::uint64_t last_sequence() const { return first_sequence + count - 1; }
};

constexpr std::uint64_t padded(std::uint64_t bytes) { return (bytes + 7) / 8 * 8; }
constexpr std::uint64_t record_bytes(std::uint64_t payload) { return sizeof(RecordHeader) + padded(payload); }

// Completes a record in place: `record` is a header without its crc, the payload, and the padding, which it zeroes.
void seal_record(std::span<std::uint8_t> record);

// The header of the record that begins `bytes`, whose place is `offset`, if it can be one of this journal: its crc is
// not looked at. `limit` is the end of the segment.
std::optional<RecordHeader> plausible_record(std::span<const std::uint8_t> bytes, std::uint64_t journal_id,
                                             std::uint64_t offset, std::uint64_t limit);
// Whether a whole record, padding included, has the crc that it names.
bool is_sealed(std::span<const std::uint8_t> record);

// Why the record cannot follow the point; nullptr where it can.
const char* misfit(const RecordHeader& record, const ChainPoint& point);

// Fills a block of kSegmentHeaderBytes.
void write_segment_header(const ChainPoint& point, std::uint64_t segment_bytes, std::span<std::uint8_t> out);
// nullopt where the bytes are no header, or a damaged one. Throws JournalError where it is one of another version.
std::optional<SegmentHeader> read_segment_header(std::span<const std::uint8_t> bytes);
ChainPoint chain_of(const SegmentHeader& header);

// A segment's file name, and back; nullopt for any other name.
std::string segment_name(std::uint64_t first_sequence);
std::optional<std::uint64_t> segment_sequence(const std::string& name);

} // namespace cmatch::io
