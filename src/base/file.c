/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files and folders.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define READ_STEP 4096

/* What mkostemp makes names of. */
static const char alphanumeric[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* Reads up to `max` + 1 bytes: the one too many tells that there is more. */
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *data = NULL;
	size_t size = 0, room = 0;

	for (;;) {
		ssize_t got;

		if (room - size < READ_STEP / 2) {
			room = room ? 2 * room : READ_STEP;
			data = xrealloc(data, room);
		}
		got = read(fd, data + size, room - size - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		size += (size_t)got;
		if (size > max)
			return -EFBIG;
	}
	data[size] = '\0';
	*ret = TAKE_PTR(data);
	if (ret_size)
		*ret_size = size;
	return 0;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* it may be a FIFO */

	return fd < 0 ? -errno : file_read_fd(fd, max, ret, ret_size);
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xasprintf("%.*s", (int)(slash - path), path);
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, data, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		data += written;
		size -= (size_t)written;
	}
	return 0;
}

static int fill(int fd, const char *data, size_t size, mode_t mode)
{
	int result = write_all(fd, data, size);

	if (result < 0)
		return result;
	return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* A new, complete file beside `path`; the caller frees its name. */
static int write_beside(const char *path, const char *data, size_t size, mode_t mode, char **ret)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	_cleanup_free_ char *temporary = xasprintf("%.*s.%s.XXXXXX", (int)(name - path), path, name);
	_cleanup_close_ int fd = mkostemp(temporary, O_CLOEXEC);
	int result;

	if (fd < 0)
		return -errno;
	result = fill(fd, data, size, mode);
	if (result < 0) {
		unlink(temporary);
		return result;
	}
	*ret = TAKE_PTR(temporary);
	return 0;
}

/* Makes names in the folder of `path` last. */
static int folder_sync(const char *path)
{
	_cleanup_free_ char *folder = folder_of(path);
	_cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_write_atomic(const char *path, const char *data, size_t size, mode_t mode)
{
	_cleanup_free_ char *temporary = NULL;
	int result = write_beside(path, data, size, mode, &temporary);

	if (result < 0)
		return result;
	if (rename(temporary, path) < 0) {
		result = -errno;
		unlink(temporary);
		return result;
	}
	return folder_sync(path);
}

int file_create_atomic(const char *path, const char *data, size_t size, mode_t mode)
{
	_cleanup_free_ char *temporary = NULL;
	int result = write_beside(path, data, size, mode, &temporary);

	if (result < 0)
		return result;
	/* Not rename with RENAME_NOREPLACE: network file systems have only this one. */
	if (link(temporary, path) < 0)
		result = -errno;
	unlink(temporary);
	return result < 0 ? result : folder_sync(path);
}

int file_delete(const char *path)
{
	if (unlink(path) < 0)
		return errno == ENOENT ? 0 : -errno;
	return folder_sync(path);
}

bool file_is_temporary(const char *name)
{
	size_t length = strlen(name), ending = strlen(".XXXXXX");

	return *name == '.' && length > ending + 1 && name[length - ending] == '.' &&
	       strspn(name + length - ending + 1, alphanumeric) == ending - 1;
}

static int folder_make_one(const char *path, mode_t mode)
{
	struct stat status;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &status) < 0)
		return -errno;
	return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

int folder_make(const char *path, mode_t mode)
{
	_cleanup_free_ char *part = xstrdup(path);
	int result;

	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		result = folder_make_one(part, mode);
		*slash = '/';
		if (result < 0)
			return result;
	}
	return folder_make_one(part, mode);
}
