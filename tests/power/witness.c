// Preloaded below a program: writes down what it does to the files of one directory, and cuts the power at a chosen
// operation. What is lost then is for the reader of the log to say (disk_model.py).
//
//   WITNESS_ROOT   the directory, an absolute path without links; what lies in its `run` dies with the processes
//   WITNESS_STATE  a file of at least one page: counter of operations, where to cut, whether the power is out
//   WITNESS_LOG    the log, appended to
//
// Operations of all processes that share the state are one sequence: each is done and logged under one lock. Syncs are
// logged and not done: the page cache survives a killed process, so they would change nothing here but the time.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum Kind { CREATE = 1, WRITE, RESIZE, GROW, SYNC, RENAME, REMOVE, MAKE_DIRECTORY, SYNC_NAMES, LINK };
enum Flag { ZEROS = 1, IN_FLIGHT = 2 };

// An entry of the log; the names follow it, then the bytes of a WRITE that are not all zero.
struct Entry {
  uint32_t kind;
  uint32_t flags;
  uint64_t inode;
  uint64_t offset; // of a WRITE; the new size of a RESIZE, the least one of a GROW
  uint64_t length;
  uint32_t name_bytes;
  uint32_t other_bytes; // the new name of a RENAME or LINK
};

struct State {
  volatile uint64_t operations;
  volatile uint64_t cut_at; // the operation that is not done any more; 0: none
  volatile uint64_t dark;
};

static struct State* state;
static int log_file = -1;
static char root[PATH_MAX];
static size_t root_bytes;
static dev_t device;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void give_up(const char* what) {
  dprintf(2, "witness: %s: %s\n", what, strerror(errno));
  abort();
}

static void open_log(void) {
  log_file = (int)syscall(SYS_openat, AT_FDCWD, getenv("WITNESS_LOG"), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (log_file < 0) give_up("WITNESS_LOG");
}

// A lock is of whoever opened the file: a child that had its parent's would be let in beside it.
static void before_fork(void) { pthread_mutex_lock(&mutex); }
static void after_fork(void) { pthread_mutex_unlock(&mutex); }
static void in_child(void) {
  syscall(SYS_close, log_file);
  open_log();
  after_fork();
}

__attribute__((constructor)) static void begin(void) {
  const char* const where = getenv("WITNESS_ROOT");
  const char* const shared = getenv("WITNESS_STATE");
  if (where == NULL || shared == NULL || getenv("WITNESS_LOG") == NULL) return;
  struct stat status;
  if (stat(where, &status) != 0) give_up("WITNESS_ROOT");
  device = status.st_dev;
  root_bytes = strlen(where);
  if (root_bytes >= sizeof root) give_up("WITNESS_ROOT is too long");
  memcpy(root, where, root_bytes + 1);
  const int file = (int)syscall(SYS_openat, AT_FDCWD, shared, O_RDWR | O_CLOEXEC);
  if (file < 0) give_up("WITNESS_STATE");
  void* const memory = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) give_up("WITNESS_STATE");
  syscall(SYS_close, file);
  open_log();
  if (pthread_atfork(before_fork, after_fork, in_child) != 0) give_up("pthread_atfork");
  state = memory;
}

// The name below the root of what is to be kept, or NULL.
static const char* name_below(const char* path) {
  if (strncmp(path, root, root_bytes) != 0 || path[root_bytes] != '/') return NULL;
  const char* const name = path + root_bytes + 1;
  const bool passing = strncmp(name, "run", 3) == 0 && (name[3] == '\0' || name[3] == '/');
  return passing ? NULL : name;
}

