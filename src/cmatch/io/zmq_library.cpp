#include "cmatch/io/zmq_library.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>
#include <vector>

#include <dlfcn.h>
#include <link.h>
#include <poll.h>
#include <sys/random.h>

#include "cmatch/io/clock.hpp"

namespace cmatch::io {

namespace {

std::atomic<bool> addresses_seeded{false};

std::string_view file_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::vector<std::string> loaded_paths() {
  std::vector<std::string> found;
  const auto look = [](dl_phdr_info* object, std::size_t, void* into) {
    if (file_name(object->dlpi_name).starts_with("libzmq"))
      static_cast<std::vector<std::string>*>(into)->emplace_back(object->dlpi_name);
    return 0;
  };
  ::dl_iterate_phdr(look, &found);
  return found;
}

std::string joined(const std::vector<std::string>& paths) {
  std::string all;
  for (const std::string& path : paths)
    all += (all.empty() ? "" : ", ") + path;
  return all;
}

template <class Function>
void find(void* handle, const std::string& path, const char* name, Function*& out) {
  void* const symbol = ::dlsym(handle, name);
  if (symbol == nullptr) throw TransportError(path + " has no " + name + ": it is no libzmq of 4.2 or later");
  out = reinterpret_cast<Function*>(symbol);
}

} // namespace

void seed_addresses() {
  unsigned seed = 0;
  if (::getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  std::srand(seed); // libzmq's source of numbers, not ours. NOLINT(cert-msc32-c,cert-msc51-cpp)
  addresses_seeded.store(true, std::memory_order_relaxed);
}

bool are_addresses_seeded() { return addresses_seeded.load(std::memory_order_relaxed); }

std::string ZmqLibrary::loaded_path() { return joined(loaded_paths()); }

ZmqLibrary ZmqLibrary::load(const std::string& path) {
  ZmqLibrary zmq;
  zmq.path = path;
  if (path.empty()) {
    const std::vector<std::string> found = loaded_paths();
    if (found.empty())
      throw TransportError("no libzmq is loaded in this process: import zmq first; a pyzmq that was linked "
                           "statically will not do, that of PyPI's wheels does");
    if (found.size() > 1)
      throw TransportError("several libzmq are loaded in this process: " + joined(found) +
                           "; name the one of pyzmq");
    zmq.path = found.front();
  }
  void* const handle = ::dlopen(zmq.path.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (handle == nullptr) throw TransportError("not loaded in this process: " + zmq.path);

  void (*version)(int*, int*, int*) = nullptr;
  find(handle, zmq.path, "zmq_version", version);
  find(handle, zmq.path, "zmq_msg_init", zmq.msg_init);
  find(handle, zmq.path, "zmq_msg_init_size", zmq.msg_init_size);
  find(handle, zmq.path, "zmq_msg_recv", zmq.msg_recv);
  find(handle, zmq.path, "zmq_msg_send", zmq.msg_send);
  find(handle, zmq.path, "zmq_msg_close", zmq.msg_close);
  find(handle, zmq.path, "zmq_msg_data", zmq.msg_data);
  find(handle, zmq.path, "zmq_msg_size", zmq.msg_size);
  find(handle, zmq.path, "zmq_msg_more", zmq.msg_more);
  find(handle, zmq.path, "zmq_msg_gets", zmq.msg_gets);
  find(handle, zmq.path, "zmq_getsockopt", zmq.getsockopt);
  find(handle, zmq.path, "zmq_setsockopt", zmq.setsockopt);
  find(handle, zmq.path, "zmq_errno", zmq.last_errno);
  find(handle, zmq.path, "zmq_strerror", zmq.strerror);

  int major = 0, minor = 0, patch = 0;
  version(&major, &minor, &patch);
  zmq.version = major * 10'000 + minor * 100 + patch;
  if (zmq.version < 40'200) throw TransportError(zmq.path + " is older than libzmq 4.2");
  return zmq;
}

void ZmqLibrary::fail(const char* what) const {
  throw TransportError(std::string(what) + ": " + strerror(last_errno()));
}

int ZmqLibrary::option(void* socket, int name) const {
  int value = 0;
  std::size_t size = sizeof(value);
  while (getsockopt(socket, name, &value, &size) != 0)
    if (last_errno() != EINTR) fail("reading an option of the socket");
  return value;
}

void ZmqLibrary::set_option(void* socket, int name, int value) const {
  if (setsockopt(socket, name, &value, sizeof(value)) != 0) fail("setting an option of the socket");
}

// The socket's descriptor only says that something may have changed, and says it once: each look at it is followed, and
// the first preceded, by asking the socket itself.
int ZmqLibrary::wait_for(void* socket, int events, std::int64_t timeout_ns) const {
  int has = option(socket, kOptionEvents) & events;
  if (has != 0 || timeout_ns == 0) return has;

  pollfd change{.fd = option(socket, kOptionFd), .events = POLLIN, .revents = 0};
  const std::int64_t end_ns = timeout_ns < 0 ? 0 : steady_ns() + timeout_ns;
  for (;;) {
    std::int64_t left_ns = 0;
    if (timeout_ns >= 0) {
      left_ns = end_ns - steady_ns();
      if (left_ns <= 0) return option(socket, kOptionEvents) & events;
    }
    const timespec left{.tv_sec = left_ns / 1'000'000'000, .tv_nsec = left_ns % 1'000'000'000};
    const int rc = ::ppoll(&change, 1, timeout_ns < 0 ? nullptr : &left, nullptr);
    if (rc < 0 && errno != EINTR)
      throw TransportError(std::string("waiting for the socket: ") + strerror(errno));
    has = option(socket, kOptionEvents) & events;
    if (has != 0 || rc < 0) return has;
  }
}

void ZmqMessage::assign(std::span<const std::byte> bytes) {
  zmq_->msg_close(&raw_);
  if (zmq_->msg_init_size(&raw_, bytes.size()) != 0) {
    zmq_->msg_init(&raw_);
    throw std::bad_alloc();
  }
  if (!bytes.empty()) std::memcpy(zmq_->msg_data(&raw_), bytes.data(), bytes.size());
}

} // namespace cmatch::io
