#include "cmatch/io/toucher.hpp"

#include <utility>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmatch/check.hpp"

namespace cmatch::io {
namespace {

constexpr int kNiceness = 10;

// Of this thread alone. What the system does not allow stays as it is: it is a matter of manners.
void take_low_rank(const std::vector<int>& processors) {
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_OTHER, &none);
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
  if (processors.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int processor : processors)
    CPU_SET(static_cast<std::size_t>(processor), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

} // namespace

Toucher::Toucher(MemoryList memory, std::vector<int> processors)
    : memory_(std::move(memory)), processors_(std::move(processors)) {
  for (const MemorySpan span : memory_.spans())
    left_ += span.size();
}

void Toucher::begin() {
  CM_CHECK(!thread_.joinable());
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Toucher::run() {
  take_low_rank(processors_);
  for (const MemorySpan span : memory_.spans()) {
    touch(span, stopped_);
    if (stopped_) return;
    left_ -= span.size();
  }
}

void Toucher::stop() {
  stopped_ = true;
  if (thread_.joinable()) thread_.join();
}

} // namespace cmatch::io