// The same of a path that may not exist yet, in `memory` of PATH_MAX bytes.
static const char* name_of(int directory, const char* path, char* memory) {
  if (state == NULL) return NULL;
  char whole[PATH_MAX];
  int length = 0;
  if (path[0] == '/') {
    length = snprintf(whole, sizeof whole, "%s", path);
  } else {
    char at[64];
    char base[PATH_MAX];
    snprintf(at, sizeof at, directory == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", directory);
    const ssize_t base_bytes = readlink(at, base, sizeof base - 1);
    if (base_bytes < 0) return NULL;
    base[base_bytes] = '\0';
    length = snprintf(whole, sizeof whole, "%s/%s", base, path);
  }
  if (length < 0 || (size_t)length >= sizeof whole) return NULL;
  while (length > 1 && whole[length - 1] == '/')
    whole[--length] = '\0';
  char* const slash = strrchr(whole, '/');
  char last[NAME_MAX + 2];
  if (slash == NULL || snprintf(last, sizeof last, "%s", slash) >= (int)sizeof last) return NULL;
  *slash = '\0';
  if (realpath(slash == whole ? "/" : whole, memory) == NULL) return NULL;
  if (strlen(memory) + strlen(last) >= PATH_MAX) return NULL;
  strcat(memory, last);
  return name_below(memory);
}

// Whether an open file, or directory where one is wanted, is one of ours; its status.
static bool is_ours(int file, bool directory, struct stat* status, char* memory) {
  if (state == NULL || fstat(file, status) != 0 || status->st_dev != device) return false;
  if (directory ? !S_ISDIR(status->st_mode) : !S_ISREG(status->st_mode)) return false;
  char at[64];
  snprintf(at, sizeof at, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(at, memory, PATH_MAX - 1);
  if (length < 0) return false;
  memory[length] = '\0';
  return name_below(memory) != NULL || (directory && strcmp(memory, root) == 0);
}

static void put(struct Entry entry, const char* name, const char* other, const void* bytes) {
  entry.name_bytes = name == NULL ? 0 : (uint32_t)strlen(name);
  entry.other_bytes = other == NULL ? 0 : (uint32_t)strlen(other);
  const bool has_bytes = entry.kind == WRITE && (entry.flags & ZEROS) == 0;
  const struct iovec parts[] = {{&entry, sizeof entry},
                                {(void*)name, entry.name_bytes},
                                {(void*)other, entry.other_bytes},
                                {(void*)bytes, has_bytes ? entry.length : 0}};
  size_t wanted = 0;
  for (int i = 0; i < 4; ++i)
    wanted += parts[i].iov_len;
  const ssize_t done = syscall(SYS_writev, log_file, parts, 4);
  if (done < 0 || (size_t)done != wanted) give_up("the log");
}

static void die(void) {
  state->dark = 1;
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;)
    pause();
}

// Begins an operation: true where it is the one at which the power is cut. After the cut none begins.
static bool enter(void) {
  pthread_mutex_lock(&mutex);
  while (flock(log_file, LOCK_EX) != 0)
    if (errno != EINTR) give_up("the lock");
  if (state->dark) die();
  ++state->operations;
  return state->cut_at != 0 && state->operations >= state->cut_at;
}

static void leave(void) {
  const int error = errno;
  flock(log_file, LOCK_UN);
  pthread_mutex_unlock(&mutex);
  errno = error;
}

static bool all_zero(const char* bytes, size_t length) {
  return length > 0 && bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

static struct Entry write_entry(const struct stat* status, off_t offset, const void* bytes, size_t length) {
  return (struct Entry){.kind = WRITE,
                        .flags = all_zero(bytes, length) ? ZEROS : 0,
                        .inode = status->st_ino,
                        .offset = (uint64_t)offset,
                        .length = length};
}

// A write of ours, at `offset` or where the file stands (-1).
static ssize_t write_ours(int file, const void* bytes, size_t length, off_t offset) {
  const bool cut = enter();
  struct stat status;
  if (fstat(file, &status) != 0) give_up("fstat");
  off_t place = offset;
  if (place < 0) place = (fcntl(file, F_GETFL) & O_APPEND) ? status.st_size : lseek(file, 0, SEEK_CUR);
  struct Entry entry = write_entry(&status, place, bytes, length);
  if (cut) {
    entry.flags |= IN_FLIGHT;
    put(entry, NULL, NULL, bytes);
    die();
  }
  const ssize_t done = offset < 0 ? syscall(SYS_write, file, bytes, length)
                                  : syscall(SYS_pwrite64, file, bytes, length, offset);
  if (done > 0) put(write_entry(&status, place, bytes, (size_t)done), NULL, NULL, bytes);
  leave();
  return done;
}

ssize_t write(int file, const void* bytes, size_t length) {
  struct stat status;
  char memory[PATH_MAX];
  if (!is_ours(file, false, &status, memory)) return syscall(SYS_write, file, bytes, length);
  return write_ours(file, bytes, length, -1);
}

ssize_t pwrite(int file, const void* bytes, size_t length, off_t offset) {
  struct stat status;
  char memory[PATH_MAX];
  if (!is_ours(file, false, &status, memory)) return syscall(SYS_pwrite64, file, bytes, length, offset);
  return write_ours(file, bytes, length, offset);
}

ssize_t pwrite64(int file, const void* bytes, size_t length, off64_t offset) {
  return pwrite(file, bytes, length, offset);
}

// Whatever changes a file or a name and is no write: done, and logged where it succeeded; at the cut, neither.
#define OPERATION(call, entry, name, other)                                                                  \
  do {                                                                                                       \
    if (enter()) die();                                                                                      \
    const int result = (int)(call);                                                                          \
    if (result == 0) put(entry, name, other, NULL);                                                          \
    leave();                                                                                                 \
    return result;                                                                                           \
  } while (0)

int ftruncate(int file, off_t length) {
  struct stat status;
  char memory[PATH_MAX];
  if (!is_ours(file, false, &status, memory)) return (int)syscall(SYS_ftruncate, file, length);
  OPERATION(syscall(SYS_ftruncate, file, length),
            ((struct Entry){.kind = RESIZE, .inode = status.st_ino, .offset = (uint64_t)length}), NULL, NULL);
}

int ftruncate64(int file, off64_t length) { return ftruncate(file, length); }

static int allocate(int file, off_t offset, off_t length) {
  const struct stat nothing = {0};
  struct stat status = nothing;
  char memory[PATH_MAX];
  if (!is_ours(file, false, &status, memory)) return (int)syscall(SYS_fallocate, file, 0, offset, length);
  OPERATION(syscall(SYS_fallocate, file, 0, offset, length),
            ((struct Entry){.kind = GROW, .inode = status.st_ino, .offset = (uint64_t)(offset + length)}),
            NULL, NULL);
}

int fallocate(int file, int mode, off_t offset, off_t length) {
  if (mode == 0) return allocate(file, offset, length);
  return (int)syscall(SYS_fallocate, file, mode, offset, length);
}

int fallocate64(int file, int mode, off64_t offset, off64_t length) {
  return fallocate(file, mode, offset, length);
}

int posix_fallocate(int file, off_t offset, off_t length) {
  const int before = errno;
  const int error = allocate(file, offset, length) == 0 ? 0 : errno;
  errno = before;
  return error;
}

int posix_fallocate64(int file, off64_t offset, off64_t length) {
  return posix_fallocate(file, offset, length);
}

static int sync_file(int file, long number) {
  struct stat status;
  char memory[PATH_MAX];
  if (is_ours(file, false, &status, memory))
    OPERATION(0, ((struct Entry){.kind = SYNC, .inode = status.st_ino}), NULL, NULL);
  if (!is_ours(file, true, &status, memory)) return (int)syscall(number, file);
  const char* const name = strcmp(memory, root) == 0 ? "" : name_below(memory);
  OPERATION(0, ((struct Entry){.kind = SYNC_NAMES}), name, NULL);
}

int fsync(int file) { return sync_file(file, SYS_fsync); }
int fdatasync(int file) { return sync_file(file, SYS_fdatasync); }

static int rename_ours(int from_directory, const char* from, int to_directory, const char* to,
                       unsigned flags) {
  char memory[PATH_MAX];
  char other[PATH_MAX];
  const char* const name = name_of(from_directory, from, memory);
  const char* const new_name = name_of(to_directory, to, other);
  if (name == NULL || new_name == NULL)
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
  OPERATION(syscall(SYS_renameat2, from_directory, from, to_directory, to, flags),
            ((struct Entry){.kind = RENAME}), name, new_name);
}

int rename(const char* from, const char* to) { return rename_ours(AT_FDCWD, from, AT_FDCWD, to, 0); }

int renameat(int from_directory, const char* from, int to_directory, const char* to) {
  return rename_ours(from_directory, from, to_directory, to, 0);
}

static int link_ours(int from_directory, const char* from, int to_directory, const char* to, int flags) {
  char memory[PATH_MAX];
  char other[PATH_MAX];
  const char* const name = name_of(from_directory, from, memory);
  const char* const new_name = name_of(to_directory, to, other);
  if (name == NULL || new_name == NULL)
    return (int)syscall(SYS_linkat, from_directory, from, to_directory, to, flags);
  OPERATION(syscall(SYS_linkat, from_directory, from, to_directory, to, flags),
            ((struct Entry){.kind = LINK}), name, new_name);
}

int link(const char* from, const char* to) { return link_ours(AT_FDCWD, from, AT_FDCWD, to, 0); }

int linkat(int from_directory, const char* from, int to_directory, const char* to, int flags) {
  return link_ours(from_directory, from, to_directory, to, flags);
}

static int remove_ours(int directory, const char* path, int flags) {
  char memory[PATH_MAX];
  const char* const name = name_of(directory, path, memory);
  if (name == NULL) return (int)syscall(SYS_unlinkat, directory, path, flags);
  OPERATION(syscall(SYS_unlinkat, directory, path, flags), ((struct Entry){.kind = REMOVE}), name, NULL);
}

int unlink(const char* path) { return remove_ours(AT_FDCWD, path, 0); }
int unlinkat(int directory, const char* path, int flags) { return remove_ours(directory, path, flags); }
int rmdir(const char* path) { return remove_ours(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int directory, const char* path, mode_t mode) {
  char memory[PATH_MAX];
  const char* const name = name_of(directory, path, memory);
  if (name == NULL) return (int)syscall(SYS_mkdirat, directory, path, mode);
  OPERATION(syscall(SYS_mkdirat, directory, path, mode), ((struct Entry){.kind = MAKE_DIRECTORY}), name,
            NULL);
}

int mkdir(const char* path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

static int open_at(int directory, const char* path, int flags, mode_t mode) {
  char memory[PATH_MAX];
  const bool changes = (flags & O_CREAT) != 0 || (flags & O_TRUNC) != 0;
  const char* const name = changes ? name_of(directory, path, memory) : NULL;
  if (name == NULL) return (int)syscall(SYS_openat, directory, path, flags, mode);
  struct stat before;
  const bool cut = enter();
  const bool absent = fstatat(directory, path, &before, 0) != 0;
  const bool changing = absent || ((flags & O_TRUNC) != 0 && before.st_size > 0);
  if (cut && changing) die();
  const int file = (int)syscall(SYS_openat, directory, path, flags, mode);
  struct stat after;
  if (file >= 0 && changing) {
    if (fstat(file, &after) != 0) give_up("fstat");
    put((struct Entry){.kind = absent ? CREATE : RESIZE, .inode = after.st_ino}, absent ? name : NULL, NULL,
        NULL);
  }
  leave();
  return file;
}

static mode_t mode_of(int flags, va_list rest) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

#define OPEN(directory, path, flags)                                                                         \
  va_list rest;                                                                                              \
  va_start(rest, flags);                                                                                     \
  const mode_t mode = mode_of(flags, rest);                                                                  \
  va_end(rest);                                                                                              \
  return open_at(directory, path, flags, mode)

int open(const char* path, int flags, ...) { OPEN(AT_FDCWD, path, flags); }
int open64(const char* path, int flags, ...) { OPEN(AT_FDCWD, path, flags); }
int openat(int directory, const char* path, int flags, ...) { OPEN(directory, path, flags); }
int openat64(int directory, const char* path, int flags, ...) { OPEN(directory, path, flags); }
int creat(const char* path, mode_t mode) {
  return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int __open_2(const char* path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open64_2(const char* path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __openat_2(int directory, const char* path, int flags) { return open_at(directory, path, flags, 0); }
int __openat64_2(int directory, const char* path, int flags) { return open_at(directory, path, flags, 0); }
