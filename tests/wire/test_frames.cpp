// Hot frames: what is written is read, what another version wrote is read as Cap'n Proto says, and what is no frame is
// refused by number before anything is read by it.
#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <vector>

#include "cmatch/io/frames.hpp"

TEST_SUITE_BEGIN("test_frames");

using namespace cmatch;
using namespace cmatch::io;

namespace {

using Bytes = std::vector<std::byte>;

OrderCommand order(std::uint64_t number) {
  OrderCommand command{};
  command.kind = static_cast<std::uint16_t>(OrderAction::new_order);
  command.side = 1;
  command.type = 1;
  command.time_in_force = 2;
  command.instrument_id = 7;
  command.account = 1000 + number;
  command.qty = 5;
  command.price = 101;
  std::memcpy(command.client_order_id_head, "abcdefgh", 8);
  return command;
}

template <class Record>
Bytes written(std::span<const Record> records, const typename Wire<Record>::Header& header = {},
              std::size_t limit = kClientFrameBytes) {
  Bytes memory(FrameWriter::largest_frame<Record>(records.size()));
  const WrittenFrame frame = FrameWriter(memory, limit).write(header, records);
  CHECK(frame.count == records.size());
  CHECK(frame.bytes.data() == memory.data());
  memory.resize(frame.bytes.size());
  return memory;
}

Bytes one_order() {
  const OrderCommand command = order(1);
  return written<OrderCommand>({&command, 1});
}

std::uint64_t word(const Bytes& bytes, std::size_t at) {
  std::uint64_t value;
  std::memcpy(&value, bytes.data() + at * 8, 8);
  return value;
}

Bytes with(Bytes bytes, std::size_t at, std::uint64_t value) {
  std::memcpy(bytes.data() + at * 8, &value, 8);
  return bytes;
}

Bytes words(std::initializer_list<std::uint64_t> values) {
  Bytes bytes(values.size() * 8);
  std::memcpy(bytes.data(), std::data(values), bytes.size());
  return bytes;
}

FrameFault fault_of(std::span<const std::byte> bytes, std::size_t limit = kClientFrameBytes) {
  CommandFrame frame{};
  const FrameFault fault = decode_commands(bytes, frame, limit);
  if (fault != FrameFault::none) CHECK(frame.records.data == nullptr);
  return fault;
}

template <class Record>
void fill(Record& record, std::mt19937_64& random, std::size_t used_words) {
  std::uint64_t raw[sizeof(Record) / 8] = {};
  for (std::size_t i = 0; i < used_words; ++i)
    raw[i] = random();
  std::memcpy(&record, raw, sizeof record);
}

template <class Frame, class Record, class Decode>
void check_round_trip(Decode decode) {
  std::mt19937_64 random(Wire<Record>::words);
  for (std::uint32_t used = 1; used <= Wire<Record>::words; ++used) {
    std::vector<Record> records(1 + random() % 40);
    for (Record& record : records)
      fill(record, random, 1 + random() % used);
    fill(records.front(), random, used);
    typename Wire<Record>::Header header{};
    fill(header, random, 2 + random() % (sizeof header / 8 - 1));
    const Bytes bytes = written<Record>(records, header);

    Frame frame{};
    REQUIRE(decode(bytes, frame) == FrameFault::none);
    CHECK(frame.list == Wire<Record>::list);
    CHECK(frame.records.words == used);
    REQUIRE(frame.records.count == records.size());
    header.schema_version = kSchemaVersion;
    header.list = static_cast<std::uint16_t>(Wire<Record>::list);
    header.count = static_cast<std::uint32_t>(records.size());
    header.reserved0 = 0;
    header.reserved1 = 0;
    CHECK(std::memcmp(&frame.header, &header, sizeof header) == 0);
    std::vector<Record> read(records.size());
    copy_records(frame.records, read.data());
    CHECK(std::memcmp(read.data(), records.data(), records.size() * sizeof(Record)) == 0);
  }
}

template <class Record>
void check_commands() {
  check_round_trip<CommandFrame, Record>(
      [](const Bytes& bytes, CommandFrame& frame) { return decode_commands(bytes, frame); });
}

template <class Record>
void check_reports() {
  check_round_trip<ReportFrame, Record>(
      [](const Bytes& bytes, ReportFrame& frame) { return decode_reports(bytes, frame); });
}

} // namespace

