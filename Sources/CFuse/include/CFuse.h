#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fuse3/fuse_lowlevel.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

#include "requests.h"

/* Loads libfuse, which every function of it needs. The result is null, or a text that says why it cannot be loaded. */
const char *apreserve_load_fuse(void);

struct fuse_session *apreserve_session_new(struct fuse_args *arguments, const struct fuse_lowlevel_ops *operations,
                                           void *data);

/* A buffer with room for the members that newer versions of libfuse have at its end. */
struct apreserve_buffer {
  struct fuse_buf known;
  uint64_t rest[8];
};
int apreserve_receive(struct fuse_session *session, struct apreserve_buffer *buffer);
void apreserve_process(struct fuse_session *session, const struct apreserve_buffer *buffer);

/* Holds back the signals that end a session, so that none of them comes while a request is received: libfuse would
   drop the request. */
void apreserve_hold_signals(void);

/* Whether one of them is held back. As long as there are requests, the wait below does not let them come. */
bool apreserve_signal_is_held(void);

/* poll(2), during which these signals come. */
int apreserve_wait(struct pollfd *descriptors, nfds_t count, int milliseconds);

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
