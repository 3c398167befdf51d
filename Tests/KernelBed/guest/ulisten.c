// SPDX-License-Identifier: GPL-2.0-only
/*
 * ulisten FILE MARKS ANSWERS
 *
 * Records the kernel's uevents in FILE, in the form of "udevadm monitor --kernel --property", and the
 * lines that come through the FIFO MARKS between them. Before a line is written, every event that the
 * kernel has sent is read; then a line goes to the FIFO ANSWERS. So a mark stands exactly between what
 * happened before and what happened after it. A loss is written down as "# LOST".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static FILE *out;

static const char *value(const char *buf, size_t size, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = buf; p < buf + size; p += strlen(p) + 1)
		if (!strncmp(p, key, n) && p[n] == '=')
			return p + n + 1;
	return "";
}

static void print(const char *buf, size_t size)
{
	struct timespec t;
	const char *p;

	clock_gettime(CLOCK_MONOTONIC, &t);
	fprintf(out, "KERNEL[%ld.%06ld] %-8s %s (%s)\n", (long)t.tv_sec, t.tv_nsec / 1000,
		value(buf, size, "ACTION"), value(buf, size, "DEVPATH"), value(buf, size, "SUBSYSTEM"));
	/* the first string is ACTION@DEVPATH */
	for (p = buf + strlen(buf) + 1; p < buf + size; p += strlen(p) + 1)
		fprintf(out, "%s\n", p);
	fputc('\n', out);
}

/* reads all that is there */
static void drain(int s)
{
	static char buf[16384];
	ssize_t n;

	for (;;) {
		n = recv(s, buf, sizeof(buf) - 1, MSG_DONTWAIT);
		if (n > 0) {
			buf[n] = 0;
			print(buf, n);
		} else if (n < 0 && errno == ENOBUFS) {
			fputs("# LOST\n", out);
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else {
			return;
		}
	}
}

int main(int c, char **v)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT), size = 64 << 20;
	int marks, answers;

	if (c != 4 || !(out = fopen(v[1], "a")))
		return 2;
	marks = open(v[2], O_RDWR | O_CLOEXEC);
	answers = open(v[3], O_RDWR | O_CLOEXEC);
	if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    bind(s, (void *)&a, sizeof(a)) || marks < 0 || answers < 0)
		return perror("ulisten"), 1;
	fputs("monitor will print the received events for:\nKERNEL - the kernel uevent\n\n", out);
	for (;;) {
		struct pollfd p[] = { { s, POLLIN, 0 }, { marks, POLLIN, 0 } };
		char line[4096];
		ssize_t n;

		if (poll(p, 2, -1) < 0)
			continue;
		drain(s);
		if (p[1].revents & POLLIN) {
			n = read(marks, line, sizeof(line));
			drain(s);
			if (n > 0)
				fwrite(line, n, 1, out);
			fflush(out);
			if (write(answers, "\n", 1) != 1)
				return 1;
		}
	}
}