// req: A008
TEST_CASE("every record of every length is read as it was written") {
  check_commands<OrderCommand>();
  check_commands<LedgerCommand>();
  check_commands<InstrumentCommand>();
  check_commands<AdminCommand>();
  check_commands<SessionRequest>();
  check_commands<OrderQuery>();
  check_commands<BalanceQuery>();
  check_commands<FollowRequest>();
  check_commands<FollowAnswer>();
  check_commands<ShardEvent>();
  check_reports<ExecutionReport>();
  check_reports<Answer>();
  check_reports<SessionAnswer>();
  check_reports<OrderState>();
  check_reports<BalanceState>();
  check_reports<Refusal>();
}

TEST_CASE("a plain order makes a frame of its header, pointers and eight words") {
  const Bytes bytes = one_order();
  CHECK(bytes.size() == 8 * (4 + 2 + 8));
  CHECK(word(bytes, 0) == std::uint64_t{13} << 32); // one segment of 13 words
  CHECK(word(bytes, 1) == (std::uint64_t{1} << 48 | std::uint64_t{2} << 32));
  CHECK(word(bytes, 2) == (std::uint64_t{1} << 32 | kSchemaVersion));
  CHECK(word(bytes, 3) == 1); // orders
  CHECK(word(bytes, 4) == (std::uint64_t{8} << 35 | std::uint64_t{7} << 32 | 1));
  CHECK(word(bytes, 5) == (std::uint64_t{8} << 32 | 1 << 2));
}

TEST_CASE("a record of zeros still has one word in its frame") {
  const OrderCommand nothing{};
  const Bytes bytes = written<OrderCommand>({&nothing, 1});
  CommandFrame frame{};
  REQUIRE(decode_commands(bytes, frame) == FrameFault::none);
  CHECK(frame.records.count == 1);
  CHECK(frame.records.words == 1);
}

TEST_CASE("rows choose which records are written, in their order") {
  std::vector<OrderCommand> records;
  for (std::uint64_t i = 0; i < 5; ++i)
    records.push_back(order(i));
  const std::uint32_t rows[] = {4, 0, 4};
  Bytes memory(FrameWriter::largest_frame<OrderCommand>(3));
  const WrittenFrame written = FrameWriter(memory).write_rows({}, records.data(), rows);
  CHECK(written.count == 3);
  CommandFrame frame{};
  REQUIRE(decode_commands(written.bytes, frame) == FrameFault::none);
  std::vector<OrderCommand> read(3);
  copy_records(frame.records, read.data());
  CHECK(read[0].account == 1004);
  CHECK(read[1].account == 1000);
  CHECK(read[2].account == 1004);
}

TEST_CASE("as many records are written as the limit allows, and the rest goes into the next frame") {
  std::vector<OrderCommand> records(3000, order(1));
  records[1500].quote_qty = 1; // needs all of its words, and so does every other of that frame
  std::vector<OrderCommand> read;
  Bytes memory(1 << 20);
  std::size_t frames = 0;
  for (std::size_t at = 0; at < records.size(); ++frames) {
    const WrittenFrame written =
        FrameWriter(memory).write({}, std::span<const OrderCommand>(records).subspan(at));
    REQUIRE(written.count > 0);
    CHECK(written.bytes.size() <= kClientFrameBytes);
    CommandFrame frame{};
    REQUIRE(decode_commands(written.bytes, frame) == FrameFault::none);
    read.resize(at + written.count);
    copy_records(frame.records, read.data() + at);
    at += written.count;
  }
  CHECK(frames == 5);
  CHECK(std::memcmp(read.data(), records.data(), records.size() * sizeof(OrderCommand)) == 0);
}

TEST_CASE("memory too small for a record gets nothing, and one byte short of a frame gets a record less") {
  const std::vector<OrderCommand> records(2, order(1));
  Bytes memory(8 * (4 + 2 + 16));
  CHECK(FrameWriter(memory).write({}, std::span<const OrderCommand>(records)).count == 2);
  CHECK(FrameWriter(memory, memory.size() - 1).write({}, std::span<const OrderCommand>(records)).count == 1);
  for (std::size_t size = 0; size < std::size_t{8} * (4 + 2 + 8); ++size) {
    const WrittenFrame written =
        FrameWriter(std::span(memory).first(size)).write({}, std::span<const OrderCommand>(records));
    CHECK(written.count == 0);
    CHECK(written.bytes.empty());
  }
  CHECK(FrameWriter(memory).write({}, std::span<const OrderCommand>{}).count == 0);
}

