// What happened: always as a hash, which two runs of one plan must share, and as lines where somebody reads them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "schedule.hpp"

namespace cmatch::simulation {

// The product, or the simulation itself, did what must not be. what() says it in a line.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Appends its parts to `out`: words as they are, numbers in decimal.
template <class... Parts>
std::string line_of(const Parts&... parts) {
  std::string line;
  const auto add = [&line](const auto& part) {
    if constexpr (std::is_integral_v<std::decay_t<decltype(part)>>)
      line += std::to_string(part);
    else
      line += part;
  };
  (add(parts), ...);
  return line;
}

template <class... Parts>
[[noreturn]] void violate(const Parts&... parts) {
  throw Violation(line_of(parts...));
}

// Owns hash and lines. One thread. O(bytes of a line).
class Trace {
 public:
  Trace(const Schedule& schedule, bool keeps_lines) : schedule_(schedule), keeps_lines_(keeps_lines) {}

  template <class... Parts>
  void operator()(const Parts&... parts) {
    mix(static_cast<std::uint64_t>(schedule_.now()));
    (add(parts), ...);
    if (!keeps_lines_) return;
    char time[32];
    std::snprintf(time, sizeof time, "%10.3f ms  ", static_cast<double>(schedule_.now()) / 1e6);
    lines_.push_back(time + line_of(parts...));
  }

  std::uint64_t hash() const { return hash_; }
  std::vector<std::string> take_lines() { return std::move(lines_); }

 private:
  template <class Part>
  void add(const Part& part) {
    if constexpr (std::is_integral_v<Part>) {
      mix(static_cast<std::uint64_t>(part));
    } else {
      for (const char c : std::string_view(part))
        hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
    }
  }
  void mix(std::uint64_t word) {
    hash_ = (hash_ ^ word) * 0x9E3779B97F4A7C15ull;
    hash_ ^= hash_ >> 29;
  }

  const Schedule& schedule_;
  bool keeps_lines_;
  std::uint64_t hash_ = 0xCBF29CE484222325ull;
  std::vector<std::string> lines_;
};

} // namespace cmatch::simulation
