// What a stage in a process of its own says to a proposal of the core (schema/v1/stages).
// As venue/records.hpp: data-only Cap'n Proto structs, zero is "none" in every enum.
#pragma once

#include <cstdint>
#include <type_traits>

namespace cmatch::io {

// A stage that says of new and replaced orders whether they may enter.
enum class Judge : std::uint16_t { accounts = 1, risk = 2 };

enum class VerdictKind : std::uint16_t {
  refused = 1, // the order with `sequence`, for `reject`
  judged = 2,  // all orders of the proposal up to `sequence`: what was not refused may enter
};

struct Verdict {
  std::uint16_t kind;   // VerdictKind
  std::uint16_t judge;  // Judge
  std::uint16_t reject; // RejectCode; refused: why
  std::uint16_t reserved;
  std::uint64_t epoch;      // of the proposal
  std::uint64_t sequence;   // of the journal, if the proposal gets there
  std::int64_t proposed_at; // ns: ts_ns of the proposal, which no other has
};

static_assert(sizeof(Verdict) == 32 && std::is_trivially_copyable_v<Verdict>);

} // namespace cmatch::io
