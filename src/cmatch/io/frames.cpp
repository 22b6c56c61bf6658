#include "cmatch/io/frames.hpp"

#include <algorithm>
#include <cstring>

#include "cmatch/check.hpp"

// A frame, word by word: the segment table (0 and the words that follow), the root pointer, the root's data, the root's
// pointers (ours is the first), the tag of the list, its records. https://capnproto.org/encoding.html
namespace cmatch::io {
namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);
constexpr std::uint64_t kStruct = 0, kList = 1, kFar = 2; // low two bits of a pointer
constexpr std::uint64_t kComposite = 7;
constexpr std::size_t kRootData = 2;                 // the first word of the root
constexpr std::size_t kFixedWords = 4;               // of a frame beside the root's data and the records
constexpr std::uint32_t kHeaderWords = 2;            // of the root's data, at least: up to the list's number
constexpr std::uint64_t kMostWords = (1u << 29) - 1; // that a list can count

std::uint64_t load(const std::byte* at) {
  std::uint64_t word;
  std::memcpy(&word, at, kWord);
  return word;
}

void store(std::byte* at, std::uint64_t word) { std::memcpy(at, &word, kWord); }

// Where the parts of a frame lie, in words from its start.
struct Shape {
  std::uint32_t data_words; // of the root
  std::uint32_t pointers;   // of the root
  WireRecords records;
};

class Words {
 public:
  explicit Words(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint64_t size() const { return bytes_.size() / kWord; }
  std::uint64_t operator[](std::uint64_t at) const { return load(bytes_.data() + at * kWord); }
  const std::byte* from(std::uint64_t at) const { return bytes_.data() + at * kWord; }

 private:
  std::span<const std::byte> bytes_;
};

FrameFault find_root(std::span<const std::byte> bytes, std::size_t limit, Shape& shape) {
  if (bytes.size() > limit) return FrameFault::too_large;
  if (bytes.size() < 2 * kWord || bytes.size() % kWord != 0) return FrameFault::length;
  const Words words(bytes);
  if (words[0] != (words.size() - 1) << 32) return FrameFault::segments;
  const std::uint64_t root = words[1];
  if ((root & 3) == kFar) return FrameFault::far_pointer;
  if (static_cast<std::uint32_t>(root) != kStruct) return FrameFault::root; // an offset is none of ours
  shape.data_words = static_cast<std::uint16_t>(root >> 32);
  shape.pointers = static_cast<std::uint16_t>(root >> 48);
  if (shape.data_words == 0 || shape.pointers == 0) return FrameFault::root;
  if (kRootData + shape.data_words + shape.pointers > words.size()) return FrameFault::root;
  return static_cast<std::uint16_t>(words[kRootData]) == kSchemaVersion ? FrameFault::none
                                                                        : FrameFault::version;
}

// The list behind the root's first pointer; others have to be null. The root has been found.
FrameFault find_list(std::span<const std::byte> bytes, Shape& shape) {
  const Words words(bytes);
  const std::uint64_t first = kRootData + shape.data_words;
  const std::uint64_t tag_at = first + shape.pointers;
  const std::uint64_t pointer = words[first];
  if ((pointer & 3) == kFar) return FrameFault::far_pointer;
  if ((pointer & 3) != kList || (pointer >> 32 & 7) != kComposite) return FrameFault::list;
  const std::uint64_t offset = static_cast<std::uint32_t>(pointer) >> 2;
  const std::uint64_t list_words = pointer >> 35;
  if (offset != shape.pointers - 1 || tag_at + 1 + list_words > words.size()) return FrameFault::list;

  const std::uint64_t tag = words[tag_at];
  const std::uint64_t count = static_cast<std::uint32_t>(tag) >> 2;
  const std::uint64_t size = static_cast<std::uint16_t>(tag >> 32);
  if ((tag & 3) != kStruct || tag >> 48 != 0 || size == 0 || count == 0) return FrameFault::elements;
  if (count * size != list_words) return FrameFault::elements;

  if (tag_at + 1 + list_words != words.size()) return FrameFault::trailing;
  for (std::uint64_t at = first + 1; at < tag_at; ++at)
    if (words[at] != 0) return FrameFault::trailing;
  const std::uint64_t said = words[kRootData] >> 32;
  if (said != 0 && said != count) return FrameFault::count;
  shape.records = {words.from(tag_at + 1), static_cast<std::uint32_t>(count),
                   static_cast<std::uint32_t>(size)};
  return FrameFault::none;
}

template <class Frame, class Header, class List>
FrameFault decode(std::span<const std::byte> bytes, std::size_t limit, List last, Frame& frame) {
  Shape shape{};
  if (const FrameFault fault = find_root(bytes, limit, shape); fault != FrameFault::none) return fault;
  Header header{};
  std::memcpy(&header, bytes.data() + kRootData * kWord,
              std::min<std::size_t>(sizeof header, shape.data_words * kWord));
  if (header.list == 0 || header.list > static_cast<std::uint16_t>(last)) return FrameFault::list_kind;
  if (const FrameFault fault = find_list(bytes, shape); fault != FrameFault::none) return fault;
  header.count = shape.records.count;
  header.reserved0 = 0;
  header.reserved1 = 0;
  frame = {header, static_cast<List>(header.list), shape.records};
  return FrameFault::none;
}

const std::byte* record_at(const RecordSource& source, std::size_t i) {
  return source.data + (source.rows == nullptr ? i : source.rows[i]) * source.words * kWord;
}

// The words of a record up to the last that is not zero, or `least` if that is more.
std::uint32_t words_used(const std::byte* record, std::uint32_t words, std::uint32_t least) {
  const auto word = [&](std::uint32_t at) { return load(record + std::size_t{at} * kWord); };
  while (words >= least + 4 && (word(words - 1) | word(words - 2) | word(words - 3) | word(words - 4)) == 0)
    words -= 4;
  while (words > least && word(words - 1) == 0)
    --words;
  return words;
}

struct Fit {
  std::size_t count;
  std::uint32_t words; // of each record
};

// The most records that go into `room` words together, with the words that they need.
Fit fitting(const RecordSource& source, std::size_t room) {
  Fit fit{0, 1};
  for (; fit.count < source.count; ++fit.count) {
    const std::uint32_t words = words_used(record_at(source, fit.count), source.words, fit.words);
    if ((fit.count + 1) * words > room) break;
    fit.words = words;
  }
  return fit;
}

template <class Header, class List>
WrittenFrame write_frame(std::span<std::byte> memory, Header& header, List list, const RecordSource& source) {
  header.schema_version = kSchemaVersion;
  header.list = static_cast<std::uint16_t>(list);
  header.reserved0 = 0;
  header.reserved1 = 0;
  const auto* const root = reinterpret_cast<const std::byte*>(&header);
  const std::uint32_t data_words = words_used(root, sizeof header / kWord, kHeaderWords);
  const std::size_t fixed = kFixedWords + data_words;
  if (memory.size() / kWord <= fixed) return {};
  const Fit fit = fitting(source, std::min<std::size_t>(memory.size() / kWord - fixed, kMostWords));
  if (fit.count == 0) return {};
  header.count = static_cast<std::uint32_t>(fit.count);

  const std::size_t list_words = fit.count * fit.words;
  const std::size_t total = fixed + list_words;
  std::byte* at = memory.data();
  const auto put = [&at](std::uint64_t word) {
    store(at, word);
    at += kWord;
  };
  put((total - 1) << 32);
  put(std::uint64_t{1} << 48 | std::uint64_t{data_words} << 32);
  std::memcpy(at, root, data_words * kWord);
  at += data_words * kWord;
  put(std::uint64_t{list_words} << 35 | kComposite << 32 | kList);
  put(std::uint64_t{fit.words} << 32 | std::uint64_t{fit.count} << 2);
  const std::size_t size = fit.words * kWord;
  for (std::size_t i = 0; i < fit.count; ++i, at += size)
    std::memcpy(at, record_at(source, i), size);
  CM_CHECK(static_cast<std::size_t>(at - memory.data()) == total * kWord);
  return {memory.first(total * kWord), fit.count};
}

} // namespace

