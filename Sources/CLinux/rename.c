#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

int apreserve_exchange(const char *one, const char *other) {
  return renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) == 0 ? 0 : -errno;
}

int apreserve_rename_to_free(const char *from, const char *to) {
  struct stat status;
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -errno;
  /* Some file systems cannot; then a file that comes in between is replaced. */
  if (lstat(to, &status) == 0) return -EEXIST;
  return rename(from, to) == 0 ? 0 : -errno;
}
