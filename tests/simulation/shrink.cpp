#include "shrink.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "simulation.hpp"

namespace cmatch::simulation {

Kept Kept::all(const Plan& plan) {
  Kept kept;
  kept.steps.resize(plan.steps.size());
  std::iota(kept.steps.begin(), kept.steps.end(), std::size_t{0});
  return kept;
}

Kept Kept::parse(const std::string& text) {
  Kept kept;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, comma - at);
    const std::size_t dash = part.find('-');
    const std::size_t first = std::stoul(part);
    const std::size_t last = dash == std::string::npos ? first : std::stoul(part.substr(dash + 1));
    if (last < first) throw std::invalid_argument("a range of steps that ends before it begins: " + part);
    for (std::size_t step = first; step <= last; ++step)
      kept.steps.push_back(step);
    at = comma + 1;
  }
  return kept;
}

std::string Kept::to_string() const {
  std::string text;
  for (std::size_t i = 0; i < steps.size();) {
    std::size_t end = i + 1;
    while (end < steps.size() && steps[end] == steps[end - 1] + 1)
      ++end;
    if (!text.empty()) text += ',';
    text += std::to_string(steps[i]);
    if (end - i > 1) text += '-' + std::to_string(steps[end - 1]);
    i = end;
  }
  return text;
}

Plan only(const Plan& plan, const Kept& kept) {
  Plan smaller{plan.world, {}};
  for (const std::size_t step : kept.steps)
    smaller.steps.push_back(plan.steps.at(step));
  return smaller;
}

Kept shrink(const Plan& plan, Kept kept, std::size_t most_runs) {
  std::size_t runs = 0;
  const auto fails = [&](const Kept& some) {
    ++runs;
    return !run(only(plan, some)).failure.empty();
  };
  for (std::size_t group = std::max<std::size_t>(kept.steps.size() / 2, 1);; group /= 2) {
    bool smaller = false;
    for (std::size_t at = 0; at < kept.steps.size() && runs < most_runs;) {
      Kept fewer = kept;
      const auto from = fewer.steps.begin() + static_cast<std::ptrdiff_t>(at);
      fewer.steps.erase(from, from + static_cast<std::ptrdiff_t>(std::min(group, fewer.steps.size() - at)));
      if (fails(fewer)) {
        kept = std::move(fewer);
        smaller = true;
      } else {
        at += group;
      }
    }
    if (runs >= most_runs || (group == 1 && !smaller)) return kept;
    if (group == 1) group = 2; // once more, one by one
  }
}

} // namespace cmatch::simulation
