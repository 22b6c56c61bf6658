// Every counter, gauge and histogram of the core process, once: the shared file, its readers and the metrics are made
// from this table. Append only in each part, so that a position keeps its meaning.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cmatch::io {

enum class StatKind : std::uint16_t { counter = 1, gauge = 2, histogram = 3 };
enum class StatUnit : std::uint16_t { number = 1, nanoseconds = 2, bytes = 3, unix_nanoseconds = 4 };

struct StatRow {
  std::string_view name;
  StatKind kind;
  StatUnit unit;
  std::string_view help;
};

// clang-format off
// NOLINTBEGIN(cppcoreguidelines-macro-usage): one list makes the enum and the table
#define CM_STATS(X)                                                                                                   \
  X(frames_in, counter, number, "Whole frames received")                                                              \
  X(in_bytes, counter, bytes, "Bytes of whole frames received")                                                       \
  X(frames_oversize, counter, number, "Frames dropped because they were longer than 64 KiB")                          \
  X(frames_malformed, counter, number, "Frames dropped because they had more than one part")                          \
  X(frames_foreign, counter, number, "Frames dropped because the peer chose its own address")                         \
  X(frames_bad, counter, number, "Whole frames that were no valid message")                                           \
  X(frames_out, counter, number, "Frames sent")                                                                       \
  X(out_bytes, counter, bytes, "Bytes sent")                                                                          \
  X(sends_blocked, counter, number, "Frames not sent because the peer does not read")                                 \
  X(sends_gone, counter, number, "Frames not sent because the peer is gone")                                          \
  X(commands, counter, number, "Commands journaled")                                                                  \
  X(orders, counter, number, "New orders accepted")                                                                   \
  X(cancels, counter, number, "Orders cancelled, for whatever reason")                                                \
  X(replaces, counter, number, "Orders replaced")                                                                     \
  X(expiries, counter, number, "Orders expired")                                                                      \
  X(answers, counter, number, "Answers to commands of ledger, instruments and administration")                        \
  X(duplicates, counter, number, "Requests that were known and got their first answer again")                         \
  X(queries, counter, number, "Queries answered by the core")                                                         \
  X(rejects_gateway, counter, number, "Rejects with a code of 1xxx")                                                  \
  X(rejects_accounts, counter, number, "Rejects with a code of 2xxx")                                                 \
  X(rejects_risk, counter, number, "Rejects with a code of 3xxx")                                                     \
  X(rejects_matching, counter, number, "Rejects with a code of 4xxx, or of the engine")                               \
  X(rejects_settlement, counter, number, "Rejects with a code of 5xxx")                                               \
  X(throttled, counter, number, "Commands refused for their session's rate")                                          \
  X(trades, counter, number, "Trades made")                                                                           \
  X(reports, counter, number, "Execution reports made")                                                               \
  X(batches, counter, number, "Batches served")                                                                       \
  X(ticks, counter, number, "Ticks journaled because a timer was due")                                                \
  X(loop_iterations, counter, number, "Turns of the loop, idle ones too")                                             \
  X(busy_ns, counter, nanoseconds, "Time spent on batches")                                                           \
  X(idle_ns, counter, nanoseconds, "Time spent waiting for frames")                                                   \
  X(journal_bytes, counter, bytes, "Bytes appended to the journal")                                                   \
  X(journal_syncs, counter, number, "Times the journal was made durable")                                             \
  X(journal_spares_missed, counter, number, "Segments that the core had to make itself")                              \
  X(journal_sequence_written, gauge, number, "Sequence of the last command written to the journal")                   \
  X(journal_sequence_durable, gauge, number, "Sequence of the last command known to be on disk")                      \
  X(event_sequence, gauge, number, "Sequence of the last report or answer")                                           \
  X(sessions, gauge, number, "Sessions open")                                                                         \
  X(live_orders, gauge, number, "Orders that live")                                                                   \
  X(accounts, gauge, number, "Accounts open")                                                                         \
  X(instruments, gauge, number, "Instruments defined")                                                                \
  X(queue_depth, gauge, number, "Orders queued while the matching stage is away")                                     \
  X(breaker_state, gauge, number, "Of the matching stage: 0 closed, 1 half open, 2 open")                             \
  X(read_only, gauge, number, "1 while nothing can be journaled and every command is refused")                        \
  X(ready, gauge, number, "1 once recovery is through and orders are taken")                                          \
  X(batch_size_max, gauge, number, "Frames of the largest batch")                                                     \
  X(epoch, gauge, number, "Epoch of the journal's writer")                                                            \
  X(pid, gauge, number, "Process id of the core")                                                                     \
  X(started_at_ns, gauge, unix_nanoseconds, "When the core started")                                                  \
  X(heartbeat_ns, gauge, nanoseconds, "Monotonic clock at the last turn of the loop")                                 \
  X(journal_sequence_replicated, gauge, number, "Sequence of the last command that the standby has on its disk")      \
  X(followers, gauge, number, "Followers of the journal over the socket")                                             \
  X(standby_in_sync, gauge, number, "1 while the standby has all that was acknowledged")                              \
  X(answers_waiting, gauge, number, "Frames that wait for the standby")                                               \
  X(solo, gauge, number, "1 while answers do not wait for a standby, by an operator's will")                          \
  X(standing_by, gauge, number, "1 while this core follows another one")                                              \
  X(disk_nearly_full, gauge, number, "1 while little room is left, and new orders are refused")                       \
  X(proposals, counter, number, "Batches proposed to stages in processes of their own")                               \
  X(proposals_late, counter, number, "Proposals for which such a stage was away or too late")                         \
  X(orders_unjudged, counter, number, "New and replaced orders refused for want of such a stage")                     \
  X(accounts_stage, gauge, number, "Of accounts: 0 in the core, 1 in a process of its own, 2 that is away")           \
  X(risk_stage, gauge, number, "Of risk: 0 in the core, 1 in a process of its own, 2 that is away")                   \
  X(memory_untouched_bytes, gauge, bytes, "Memory that is being brought in beside the first orders")

