#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

int apreserve_open_counter(void) {
  int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

int apreserve_attach_filter(int socket, const struct apreserve_filter_instruction *instructions,
                            unsigned short count) {
  struct sock_filter program[BPF_MAXINSNS];
  struct sock_fprog whole = {.len = count, .filter = program};
  if (count == 0 || count > BPF_MAXINSNS) return -EINVAL;
  for (unsigned short index = 0; index < count; index++)
    program[index] = (struct sock_filter){
        .code = instructions[index].code,
        .jt = instructions[index].jump_if_true,
        .jf = instructions[index].jump_if_false,
        .k = instructions[index].operand,
    };
  return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &whole, sizeof whole) < 0 ? -errno : 0;
}
