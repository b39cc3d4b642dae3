/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces.
 */
#include "net/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

int netns_open(const char *path, int *ret, struct error *error)
{
	/* Not to hang on a FIFO of that name. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return error_set_errno(error, -errno, "cannot open the network namespace %s", path);
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return error_set(error, -EINVAL, "%s is no network namespace", path);
	*ret = TAKE_FD(fd);
	return 0;
}

static int open_own(int *ret, struct error *error)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_set_errno(error, -errno, "cannot open this thread's network namespace in /proc");
	*ret = fd;
	return 0;
}

/* A thread that cannot be brought back ends the process. */
static void return_to(int home)
{
	if (!setns(home, CLONE_NEWNET))
		return;
	log_error("cannot return from a network namespace: %s", strerror(errno));
	abort();
}

static int mount_new(const char *path, struct error *error)
{
	_cleanup_close_ int home = -1;
	int result;

	result = open_own(&home, error);
	if (result)
		return result;
	if (unshare(CLONE_NEWNET))
		return error_set_errno(error, -errno, "cannot make a network namespace");
	result = mount("/proc/thread-self/ns/net", path, NULL, MS_BIND, NULL) ? -errno : 0;
	return_to(home);
	return result ? error_set_errno(error, result, "cannot mount a network namespace at %s", path) : 0;
}

int netns_keep(const char *path, struct error *error)
{
	_cleanup_close_ int fd = -1;

	if (!netns_open(path, &fd, NULL))
		return 0;
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0400);
	if (fd < 0)
		return error_set_errno(error, -errno, "cannot make %s", path);
	return mount_new(path, error);
}

int netns_drop(const char *path, struct error *error)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) && errno != EINVAL && errno != ENOENT)
		return error_set_errno(error, -errno, "cannot unmount %s", path);
	if (unlink(path) && errno != ENOENT)
		return error_set_errno(error, -errno, "cannot remove %s", path);
	return 0;
}

int netns_call(int netns_fd, int (*function)(void *userdata), void *userdata, struct error *error)
{
	_cleanup_close_ int home = -1;
	int result;

	result = open_own(&home, error);
	if (result)
		return result;
	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return error_set_errno(error, -errno, "cannot enter the network namespace");
	result = function(userdata);
	return_to(home);
	return result;
}
