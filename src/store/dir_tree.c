/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows a tree of KEY.json, or KEY.yaml where people write (the former counts where both are there): each file event
 * looks at that one file again, and whatever touches folders (made, moved, removed, events lost) walks the whole tree
 * again. Either way what is found is compared with what the watches were told, so looking once too often changes
 * nothing. While the tree cannot be read, what was told stays. On network file systems, whose events tell only of this
 * host, the tree is walked every other second.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <uthash.h>
#include <utlist.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/dir_tree.h"
#include "store/mirror.h"
#include "store/yaml_json.h"

#define FILE_SIZE_MAX (1 << 20)
#define RETRY_MS      1000
#define REMOTE_MS     2000  /* between walks where no events tell what other hosts do */
#define UNFINISHED_MS 10000 /* no write takes so long: whoever began it was killed */
#define SUFFIX        ".json"
#define SUFFIX_YAML   ".yaml"

#define FOLDER_EVENTS                                                                                         \
	(IN_ONLYDIR | IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | \
	 IN_MOVE_SELF)

struct folder {
	int descriptor;
	char *prefix; /* of the keys in it: "", "nodes/" */
	uint32_t walk;
	UT_hash_handle hh;
};

struct dir_watch {
	struct mirror mirror;
	struct dir_tree *tree;
	struct dir_watch *prev, *next;
};

struct dir_tree {
	char *path;
	int inotify_fd;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned open_handles;
	struct folder *folders;
	struct dir_watch *watches;
	uint32_t walk;
	bool busy;       /* in callbacks of watchers: nothing may be freed */
	bool unfinished; /* the walk saw files on their way to be written */
	bool closed;
	struct error error;
};

static int read_yaml(const char *folder, const char *key, char **ret, struct error *error)
{
	_cleanup_free_ char *path = xasprintf("%s/%s" SUFFIX_YAML, folder, key), *text = NULL;
	size_t size;
	int result = file_read(path, FILE_SIZE_MAX, &text, &size);

	if (result < 0)
		return error_set_errno(error, result, "cannot read %s", path);
	*ret = yaml_to_json(text, size, error);
	return *ret ? 0 : error_prefix(error, "cannot read %s", path);
}

int dir_read_file(const char *folder, const char *key, char **ret, struct error *error)
{
	_cleanup_free_ char *path = xasprintf("%s/%s" SUFFIX, folder, key);
	int result = file_read(path, FILE_SIZE_MAX, ret, NULL);

	if (result == -ENOENT)
		return read_yaml(folder, key, ret, error);
	return result < 0 ? error_set_errno(error, result, "cannot read %s", path) : 0;
}

int dir_delete_file(const char *folder, const char *key)
{
	_cleanup_free_ char *json = xasprintf("%s/%s" SUFFIX, folder, key),
			    *yaml = xasprintf("%s/%s" SUFFIX_YAML, folder, key);
	int result = file_delete(json);

	return result < 0 ? result : file_delete(yaml);
}

static void look_read(const struct dir_tree *tree, struct mirror_look *look)
{
	int result = dir_read_file(tree->path, look->key, &look->text, &look->error);

	look->digest = result < 0 ? (uint64_t)-result : XXH64(look->text, strlen(look->text), 0);
	if (result == -EINVAL) /* of what is wrong there are many */
		look->digest = XXH64(look->error.message, strlen(look->error.message), 0);
}

static void tree_look(struct dir_tree *tree, const char *key, bool finished)
{
	struct mirror_look look = {.key = key, .finished = finished, .walk = tree->walk};
	struct dir_watch *watch;
	bool read = false;

	DL_FOREACH (tree->watches, watch) {
		if (!mirror_wants(&watch->mirror, key))
			continue;
		if (!read)
			look_read(tree, &look);
		read = true;
		mirror_look(&watch->mirror, &look);
	}
	free(look.text);
}

static bool is_yaml(const char *name)
{
	size_t length = strlen(name), suffix = strlen(SUFFIX_YAML);

	return length > suffix && !strcmp(name + length - suffix, SUFFIX_YAML);
}

/* The key of file `name` in the folder with `prefix`; NULL when it is none of ours, as temporary files are not. */
static char *file_key(const char *prefix, const char *name)
{
	size_t length = strlen(name), suffix = strlen(SUFFIX);
	char *key;

	_Static_assert(sizeof(SUFFIX) == sizeof(SUFFIX_YAML), "both are as long");
	if (length <= suffix || (strcmp(name + length - suffix, SUFFIX) != 0 && !is_yaml(name)))
		return NULL;
	key = xasprintf("%s%.*s", prefix, (int)(length - suffix), name);
	if (store_key_valid(key))
		return key;
	free(key);
	return NULL;
}

