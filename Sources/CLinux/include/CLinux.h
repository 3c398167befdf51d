#ifndef APRESERVE_CLINUX_H
#define APRESERVE_CLINUX_H

#include <stdint.h>

/*
 * What Swift cannot reach: calls without a function in the C library, and constants that the C
 * library shows only with _GNU_SOURCE. Every function keeps nothing and is safe on any thread.
 */

/*
 * Opens the regular file `path` below the open directory `directory` without following any link and
 * without leaving the directory: every component must be a name, so that "..", "." and an absolute
 * path are refused with EINVAL, and a link anywhere on the way is refused with ELOOP or ENOTDIR.
 * Anything but a regular file (a directory, a pipe, a device) is refused with EINVAL, and opening
 * never waits. `flags` is O_RDONLY or O_WRONLY; close-on-exec is always set.
 *
 * With `walks` not 0 the path is walked component by component although the kernel may have openat2(2)
 * (Linux 5.6): what is done anyway where the kernel or a container refuses that call.
 *
 * Returns the descriptor, or the negative error number.
 */
int apreserve_open_file_beneath(int directory, const char *path, int flags, int walks);

/*
 * The same for reading a directory; an empty path is `directory` itself.
 */
int apreserve_open_directory_beneath(int directory, const char *path, int walks);

/*
 * The same for a directory that is not to be read itself, only what is in it: a file system that a program serves
 * need not be asked to open it then (O_PATH in open(2)).
 */
int apreserve_find_directory_beneath(int directory, const char *path, int walks);

/*
 * Lets two names of one directory's file system change places (renameat2(2), RENAME_EXCHANGE), so that
 * neither is missing at any moment. Returns 0 or the negative error number; EINVAL or ENOSYS where the
 * file system or the kernel cannot.
 */
int apreserve_exchange(const char *one, const char *other);

/*
 * Gives a file another name if that is free (RENAME_NOREPLACE). Returns 0 or the negative error number;
 * EEXIST if it is taken.
 */
int apreserve_rename_to_free(const char *from, const char *to);

/*
 * Keeps every process from opening a file for writing, or cutting it, until the writers are let in or the
 * descriptor, which only reads, is closed: they wait, or fail with EWOULDBLOCK if they opened it with
 * O_NONBLOCK. Returns 0; 1 if a process has the file open for writing already; or the negative error number if
 * the kernel does not say: the file system has no leases, or this user does not own the file and is not
 * privileged (F_SETLEASE of fcntl(2)).
 */
int apreserve_keep_writers_out(int descriptor);

/* Lets writers in again. */
void apreserve_let_writers_in(int descriptor);

/*
 * Opens what of the descriptors 0 to 2 is closed, on /dev/null: or the next file that is opened would get
 * such a number, and messages would be written into it. To be called before anything is opened. Returns 0
 * or the negative error number.
 */
int apreserve_open_standard_descriptors(void);

/*
 * Opens a counter (eventfd(2)) of value 0: not blocking, closed on exec. Returns the descriptor, or the
 * negative error number.
 */
int apreserve_open_counter(void);

/* One instruction of a socket filter: struct sock_filter of linux/filter.h. */
struct apreserve_filter_instruction {
  uint16_t code;
  uint8_t jump_if_true;
  uint8_t jump_if_false;
  uint32_t operand;
};

/*
 * Puts a filter before a socket's receive queue: what it refuses never takes room there. Returns 0, or
 * the negative error number; EINVAL for a program that the kernel's check refuses.
 */
int apreserve_attach_filter(int socket, const struct apreserve_filter_instruction *instructions,
                            unsigned short count);

/*
 * Makes a socket file with exactly that mode and listens on it; nothing may be there before. The socket
 * does not block. Returns the descriptor, or the negative error number; ENAMETOOLONG for a path that is
 * empty or longer than a socket's may be.
 */
int apreserve_listen(const char *path, unsigned int mode, int backlog);

/*
 * Connects to a socket file. With `waits` not 0 it waits while too many others do, and the descriptor
 * blocks. Returns the descriptor, or the negative error number.
 */
int apreserve_connect(const char *path, int waits);

/*
 * Accepts a connection. Returns its descriptor, which does not block, or the negative error number.
 */
int apreserve_accept(int listener);

/* Who was at the other end when the connection was made. */
struct apreserve_peer {
  int32_t process;
  uint32_t user;
  uint32_t group;
};

/* Asks the kernel for the other end. Returns 0 or the negative error number. */
int apreserve_peer(int socket, struct apreserve_peer *peer);

/*
 * Sends what there is room for; a connection that is closed is an error and no signal. Returns the number
 * of bytes, or the negative error number.
 */
int64_t apreserve_send(int socket, const void *bytes, uint64_t count);

/* Returns freed memory to the kernel where the C library keeps it (malloc_trim(3)). */
void apreserve_return_memory(void);

/*
 * Gives this process, and those that it starts from then on, mounts of their own (mount_namespaces(7)), and
 * `with_network` a network of its own. Who is not root becomes it in a user namespace of its own. To be called
 * while there is only one thread. Returns 0 or the negative error number.
 */
int apreserve_enter_private_mounts(int with_network);

/* Shows a directory at another place as well. Returns 0 or the negative error number. */
int apreserve_mount_over(const char *directory, const char *place);

/* Mounts an empty directory in memory at a place, or takes it away. Returns 0 or the negative error number. */
int apreserve_mount_empty(const char *place);
int apreserve_unmount(const char *place);

/*
 * Gives an open file the extended attributes of another one, access control lists among them. Returns 0 or the
 * negative error number.
 */
int apreserve_copy_attributes(const char *path, int descriptor);

#endif
