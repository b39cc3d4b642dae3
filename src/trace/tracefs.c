/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

#define FILE_MAX_BYTES (1 << 20)

static int open_mounted(void)
{
	static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		_cleanup_close_ int fd = open(places[i], O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0 && !faccessat(fd, "events", F_OK, 0))
			return TAKE_FD(fd);
	}
	return -ENOENT;
}

static int mount_privately(void)
{
	_cleanup_close_ int context = fsopen("tracefs", FSOPEN_CLOEXEC);
	int fd;

	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = fsmount(context, FSMOUNT_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int tracefs_folder(struct error *error)
{
	static int folder = -1;

	if (folder < 0)
		folder = open_mounted();
	if (folder < 0)
		folder = mount_privately();
	if (folder == -EPERM || folder == -EACCES)
		return error_set(error, folder, "the kernel's trace files need root, or CAP_SYS_ADMIN");
	if (folder == -ENODEV)
		return error_set(error, folder,
		                 "this kernel has no tracefs (CONFIG_TRACING), so no tracepoints by name");
	return folder < 0 ? error_set_errno(error, folder, "cannot get at the kernel's trace files") : folder;
}

int tracefs_read(const char *path, char **ret, struct error *error)
{
	int folder = tracefs_folder(error);
	_cleanup_close_ int fd = folder < 0 ? -1 : openat(folder, path, O_RDONLY | O_CLOEXEC);
	int r;

	if (folder < 0)
		return folder;
	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	r = fd < 0 ? -errno : file_read_fd(fd, FILE_MAX_BYTES, ret, NULL);
	return r < 0 ? error_set_errno(error, r, "cannot read the kernel's trace file %s", path) : 0;
}

/* The number of a tracepoint, for perf_event_open. */
static int event_id(const char *category, const char *name, uint64_t *ret, struct error *error)
{
	_cleanup_free_ char *path = xasprintf("events/%s/%s/id", category, name);
	_cleanup_free_ char *text = NULL;
	int r = tracefs_read(path, &text, error);

	if (r == -ENOENT)
		return error_set(error, r, "this kernel has no tracepoint %s:%s", category, name);
	if (r < 0)
		return r;
	*ret = strtoull(text, NULL, 10);
	return 0;
}

int tracefs_attach(struct bpf_program *program, const char *category, const char *name, uint64_t cookie,
                   struct bpf_link **ret, struct error *error)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .sample_period = 1};
	LIBBPF_OPTS(bpf_perf_event_opts, options, .bpf_cookie = cookie);
	_cleanup_close_ int fd = -1;
	uint64_t id = 0;
	int r = event_id(category, name, &id, error);

	if (r < 0)
		return r;
	attr.config = id;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	*ret = fd < 0 ? NULL : bpf_program__attach_perf_event_opts(program, fd, &options);
	if (!*ret)
		return error_set_errno(error, -errno, "cannot attach to tracepoint:%s:%s", category, name);
	TAKE_FD(fd); /* the link's now */
	return 0;
}

bool tracefs_has_event(const char *category, const char *name)
{
	_cleanup_free_ char *path = xasprintf("events/%s/%s/id", category, name);
	int folder = tracefs_folder(NULL);

	return folder >= 0 && !faccessat(folder, path, F_OK, 0);
}