FrameFault decode_commands(std::span<const std::byte> bytes, CommandFrame& frame, std::size_t limit) {
  return decode<CommandFrame, CommandHeader>(bytes, limit, CommandList::verdicts, frame);
}

FrameFault decode_reports(std::span<const std::byte> bytes, ReportFrame& frame, std::size_t limit) {
  return decode<ReportFrame, ReportHeader>(bytes, limit, ReportList::refusals, frame);
}

void copy_words(const WireRecords& records, std::uint32_t words, std::byte* out) {
  const std::byte* from = records.data;
  if (records.words == words) {
    std::memcpy(out, from, std::size_t{records.count} * words * kWord);
    return;
  }
  const std::size_t known = std::min(records.words, words) * kWord;
  const std::size_t rest = words * kWord - known;
  for (std::uint32_t i = 0; i < records.count; ++i, from += records.words * kWord, out += words * kWord) {
    std::memcpy(out, from, known);
    std::memset(out + known, 0, rest);
  }
}

FrameWriter::FrameWriter(std::span<std::byte> memory, std::size_t limit)
    : memory_(memory.first(std::min(memory.size(), limit))) {}

WrittenFrame FrameWriter::write_source(CommandHeader header, CommandList list, const RecordSource& source) {
  return write_frame(memory_, header, list, source);
}

WrittenFrame FrameWriter::write_source(ReportHeader header, ReportList list, const RecordSource& source) {
  return write_frame(memory_, header, list, source);
}

} // namespace cmatch::io
