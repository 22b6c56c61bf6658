// Any bytes as hot frames: the codec reads none that it should not, and what it reads it can write so that it reads the
// same again. The mutator knows what a frame looks like, as few random bytes get past its first word.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "cmatch/io/frames.hpp"
#include "expect.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

using namespace cmatch;
using namespace cmatch::io;

constexpr std::size_t kLimit = 4096; // smaller than a client's, so that it is met

// Whether a record is what lies in the frame, cut or padded with zeros to its size.
bool is_record(const WireRecords& records, std::size_t i, const std::byte* record, std::size_t size) {
  const std::size_t sent = std::size_t{records.words} * 8;
  const std::size_t known = std::min(sent, size);
  return std::memcmp(record, records.data + i * sent, known) == 0 &&
         std::all_of(record + known, record + size, [](std::byte byte) { return byte == std::byte{0}; });
}

// One segment of its own length, whose end is the list's.
void check_extent(std::span<const std::byte> bytes, const WireRecords& records) {
  std::uint64_t first;
  std::memcpy(&first, bytes.data(), sizeof first);
  FUZZ_EXPECT(bytes.size() % 8 == 0 && first == (bytes.size() / 8 - 1) << 32);
  FUZZ_EXPECT(records.data + records.count * std::size_t{records.words} * 8 == bytes.data() + bytes.size());
}

template <class Record>
void check_again(const WireRecords& records, const typename Wire<Record>::Header& header) {
  std::vector<Record> read(records.count);
  std::memset(read.data(), 0xEE, read.size() * sizeof(Record)); // nothing of which may remain
  copy_records(records, read.data());
  for (std::size_t i = 0; i < read.size(); ++i)
    FUZZ_EXPECT(is_record(records, i, reinterpret_cast<const std::byte*>(&read[i]), sizeof(Record)));
  std::vector<std::byte> memory(FrameWriter::largest_frame<Record>(read.size()));
  const WrittenFrame frame = FrameWriter(memory, memory.size()).write(header, std::span<const Record>(read));
  FUZZ_EXPECT(frame.count == read.size());

  std::vector<Record> again(read.size());
  if constexpr (std::is_same_v<typename Wire<Record>::Header, CommandHeader>) {
    CommandFrame decoded{};
    FUZZ_EXPECT(decode_commands(frame.bytes, decoded, memory.size()) == FrameFault::none);
    FUZZ_EXPECT(decoded.list == Wire<Record>::list && decoded.records.count == read.size());
    FUZZ_EXPECT(std::memcmp(&decoded.header, &header, sizeof header) == 0);
    copy_records(decoded.records, again.data());
  } else {
    ReportFrame decoded{};
    FUZZ_EXPECT(decode_reports(frame.bytes, decoded, memory.size()) == FrameFault::none);
    FUZZ_EXPECT(decoded.list == Wire<Record>::list && decoded.records.count == read.size());
    FUZZ_EXPECT(std::memcmp(&decoded.header, &header, sizeof header) == 0);
    copy_records(decoded.records, again.data());
  }
  FUZZ_EXPECT(std::memcmp(read.data(), again.data(), read.size() * sizeof(Record)) == 0);
}

void check_commands(std::span<const std::byte> bytes) {
  CommandFrame frame{};
  const FrameFault fault = decode_commands(bytes, frame, kLimit);
  FUZZ_EXPECT((reject_of(fault) == RejectCode::none) == (fault == FrameFault::none));
  if (fault != FrameFault::none) return;
  check_extent(bytes, frame.records);
  switch (frame.list) {
  case CommandList::orders:
    return check_again<OrderCommand>(frame.records, frame.header);
  case CommandList::ledger:
    return check_again<LedgerCommand>(frame.records, frame.header);
  case CommandList::instruments:
    return check_again<InstrumentCommand>(frame.records, frame.header);
  case CommandList::administration:
    return check_again<AdminCommand>(frame.records, frame.header);
  case CommandList::sessions:
    return check_again<SessionRequest>(frame.records, frame.header);
  case CommandList::order_queries:
    return check_again<OrderQuery>(frame.records, frame.header);
  case CommandList::balance_queries:
    return check_again<BalanceQuery>(frame.records, frame.header);
  case CommandList::follow_requests:
    return check_again<FollowRequest>(frame.records, frame.header);
  case CommandList::follow_answers:
    return check_again<FollowAnswer>(frame.records, frame.header);
  case CommandList::shard_events:
    return check_again<ShardEvent>(frame.records, frame.header);
  case CommandList::verdicts:
    return check_again<Verdict>(frame.records, frame.header);
  }
  FUZZ_EXPECT(false);
}

void check_reports(std::span<const std::byte> bytes) {
  ReportFrame frame{};
  if (decode_reports(bytes, frame, kLimit) != FrameFault::none) return;
  check_extent(bytes, frame.records);
  switch (frame.list) {
  case ReportList::reports:
    return check_again<ExecutionReport>(frame.records, frame.header);
  case ReportList::answers:
    return check_again<Answer>(frame.records, frame.header);
  case ReportList::sessions:
    return check_again<SessionAnswer>(frame.records, frame.header);
  case ReportList::order_states:
    return check_again<OrderState>(frame.records, frame.header);
  case ReportList::balance_states:
    return check_again<BalanceState>(frame.records, frame.header);
  case ReportList::refusals:
    return check_again<Refusal>(frame.records, frame.header);
  }
  FUZZ_EXPECT(false);
}

// The words of a frame that say where something lies, written as a frame of that size could have them.
void shape(std::uint8_t* data, std::size_t size, unsigned seed) {
  const std::uint64_t words = size / 8;
  const std::uint64_t root = 2 + seed % 5;
  const std::uint64_t pointers = 1 + seed / 8 % 8 / 7;
  if (words < 4 + root + pointers) return;
  const std::uint64_t body = words - 3 - root - pointers;
  std::uint64_t count = 1 + seed / 64 % 7;
  while (body % count != 0)
    --count;
  const auto put = [&](std::uint64_t at, std::uint64_t word) { std::memcpy(data + at * 8, &word, 8); };
  put(0, (words - 1) << 32);
  put(1, pointers << 48 | root << 32);
  put(2, (seed & 1 ? count << 32 : 0) | kSchemaVersion);
  put(3, 1 + seed / 1024 % 7);
  put(2 + root, body << 35 | std::uint64_t{7} << 32 | (pointers - 1) << 2 | 1);
  if (pointers == 2) put(3 + root, 0);
  put(2 + root + pointers, body / count << 32 | count << 2);
}

} // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 4 == 0) return size; // as it is
  size = size / 8 * 8;
  shape(data, size, seed / 4);
  if (seed % 4 == 1 && size >= 8) { // one of the words that matter is off
    const std::size_t at = seed / 4 % std::min<std::size_t>(size / 8, 12) * 8;
    LLVMFuzzerMutate(data + at, 8, 8);
  }
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // In memory that ends where they end, so that a read beyond is seen.
  const std::unique_ptr<std::byte[]> bytes(new std::byte[size]);
  std::memcpy(bytes.get(), data, size);
  check_commands({bytes.get(), size});
  check_reports({bytes.get(), size});
  return 0;
}
