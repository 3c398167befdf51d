/* The functions of libfuse, which is loaded when the program runs and not linked: distributions have either
   libfuse3.so.3 or, since version 3.17, libfuse3.so.4. What is used here is the same in both. */
#define _GNU_SOURCE
#include "CFuse.h"

#include <dlfcn.h>
#include <stddef.h>

/* Where both have the members that are used. */
_Static_assert(offsetof(struct fuse_file_info, flags) == 0 && offsetof(struct fuse_file_info, fh) == 16, "");
_Static_assert(offsetof(struct fuse_config, entry_timeout) == 24 && offsetof(struct fuse_config, direct_io) == 72, "");
_Static_assert(offsetof(struct fuse_context, private_data) == 24, "");
_Static_assert(offsetof(struct fuse_buf, mem) == 16 && offsetof(struct fuse_buf, pos) == 32, "");

#define EACH_FUNCTION(DO) \
  DO(fuse_destroy) DO(fuse_get_context) DO(fuse_get_session) DO(fuse_mount) DO(fuse_opt_free_args) \
  DO(fuse_remove_signal_handlers) DO(fuse_session_exited) DO(fuse_session_fd) DO(fuse_session_process_buf) \
  DO(fuse_session_receive_buf) DO(fuse_set_signal_handlers) DO(fuse_unmount)

static struct {
  /* Not as the headers declare it, which is a macro in some. */
  struct fuse *(*fuse_new_31)(struct fuse_args *, const struct fuse_operations *, size_t, void *);
#define MEMBER(name) __typeof__(&name) name;
  EACH_FUNCTION(MEMBER)
} library;

const char *apreserve_load_fuse(void) {
  void *handle = dlopen("libfuse3.so.4", RTLD_NOW);
  if (handle == NULL) handle = dlopen("libfuse3.so.3", RTLD_NOW);
  if (handle == NULL) return dlerror();
  *(void **)&library.fuse_new_31 = dlvsym(handle, "fuse_new", "FUSE_3.1");
  if (library.fuse_new_31 == NULL) return dlerror();
#define FIND(name) \
  if ((*(void **)&library.name = dlsym(handle, #name)) == NULL) return dlerror();
  EACH_FUNCTION(FIND)
  return NULL;
}

/* Under their own names, but for this program alone: libfuse calls its own. */
#define HIDDEN __attribute__((visibility("hidden")))
HIDDEN void fuse_destroy(struct fuse *fuse) { library.fuse_destroy(fuse); }
HIDDEN struct fuse_context *fuse_get_context(void) { return library.fuse_get_context(); }
HIDDEN struct fuse_session *fuse_get_session(struct fuse *fuse) { return library.fuse_get_session(fuse); }
HIDDEN int fuse_mount(struct fuse *fuse, const char *directory) { return library.fuse_mount(fuse, directory); }
HIDDEN void fuse_opt_free_args(struct fuse_args *arguments) { library.fuse_opt_free_args(arguments); }
HIDDEN void fuse_remove_signal_handlers(struct fuse_session *session) { library.fuse_remove_signal_handlers(session); }
HIDDEN int fuse_session_exited(struct fuse_session *session) { return library.fuse_session_exited(session); }
HIDDEN int fuse_session_fd(struct fuse_session *session) { return library.fuse_session_fd(session); }
HIDDEN int fuse_set_signal_handlers(struct fuse_session *session) { return library.fuse_set_signal_handlers(session); }
HIDDEN void fuse_unmount(struct fuse *fuse) { library.fuse_unmount(fuse); }

struct fuse *apreserve_fuse_new(struct fuse_args *arguments, const struct fuse_operations *operations, void *data) {
  return library.fuse_new_31(arguments, operations, sizeof *operations, data);
}

int apreserve_receive(struct fuse_session *session, struct apreserve_buffer *buffer) {
  return library.fuse_session_receive_buf(session, &buffer->known);
}

void apreserve_process(struct fuse_session *session, const struct apreserve_buffer *buffer) {
  library.fuse_session_process_buf(session, &buffer->known);
}
