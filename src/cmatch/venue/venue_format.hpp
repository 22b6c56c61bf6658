// What the snapshots of ledger, client order ids and venue share beyond the engine's. Private to their writers and readers.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include "cmatch/snapshot_format.hpp"

namespace cmatch {

static_assert(std::endian::native == std::endian::little, "records lie in memory as they do on the wire");

// Says in what way the bytes are no snapshot of ours.
inline void refuse_unless(bool holds, const char* what) {
  if (!holds) [[unlikely]]
    throw SnapshotError(std::string("the snapshot has ") + what);
}

template <std::size_t N>
void put_text(Writer& out, const char (&text)[N]) {
  const auto* first = reinterpret_cast<const std::uint8_t*>(text);
  out.bytes.insert(out.bytes.end(), first, first + N);
}

template <std::size_t N>
void get_text(Reader& in, char (&text)[N]) {
  static_assert(N % 8 == 0);
  for (std::size_t at = 0; at < N; at += 8) {
    const auto word = in.get<std::uint64_t>();
    std::memcpy(text + at, &word, 8);
  }
}

} // namespace cmatch
