#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static int write_text(const char *path, const char *text) {
  int descriptor = open(path, O_WRONLY | O_CLOEXEC);
  ssize_t length = (ssize_t)strlen(text);
  int result = 0;
  if (descriptor < 0) return -errno;
  if (write(descriptor, text, (size_t)length) != length) result = -errno;
  close(descriptor);
  return result;
}

/* Who is not root is root in a user namespace of their own, and nobody else is there. */
static int become_root(void) {
  char map[64];
  unsigned user = (unsigned)geteuid(), group = (unsigned)getegid();
  int result;
  if (unshare(CLONE_NEWUSER) != 0) return -errno;
  snprintf(map, sizeof map, "0 %u 1", user);
  result = write_text("/proc/self/uid_map", map);
  if (result != 0) return result;
  /* The kernel lets an unprivileged process map its group only after this. */
  result = write_text("/proc/self/setgroups", "deny");
  if (result != 0 && result != -ENOENT) return result;
  snprintf(map, sizeof map, "0 %u 1", group);
  return write_text("/proc/self/gid_map", map);
}

int apreserve_enter_private_mounts(int with_network) {
  int flags = CLONE_NEWNS | (with_network ? CLONE_NEWNET : 0);
  if (geteuid() != 0) {
    int result = become_root();
    if (result != 0) return result;
  }
  if (unshare(flags) != 0) return -errno;
  /* Nothing that is mounted from here on is seen outside. */
  return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ? 0 : -errno;
}

int apreserve_mount_over(const char *directory, const char *place) {
  return mount(directory, place, NULL, MS_BIND, NULL) == 0 ? 0 : -errno;
}

int apreserve_mount_empty(const char *place) {
  return mount("none", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") == 0 ? 0 : -errno;
}

int apreserve_unmount(const char *place) {
  return umount2(place, MNT_DETACH) == 0 ? 0 : -errno;
}
