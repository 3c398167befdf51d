// SPDX-License-Identifier: GPL-2.0-only
/*
 * race WATCHED FILE VALUE: writes VALUE to FILE as soon as WATCHED reads otherwise than at the start,
 * and says what came of it. So another process gets between two writes of the program under test.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static ssize_t look(int fd, char *buf, size_t size)
{
	return pread(fd, buf, size, 0);
}

int main(int c, char **v)
{
	char first[512], now[512];
	int watched, file;
	time_t end = time(NULL) + 120;
	ssize_t size;

	if (c != 4)
		return 2;
	watched = open(v[1], O_RDONLY);
	file = open(v[2], O_WRONLY);
	if (watched < 0 || file < 0)
		return perror("race"), 1;
	size = look(watched, first, sizeof(first));
	puts("watching");
	fflush(stdout);
	while (look(watched, now, sizeof(now)) == size && !memcmp(first, now, size))
		if (time(NULL) > end)
			return puts("nothing happened"), 1;
	if (write(file, v[3], strlen(v[3])) < 0)
		printf("write: %s (%d)\n", strerrorname_np(errno), errno);
	else
		printf("ok\n");
	return 0;
}
