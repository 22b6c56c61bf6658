// What the snapshots of ledger, client order ids and venue share beyond the engine's. Private to their writers and readers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "cmatch/snapshot_format.hpp"
#include "cmatch/state_hash.hpp"

namespace cmatch {

// Says in what way the bytes are no snapshot of ours.
inline void refuse_unless(bool holds, const char* what) {
  if (!holds) [[unlikely]]
    throw SnapshotError(std::string("the snapshot has ") + what);
}

// What stands around the bytes of a file: magic, version, zero, length; then their digest.
struct Wrapping {
  static constexpr std::size_t kPrefix = 24, kDigest = 8;
  std::uint8_t magic[8];
  std::uint32_t version;

  void begin(Writer& out) const {
    out.bytes.assign(std::begin(magic), std::end(magic));
    out.put(version);
    out.put(std::uint32_t{0});
    out.put(std::uint64_t{0}); // the length, written by end
  }
  static void end(Writer& out) {
    std::uint64_t length = out.bytes.size() + kDigest;
    for (std::size_t i = 0; i < 8; ++i, length >>= 8)
      out.bytes[kPrefix - 8 + i] = static_cast<std::uint8_t>(length);
    out.put(digest(out.bytes));
  }

  // What lies between; throws SnapshotError where the bytes are not what was written.
  std::span<const std::uint8_t> open(std::span<const std::uint8_t> bytes) const {
    if (bytes.size() < kPrefix + kDigest || !std::equal(std::begin(magic), std::end(magic), bytes.begin()))
      throw SnapshotError("these bytes are not a venue's snapshot");
    Reader prefix(bytes.subspan(sizeof magic));
    const auto found = prefix.get<std::uint32_t>();
    if (found != version)
      throw SnapshotError("the snapshot has version " + std::to_string(found) +
                          "; this library reads version " + std::to_string(version));
    refuse_unless(prefix.get<std::uint32_t>() == 0, "a reserved field that is not zero");
    if (prefix.get<std::uint64_t>() != bytes.size())
      throw SnapshotError("the snapshot is cut short or its length is damaged");
    Reader tail(bytes.last(kDigest));
    if (tail.get<std::uint64_t>() != digest(bytes.first(bytes.size() - kDigest)))
      throw SnapshotError("the snapshot is damaged: its digest does not match");
    return bytes.subspan(kPrefix, bytes.size() - kPrefix - kDigest);
  }
};

template <std::size_t N>
void put_text(Writer& out, const char (&text)[N]) {
  out.put_bytes(text, N);
}

template <std::size_t N>
void get_text(Reader& in, char (&text)[N]) {
  in.get_bytes(text, N);
}

} // namespace cmatch
