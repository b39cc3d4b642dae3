/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the state folder somebody must see to. Looked at when asked for, so that it is true when it is read, and over
 * when it is repaired.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/endpoint/entry.h"

#define ROOM_MIN (64 * 1024) /* for the files of some pods */

static bool is_set_aside(const char *name)
{
	size_t length = strlen(name), suffix = strlen(ENDPOINT_FILE_ASIDE);

	return length > suffix && !strcmp(name + length - suffix, ENDPOINT_FILE_ASIDE);
}

static void warn_of_files(const char *folder, json_t *list)
{
	const struct dirent *file;
	unsigned count = 0;
	DIR *dir;

	dir = opendir(folder);
	if (!dir) {
		json_array_append_new(list,
		                      json_sprintf("the state folder %s cannot be read: %s", folder, strerror(errno)));
		return;
	}
	while ((file = readdir(dir)))
		count += is_set_aside(file->d_name);
	closedir(dir);
	if (count)
		json_array_append_new(list, json_sprintf("%u broken endpoint file%s in %s: those pods lost their "
		                                         "network; restart them, then remove *" ENDPOINT_FILE_ASIDE,
		                                         count, count == 1 ? "" : "s", folder));
}

static void warn_of_room(const char *folder, json_t *list)
{
	struct statvfs status;

	if (statvfs(folder, &status))
		return; /* it cannot be read: said already */
	if (status.f_flag & ST_RDONLY)
		json_array_append_new(list, json_sprintf("the state folder %s is read-only: pods can neither be added "
		                                         "nor deleted",
		                                         folder));
	else if (status.f_bavail * status.f_frsize < ROOM_MIN || (status.f_files && !status.f_favail))
		json_array_append_new(list, json_sprintf("the state folder %s is full: make room, or pods cannot be "
		                                         "added",
		                                         folder));
}

json_t *endpoints_warnings(const struct endpoints *endpoints)
{
	json_t *list = json_array();

	warn_of_files(endpoints->folder, list);
	warn_of_room(endpoints->folder, list);
	return list;
}
