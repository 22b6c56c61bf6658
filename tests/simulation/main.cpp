// The command: runs seeds, shrinks what fails, replays it, and looks whether planted bugs are found.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cmatch/planted.hpp"
#include "shrink.hpp"
#include "simulation.hpp"

namespace {

using namespace cmatch::simulation;
using SteadyClock = std::chrono::steady_clock;

constexpr const char* kUsage = R"(usage: cmatch_simulation [options]
  --seed N           one run, with its trace
  --keep LIST        of that seed's steps, only these: 0-3,7
  --seeds A..B       runs of A to B; the first that fails is shrunk and ends them
  --minutes M        runs from A on (1), for so long
  --jobs N           processes (1)
  --twice            each run twice: both have to give one trace hash
  --bug NAME         with that bug planted
  --bugs             plants each bug by itself; fails where one is not found within a thousand seeds
)";

struct Options {
  std::optional<std::uint64_t> seed;
  Kept kept;
  std::uint64_t first = 1, last = 0;
  double minutes = 0;
  unsigned jobs = 1;
  bool twice = false;
  bool all_bugs = false;
};

cmatch::Bug bug_named(const std::string& name) {
  for (std::size_t i = 1; i < cmatch::kBugNames.size(); ++i)
    if (name == cmatch::kBugNames[i]) return static_cast<cmatch::Bug>(i);
  throw std::invalid_argument("no bug is called " + name);
}

Options parse(int count, char** words) {
  Options options;
  const auto value = [&](int& at) -> std::string {
    if (at + 1 >= count) throw std::invalid_argument(std::string(words[at]) + " needs a value");
    return words[++at];
  };
  for (int at = 1; at < count; ++at) {
    const std::string word = words[at];
    if (word == "--seed") {
      options.seed = std::stoull(value(at));
    } else if (word == "--keep") {
      options.kept = Kept::parse(value(at));
    } else if (word == "--seeds") {
      const std::string range = value(at);
      const std::size_t dots = range.find("..");
      if (dots == std::string::npos) throw std::invalid_argument("--seeds needs A..B");
      options.first = std::stoull(range.substr(0, dots));
      options.last = std::stoull(range.substr(dots + 2));
    } else if (word == "--minutes") {
      options.minutes = std::stod(value(at));
    } else if (word == "--jobs") {
      options.jobs = static_cast<unsigned>(std::max(1, std::stoi(value(at))));
    } else if (word == "--twice") {
      options.twice = true;
    } else if (word == "--bug") {
      cmatch::planted_bug = bug_named(value(at));
    } else if (word == "--bugs") {
      options.all_bugs = true;
    } else {
      throw std::invalid_argument("what is " + word + "?");
    }
  }
  return options;
}

int replay(const Options& options) {
  const Plan plan = make_plan(*options.seed);
  const Plan played = options.kept.steps.empty() ? plan : only(plan, options.kept);
  const Result result = run(played, true);
  for (const std::string& line : result.lines)
    std::printf("%s\n", line.c_str());
  std::printf("trace hash %016llx\n", static_cast<unsigned long long>(result.trace_hash));
  std::printf("%s\n", result.failure.empty() ? "all held" : ("FAILED: " + result.failure).c_str());
  return result.failure.empty() ? 0 : 1;
}

void tell_failure(std::uint64_t seed, const std::string& failure) {
  std::printf("seed %llu FAILED: %s\n", static_cast<unsigned long long>(seed), failure.c_str());
  const Plan plan = make_plan(seed);
  const Kept kept = shrink(plan, Kept::all(plan), 400);
  const Result smallest = run(only(plan, kept));
  std::printf("  %zu of %zu steps suffice: --seed %llu --keep %s\n  %s\n", kept.steps.size(),
              plan.steps.size(), static_cast<unsigned long long>(seed), kept.to_string().c_str(),
              smallest.failure.c_str());
  std::fflush(stdout);
}

// One process's share of the seeds. What it ran is written to `out`; false after a failure.
bool run_share(const Options& options, unsigned job, Counts& counts) {
  const auto until = SteadyClock::now() + std::chrono::duration<double>(options.minutes * 60);
  for (std::uint64_t seed = options.first + job;; seed += options.jobs) {
    if (options.minutes == 0 ? seed > options.last : SteadyClock::now() >= until) return true;
    const Plan plan = make_plan(seed);
    const Result result = run(plan);
    counts.add(result.counts);
    if (!result.failure.empty()) {
      tell_failure(seed, result.failure);
      return false;
    }
    if (options.twice && run(plan).trace_hash != result.trace_hash) {
      std::printf("seed %llu FAILED: two runs differ\n", static_cast<unsigned long long>(seed));
      return false;
    }
  }
}

int run_seeds(const Options& options) {
  const auto began = SteadyClock::now();
  std::vector<int> pipes;
  for (unsigned job = 0; job < options.jobs; ++job) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe can be made");
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("no process can be made");
    if (child == 0) {
      Counts counts;
      const bool held = run_share(options, job, counts);
      std::fflush(stdout);
      const bool told = ::write(ends[1], &counts, sizeof counts) == sizeof counts;
      std::_Exit(held && told ? 0 : 1);
    }
    ::close(ends[1]);
    pipes.push_back(ends[0]);
  }
  Counts sum;
  bool held = true;
  for (const int end : pipes) {
    Counts counts;
    held = ::read(end, &counts, sizeof counts) == sizeof counts && held;
    sum.add(counts);
    int status = 0;
    ::wait(&status);
    held = held && status == 0;
  }
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - began).count();
  std::printf("%s: %s, in %.1f s\n", held ? "all held" : "FAILED", sum.to_string().c_str(), seconds);
  return held ? 0 : 1;
}

// How many seeds it takes until each planted bug shows.
int find_bugs(std::uint64_t first) {
  constexpr std::uint64_t kSeeds = 1'000;
  bool all_found = true;
  for (std::size_t i = 1; i < cmatch::kBugNames.size(); ++i) {
    cmatch::planted_bug = static_cast<cmatch::Bug>(i);
    std::string failure;
    std::uint64_t seed = first;
    while (failure.empty() && seed < first + kSeeds)
      failure = run(make_plan(seed++)).failure;
    all_found = all_found && !failure.empty();
    if (failure.empty())
      std::printf("%-26s NOT FOUND in %llu seeds\n", cmatch::kBugNames[i],
                  static_cast<unsigned long long>(kSeeds));
    else
      std::printf("%-26s seed %-4llu %s\n", cmatch::kBugNames[i], static_cast<unsigned long long>(seed - 1),
                  failure.c_str());
    std::fflush(stdout);
  }
  return all_found ? 0 : 1;
}

} // namespace

int main(int count, char** words) {
  try {
    const Options options = parse(count, words);
    if (options.seed) return replay(options);
    if (options.all_bugs) return find_bugs(options.first);
    if (options.last == 0 && options.minutes == 0) throw std::invalid_argument("what is to be run?");
    return run_seeds(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n%s", error.what(), kUsage);
    return 2;
  }
}
