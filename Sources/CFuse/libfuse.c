/* The functions of libfuse, which is loaded when the program runs and not linked: distributions have either
   libfuse3.so.3 or, since version 3.17, libfuse3.so.4. What is used here is the same in both. */
#define _GNU_SOURCE
#include "CFuse.h"

#include <dlfcn.h>
#include <stddef.h>

/* Where both have the members that are used. */
_Static_assert(offsetof(struct fuse_file_info, flags) == 0 && offsetof(struct fuse_file_info, fh) == 16, "");
_Static_assert(offsetof(struct fuse_entry_param, ino) == 0 && offsetof(struct fuse_entry_param, attr) == 16, "");
_Static_assert(offsetof(struct fuse_entry_param, attr_timeout) == 16 + sizeof(struct stat), "");
_Static_assert(offsetof(struct fuse_entry_param, entry_timeout) == 24 + sizeof(struct stat), "");
_Static_assert(offsetof(struct fuse_forget_data, nlookup) == 8 && sizeof(struct fuse_forget_data) == 16, "");
_Static_assert(offsetof(struct fuse_conn_info, proto_minor) == 4 && offsetof(struct fuse_conn_info, want) == 24, "");
_Static_assert(offsetof(struct fuse_buf, mem) == 16 && offsetof(struct fuse_buf, pos) == 32, "");

/* The places of the calls that are answered, in their table. */
#define CALL_IS_AT(place, name) \
  _Static_assert(offsetof(struct fuse_lowlevel_ops, name) == (place) * sizeof(void (*)(void)), "");
CALL_IS_AT(0, init) CALL_IS_AT(2, lookup) CALL_IS_AT(3, forget) CALL_IS_AT(4, getattr) CALL_IS_AT(5, setattr) CALL_IS_AT(6, readlink)
CALL_IS_AT(7, mknod) CALL_IS_AT(8, mkdir) CALL_IS_AT(9, unlink) CALL_IS_AT(10, rmdir) CALL_IS_AT(11, symlink)
CALL_IS_AT(12, rename) CALL_IS_AT(13, link) CALL_IS_AT(14, open) CALL_IS_AT(15, read) CALL_IS_AT(16, write)
CALL_IS_AT(18, release) CALL_IS_AT(20, opendir) CALL_IS_AT(21, readdir) CALL_IS_AT(22, releasedir)
CALL_IS_AT(30, create) CALL_IS_AT(38, forget_multi) CALL_IS_AT(41, readdirplus)

#define EACH_FUNCTION(DO) \
  DO(fuse_add_direntry) DO(fuse_add_direntry_plus) DO(fuse_opt_free_args) DO(fuse_remove_signal_handlers) \
  DO(fuse_reply_attr) DO(fuse_reply_buf) DO(fuse_reply_entry) DO(fuse_reply_err) DO(fuse_reply_none) \
  DO(fuse_reply_open) DO(fuse_reply_readlink) DO(fuse_reply_write) DO(fuse_req_userdata) DO(fuse_session_destroy) \
  DO(fuse_session_exited) DO(fuse_session_fd) DO(fuse_session_mount) DO(fuse_session_process_buf) \
  DO(fuse_session_receive_buf) DO(fuse_session_reset) DO(fuse_session_unmount) DO(fuse_set_signal_handlers)

static struct {
  /* Not as the headers declare it, which is a macro in some. */
  struct fuse_session *(*fuse_session_new_30)(struct fuse_args *, const struct fuse_lowlevel_ops *, size_t, void *);
#define MEMBER(name) __typeof__(&name) name;
  EACH_FUNCTION(MEMBER)
} library;

