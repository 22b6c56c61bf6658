// The core beside a std::map book, side by side in one run. `bench_core --help` says what it measures.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <sched.h>
#include <unistd.h>

#include "flows.hpp"
#include "map_book.hpp"

namespace {

using bench::Flow;
using bench::FlowMaker;
using bench::MapBook;
using bench::Shape;
using Clock = std::chrono::steady_clock;

double ns_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Spread {
  double low, mid, high;
};
Spread spread_of(const std::vector<double>& values) {
  return {*std::min_element(values.begin(), values.end()), median(values),
          *std::max_element(values.begin(), values.end())};
}

// What a run must agree on, whoever ran it: trades and what rests at the end.
struct Answer {
  std::uint64_t trades = 0;
  std::uint64_t resting = 0;
  bool operator==(const Answer&) const = default;
};

cmatch::Engine ready(const Flow& flow, std::uint32_t instruments) {
  cmatch::Engine engine({instruments, flow.max_orders, flow.max_ids}, {.prefault = true});
  cmatch::EventBuffer events;
  for (const cmatch::Command& command : flow.setup) {
    events.clear();
    engine.apply(command, events);
  }
  return engine;
}

double run_single(const Flow& flow, std::uint32_t instruments, Answer& answer) {
  cmatch::Engine engine = ready(flow, instruments);
  cmatch::EventBuffer events;
  events.reserve(1 << 16);
  const std::uint64_t before = engine.trade_sequence();
  const auto start = Clock::now();
  for (const cmatch::Command& command : flow.ops) {
    events.clear();
    engine.apply(command, events);
  }
  const double elapsed = ns_since(start);
  answer = {engine.trade_sequence() - before, engine.live_orders()};
  return elapsed / static_cast<double>(flow.ops.size());
}

double run_batch(const Flow& flow, std::uint32_t instruments, Answer& answer, std::size_t batch = 1024) {
  cmatch::Engine engine = ready(flow, instruments);
  cmatch::EventBuffer events;
  events.reserve(1 << 16);
  const std::uint64_t before = engine.trade_sequence();
  const auto start = Clock::now();
  for (std::size_t i = 0; i < flow.ops.size(); i += batch) {
    events.clear();
    engine.apply_batch({flow.ops.data() + i, std::min(batch, flow.ops.size() - i)}, events);
  }
  const double elapsed = ns_since(start);
  answer = {engine.trade_sequence() - before, engine.live_orders()};
  return elapsed / static_cast<double>(flow.ops.size());
}

double run_map(const Flow& flow, std::uint32_t instruments, Answer& answer) {
  std::vector<MapBook> books(instruments);
  answer = {};
  const auto apply = [&](const cmatch::Command& command) {
    MapBook& book = books[command.instrument_id - 1];
    if (command.kind == static_cast<std::uint8_t>(cmatch::CommandKind::new_order))
      book.limit(command.order_id, command.side == 1, command.price, command.qty,
                 command.time_in_force == static_cast<std::uint8_t>(cmatch::TimeInForce::ioc));
    else if (command.kind == static_cast<std::uint8_t>(cmatch::CommandKind::cancel))
      book.cancel(command.order_id);
    if (book.trades.size() >= 4096) {
      answer.trades += book.trades.size();
      book.trades.clear();
    }
  };
  for (const cmatch::Command& command : flow.setup)
    if (command.instrument_id != 0) apply(command);
  for (MapBook& book : books)
    book.trades.clear();
  answer.trades = 0;
  const auto start = Clock::now();
  for (const cmatch::Command& command : flow.ops)
    apply(command);
  const double elapsed = ns_since(start);
  for (const MapBook& book : books) {
    answer.trades += book.trades.size();
    answer.resting += book.resting();
  }
  return elapsed / static_cast<double>(flow.ops.size());
}

std::ofstream json;
void record(const std::string& line) {
  if (json.is_open()) json << line << "\n";
}

// One line of the table: core one by one, core in batches, std::map; medians of `repeats` and the ratios' spread.
void compare(const Shape& shape, int repeats) {
  const Flow flow = FlowMaker(shape).make();
  std::vector<double> single, batch, map, single_ratio, batch_ratio;
  for (int i = 0; i < repeats; ++i) {
    Answer a, b, c;
    single.push_back(run_single(flow, shape.instruments, a));
    batch.push_back(run_batch(flow, shape.instruments, b));
    map.push_back(run_map(flow, shape.instruments, c));
    if (!(a == b) || !(a == c)) {
      std::fprintf(stderr, "%s: the books do not agree\n", shape.name.c_str());
      std::exit(1);
    }
    single_ratio.push_back(map.back() / single.back());
    batch_ratio.push_back(map.back() / batch.back());
  }
  const Spread s = spread_of(single_ratio), t = spread_of(batch_ratio);
  std::printf("%-28s %9zu %6u  %7.1f  %7.1f  %8.1f   %5.2f (%.2f-%.2f)   %5.2f (%.2f-%.2f)\n",
              shape.name.c_str(), shape.resting, shape.instruments, median(single), median(batch),
              median(map), s.mid, s.low, s.high, t.mid, t.low, t.high);
  std::fflush(stdout);
  char line[512];
  std::snprintf(line, sizeof line,
                "{\"case\":\"%s\",\"resting\":%zu,\"instruments\":%u,\"single_ns\":%.2f,\"batch_ns\":%.2f,"
                "\"map_ns\":%.2f,"
                "\"single_ratio\":[%.3f,%.3f,%.3f],\"batch_ratio\":[%.3f,%.3f,%.3f]}",
                shape.name.c_str(), shape.resting, shape.instruments, median(single), median(batch),
                median(map), s.low, s.mid, s.high, t.low, t.mid, t.high);
  record(line);
}

void table_head() {
  std::printf("%-28s %9s %6s  %7s  %7s  %8s   %s   %s\n", "case", "resting", "instr", "core", "batch",
              "std::map", "map/core (low-high)", "map/batch (low-high)");
}

void mixed(int repeats) {
  table_head();
  compare({.name = "mixed 58/8/34"}, repeats);
}

const std::vector<Shape> kShapes = {
    {.name = "static", .walk = 0},
    {.name = "drifting", .drift = 0.01},
    {.name = "crash", .iocs = 0.2, .drift = -0.2, .spread = 100},
    {.name = "cancel-heavy", .limits = 0.49, .iocs = 0.01},
    {.name = "deep, random cancels", .resting = 300'000, .limits = 0.48, .iocs = 0.02, .spread = 4000},
};

std::vector<Shape> scaled() {
  std::vector<Shape> all;
  for (const std::size_t resting : {10, 100, 1'000, 10'000, 100'000, 1'000'000})
    all.push_back({.name = "resting orders", .resting = resting, .spread = resting < 10'000 ? 40.0 : 1000.0});
  for (const std::uint32_t instruments : {1, 10, 100, 1'000, 10'000})
    all.push_back({.name = "instruments",
                   .resting = std::max<std::size_t>(20'000, std::size_t{20} * instruments),
                   .instruments = instruments});
  return all;
}

void compare_all(const std::vector<Shape>& shapes, int repeats) {
  table_head();
  for (const Shape& shape : shapes)
    compare(shape, repeats);
}

#if defined(__x86_64__)
std::uint64_t ticks() {
  unsigned aux;
  return __builtin_ia32_rdtscp(&aux);
}
#else
std::uint64_t ticks() { return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()); }
#endif

double ns_per_tick() {
  const auto start = Clock::now();
  const std::uint64_t first = ticks();
  while (ns_since(start) < 2e7) {
  }
  return ns_since(start) / static_cast<double>(ticks() - first);
}

// Percentiles of single commands, the cost of reading the counter taken off.
void percentiles(const char* name, std::vector<double>& samples) {
  if (samples.empty()) return;
  std::sort(samples.begin(), samples.end());
  const auto at = [&](double q) {
    return samples[std::min(samples.size() - 1,
                            static_cast<std::size_t>(q * static_cast<double>(samples.size())))];
  };
  std::printf("%-28s %9zu  %7.0f %7.0f %7.0f %8.0f %9.0f\n", name, samples.size(), at(0.5), at(0.99),
              at(0.999), at(0.9999), samples.back());
  char line[256];
  std::snprintf(line, sizeof line,
                "{\"operation\":\"%s\",\"count\":%zu,\"p50\":%.0f,\"p99\":%.0f,\"p999\":%.0f,\"p9999\":%.0f}",
                name, samples.size(), at(0.5), at(0.99), at(0.999), at(0.9999));
  record(line);
}

// Percentiles of a flow's commands, one by one; of the mixed flow by what they did, too.
void latency_of(const Shape& shape, const std::string& name, double scale, bool by_operation) {
  const Flow flow = FlowMaker(shape).make();
  cmatch::Engine engine = ready(flow, shape.instruments);
  cmatch::EventBuffer events;
  events.reserve(1 << 16);
  std::uint64_t floor = ~std::uint64_t{0};
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t first = ticks();
    floor = std::min(floor, ticks() - first);
  }
  std::vector<double> all, rests, takes, cancels;
  for (const cmatch::Command& command : flow.ops) {
    events.clear();
    const std::uint64_t first = ticks();
    engine.apply(command, events);
    const std::uint64_t spent = ticks() - first;
    const double ns = static_cast<double>(spent > floor ? spent - floor : 0) * scale;
    all.push_back(ns);
    if (command.kind == static_cast<std::uint8_t>(cmatch::CommandKind::cancel))
      cancels.push_back(ns);
    else
      (events.size() > 1 ? takes : rests).push_back(ns);
  }
  percentiles(name.c_str(), all);
  if (!by_operation) return;
  percentiles("limit that rests", rests);
  percentiles("order that trades", takes);
  percentiles("cancel", cancels);
}

void latency() {
  const double scale = ns_per_tick();
  std::printf("%-28s %9s  %7s %7s %7s %8s %9s  ns\n", "operation (one by one)", "count", "p50", "p99",
              "p99.9", "p99.99", "max");
  latency_of({.name = "mixed"}, "all, mixed flow", scale, true);
  for (const Shape& shape : kShapes)
    latency_of(shape, "all, " + shape.name, scale, false);
  for (const Shape& shape : scaled())
    latency_of(shape,
               "all, " + std::to_string(shape.name == "instruments" ? shape.instruments : shape.resting) +
                   " " + shape.name,
               scale, false);
}

// A cascade of n stops, and one order that sweeps n others: the time must grow as n does.
void linear() {
  std::printf("%-28s %9s  %9s %12s\n", "case", "orders", "us", "ns an order");
  for (const std::uint64_t n : {1'000, 10'000, 100'000}) {
    for (const bool stops : {true, false}) {
      cmatch::Engine engine({1, static_cast<std::uint32_t>(2 * n + 10), 4 * n + 100}, {.prefault = true});
      cmatch::EventBuffer events;
      engine.apply(cmatch::command_of(bench::instrument_of(1)), events);
      cmatch::Command c{};
      c.kind = static_cast<std::uint8_t>(cmatch::CommandKind::new_order);
      c.instrument_id = 1;
      c.account = 1;
      c.time_in_force = static_cast<std::uint8_t>(cmatch::TimeInForce::gtc);
      c.qty = 1;
      const auto send = [&](std::uint8_t side, cmatch::OrderType type, std::int64_t price, std::int64_t qty) {
        ++c.order_id;
        c.side = side;
        c.type = static_cast<std::uint8_t>(type);
        c.present = type == cmatch::OrderType::stop ? cmatch::kHasStopPrice : cmatch::kHasPrice;
        c.price = c.stop_price = price;
        c.qty = qty;
        events.clear();
        engine.apply(c, events);
      };
      const std::int64_t top = static_cast<std::int64_t>(n) + 10;
      for (std::uint64_t i = 0; i <= n; ++i)
        send(1, cmatch::OrderType::limit, top - static_cast<std::int64_t>(i), 1);
      if (stops)
        for (std::uint64_t i = 0; i < n; ++i)
          send(2, cmatch::OrderType::stop, top - static_cast<std::int64_t>(i), 1);
      const auto start = Clock::now();
      send(2, cmatch::OrderType::limit, 1, stops ? 1 : static_cast<std::int64_t>(n));
      const double ns = ns_since(start);
      std::printf("%-28s %9llu  %9.0f %12.1f\n", stops ? "stop cascade" : "sweep",
                  static_cast<unsigned long long>(n), ns / 1000, ns / static_cast<double>(n));
      if (engine.trade_sequence() < n) std::exit(1);
    }
  }
}

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void memory() {
  std::printf("%-28s %12s %14s\n", "resting orders", "resident MB", "bytes an order");
  for (const std::size_t n : {100'000, 1'000'000}) {
    const std::size_t before = resident_bytes();
    cmatch::Engine engine({1, static_cast<std::uint32_t>(n), n});
    cmatch::EventBuffer events;
    engine.apply(cmatch::command_of(bench::instrument_of(1)), events);
    cmatch::Command c{};
    c.kind = static_cast<std::uint8_t>(cmatch::CommandKind::new_order);
    c.instrument_id = c.side = c.type = 1;
    c.time_in_force = static_cast<std::uint8_t>(cmatch::TimeInForce::gtc);
    c.present = cmatch::kHasPrice;
    c.qty = 1;
    for (c.order_id = 1; c.order_id <= n; ++c.order_id) {
      c.price = 1 + static_cast<std::int64_t>(c.order_id * 7919 % 10'000);
      events.clear();
      engine.apply(c, events);
    }
    const std::size_t used = resident_bytes() - before;
    std::printf("%-28zu %12.1f %14.1f\n", n, static_cast<double>(used) / 1e6,
                static_cast<double>(used) / static_cast<double>(n));
  }
}

void pin() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  sched_setaffinity(0, sizeof set, &set);
}

} // namespace

int main(int argc, char** argv) {
  const std::vector<std::pair<std::string, std::function<void(int)>>> parts = {
      {"mixed", mixed},
      {"shapes", [](int n) { compare_all(kShapes, n); }},
      {"scales", [](int n) { compare_all(scaled(), n); }},
      {"latency", [](int) { latency(); }},
      {"linear", [](int) { linear(); }},
      {"memory", [](int) { memory(); }},
  };
  int repeats = 5;
  std::vector<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--repeats" && i + 1 < argc) {
      repeats = std::atoi(argv[++i]);
    } else if (word == "--json" && i + 1 < argc) {
      json.open(argv[++i]);
    } else if (word == "--help") {
      std::printf(
          "usage: bench_core [mixed|shapes|scales|latency|linear|memory ...] [--repeats N] [--json FILE]\n"
          "  mixed    the mixed flow, 58%% limit / 8%% IOC / 34%% cancel, about 2,000 resting orders\n"
          "  shapes   static, drifting, crash, cancel-heavy, deep\n"
          "  scales   10 to 1,000,000 resting orders, 1 to 10,000 instruments\n"
          "  latency  percentiles by operation, shape and scale\n"
          "  linear   stop cascades and sweeps of 1,000 to 100,000 orders\n"
          "  memory   resident bytes an order\n"
          "Times are ns an operation, pinned to one core, medians of N repeats (5), books compared after "
          "each.\n");
      return 0;
    } else {
      wanted.push_back(word);
    }
  }
  pin();
  for (const auto& [name, run] : parts)
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end()) {
      run(repeats);
      std::printf("\n");
    }
  return 0;
}
