#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>

int apreserve_open_standard_descriptors(void) {
  for (int descriptor = 0; descriptor <= 2; descriptor++) {
    if (fcntl(descriptor, F_GETFD) >= 0) continue;
    /* The lowest free number, which is this one. Without /dev anything that cannot be written will do. */
    if (open("/dev/null", descriptor == 0 ? O_RDONLY : O_WRONLY) >= 0) continue;
    if (open("/", O_RDONLY | O_DIRECTORY) < 0) return -errno;
  }
  return 0;
}