const char *apreserve_load_fuse(void) {
  void *handle = dlopen("libfuse3.so.4", RTLD_NOW);
  if (handle == NULL) handle = dlopen("libfuse3.so.3", RTLD_NOW);
  if (handle == NULL) return dlerror();
  *(void **)&library.fuse_session_new_30 = dlvsym(handle, "fuse_session_new", "FUSE_3.0");
  if (library.fuse_session_new_30 == NULL) return dlerror();
#define FIND(name) \
  if ((*(void **)&library.name = dlsym(handle, #name)) == NULL) return dlerror();
  EACH_FUNCTION(FIND)
  return NULL;
}

/* Under their own names, but for this program alone: libfuse calls its own. */
#define HIDDEN __attribute__((visibility("hidden")))
HIDDEN size_t fuse_add_direntry(fuse_req_t request, char *buffer, size_t size, const char *name,
                                const struct stat *status, off_t next) {
  return library.fuse_add_direntry(request, buffer, size, name, status, next);
}
HIDDEN size_t fuse_add_direntry_plus(fuse_req_t request, char *buffer, size_t size, const char *name,
                                     const struct fuse_entry_param *entry, off_t next) {
  return library.fuse_add_direntry_plus(request, buffer, size, name, entry, next);
}
HIDDEN void fuse_opt_free_args(struct fuse_args *arguments) { library.fuse_opt_free_args(arguments); }
HIDDEN void fuse_remove_signal_handlers(struct fuse_session *session) { library.fuse_remove_signal_handlers(session); }
HIDDEN int fuse_reply_attr(fuse_req_t request, const struct stat *attributes, double timeout) {
  return library.fuse_reply_attr(request, attributes, timeout);
}
HIDDEN int fuse_reply_buf(fuse_req_t request, const char *bytes, size_t count) {
  return library.fuse_reply_buf(request, bytes, count);
}
HIDDEN int fuse_reply_entry(fuse_req_t request, const struct fuse_entry_param *entry) {
  return library.fuse_reply_entry(request, entry);
}
HIDDEN int fuse_reply_err(fuse_req_t request, int error) { return library.fuse_reply_err(request, error); }
HIDDEN void fuse_reply_none(fuse_req_t request) { library.fuse_reply_none(request); }
HIDDEN int fuse_reply_open(fuse_req_t request, const struct fuse_file_info *information) {
  return library.fuse_reply_open(request, information);
}
HIDDEN int fuse_reply_readlink(fuse_req_t request, const char *target) {
  return library.fuse_reply_readlink(request, target);
}
HIDDEN int fuse_reply_write(fuse_req_t request, size_t count) { return library.fuse_reply_write(request, count); }
HIDDEN void *fuse_req_userdata(fuse_req_t request) { return library.fuse_req_userdata(request); }
HIDDEN void fuse_session_destroy(struct fuse_session *session) { library.fuse_session_destroy(session); }
HIDDEN int fuse_session_exited(struct fuse_session *session) { return library.fuse_session_exited(session); }
HIDDEN int fuse_session_fd(struct fuse_session *session) { return library.fuse_session_fd(session); }
HIDDEN int fuse_session_mount(struct fuse_session *session, const char *directory) {
  return library.fuse_session_mount(session, directory);
}
HIDDEN void fuse_session_reset(struct fuse_session *session) { library.fuse_session_reset(session); }
HIDDEN void fuse_session_unmount(struct fuse_session *session) { library.fuse_session_unmount(session); }
HIDDEN int fuse_set_signal_handlers(struct fuse_session *session) { return library.fuse_set_signal_handlers(session); }

struct fuse_session *apreserve_session_new(struct fuse_args *arguments, const struct fuse_lowlevel_ops *operations,
                                           void *data) {
  return library.fuse_session_new_30(arguments, operations, sizeof *operations, data);
}

int apreserve_receive(struct fuse_session *session, struct apreserve_buffer *buffer) {
  return library.fuse_session_receive_buf(session, &buffer->known);
}

void apreserve_process(struct fuse_session *session, const struct apreserve_buffer *buffer) {
  library.fuse_session_process_buf(session, &buffer->known);
}
