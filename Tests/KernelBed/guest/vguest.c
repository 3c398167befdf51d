// SPDX-License-Identifier: GPL-2.0-only
/*
 * vguest UUID: opens a mediated device as a virtual machine monitor does, prints "runs", and holds it until
 * it is killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int failed(const char *what)
{
	printf("%s: %s (%d)\n", what, strerrorname_np(errno), errno);
	return 1;
}

int main(int c, char **v)
{
	char path[512], group_link[512];
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int container, group;
	ssize_t n;

	if (c != 2)
		return 2;
	snprintf(path, sizeof(path), "/sys/devices/vfio_ap/matrix/%s/iommu_group", v[1]);
	n = readlink(path, group_link, sizeof(group_link) - 1);
	if (n < 0)
		return failed("readlink");
	group_link[n] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(group_link, '/') + 1);
	container = open("/dev/vfio/vfio", O_RDWR);
	group = open(path, O_RDWR);
	if (container < 0 || group < 0)
		return failed("open");
	if (ioctl(group, VFIO_GROUP_GET_STATUS, &status) || ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU))
		return failed("container");
	if (ioctl(group, VFIO_GROUP_GET_DEVICE_FD, v[1]) < 0)
		return failed("device");
	puts("runs");
	fflush(stdout);
	for (;;)
		pause();
}
