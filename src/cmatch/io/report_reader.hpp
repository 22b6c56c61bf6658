// What the core answers to a load: which request each report answers first, and what became of all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "cmatch/io/pacer.hpp"
#include "cmatch/venue/records.hpp"

namespace cmatch::io {

struct ReportCounts {
  std::uint64_t reports = 0;
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0; // new orders
  std::uint64_t canceled = 0; // by whomever
  std::uint64_t expired = 0;
  std::uint64_t replaced = 0;
  std::uint64_t cancel_rejected = 0; // cancels and replaces
  std::uint64_t fills = 0;           // of orders of these sockets
  std::uint64_t taker_fills = 0;     // of those
  std::uint64_t duplicates = 0;      // first answers that were given again
  std::uint64_t refused_frames = 0;  // by the core
  std::uint64_t other_frames = 0;    // sessions, answers of other kinds
  std::uint64_t bad_frames = 0;      // that could not be read
  std::uint64_t out_of_order = 0;    // reports whose event sequence does not rise within their socket
};

// Knows a request by the correlation id that the load gave it: what it asks for ('n' new, 'r' replace, 'c' cancel, 'm' mass
// cancel), then its number in 1 to 15 lower-case hexadecimal digits. A report with that id answers it where it says what
// became of such a request; all others (fills, the end of an IOC's rest) follow an answer and are only counted.
// Owns its arrays; one thread; O(1) a report.
class ReportReader final : public AnswerReader {
 public:
  void read(std::uint32_t socket, std::span<const std::byte> frame, AnswerSink& sink) override;
  void clear();

  const ReportCounts& counts() const { return counts_; }
  // Of new orders, cancels and replaces, by code.
  const std::map<std::uint16_t, std::uint64_t>& rejects() const { return rejects_; }

 private:
  void take(std::uint32_t socket, const ExecutionReport& report, AnswerSink& sink);
  void count(const ExecutionReport& report);

  ReportCounts counts_;
  std::map<std::uint16_t, std::uint64_t> rejects_;
  std::vector<ExecutionReport> reports_;
  std::vector<std::uint64_t> last_event_; // by socket
};

} // namespace cmatch::io
