#include "cmatch/io/journal_format.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "cmatch/check.hpp"
#include "cmatch/io/crc32c.hpp"
#include "cmatch/io/journal_errors.hpp"

namespace cmatch::io {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the journal's records are written as they lie in memory");

constexpr char kSuffix[] = ".journal";
constexpr std::size_t kDigits = 20;

std::uint32_t crc_of_record(std::span<const std::uint8_t> record) {
  return crc32c(0, record.subspan(sizeof(RecordHeader::crc)));
}

std::uint32_t crc_of_header(const SegmentHeader& header) {
  return crc32c(0, {reinterpret_cast<const std::uint8_t*>(&header), offsetof(SegmentHeader, crc)});
}

} // namespace

void ChainPoint::pass(const RecordHeader& record) {
  next_sequence = record.first_sequence + record.count;
  epoch = record.epoch;
  ts_ns = record.ts_ns;
  durable_sequence = record.durable_sequence;
  chain = record.crc;
}

void seal_record(std::span<std::uint8_t> record) {
  RecordHeader header;
  std::memcpy(&header, record.data(), sizeof header);
  CM_CHECK(record.size() == record_bytes(header.length));
  std::fill(record.begin() + static_cast<std::ptrdiff_t>(sizeof header + header.length), record.end(), 0);
  header.crc = crc_of_record(record);
  std::memcpy(record.data(), &header.crc, sizeof header.crc);
}

std::optional<RecordHeader> plausible_record(std::span<const std::uint8_t> bytes, std::uint64_t journal_id,
                                             std::uint64_t offset, std::uint64_t limit) {
  RecordHeader header;
  if (bytes.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  const bool plausible = header.journal_id == journal_id && header.place == offset / 8 && header.count > 0 &&
                         header.first_sequence > header.durable_sequence &&
                         header.first_sequence <= UINT64_MAX - header.count &&
                         record_bytes(header.length) <= limit - offset;
  return plausible ? std::optional(header) : std::nullopt;
}

bool is_sealed(std::span<const std::uint8_t> record) {
  std::uint32_t crc;
  std::memcpy(&crc, record.data(), sizeof crc);
  return crc == crc_of_record(record);
}

const char* misfit(const RecordHeader& record, const ChainPoint& point) {
  if (record.chain != point.chain) return "the record does not continue the one before it";
  if (record.first_sequence != point.next_sequence) return "the record's sequence is not the next one";
  if (record.epoch < point.epoch) return "the record's epoch is behind that of the record before it";
  if (record.ts_ns < point.ts_ns) return "the record's time is behind that of the record before it";
  if (record.durable_sequence < point.durable_sequence)
    return "the record knows less to be durable than the record before it";
  return nullptr;
}

void write_segment_header(const ChainPoint& point, std::uint64_t segment_bytes, std::span<std::uint8_t> out) {
  CM_CHECK(out.size() == kSegmentHeaderBytes);
  SegmentHeader header{.magic = kSegmentMagic,
                       .version = kJournalVersion,
                       .chain = point.chain,
                       .journal_id = point.journal_id,
                       .first_sequence = point.next_sequence,
                       .segment_bytes = segment_bytes,
                       .epoch = point.epoch,
                       .ts_ns = point.ts_ns,
                       .durable_sequence = point.durable_sequence,
                       .reserved = 0,
                       .crc = 0};
  header.crc = crc_of_header(header);
  std::fill(out.begin(), out.end(), 0);
  std::memcpy(out.data(), &header, sizeof header);
}

std::optional<SegmentHeader> read_segment_header(std::span<const std::uint8_t> bytes) {
  SegmentHeader header;
  if (bytes.size() < kSegmentHeaderBytes) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kSegmentMagic || header.crc != crc_of_header(header)) return std::nullopt;
  if (header.version != kJournalVersion)
    throw JournalError("the journal has version " + std::to_string(header.version) + ", not " +
                       std::to_string(kJournalVersion));
  const auto rest = bytes.subspan(sizeof header, kSegmentHeaderBytes - sizeof header);
  const bool good = header.segment_bytes >= kSegmentHeaderBytes && header.segment_bytes <= kMaxSegmentBytes &&
                    std::all_of(rest.begin(), rest.end(), [](std::uint8_t byte) { return byte == 0; });
  return good ? std::optional(header) : std::nullopt;
}

ChainPoint chain_of(const SegmentHeader& header) {
  return {.journal_id = header.journal_id,
          .next_sequence = header.first_sequence,
          .epoch = header.epoch,
          .ts_ns = header.ts_ns,
          .durable_sequence = header.durable_sequence,
          .chain = header.chain};
}

std::string segment_name(std::uint64_t first_sequence) {
  const std::string digits = std::to_string(first_sequence);
  return std::string(kDigits - digits.size(), '0') + digits + kSuffix;
}

std::optional<std::uint64_t> segment_sequence(const std::string& name) {
  if (name.size() != kDigits + sizeof kSuffix - 1 || !name.ends_with(kSuffix)) return std::nullopt;
  std::uint64_t sequence = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, sequence);
  if (error != std::errc() || end != name.data() + kDigits || segment_name(sequence) != name)
    return std::nullopt;
  return sequence;
}

} // namespace cmatch::io
