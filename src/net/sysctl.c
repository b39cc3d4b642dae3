/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings below /proc/sys.
 */
#include "net/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

#define VALUE_MAX 64

static bool is_so_already(const char *path, const char *value)
{
	_cleanup_free_ char *current = NULL;

	if (file_read(path, VALUE_MAX, &current, NULL) < 0)
		return false;
	current[strcspn(current, "\n")] = '\0';
	return !strcmp(current, value);
}

int sysctl_set(const char *name, const char *value, struct error *error)
{
	_cleanup_free_ char *path = xasprintf("/proc/sys/%s", name);
	_cleanup_close_ int fd = -1;

	if (is_so_already(path, value))
		return 0;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return error_set_errno(error, -errno, "cannot set %s to %s", path, value);
	return 0;
}