TEST_CASE("a journal record may be larger than what a client sends") {
  const std::vector<OrderCommand> records(5000, order(1));
  const CommandHeader header{.stream = 1, .epoch = 2, .first_seq = 3, .ts_ns = 4};
  const Bytes bytes = written<OrderCommand>(records, header, kRecordBytes);
  CHECK(bytes.size() > kClientFrameBytes);
  CHECK(fault_of(bytes) == FrameFault::too_large);
  CommandFrame frame{};
  REQUIRE(decode_commands(bytes, frame, kRecordBytes) == FrameFault::none);
  CHECK(frame.records.count == 5000);
  CHECK(frame.header.first_seq == 3);
}

// The words that a newer writer adds to a record are left out; the words that an older one does not have are zero.
TEST_CASE("records that are shorter or longer than ours are read") {
  for (const std::uint64_t size : {1u, 5u, 31u, 32u, 33u, 64u}) {
    Bytes bytes = words({(5 + 2 * size) << 32, std::uint64_t{1} << 48 | std::uint64_t{2} << 32, 1, 1,
                         2 * size << 35 | std::uint64_t{7} << 32 | 1, size << 32 | 2 << 2});
    for (std::uint64_t i = 1; i <= 2 * size; ++i) {
      bytes.resize(bytes.size() + 8);
      std::memcpy(bytes.data() + bytes.size() - 8, &i, 8);
    }
    CommandFrame frame{};
    REQUIRE(decode_commands(bytes, frame) == FrameFault::none);
    std::uint64_t read[2][32];
    copy_words(frame.records, 32, reinterpret_cast<std::byte*>(read));
    for (std::uint64_t record = 0; record < 2; ++record)
      for (std::uint64_t i = 0; i < 32; ++i)
        CHECK(read[record][i] == (i < size ? record * size + i + 1 : 0));
  }
}

TEST_CASE("a root that is longer than ours, with pointers that are null, is read") {
  const std::uint64_t data = 7, pointers = 3;
  const Bytes newer =
      words({(1 + data + pointers + 2) << 32, pointers << 48 | data << 32, 1, 4, 11, 12, 13, 99, 99,
             std::uint64_t{2} << 2 | std::uint64_t{1} << 35 | std::uint64_t{7} << 32 | 1, 0, 0,
             std::uint64_t{1} << 32 | 1 << 2, 7});
  CommandFrame frame{};
  REQUIRE(decode_commands(newer, frame) == FrameFault::none);
  CHECK(frame.header.epoch == 11);
  CHECK(frame.header.first_seq == 12);
  CHECK(frame.header.ts_ns == 13);
  CHECK(frame.list == CommandList::administration);
  AdminCommand command;
  copy_records(frame.records, &command);
  CHECK(command.kind == 7);
  CHECK(fault_of(with(newer, 10, 1)) == FrameFault::trailing);
  CHECK(fault_of(with(newer, 9, word(newer, 9) - 4)) == FrameFault::list); // among the pointers
}

