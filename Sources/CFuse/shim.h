#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fuse3/fuse.h>
#include <fuse3/fuse_lowlevel.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

#include "requests.h"

/* A macro in some versions of libfuse, which Swift does not see. */
static inline struct fuse *apreserve_fuse_new(struct fuse_args *arguments,
                                              const struct fuse_operations *operations,
                                              void *data) {
  return fuse_new(arguments, operations, sizeof *operations, data);
}

/* Has the kernel send this process a signal when its parent ends. */
static inline int apreserve_end_with_parent(void) {
  return prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* Whether a directory is of a file system that a program serves. Swift's module of the C library does not
   have the call. */
static inline bool apreserve_is_served(const char *directory) {
  struct statfs system;
  return statfs(directory, &system) == 0 && system.f_type == FUSE_SUPER_MAGIC;
}
