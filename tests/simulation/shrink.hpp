// A smaller plan that fails as well: steps are left out, in ever smaller groups, while it still does.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "plan.hpp"

namespace cmatch::simulation {

// Which steps of a plan are kept, by their place in it: `0-3,7`; all where it is empty.
struct Kept {
  std::vector<std::size_t> steps;

  static Kept all(const Plan& plan);
  static Kept parse(const std::string& text); // throws std::invalid_argument
  std::string to_string() const;
};

Plan only(const Plan& plan, const Kept& kept);

// Requires that the plan fails. Runs at most `most_runs` plans.
Kept shrink(const Plan& plan, Kept kept, std::size_t most_runs);

} // namespace cmatch::simulation
