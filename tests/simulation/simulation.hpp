// A run: machines, network and clients of one plan, until everything that was asked is answered, and the verdict.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client.hpp"
#include "machine.hpp"
#include "operator.hpp"

namespace cmatch::simulation {

struct Counts {
  std::uint64_t runs = 0, commands = 0, acknowledged = 0, told_twice = 0, lives = 0, faults = 0, rewound = 0,
                halted = 0;
  TimeNs simulated = 0;

  void add(const Counts& other);
  std::string to_string() const;
};

struct Result {
  std::string failure; // empty: all held
  std::uint64_t trace_hash = 0;
  Counts counts;
  std::vector<std::string> lines; // where they were asked for
};

// Runs a plan from its first action to the verdict. The same plan gives the same result, trace hash included.
Result run(const Plan& plan, bool keeps_lines = false);

} // namespace cmatch::simulation
