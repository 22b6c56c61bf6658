// What the snapshots of ledger, client order ids and venue share beyond the engine's. Private to their writers and readers.
#pragma once

#include <cstddef>
#include <string>

#include "cmatch/snapshot_format.hpp"

namespace cmatch {

// Says in what way the bytes are no snapshot of ours.
inline void refuse_unless(bool holds, const char* what) {
  if (!holds) [[unlikely]]
    throw SnapshotError(std::string("the snapshot has ") + what);
}

template <std::size_t N>
void put_text(Writer& out, const char (&text)[N]) {
  out.put_bytes(text, N);
}

template <std::size_t N>
void get_text(Reader& in, char (&text)[N]) {
  in.get_bytes(text, N);
}

} // namespace cmatch
