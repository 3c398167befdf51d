#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int open_socket(const char *path, struct sockaddr_un *address, int flags) {
  int descriptor;
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (path[0] == '\0' || strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
  memcpy(address->sun_path, path, strlen(path) + 1);
  descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  return descriptor < 0 ? -errno : descriptor;
}

int apreserve_listen(const char *path, unsigned int mode, int backlog) {
  struct sockaddr_un address;
  int error;
  int descriptor = open_socket(path, &address, SOCK_NONBLOCK);
  if (descriptor < 0) return descriptor;
  /* The mode of the descriptor becomes the socket file's, so that it is never open to others. */
  if (fchmod(descriptor, mode) == 0 &&
      bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0 &&
      chmod(path, mode) == 0 && listen(descriptor, backlog) == 0)
    return descriptor;
  error = errno;
  close(descriptor);
  return -error;
}

int apreserve_connect(const char *path, int waits) {
  struct sockaddr_un address;
  int error;
  int descriptor = open_socket(path, &address, waits ? 0 : SOCK_NONBLOCK);
  if (descriptor < 0) return descriptor;
  if (connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0) return descriptor;
  error = errno;
  close(descriptor);
  return -error;
}

int apreserve_accept(int listener) {
  int descriptor;
  do descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  while (descriptor < 0 && errno == EINTR);
  return descriptor < 0 ? -errno : descriptor;
}

int apreserve_peer(int socket, struct apreserve_peer *peer) {
  struct ucred credentials;
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) return -errno;
  peer->process = credentials.pid;
  peer->user = credentials.uid;
  peer->group = credentials.gid;
  return 0;
}

int64_t apreserve_send(int socket, const void *bytes, uint64_t count) {
  ssize_t sent;
  do sent = send(socket, bytes, count, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}
