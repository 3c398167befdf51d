/* Requests as the kernel puts them to a file system, for what is looked at before libfuse does. */

#include <errno.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

enum apreserve_request_kind {
  APRESERVE_REQUEST_OTHER,
  APRESERVE_REQUEST_READ,
  APRESERVE_REQUEST_WRITE,
  APRESERVE_REQUEST_INTERRUPT,
};

/* A request to read or write an open file, or the news that who waits for an answer has got a signal. */
struct apreserve_request {
  enum apreserve_request_kind kind;
  uint64_t number;
  /* The handle of the file, or the number of the request that is waited for. */
  uint64_t subject;
  /* Where reading begins. */
  uint64_t offset;
  /* What is to be written. */
  const void *bytes;
  uint32_t count;
};

static inline struct apreserve_request apreserve_read_request(const void *buffer, size_t size) {
  struct apreserve_request request = {.kind = APRESERVE_REQUEST_OTHER};
  struct fuse_in_header header;
  if (size < sizeof header)
    return request;
  memcpy(&header, buffer, sizeof header);
  const char *rest = (const char *)buffer + sizeof header;
  size -= sizeof header;
  request.number = header.unique;
  if (header.opcode == FUSE_INTERRUPT && size >= sizeof(struct fuse_interrupt_in)) {
    struct fuse_interrupt_in interrupt;
    memcpy(&interrupt, rest, sizeof interrupt);
    request.kind = APRESERVE_REQUEST_INTERRUPT;
    request.subject = interrupt.unique;
  }
  if (header.opcode == FUSE_READ && size >= sizeof(struct fuse_read_in)) {
    struct fuse_read_in read;
    memcpy(&read, rest, sizeof read);
    request.kind = APRESERVE_REQUEST_READ;
    request.subject = read.fh;
    request.offset = read.offset;
  }
  if (header.opcode == FUSE_WRITE && size >= sizeof(struct fuse_write_in)) {
    struct fuse_write_in write;
    memcpy(&write, rest, sizeof write);
    if (write.size > size - sizeof write)
      return request;
    request.kind = APRESERVE_REQUEST_WRITE;
    request.subject = write.fh;
    request.bytes = rest + sizeof write;
    request.count = write.size;
  }
  return request;
}

/* Answers a write that libfuse never sees: so many bytes were taken. One that is gone by now is no concern. */
static inline void apreserve_answer_written(int descriptor, uint64_t number, uint32_t count) {
  struct fuse_write_out written = {.size = count};
  struct fuse_out_header header = {.len = sizeof header + sizeof written, .unique = number};
  struct iovec parts[] = {{&header, sizeof header}, {&written, sizeof written}};
  (void)!writev(descriptor, parts, 2);
}

/* Answers such a request with an error. */
static inline void apreserve_answer_failure(int descriptor, uint64_t number, int error) {
  struct fuse_out_header header = {.len = sizeof header, .error = -error, .unique = number};
  struct iovec part = {&header, sizeof header};
  (void)!writev(descriptor, &part, 1);
}

/* Has the kernel drop a name that it keeps of a directory: it asks for it when it is used next. The result is 0, or a
   negative error number. */
static inline int apreserve_drop_name(int descriptor, uint64_t directory, const char *name) {
  struct fuse_notify_inval_entry_out entry = {.parent = directory, .namelen = (uint32_t)strlen(name)};
  struct fuse_out_header header = {
      .len = sizeof header + sizeof entry + entry.namelen + 1,
      .error = FUSE_NOTIFY_INVAL_ENTRY,
  };
  struct iovec parts[] = {{&header, sizeof header}, {&entry, sizeof entry}, {(void *)name, entry.namelen + 1}};
  return writev(descriptor, parts, 3) < 0 ? -errno : 0;
}
