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

int netns_call(int netns_fd, int (*function)(void *userdata), void *userdata, struct error *error)
{
	_cleanup_close_ int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int result;

	if (home < 0)
		return error_set_errno(error, -errno, "cannot open this thread's network namespace in /proc");
	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return error_set_errno(error, -errno, "cannot enter the network namespace");
	result = function(userdata);
	if (setns(home, CLONE_NEWNET) < 0) {
		log_error("cannot return from a network namespace: %s", strerror(errno));
		abort();
	}
	return result;
}