static void folder_forget(struct dir_tree *tree, struct folder *folder)
{
	HASH_DEL(tree->folders, folder);
	free(folder->prefix);
	free(folder);
}

static int folder_follow(struct dir_tree *tree, const char *path, const char *prefix)
{
	int descriptor = inotify_add_watch(tree->inotify_fd, path, FOLDER_EVENTS);
	struct folder *folder;

	if (descriptor < 0)
		return -errno;
	HASH_FIND_INT(tree->folders, &descriptor, folder);
	if (!folder) {
		folder = xnew(struct folder);
		folder->descriptor = descriptor;
		HASH_ADD_INT(tree->folders, descriptor, folder);
	}
	free(folder->prefix);
	folder->prefix = xstrdup(prefix);
	folder->walk = tree->walk;
	return 0;
}

static int walk_folder(struct dir_tree *tree, const char *prefix);

/* One removed too early would only have its write fail, and writes that fail are tried again. */
static void remove_if_unfinished(struct dir_tree *tree, const char *prefix, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s%s", tree->path, prefix, name);
	struct stat status;

	if (stat(path, &status) == 0 && time(NULL) - status.st_mtime < UNFINISHED_MS / 1000)
		tree->unfinished = true;
	else
		unlink(path);
}

static int walk_item(struct dir_tree *tree, const char *prefix, const struct dirent *item)
{
	_cleanup_free_ char *key = NULL, *below = NULL;

	if (item->d_type != DT_DIR) {
		if (file_is_temporary(item->d_name))
			remove_if_unfinished(tree, prefix, item->d_name);
		key = file_key(prefix, item->d_name);
		if (key)
			tree_look(tree, key, true);
		return 0;
	}
	below = xasprintf("%s%s", prefix, item->d_name);
	if (!store_key_valid(below))
		return 0;
	key = xasprintf("%s/", below);
	return walk_folder(tree, key);
}

static void cleanup_closedir(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

/* Follows the folder before reading it, so that nothing happens unseen. A folder that went meanwhile is no error: its
 * events are on the way. */
static int walk_folder(struct dir_tree *tree, const char *prefix)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", tree->path, prefix);
	_cleanup_(cleanup_closedir) DIR *folder = NULL;
	const struct dirent *item;
	int result = folder_follow(tree, path, prefix);

	if (!result) {
		folder = opendir(path);
		result = folder ? 0 : -errno;
	}
	while (folder && !result && (errno = 0, item = readdir(folder)))
		result = walk_item(tree, prefix, item);
	if (!result && errno)
		result = -errno;
	if (result == -ENOENT && *prefix)
		return 0;
	if (result < 0 && !tree->error.code)
		error_set_errno(&tree->error, result, "cannot follow %s%s", path,
		                result == -ENOSPC ? " (raise fs.inotify.max_user_watches)" : "");
	return result;
}

static void folders_sweep(struct dir_tree *tree)
{
	struct folder *folder, *next;

	HASH_ITER (hh, tree->folders, folder, next) {
		if (folder->walk == tree->walk)
			continue;
		inotify_rm_watch(tree->inotify_fd, folder->descriptor);
		folder_forget(tree, folder);
	}
}

/* Does another host change files here unseen? */
static bool is_remote(const char *path)
{
	static const uint64_t remote[] = {NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, SMB2_SUPER_MAGIC, CIFS_SUPER_MAGIC,
	                                  CEPH_SUPER_MAGIC, V9FS_MAGIC,      AFS_SUPER_MAGIC,  FUSE_SUPER_MAGIC};
	struct statfs status;

	if (statfs(path, &status) < 0)
		return false;
	for (size_t i = 0; i < sizeof(remote) / sizeof(*remote); i++) {
		if ((uint32_t)status.f_type == remote[i])
			return true;
	}
	return false;
}

static void on_timer(uv_timer_t *timer);

static void tree_walk(struct dir_tree *tree)
{
	struct dir_watch *watch;
	int result;

	tree->walk++;
	tree->error = (struct error){};
	tree->unfinished = false;
	DL_FOREACH (tree->watches, watch)
		watch->mirror.walk = tree->walk;
	result = folder_make(tree->path, 0700);
	if (result < 0)
		error_set_errno(&tree->error, result, "cannot make %s", tree->path);
	else
		result = walk_folder(tree, "");
	if (result < 0) {
		uv_timer_start(&tree->timer, on_timer, RETRY_MS, 0);
		return;
	}
	if (is_remote(tree->path))
		uv_timer_start(&tree->timer, on_timer, REMOTE_MS, 0);
	else if (tree->unfinished)
		uv_timer_start(&tree->timer, on_timer, UNFINISHED_MS, 0);
	folders_sweep(tree);
	DL_FOREACH (tree->watches, watch) {
		if (watch->mirror.walk == tree->walk)
			mirror_sweep(&watch->mirror);
	}
}

