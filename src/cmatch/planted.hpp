// Bugs that the simulation plants, one at a time, to see that it would find them (docs/simulation.md). What ships has none:
// planted() is constant false but in the simulation's own build of these sources.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cmatch {

enum class Bug : std::uint8_t {
  none = 0,
  answers_before_write = 1,      // the journal is written when the answers have left
  skips_sync = 2,                // an answer waits for no disk
  ignores_sync_error = 3,        // a sync that failed counts as one
  leaves_name_unsynced = 4,      // a new segment's name is not made durable
  trusts_page_cache = 5,         // recovery does not write again what may be in memory only
  cuts_durable_records = 6,      // recovery cuts what a later record knew to be durable
  drops_last_of_segment = 7,     // a reader goes on to the next segment a record early
  forgets_epoch = 8,             // a new life writes under the old epoch
  forgets_client_ids = 9,        // what ended before a restart may be asked for again
  resumes_from_wrong_event = 10, // a client that comes back gets only what is new
  answers_before_standby = 11,   // an answer does not wait for the standby
  releases_held_answers = 12,    // what waits for a standby leaves when that is lost
  acknowledges_unsynced = 13,    // a standby acknowledges what it has written
  promotes_laggard = 14,         // a standby leads whatever it lacks
  ignores_solo = 15,             // a standby leads though its leader has gone on alone
  folds_twice = 16,              // a standby that asks again folds again
  goes_by_time_of_day = 17,      // silence is counted by a clock that may be set
  forgets_refused_sessions = 18, // who came or went while the journal took nothing is never journaled
};

#ifdef CMATCH_PLANTED_BUGS
inline constexpr std::array kBugNames = {
    "none",
    "answers_before_write",
    "skips_sync",
    "ignores_sync_error",
    "leaves_name_unsynced",
    "trusts_page_cache",
    "cuts_durable_records",
    "drops_last_of_segment",
    "forgets_epoch",
    "forgets_client_ids",
    "resumes_from_wrong_event",
    "answers_before_standby",
    "releases_held_answers",
    "acknowledges_unsynced",
    "promotes_laggard",
    "ignores_solo",
    "folds_twice",
    "goes_by_time_of_day",
    "forgets_refused_sessions",
};
static_assert(kBugNames.size() == static_cast<std::size_t>(Bug::forgets_refused_sessions) + 1);
inline Bug planted_bug = Bug::none;
inline bool planted(Bug bug) { return planted_bug == bug; }
#else
constexpr bool planted(Bug) { return false; }
#endif

} // namespace cmatch
