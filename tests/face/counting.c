// Preloaded below a program: counts what its threads ask of the allocator, of mutexes and of files between two calls of
// `count_from_now` and `counted_so_far`, which the program finds among its own symbols.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

enum What { MEMORY, MUTEX, FILES, KINDS };

static atomic_bool counting;
static atomic_uint_fast64_t counts[KINDS];

static void note(enum What what) {
  if (atomic_load_explicit(&counting, memory_order_relaxed))
    atomic_fetch_add_explicit(&counts[what], 1, memory_order_relaxed);
}

void count_from_now(void) {
  for (int what = 0; what < KINDS; ++what) atomic_store(&counts[what], 0);
  atomic_store(&counting, 1);
}

void counted_so_far(uint64_t out[KINDS]) {
  atomic_store(&counting, 0);
  for (int what = 0; what < KINDS; ++what) out[what] = atomic_load(&counts[what]);
}

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

void* malloc(size_t size) {
  note(MEMORY);
  return __libc_malloc(size);
}

void* calloc(size_t number, size_t size) {
  note(MEMORY);
  return __libc_calloc(number, size);
}

void* realloc(void* old, size_t size) {
  note(MEMORY);
  return __libc_realloc(old, size);
}

void* memalign(size_t alignment, size_t size) {
  note(MEMORY);
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  note(MEMORY);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** out, size_t alignment, size_t size) {
  note(MEMORY);
  *out = __libc_memalign(alignment, size);
  return *out ? 0 : ENOMEM;
}

#define NEXT(name, what, result, parameters, arguments) \
  result name parameters {                              \
    static result(*next) parameters;                    \
    if (!next) next = dlsym(RTLD_NEXT, #name);          \
    note(what);                                         \
    return next arguments;                              \
  }

NEXT(pthread_mutex_lock, MUTEX, int, (pthread_mutex_t * mutex), (mutex))
NEXT(mmap, MEMORY, void*, (void* at, size_t size, int protection, int flags, int file, off_t offset),
     (at, size, protection, flags, file, offset))
NEXT(read, FILES, ssize_t, (int file, void* to, size_t size), (file, to, size))
NEXT(write, FILES, ssize_t, (int file, const void* from, size_t size), (file, from, size))
NEXT(pread, FILES, ssize_t, (int file, void* to, size_t size, off_t at), (file, to, size, at))
NEXT(pwrite, FILES, ssize_t, (int file, const void* from, size_t size, off_t at), (file, from, size, at))
NEXT(writev, FILES, ssize_t, (int file, const struct iovec* parts, int number), (file, parts, number))
NEXT(fsync, FILES, int, (int file), (file))
NEXT(fdatasync, FILES, int, (int file), (file))
