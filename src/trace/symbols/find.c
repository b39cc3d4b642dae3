/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs and libraries by the names people use.
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/symbols/process_symbols.h"

static const char *const LIBRARY_FOLDERS[] = {
	"/lib/" MULTIARCH, "/usr/lib/" MULTIARCH, "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib",
};

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Is the file one that is meant by the name: libc.so.6 or libc-2.31.so by "c" and "libc"? */
static bool is_library(const char *path, const char *name)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t length = strlen(name);

	if (!strcmp(base, name))
		return true;
	if (strncmp(base, name, length) && !strncmp(base, "lib", 3))
		base += 3;
	return !strncmp(base, name, length) &&
	       (!strncmp(base + length, ".so", 3) ||
	        (base[length] == '-' && isdigit((unsigned char)base[length + 1]))) &&
	       strstr(base, ".so");
}

/* The first mapped file with that name, where the process still has it. */
static char *find_mapped(uint32_t pid, const char *name)
{
	_cleanup_free_ char *path = xasprintf("/proc/%u/maps", pid);
	_cleanup_fclose_ FILE *maps = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (maps && getline(&line, &size, maps) > 0) {
		char range[64] = "", *deleted;
		int at = 0;

		if (sscanf(line, "%63s %*s %*s %*s %*s %n", range, &at) < 1 || line[at] != '/')
			continue;
		line[strcspn(line, "\n")] = 0;
		deleted = strstr(line + at, " (deleted)");
		if (deleted)
			*deleted = 0;
		if (is_library(line + at, name))
			return xasprintf("/proc/%u/map_files/%s", pid, range);
	}
	return NULL;
}

static char *find_in_path(const char *name, const char *root)
{
	_cleanup_free_ char *folders = xstrdup(getenv("PATH") ?: DEFAULT_PATH);
	char *rest = folders, *folder;

	while ((folder = strsep(&rest, ":"))) {
		_cleanup_free_ char *path = xasprintf("%s%s/%s", root, folder, name);

		if (!access(path, X_OK))
			return TAKE_PTR(path);
	}
	return NULL;
}

/* The like of libc.so may be a script for the linker. */
static bool is_elf(const char *path)
{
	char magic[4] = "";
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	return file && fread(magic, 1, sizeof(magic), file) == sizeof(magic) &&
	       !memcmp(magic, "\177ELF", sizeof(magic));
}

static char *find_library(const char *name, const char *root)
{
	for (size_t i = 0; i < sizeof(LIBRARY_FOLDERS) / sizeof(*LIBRARY_FOLDERS); i++) {
		_cleanup_free_ char *pattern = xasprintf("%s%s/*%s*.so*", root, LIBRARY_FOLDERS[i], name);
		_cleanup_free_ char *exact = xasprintf("%s%s/%s", root, LIBRARY_FOLDERS[i], name);
		char *found = NULL;
		glob_t paths;

		if (is_elf(exact))
			return TAKE_PTR(exact);
		if (glob(pattern, 0, NULL, &paths))
			continue;
		for (size_t j = 0; !found && j < paths.gl_pathc; j++)
			if (is_library(paths.gl_pathv[j], name) && is_elf(paths.gl_pathv[j]))
				found = xstrdup(paths.gl_pathv[j]);
		globfree(&paths);
		if (found)
			return found;
	}
	return NULL;
}

int program_find(const char *name, uint32_t pid, char **ret, struct error *error)
{
	_cleanup_free_ char *root = pid ? xasprintf("/proc/%u/root", pid) : xstrdup("");
	_cleanup_free_ char *path = NULL;

	if (strchr(name, '/')) {
		path = xasprintf("%s%s", name[0] == '/' ? root : "", name);
		/* A program that was replaced or removed while it runs is at hand by its process. */
		if (access(path, R_OK) && pid) {
			free(path);
			path = find_mapped(pid, strrchr(name, '/') + 1);
		}
		if (!path || access(path, R_OK))
			return error_set_errno(error, -ENOENT, "%s", name);
		*ret = TAKE_PTR(path);
		return 0;
	}
	if (pid)
		path = find_mapped(pid, name);
	if (!path)
		path = find_in_path(name, root);
	if (!path)
		path = find_library(name, root);
	if (!path)
		return error_set(error, -ENOENT,
		                 "there is no program or library '%s' in the usual places: give its path", name);
	*ret = TAKE_PTR(path);
	return 0;
}
