/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/pins.h"

#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/vfs.h>

#include "abi/maps.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

const char *pin_name(const char *map)
{
#define X(name, layout, ...)              \
	if (!strcmp(map, "pilus_" #name)) \
		return "pilus_" #name "_v" #layout;
	PILUS_MAPS(X)
#undef X
	return NULL;
}

char *pin_path(const char *bpffs, const char *folder, const char *name)
{
	return name ? xasprintf("%s/pilus/%s/%s", bpffs, folder, name) : xasprintf("%s/pilus/%s", bpffs, folder);
}

int pins_each(const char *bpffs, const char *name, int (*each)(const char *name, void *userdata), void *userdata)
{
	_cleanup_free_ char *path = pin_path(bpffs, name, NULL);
	_cleanup_(close_folder) DIR *folder = opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!folder)
		return errno == ENOENT ? 0 : -errno;
	while (!r && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			r = each(entry->d_name, userdata);
	return r;
}

static int remove_pin(const char *name, void *userdata)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", (const char *)userdata, name);

	return unlink(path) < 0 ? -errno : 0;
}

/* No such folder is success. */
static int folder_remove(const char *bpffs, const char *name, struct error *error)
{
	_cleanup_free_ char *path = pin_path(bpffs, name, NULL);
	int r = pins_each(bpffs, name, remove_pin, path);

	if (!r && rmdir(path) < 0 && errno != ENOENT)
		r = -errno;
	return r ? error_set_errno(error, r, "cannot remove %s", path) : 0;
}

int pins_make(const char *bpffs, const char *name, struct error *error)
{
	_cleanup_free_ char *path = pin_path(bpffs, name, NULL);
	int r = folder_make(path, 0700);

	return r ? error_set_errno(error, r, "cannot make %s", path) : 0;
}

static bool folder_exists(const char *bpffs, const char *name)
{
	_cleanup_free_ char *path = pin_path(bpffs, name, NULL);

	return !access(path, F_OK);
}

int pins_prepare(const char *bpffs, struct error *error)
{
	struct statfs fs;
	int r = 0;

	if (statfs(bpffs, &fs) < 0)
		return error_set_errno(error, -errno, "cannot look at the BPF file system %s", bpffs);
	if ((unsigned long)fs.f_type != BPF_FS_MAGIC)
		return error_set(error, -ENODEV, "%s is no BPF file system: mount -t bpf bpf %s", bpffs, bpffs);
	/* An agent that ended while one set took over from the other has removed the old one first. */
	if (folder_exists(bpffs, PIN_NEXT))
		r = folder_exists(bpffs, PIN_MAPS) ? folder_remove(bpffs, PIN_NEXT, error)
		                                   : pins_take_over(bpffs, error);
	if (!r)
		r = pins_make(bpffs, PIN_LINKS, error);
	return r ? r : pins_make(bpffs, PIN_CGROUP, error);
}

int pins_take_over(const char *bpffs, struct error *error)
{
	_cleanup_free_ char *maps = pin_path(bpffs, PIN_MAPS, NULL), *next = pin_path(bpffs, PIN_NEXT, NULL);
	int r = folder_remove(bpffs, PIN_MAPS, error);

	if (!r && rename(next, maps) < 0)
		r = error_set_errno(error, -errno, "cannot rename %s to %s", next, maps);
	return r;
}

int pins_remove(const char *bpffs, struct error *error)
{
	static const char *const folders[] = {PIN_LINKS, PIN_CGROUP, PIN_NEXT, PIN_MAPS};
	_cleanup_free_ char *root = xasprintf("%s/pilus", bpffs);
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(folders) / sizeof(*folders); i++)
		r = folder_remove(bpffs, folders[i], error);
	if (!r && rmdir(root) < 0 && errno != ENOENT)
		r = error_set_errno(error, -errno, "cannot remove %s", root);
	return r;
}
