// What a hot frame says of itself before its list: the data section of the two roots of envelope.capnp, as it lies there.
#pragma once

#include <cstdint>
#include <type_traits>

namespace cmatch::io {

// The major version of the frames, in each of them. It grows with what an older reader would misunderstand.
inline constexpr std::uint16_t kSchemaVersion = 1;

// Of a CommandFrame. A client leaves everything but the version zero; a journal record has all of it.
struct CommandHeader {
  std::uint16_t schema_version = 0; // the codec writes it, as it does count and list
  std::uint16_t stream = 0;
  std::uint32_t count = 0;
  std::uint16_t list = 0; // CommandList
  std::uint16_t reserved0 = 0;
  std::uint32_t reserved1 = 0;
  std::uint64_t epoch = 0;
  std::uint64_t first_seq = 0;    // journal sequence of the first record; the others follow without a gap
  std::int64_t ts_ns = 0;         // journaled time of all
  std::uint64_t event_digest = 0; // over all events before this batch; 0: not said
};

// Of a ReportFrame.
struct ReportHeader {
  std::uint16_t schema_version = 0; // the codec writes it, as it does count and list
  std::uint16_t durability = 0;     // Durability that the answers in it have reached
  std::uint32_t count = 0;
  std::uint16_t list = 0; // ReportList
  std::uint16_t reserved0 = 0;
  std::uint32_t reserved1 = 0;
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0; // of the journal, when this was sent
  std::uint64_t durable_sequence = 0;
  std::int64_t ts_ns = 0; // journaled time
};

static_assert(sizeof(CommandHeader) == 48 && sizeof(ReportHeader) == 48);
static_assert(std::is_trivially_copyable_v<CommandHeader> && std::is_trivially_copyable_v<ReportHeader>);

} // namespace cmatch::io
