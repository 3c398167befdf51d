#define _GNU_SOURCE
#include "CFuse.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>

/* Those that libfuse handles (`fuse_set_signal_handlers`). */
static const int endings[] = {SIGHUP, SIGINT, SIGTERM};
enum { COUNT = sizeof endings / sizeof *endings };

void apreserve_hold_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  for (int index = 0; index < COUNT; index++) sigaddset(&set, endings[index]);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
}

bool apreserve_signal_is_held(void) {
  sigset_t set;
  if (sigpending(&set) != 0) return false;
  for (int index = 0; index < COUNT; index++)
    if (sigismember(&set, endings[index]) == 1) return true;
  return false;
}

int apreserve_wait(struct pollfd *descriptors, nfds_t count, int milliseconds) {
  struct timespec limit = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
  sigset_t set;
  pthread_sigmask(SIG_SETMASK, NULL, &set);
  for (int index = 0; index < COUNT; index++) sigdelset(&set, endings[index]);
  return ppoll(descriptors, count, milliseconds < 0 ? NULL : &limit, &set);
}
