#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Whether every component of a relative path is a name. */
static int has_only_names(const char *path) {
  for (;;) {
    size_t length = strcspn(path, "/");
    if (length == 0 || (length == 1 && path[0] == '.') ||
        (length == 2 && path[0] == '.' && path[1] == '.'))
      return 0;
    if (path[length] == '\0') return 1;
    path += length + 1;
  }
}

static int open_retrying(int directory, const char *name, int flags) {
  int descriptor;
  do descriptor = openat(directory, name, flags);
  while (descriptor < 0 && errno == EINTR);
  return descriptor < 0 ? -errno : descriptor;
}

/* Opens component by component: no component may be a link, so none can lead outside. */
static int walk(int directory, const char *path, int flags) {
  char name[256];
  int current = directory;
  for (;;) {
    size_t length = strcspn(path, "/");
    int is_last = path[length] == '\0';
    int next = -ENAMETOOLONG;
    if (length < sizeof name) {
      memcpy(name, path, length);
      name[length] = '\0';
      next = open_retrying(current, name,
                           is_last ? flags | O_NOFOLLOW
                                   : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (current != directory) close(current);
    if (next < 0 || is_last) return next;
    current = next;
    path += length + 1;
  }
}

static int open_beneath(int directory, const char *path, int flags, int walks) {
  struct open_how how = {
      .flags = (uint64_t)flags,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
  };
  long descriptor;
  if (!has_only_names(path)) return -EINVAL;
  if (walks) return walk(directory, path, flags);
  do descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);
  while (descriptor < 0 && errno == EINTR);
  if (descriptor >= 0) return (int)descriptor;
  /* Kernels before 5.6 do not know the call, and some containers forbid what they do not know. */
  return errno == ENOSYS || errno == EPERM ? walk(directory, path, flags) : -errno;
}

/* Whether an open file is a regular one. The type stays as long as the file does: a file system whose files are
   elsewhere need not be asked for it, as it would be for times (`fuse_update_get_attr` in fs/fuse/dir.c). */
static int is_regular(int descriptor) {
  struct statx extended;
  struct stat status;
  if (statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &extended) == 0)
    return S_ISREG(extended.stx_mode);
  /* As above: kernels before 4.11, and containers. */
  if (errno != ENOSYS && errno != EPERM) return 0;
  return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

int apreserve_open_file_beneath(int directory, const char *path, int flags, int walks) {
  /* Without O_NONBLOCK a pipe that stands where an attribute should would stop the program. */
  int descriptor =
      open_beneath(directory, path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, walks);
  if (descriptor < 0) return descriptor;
  if (!is_regular(descriptor)) {
    close(descriptor);
    return -EINVAL;
  }
  return descriptor;
}

static int open_directory(int directory, const char *path, int flags, int walks) {
  flags |= O_DIRECTORY | O_CLOEXEC;
  if (path[0] == '\0') return open_retrying(directory, ".", flags);
  return open_beneath(directory, path, flags, walks);
}

int apreserve_open_directory_beneath(int directory, const char *path, int walks) {
  return open_directory(directory, path, O_RDONLY, walks);
}

int apreserve_find_directory_beneath(int directory, const char *path, int walks) {
  return open_directory(directory, path, O_PATH, walks);
}
