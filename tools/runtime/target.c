/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroups and containers by name.
 */
#include "runtime/target.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

#define CGROUP_FILE_MAX 65536
#define ID_MIN          8 /* fewer characters name too much */

/* Where the hierarchy is mounted: alone, or beside those of v1. */
static const char *const HIERARCHIES[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

static void cleanup_closedir(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

static bool is_cgroup2(const char *path)
{
	struct statfs status;

	return !statfs(path, &status) && status.f_type == CGROUP2_SUPER_MAGIC;
}

static const char *hierarchy(void)
{
	for (size_t i = 0; i < sizeof(HIERARCHIES) / sizeof(*HIERARCHIES); i++)
		if (is_cgroup2(HIERARCHIES[i]))
			return HIERARCHIES[i];
	return NULL;
}

static uint32_t depth(const char *below)
{
	uint32_t count = 0;

	for (; *below; below += strspn(below, "/")) {
		count++;
		below += strcspn(below, "/");
	}
	return count;
}

int target_cgroup(const char *path, __u64 *ret_id, uint32_t *ret_level, struct error *error)
{
	const char *top = hierarchy();
	_cleanup_free_ char *full = NULL;
	struct stat status;
	size_t length;

	if (!top)
		return error_set(error, -ENOENT, "no cgroup v2 is mounted at %s", HIERARCHIES[0]);
	length = strlen(top);
	full = strncmp(path, top, length) ? xasprintf("%s/%s", top, path) : xstrdup(path);
	if (stat(full, &status))
		return error_set_errno(error, -errno, "cgroup %s", full);
	if (!is_cgroup2(full) || !S_ISDIR(status.st_mode))
		return error_set(error, -EINVAL, "%s is no cgroup (v2)", full);
	/* The id is the number of the folder's inode. */
	*ret_id = status.st_ino;
	*ret_level = depth(full + length + strspn(full + length, "/"));
	return 0;
}

static bool process_is_in(const char *pid, const char *id)
{
	_cleanup_free_ char *path = xasprintf("/proc/%s/cgroup", pid);
	_cleanup_free_ char *cgroups = NULL;

	return !file_read(path, CGROUP_FILE_MAX, &cgroups, NULL) && strstr(cgroups, id);
}

int target_container(const char *id, uint32_t *ret_mntns, struct error *error)
{
	_cleanup_(cleanup_closedir) DIR *processes = opendir("/proc");
	struct dirent *entry;
	struct stat status;

	if (strlen(id) < ID_MIN)
		return error_set(error, -EINVAL, "give at least %d characters of the container's id, not '%s'", ID_MIN,
		                 id);
	while (processes && (entry = readdir(processes))) {
		_cleanup_free_ char *mntns = NULL;

		if (!isdigit((unsigned char)entry->d_name[0]) || !process_is_in(entry->d_name, id))
			continue;
		mntns = xasprintf("/proc/%s/ns/mnt", entry->d_name);
		if (stat(mntns, &status))
			continue;
		*ret_mntns = status.st_ino;
		return 0;
	}
	return error_set(error, -ENOENT, "no process is in a container '%s'", id);
}
