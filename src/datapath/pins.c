/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/pins.h"

#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

char *pin_path(const char *bpffs, const char *folder, const char *name)
{
	return name ? xasprintf("%s/pilus/%s/%s", bpffs, folder, name) : xasprintf("%s/pilus/%s", bpffs, folder);
}

int pins_prepare(const char *bpffs, struct error *error)
{
	_cleanup_free_ char *maps = pin_path(bpffs, PIN_MAPS, NULL), *links = pin_path(bpffs, PIN_LINKS, NULL);
	struct statfs fs;
	int r;

	if (statfs(bpffs, &fs) < 0)
		return error_set_errno(error, -errno, "cannot look at the BPF file system %s", bpffs);
	if ((unsigned long)fs.f_type != BPF_FS_MAGIC)
		return error_set(error, -ENODEV, "%s is no BPF file system: mount -t bpf bpf %s", bpffs, bpffs);
	r = folder_make(maps, 0700);
	if (!r)
		r = folder_make(links, 0700);
	return r ? error_set_errno(error, r, "cannot make %s", maps) : 0;
}

static int pins_remove_folder(const char *path, struct error *error)
{
	_cleanup_(close_folder) DIR *folder = opendir(path);
	struct dirent *entry;

	if (!folder)
		return errno == ENOENT ? 0 : error_set_errno(error, -errno, "cannot read %s", path);
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.' && unlinkat(dirfd(folder), entry->d_name, 0) < 0)
			return error_set_errno(error, -errno, "cannot remove %s/%s", path, entry->d_name);
	return rmdir(path) < 0 ? error_set_errno(error, -errno, "cannot remove %s", path) : 0;
}

int pins_remove(const char *bpffs, struct error *error)
{
	_cleanup_free_ char *maps = pin_path(bpffs, PIN_MAPS, NULL), *links = pin_path(bpffs, PIN_LINKS, NULL),
			    *root = xasprintf("%s/pilus", bpffs);
	int r = pins_remove_folder(links, error);

	if (!r)
		r = pins_remove_folder(maps, error);
	if (!r && rmdir(root) < 0 && errno != ENOENT)
		r = error_set_errno(error, -errno, "cannot remove %s", root);
	return r;
}
