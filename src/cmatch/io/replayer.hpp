// From the payload of a journal record to what a venue makes of it: the one way in which a journal is read.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>

#include "cmatch/io/batches.hpp"

namespace cmatch::io {

// The payload is no batch of commands; the journal holds what no version of ours wrote.
class BadPayload : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Owns the arrays into which it decodes. Not thread-safe. O(bytes).
class Replayer {
 public:
  // Appends what comes of it to `out`. Throws BadPayload, StateParted before anything is applied, and
  // what Venue::apply throws.
  void apply(std::span<const std::byte> payload, Venue& venue, Output& out);

 private:
  Batches batches_;
};

} // namespace cmatch::io
