// SPDX-License-Identifier: GPL-2.0-only
/* wr FILE VALUE: one write(2) of VALUE and a newline; says what came of it */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int c, char **v)
{
	char buf[8192];
	int fd, n, rc;

	if (c != 3)
		return 2;
	n = snprintf(buf, sizeof(buf), "%s\n", v[2]);
	fd = open(v[1], O_WRONLY);
	rc = fd < 0 ? -1 : (int)write(fd, buf, n);
	if (rc < 0) {
		printf("%s: %s (%d)\n", fd < 0 ? "open" : "write", strerrorname_np(errno), errno);
		return 1;
	}
	printf("ok (%d)\n", rc);
	return 0;
}
