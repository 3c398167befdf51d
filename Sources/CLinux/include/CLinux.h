#ifndef APRESERVE_CLINUX_H
#define APRESERVE_CLINUX_H

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

#endif
