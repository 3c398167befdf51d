#ifndef APRESERVE_CUEVENTINJECTION_H
#define APRESERVE_CUEVENTINJECTION_H

/*
 * Uevents of our own making, which the kernel passes on to the listeners of this network namespace as
 * if a device had sent them. For tests in a namespace of their own only: in the host's they would
 * reach the host's udevd.
 */

/* Whether a child process may have a network namespace of its own. */
int apreserve_can_unshare_network(void);

/* Puts this thread into a new network namespace. Returns 0 or the negative error number. */
int apreserve_unshare_network(void);

/*
 * Opens a socket for injecting. Returns the descriptor or the negative error number.
 */
int apreserve_open_injection(void);

/*
 * Injects one message: `action@devpath` and the properties, each ended by a NUL, without SEQNUM, which
 * the kernel adds. Waits for the kernel's verdict. Returns 0 or the negative error number.
 */
int apreserve_inject(int descriptor, const void *message, unsigned int length);

/*
 * Sends the message to the listeners by itself, as a forger would; it does not pass the kernel's check.
 * Returns 0 or the negative error number.
 */
int apreserve_forge(int descriptor, const void *message, unsigned int length);

#endif
