#include "cmatch/io/toucher.hpp"

#include <utility>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

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

Toucher::Toucher(const MemoryList& memory, std::vector<int> processors) {
  for (const MemorySpan span : memory.spans())
    left_ += span.size();
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this, memory, on = std::move(processors)] { run(memory, on); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Toucher::run(const MemoryList& memory, const std::vector<int>& processors) {
  take_low_rank(processors);
  for (const MemorySpan span : memory.spans()) {
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
