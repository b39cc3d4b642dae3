/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening unix socket: taken over from a dead process, never from a live one. The folder is locked meanwhile, so
 * that of two starting at once one wins.
 */
#include "http/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

#define SOCKET_GROUP   "pilus"
#define SOCKET_MODE    0660
#define SOCKET_BACKLOG 64

static int address_of(const char *path, struct sockaddr_un *ret, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (path[0] != '/')
		return error_set(error, -EINVAL, "the socket's path must be absolute, not %s", path);
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(error, -ENAMETOOLONG, "the socket's path is longer than %zu bytes: %s",
		                 sizeof(address.sun_path) - 1, path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	*ret = address;
	return 0;
}

/* Makes the folder where it is missing. The lock is let go with the descriptor. */
static int lock_folder(const char *path, int *ret, struct error *error)
{
	_cleanup_free_ char *folder = xstrdup(path);
	_cleanup_close_ int fd = -1;
	int result;

	*strrchr(folder, '/') = '\0';
	result = *folder ? folder_make(folder, 0755) : 0;
	if (result < 0)
		return error_set_errno(error, result, "cannot make the socket's folder %s", folder);
	fd = open(*folder ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return error_set_errno(error, -errno, "cannot lock the socket's folder %s", folder);
	*ret = TAKE_FD(fd);
	return 0;
}

/* -EADDRINUSE while somebody listens there; what a dead process left is removed. */
static int clear_path(const struct sockaddr_un *address, struct error *error)
{
	const char *path = address->sun_path;
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat facts;

	if (fd < 0)
		return error_set_errno(error, -errno, "cannot make a socket");
	if (lstat(path, &facts) < 0 && errno == ENOENT)
		return 0;
	if (!S_ISSOCK(facts.st_mode))
		return error_set(error, -EEXIST, "%s is there already and is no socket: remove it or name another path",
		                 path);
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno == EAGAIN)
		return error_set(error, -EADDRINUSE, "another agent listens on %s already", path);
	if (errno != ECONNREFUSED)
		return error_set_errno(error, -errno, "cannot tell whether an agent listens on %s", path);
	if (unlink(path) < 0)
		return error_set_errno(error, -errno, "cannot remove the socket %s that a dead agent left", path);
	return 0;
}

/* Only root may give files away: another user's agent keeps its own group. */
static int set_owner(const char *path, struct error *error)
{
	const struct group *group = getgrnam(SOCKET_GROUP);

	if (chmod(path, SOCKET_MODE) < 0)
		return error_set_errno(error, -errno, "cannot set the mode of %s", path);
	if (!group || !chown(path, -1, group->gr_gid))
		return 0;
	if (errno != EPERM)
		return error_set_errno(error, -errno, "cannot give %s to the group " SOCKET_GROUP, path);
	log_debug("%s stays with this user's group: only root may give it to " SOCKET_GROUP, path);
	return 0;
}

/* Nobody can connect before listen(), and by then mode and group are right. */
static int bind_and_listen(const struct sockaddr_un *address, struct http_socket *ret, struct error *error)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const char *path = address->sun_path;
	struct stat facts;
	int result;

	if (fd < 0 || bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return error_set_errno(error, -errno, "cannot make the socket %s", path);
	result = set_owner(path, error);
	if (!result && (lstat(path, &facts) < 0 || listen(fd, SOCKET_BACKLOG) < 0))
		result = error_set_errno(error, -errno, "cannot listen on %s", path);
	if (result < 0) {
		unlink(path);
		return result;
	}
	*ret = (struct http_socket){
		.path = xstrdup(path), .fd = TAKE_FD(fd), .device = facts.st_dev, .inode = facts.st_ino};
	return 0;
}

int http_socket_listen(const char *path, struct http_socket *ret, struct error *error)
{
	_cleanup_close_ int lock = -1;
	struct sockaddr_un address;
	int result;

	result = address_of(path, &address, error);
	if (!result)
		result = lock_folder(path, &lock, error);
	if (!result)
		result = clear_path(&address, error);
	return result ?: bind_and_listen(&address, ret, error);
}

void http_socket_remove(struct http_socket *listening)
{
	struct stat facts;

	if (!lstat(listening->path, &facts) && facts.st_dev == listening->device && facts.st_ino == listening->inode)
		unlink(listening->path);
	free(TAKE_PTR(listening->path));
}
