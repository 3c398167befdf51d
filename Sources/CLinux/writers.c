#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/vfs.h>

/* File systems whose EAGAIN only says that their server grants no lease (linux/magic.h). */
enum { nfs = 0x6969 };
static const uint32_t smb = 0xff534d42, smb2 = 0xfe534d42;

int apreserve_keep_writers_out(int descriptor) {
  struct statfs place;
  if (fstatfs(descriptor, &place) != 0) return -errno;
  uint32_t type = (uint32_t)place.f_type;
  if (type == nfs || type == smb || type == smb2) return -EOPNOTSUPP;
  /*
   * Whoever opens the file for writing meanwhile makes the kernel send a signal: SIGIO, which ends a process
   * that does not expect it. Chosen for this descriptor alone, SIGURG does nothing wherever nobody has asked
   * for it, whatever the process does with other signals.
   */
  if (fcntl(descriptor, F_SETSIG, SIGURG) != 0) return -errno;
  if (fcntl(descriptor, F_SETLEASE, F_RDLCK) == 0) return 0;
  return errno == EAGAIN ? 1 : -errno;
}

void apreserve_let_writers_in(int descriptor) { fcntl(descriptor, F_SETLEASE, F_UNLCK); }
