// Bugs that the simulation plants, one at a time, to see that it would find them (docs/simulation.md). What ships has none:
// planted() is constant false but in the simulation's own build of these sources.
#pragma once

#include <array>
#include <cstdint>

namespace cmatch {

enum class Bug : std::uint8_t {
  none = 0,
  answers_before_write = 1,      // the journal is written when the answers have left
  skips_sync = 2,                // an answer waits for no disk
  ignores_sync_error = 3,        // a sync that failed counts as one
  leaves_segment_unsynced = 4,   // a rotation does not sync what it leaves
  leaves_name_unsynced = 5,      // a new segment's name is not made durable
  leaves_refused_write = 6,      // what a failed write left stays there
  trusts_page_cache = 7,         // recovery does not write again what may be in memory only
  cuts_durable_records = 8,      // recovery cuts what a later record knew to be durable
  drops_last_of_segment = 9,     // a reader goes on to the next segment a record early
  forgets_epoch = 10,            // a new life writes under the old epoch
  forgets_client_ids = 11,       // what ended before a restart may be asked for again
  resumes_from_wrong_event = 12, // a client that comes back gets only what is new
  forgets_lost_sessions = 13,    // who was lost is welcomed as if it had missed nothing
  believes_future_events =
      14, // a client has what comes up to the event that it names, though there is none yet
  answers_before_standby = 15,   // an answer does not wait for the standby
  releases_held_answers = 16,    // what waits for a standby leaves when that is lost
  acknowledges_unsynced = 17,    // a standby acknowledges what it has written
  promotes_laggard = 18,         // a standby leads whatever it lacks
  ignores_solo = 19,             // a standby leads though its leader has gone on alone
  reuses_epoch = 20,             // a leader's epoch is on no disk before its standby has what it wrote in it
  folds_twice = 21,              // a standby that asks again folds again
  goes_by_time_of_day = 22,      // silence is counted by a clock that may be set
  forgets_refused_sessions = 23, // who came or went while the journal took nothing is never journaled
};

#ifdef CMATCH_PLANTED_BUGS
inline constexpr std::array kBugNames = {
    "none",
    "answers_before_write",
    "skips_sync",
    "ignores_sync_error",
    "leaves_segment_unsynced",
    "leaves_name_unsynced",
    "leaves_refused_write",
    "trusts_page_cache",
    "cuts_durable_records",
    "drops_last_of_segment",
    "forgets_epoch",
    "forgets_client_ids",
    "resumes_from_wrong_event",
    "forgets_lost_sessions",
    "believes_future_events",
    "answers_before_standby",
    "releases_held_answers",
    "acknowledges_unsynced",
    "promotes_laggard",
    "ignores_solo",
    "reuses_epoch",
    "folds_twice",
    "goes_by_time_of_day",
    "forgets_refused_sessions",
};
inline Bug planted_bug = Bug::none;
inline bool planted(Bug bug) { return planted_bug == bug; }
#else
constexpr bool planted(Bug) { return false; }
#endif

} // namespace cmatch