#define CM_TIMINGS(X)                                                                                                 \
  X(batch_service, nanoseconds, "From the drain of a batch to its last answer sent")                                  \
  X(stage_drain, nanoseconds, "Taking a batch from the socket")                                                       \
  X(stage_decode, nanoseconds, "Decoding and checking a batch")                                                       \
  X(stage_journal, nanoseconds, "Appending a batch to the journal, and making it durable where that is promised")     \
  X(stage_apply, nanoseconds, "Applying a batch: reserve, limits, match")                                             \
  X(stage_send, nanoseconds, "Encoding and sending the answers of a batch")                                           \
  X(batch_size, number, "Frames of a batch")                                                                          \
  X(verdicts, nanoseconds, "From a proposal to the last verdict on it")
// NOLINTEND(cppcoreguidelines-macro-usage)

enum class Stat : std::uint16_t {
#define CM_ENTRY(name, kind, unit, help) name,
  CM_STATS(CM_ENTRY)
#undef CM_ENTRY
};

enum class Timing : std::uint16_t {
#define CM_ENTRY(name, unit, help) name,
  CM_TIMINGS(CM_ENTRY)
#undef CM_ENTRY
};

inline constexpr auto kStats = std::to_array<StatRow>({
#define CM_ENTRY(name, kind, unit, help) {#name, StatKind::kind, StatUnit::unit, help},
    CM_STATS(CM_ENTRY)
#undef CM_ENTRY
});

inline constexpr auto kTimings = std::to_array<StatRow>({
#define CM_ENTRY(name, unit, help) {#name, StatKind::histogram, StatUnit::unit, help},
    CM_TIMINGS(CM_ENTRY)
#undef CM_ENTRY
});
// clang-format on

#undef CM_STATS
#undef CM_TIMINGS

} // namespace cmatch::io
