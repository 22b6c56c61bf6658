// Work in a thread of its own, for what itself knows of none.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <utility>

namespace cmatch::io {

// Begins; what is returned waits and throws what the work threw, and waits where it goes unused.
inline std::function<void()> in_thread(std::function<void()> work) {
  const auto done = std::make_shared<std::future<void>>(std::async(std::launch::async, std::move(work)));
  return [done] { done->get(); };
}

} // namespace cmatch::io
