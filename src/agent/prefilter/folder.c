/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prefilter/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"

/* A file that is being written is not told before it is closed. */
#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

#define MISSING_MS 5000 /* how often a folder that is not there is looked for */

struct list {
	char *name;
	struct stat as_told;
	bool seen;
	struct list *prev, *next;
};

struct folder {
	char *path;
	const struct folder_events *events;
	void *userdata;
	int inotify_fd, descriptor; /* -1: not there, or to be looked at again */
	bool unreadable;            /* said already */
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned open_handles;
	struct list *lists;
};

static struct list *list_find(struct folder *folder, const char *name)
{
	struct list *list;

	DL_FOREACH (folder->lists, list)
		if (!strcmp(list->name, name))
			return list;
	list = xnew(struct list);
	list->name = xstrdup(name);
	DL_APPEND(folder->lists, list);
	return list;
}

static void list_drop(struct folder *folder, struct list *list)
{
	DL_DELETE(folder->lists, list);
	free(list->name);
	free(list);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Hidden files and what editors leave are none. */
static void look_at(struct folder *folder, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder->path, name);
	struct stat status;
	struct list *list;

	if (name[0] == '.' || name[strlen(name) - 1] == '~' || stat(path, &status) < 0 || !S_ISREG(status.st_mode))
		return;
	list = list_find(folder, name);
	list->seen = true;
	if (is_same(&list->as_told, &status))
		return;
	list->as_told = status;
	folder->events->changed(folder->userdata, name, path);
}

/* Only a folder that is not there has no lists: one that cannot be read just now may still have what it had. */
static bool scan(struct folder *folder)
{
	DIR *directory = opendir(folder->path);
	const struct dirent *entry;
	struct list *list, *next;

	if (!directory && errno != ENOENT) {
		if (!folder->unreadable)
			log_warning("%s cannot be read, and its lists stay as they were: %s", folder->path,
			            strerror(errno));
		folder->unreadable = true;
		return false;
	}
	folder->unreadable = false;
	DL_FOREACH (folder->lists, list)
		list->seen = false;
	while (directory && (entry = readdir(directory)))
		look_at(folder, entry->d_name);
	if (directory)
		closedir(directory);
	DL_FOREACH_SAFE(folder->lists, list, next)
	if (!list->seen) {
		folder->events->removed(folder->userdata, list->name);
		list_drop(folder, list);
	}
	return true;
}

/* Also of a folder that was replaced by another. */
static void follow(struct folder *folder)
{
	folder->descriptor = inotify_add_watch(folder->inotify_fd, folder->path, EVENTS);
	if (!scan(folder))
		folder->descriptor = -1;
}

static void missing(uv_timer_t *timer)
{
	struct folder *folder = timer->data;

	if (folder->descriptor < 0)
		follow(folder);
}

static void changed(uv_poll_t *poll, int status, int events)
{
	struct folder *folder = poll->data;
	char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));

	/* What is there now counts, whatever happened. */
	while (read(folder->inotify_fd, buffer, sizeof(buffer)) > 0)
		;
	follow(folder);
}

struct folder *folder_new(uv_loop_t *loop, const char *path, const struct folder_events *events, void *userdata)
{
	struct folder *folder = xnew(struct folder);

	folder->path = xstrdup(path);
	folder->events = events;
	folder->userdata = userdata;
	folder->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	folder->poll.data = folder->timer.data = folder;
	uv_timer_init(loop, &folder->timer);
	folder->open_handles = 1;
	if (folder->inotify_fd < 0) {
		log_warning("%s is read once and not followed: no inotify; raise fs.inotify.max_user_instances", path);
		scan(folder);
		return folder;
	}
	uv_poll_init(loop, &folder->poll, folder->inotify_fd);
	uv_poll_start(&folder->poll, UV_READABLE, changed);
	folder->open_handles = 2;
	uv_timer_start(&folder->timer, missing, MISSING_MS, MISSING_MS);
	follow(folder);
	return folder;
}

static void closed(uv_handle_t *handle)
{
	struct folder *folder = handle->data;

	if (--folder->open_handles)
		return;
	if (folder->inotify_fd >= 0)
		close(folder->inotify_fd);
	free(folder->path);
	free(folder);
}

void folder_free(struct folder *folder)
{
	if (!folder)
		return;
	while (folder->lists)
		list_drop(folder, folder->lists);
	if (folder->inotify_fd >= 0)
		uv_close((uv_handle_t *)&folder->poll, closed);
	uv_close((uv_handle_t *)&folder->timer, closed);
}
