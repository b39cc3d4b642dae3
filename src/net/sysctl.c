/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel settings.
 */
#include "net/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"

int sysctl_write(const char *value, const char *path_format, ...)
{
	char path[PATH_MAX] = "/proc/sys/";
	size_t start = strlen(path);
	_cleanup_close_ int fd = -1;
	va_list arguments;

	va_start(arguments, path_format);
	vsnprintf(path + start, sizeof(path) - start, path_format, arguments);
	va_end(arguments);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return -errno;
	return 0;
}
