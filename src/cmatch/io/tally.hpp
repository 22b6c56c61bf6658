// Counts what a batch came to, from its reports and answers, into the shared statistics.
#pragma once

#include <span>

#include "cmatch/io/shared_stats.hpp"
#include "cmatch/venue/records.hpp"

namespace cmatch::io {

// Both O(n), within one begin() and end(). A trade is counted once, at its taker's report; in an uncross at its buyer's.
void tally(SharedStats& stats, std::span<const ExecutionReport> reports);
void tally(SharedStats& stats, std::span<const Answer> answers);

} // namespace cmatch::io