// req: A008
TEST_CASE("fault 40: what is no frame is refused by number") {
  const Bytes good = one_order();
  CHECK(fault_of(good) == FrameFault::none);
  CHECK(fault_of(std::span(good).first(7)) == FrameFault::length);
  CHECK(fault_of({}) == FrameFault::length);
  CHECK(fault_of(std::span(good).first(good.size() - 1)) == FrameFault::length);
  CHECK(fault_of(good, good.size() - 1) == FrameFault::too_large);
  CHECK(fault_of(with(good, 0, 0xFFFFFFFF)) == FrameFault::segments);
  CHECK(fault_of(with(good, 0, std::uint64_t{1} << 63)) == FrameFault::segments); // a segment of 2^31 words
  CHECK(fault_of(with(good, 0, 510 | std::uint64_t{13} << 32)) == FrameFault::segments);
  CHECK(fault_of(with(good, 1, 2 | std::uint64_t{1} << 35)) == FrameFault::far_pointer);
  CHECK(fault_of(with(good, 4, 2 | std::uint64_t{1} << 35)) == FrameFault::far_pointer);
  CHECK(fault_of(with(good, 1, 0)) == FrameFault::root);
  CHECK(fault_of(with(good, 1, word(good, 1) | 4)) == FrameFault::root);      // an offset
  CHECK(fault_of(with(good, 1, word(good, 1) | 1)) == FrameFault::root);      // a list
  CHECK(fault_of(with(good, 1, std::uint64_t{2} << 32)) == FrameFault::root); // no pointer
  CHECK(fault_of(with(good, 1, std::uint64_t{1} << 48 | std::uint64_t{12} << 32)) == FrameFault::root);
  CHECK(fault_of(with(good, 2, 2)) == FrameFault::version);
  CHECK(fault_of(with(good, 2, 0)) == FrameFault::version);
  CHECK(fault_of(with(good, 3, 0)) == FrameFault::list_kind);
  CHECK(fault_of(with(good, 3, 99)) == FrameFault::list_kind);
  CHECK(fault_of(with(good, 4, 0)) == FrameFault::list);
  CHECK(fault_of(with(good, 4, word(good, 4) | 4)) == FrameFault::list);                        // an offset
  CHECK(fault_of(with(good, 4, word(good, 4) + (std::uint64_t{1} << 35))) == FrameFault::list); // too long
  CHECK(fault_of(with(good, 4, std::uint64_t{8} << 35 | std::uint64_t{5} << 32 | 1)) == FrameFault::list);
  CHECK(fault_of(with(good, 4, word(good, 4) - (std::uint64_t{1} << 35))) == FrameFault::elements);
  CHECK(fault_of(with(good, 5, word(good, 5) | std::uint64_t{1} << 48)) == FrameFault::elements); // a pointer
  CHECK(fault_of(with(good, 5, word(good, 5) | 2)) == FrameFault::elements);
  CHECK(fault_of(with(good, 5, 0x3FFFFFFF << 2)) == FrameFault::elements); // a billion structs of nothing
  CHECK(fault_of(with(good, 2, std::uint64_t{2} << 32 | kSchemaVersion)) == FrameFault::count);
  Bytes longer = with(good, 0, std::uint64_t{14} << 32);
  longer.resize(longer.size() + 8);
  CHECK(fault_of(longer) == FrameFault::trailing);
}

// The word behind the root would be the list's tag; there is none.
TEST_CASE("a root that fills the segment leaves no place for a list") {
  const Bytes bytes = words({std::uint64_t{4} << 32, std::uint64_t{1} << 48 | std::uint64_t{2} << 32,
                             kSchemaVersion, 1, std::uint64_t{7} << 32 | 1});
  CHECK(fault_of(bytes) == FrameFault::list);
}

TEST_CASE("a list of nothing is no frame") {
  const Bytes bytes = words({std::uint64_t{5} << 32, std::uint64_t{1} << 48 | std::uint64_t{2} << 32,
                             kSchemaVersion, 1, std::uint64_t{7} << 32 | 1, std::uint64_t{8} << 32});
  CHECK(fault_of(bytes) == FrameFault::elements);
}

TEST_CASE("each fault has the reject that its sender gets") {
  CHECK(reject_of(FrameFault::none) == RejectCode::none);
  CHECK(reject_of(FrameFault::too_large) == RejectCode::frame_too_large);
  CHECK(reject_of(FrameFault::version) == RejectCode::unsupported_version);
  for (const FrameFault fault : {FrameFault::length, FrameFault::segments, FrameFault::far_pointer,
                                 FrameFault::root, FrameFault::list_kind, FrameFault::list,
                                 FrameFault::elements, FrameFault::trailing, FrameFault::count})
    CHECK(reject_of(fault) == RejectCode::bad_frame);
}

TEST_CASE("a frame is read and written at any alignment") {
  const OrderCommand command = order(1);
  const Bytes good = one_order();
  for (std::size_t shift = 0; shift < 8; ++shift) {
    Bytes memory(good.size() + shift);
    const WrittenFrame written =
        FrameWriter(std::span(memory).subspan(shift)).write({}, std::span<const OrderCommand>(&command, 1));
    CHECK(std::memcmp(written.bytes.data(), good.data(), good.size()) == 0);
    CommandFrame frame{};
    REQUIRE(decode_commands(written.bytes, frame) == FrameFault::none);
    OrderCommand read;
    copy_records(frame.records, &read);
    CHECK(std::memcmp(&read, &command, sizeof read) == 0);
  }
}

TEST_SUITE_END();
