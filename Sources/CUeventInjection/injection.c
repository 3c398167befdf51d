#define _GNU_SOURCE
#include "CUeventInjection.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int apreserve_can_unshare_network(void) {
  int status;
  pid_t child = fork();
  if (child == 0) _exit(unshare(CLONE_NEWNET) == 0 ? 0 : 1);
  if (child < 0) return 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return 0;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int apreserve_unshare_network(void) { return unshare(CLONE_NEWNET) == 0 ? 0 : -errno; }

int apreserve_open_injection(void) {
  int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
  return descriptor < 0 ? -errno : descriptor;
}

int apreserve_inject(int descriptor, const void *message, unsigned int length) {
  unsigned char buffer[4096];
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  struct nlmsghdr header = {
      .nlmsg_len = NLMSG_HDRLEN + length,
      .nlmsg_type = NLMSG_MIN_TYPE,
      .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
  };
  struct nlmsgerr verdict;
  ssize_t count;
  if (length > sizeof buffer - NLMSG_HDRLEN) return -EMSGSIZE;
  memcpy(buffer, &header, sizeof header);
  memcpy(buffer + NLMSG_HDRLEN, message, length);
  if (sendto(descriptor, buffer, header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
    return -errno;
  count = recv(descriptor, buffer, sizeof buffer, 0);
  if (count < 0) return -errno;
  if ((size_t)count < NLMSG_HDRLEN + sizeof verdict) return -EBADMSG;
  memcpy(&verdict, buffer + NLMSG_HDRLEN, sizeof verdict);
  return verdict.error;
}

int apreserve_forge(int descriptor, const void *message, unsigned int length) {
  struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = 1};
  ssize_t count = sendto(descriptor, message, length, 0, (struct sockaddr *)&group, sizeof group);
  return count < 0 ? -errno : 0;
}
