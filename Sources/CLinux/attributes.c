#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

int apreserve_copy_attributes(const char *path, int descriptor) {
  char names[16384], value[65536];
  ssize_t length = listxattr(path, names, sizeof names);
  /* A file that does not exist yet, or a file system that knows none, has none. */
  if (length < 0) return errno == ENOENT || errno == ENOTSUP ? 0 : -errno;
  for (char *name = names; name < names + length; name += strlen(name) + 1) {
    ssize_t size = getxattr(path, name, value, sizeof value);
    if (size < 0) return -errno;
    if (fsetxattr(descriptor, name, value, (size_t)size, 0) != 0) return -errno;
  }
  return 0;
}