static void watch_free(struct dir_watch *watch)
{
	DL_DELETE(watch->tree->watches, watch);
	mirror_clear(&watch->mirror);
	free(watch);
}

static void tree_free(uv_handle_t *handle)
{
	struct dir_tree *tree = handle->data;
	struct folder *folder, *next;

	if (--tree->open_handles)
		return;
	HASH_ITER (hh, tree->folders, folder, next)
		folder_forget(tree, folder);
	close(tree->inotify_fd);
	free(tree->path);
	free(tree);
}

/* Frees what was closed while callbacks ran. */
static void tree_leave(struct dir_tree *tree)
{
	struct dir_watch *watch, *next;

	tree->busy = false;
	DL_FOREACH_SAFE(tree->watches, watch, next)
	{
		if (watch->mirror.closed || tree->closed)
			watch_free(watch);
	}
	if (tree->closed) {
		uv_close((uv_handle_t *)&tree->poll, tree_free);
		uv_close((uv_handle_t *)&tree->timer, tree_free);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct dir_tree *tree = timer->data;

	tree->busy = true;
	tree_walk(tree);
	tree_leave(tree);
}

/* Returns whether the tree must be walked. */
static bool tree_event(struct dir_tree *tree, const struct inotify_event *event)
{
	_cleanup_free_ char *key = NULL;
	struct folder *folder;

	if (event->mask & IN_Q_OVERFLOW)
		return true;
	HASH_FIND_INT(tree->folders, &event->wd, folder);
	if (!folder)
		return false;
	if (event->mask & IN_IGNORED)
		folder_forget(tree, folder);
	if (event->mask & (IN_IGNORED | IN_ISDIR | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT))
		return true;
	key = event->len ? file_key(folder->prefix, event->name) : NULL;
	/* Unlike JSON, YAML may seem whole while it is being written. */
	if (key && !((event->mask & IN_CREATE) && is_yaml(event->name)))
		tree_look(tree, key, !(event->mask & IN_CREATE));
	return false;
}

static void on_events(uv_poll_t *poll, int status, int events)
{
	char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct dir_tree *tree = poll->data;
	bool walk = false;
	ssize_t size;

	tree->busy = true;
	while ((size = read(tree->inotify_fd, buffer, sizeof(buffer))) > 0) {
		const struct inotify_event *event;

		for (char *at = buffer; at < buffer + size; at += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)at;
			walk |= tree_event(tree, event);
		}
	}
	if (walk)
		tree_walk(tree);
	tree_leave(tree);
}

int dir_tree_open(uv_loop_t *loop, const char *path, struct dir_tree **ret, struct error *error)
{
	struct dir_tree *tree;
	int fd, result = folder_make(path, 0700);

	if (result < 0)
		return error_set_errno(error, result, "store: cannot make the folder %s", path);
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error, -errno, "store: no inotify; raise fs.inotify.max_user_instances");
	tree = xnew(struct dir_tree);
	tree->path = xstrdup(path);
	tree->inotify_fd = fd;
	uv_poll_init(loop, &tree->poll, fd);
	uv_timer_init(loop, &tree->timer);
	tree->open_handles = 2;
	tree->poll.data = tree->timer.data = tree;
	uv_poll_start(&tree->poll, UV_READABLE, on_events);
	*ret = tree;
	return 0;
}

void dir_tree_close(struct dir_tree *tree)
{
	struct dir_watch *watch;

	tree->closed = true;
	DL_FOREACH (tree->watches, watch)
		watch->mirror.closed = true;
	if (!tree->busy)
		tree_leave(tree);
}

struct store_watch *dir_tree_watch(struct dir_tree *tree)
{
	struct dir_watch *watch = xnew(struct dir_watch);

	watch->tree = tree;
	DL_APPEND(tree->watches, watch);
	uv_timer_start(&tree->timer, on_timer, 0, 0);
	return &watch->mirror.watch;
}

void dir_tree_watch_close(struct store_watch *base)
{
	struct dir_watch *watch = (struct dir_watch *)base;

	watch->mirror.closed = true;
	if (!watch->tree->busy)
		watch_free(watch);
}

const struct error *dir_tree_error(const struct dir_tree *tree)
{
	return &tree->error;
}
