/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in a folder: KEY.json each, indented for people, who may edit them, or write KEY.yaml. Nodes share it where
 * they share the folder. Writing and syncing to disk happens on the thread pool, one batch at a time, in the order it
 * was asked for.
 */
#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/dir_tree.h"

struct dir {
	struct store store;
	uv_loop_t *loop;
	char *path;
	struct dir_tree *tree;
	uv_work_t work;
	struct store_request *waiting, *batch; /* batch belongs to the thread while it works */
	struct error write_error;              /* of the last write */
};

static int perform_write(const struct store_request *request, const char *path)
{
	_cleanup_free_ char *folder = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
	int result = folder_make(folder, 0700);

	if (result < 0)
		return result;
	return (request->verb == STORE_CREATE ? file_create_atomic : file_write_atomic)(path, request->text,
	                                                                                strlen(request->text), 0600);
}

static void perform(const struct dir *dir, struct store_request *request)
{
	_cleanup_free_ char *path = xasprintf("%s/%s.json", dir->path, request->key);
	int result;

	switch (request->verb) {
	case STORE_GET:
		dir_read_file(dir->path, request->key, &request->text, &request->error);
		return;
	case STORE_DELETE:
		result = dir_delete_file(dir->path, request->key);
		break;
	default:
		result = perform_write(request, path);
	}
	if (result < 0)
		error_set_errno(&request->error, result, "store: cannot write %s", path);
}

static void perform_batch(uv_work_t *work)
{
	struct dir *dir = work->data;
	struct store_request *request;

	DL_FOREACH2(dir->batch, request, next)
	{
		if (!request->error.code)
			perform(dir, request);
	}
}

static void dir_free(struct dir *dir)
{
	free(dir->path);
	free(dir);
}

static void batch_done(uv_work_t *work, int status);

static void batch_start(struct dir *dir)
{
	dir->batch = dir->waiting;
	dir->waiting = NULL;
	uv_queue_work(dir->loop, &dir->work, perform_batch, batch_done);
}

static void batch_done(uv_work_t *work, int status)
{
	struct dir *dir = work->data;
	struct store_request *request, *next;

	DL_FOREACH_SAFE2(dir->batch, request, next, next)
	{
		if (request->verb != STORE_GET && request->error.code != -EEXIST && request->error.code != -EINVAL)
			dir->write_error = request->error;
		store_answer(request);
	}
	dir->batch = NULL;
	if (dir->waiting)
		batch_start(dir);
	else if (dir->store.closed)
		dir_free(dir);
}

static void dir_ask(struct store *store, struct store_request *request)
{
	struct dir *dir = (struct dir *)store;

	DL_APPEND2(dir->waiting, request, previous, next);
	if (!dir->batch)
		batch_start(dir);
}

static int dir_check(const char *location, struct error *error)
{
	if (*location == '/')
		return 0;
	return error_set(error, -EINVAL, "\"dir:%s\" is no folder's full path: write dir:/FOLDER", location);
}

static int dir_open(uv_loop_t *loop, const char *location, const struct store_access *access, struct store **ret,
                    struct error *error)
{
	struct dir_tree *tree;
	struct dir *dir;
	int result = dir_check(location, error);

	if (!result)
		result = dir_tree_open(loop, location, &tree, error);
	if (result < 0)
		return result;
	dir = xnew(struct dir);
	dir->loop = loop;
	dir->path = xstrdup(location);
	dir->tree = tree;
	dir->work.data = dir;
	*ret = &dir->store;
	return 0;
}

static void dir_close(struct store *store)
{
	struct dir *dir = (struct dir *)store;

	dir_tree_close(dir->tree);
	if (!dir->batch)
		dir_free(dir);
}

static struct store_watch *dir_watch(struct store *store)
{
	return dir_tree_watch(((struct dir *)store)->tree);
}

static json_t *dir_status(const struct store *store)
{
	const struct dir *dir = (const struct dir *)store;
	const struct error *error = dir_tree_error(dir->tree);

	if (!error->code)
		error = &dir->write_error;
	return json_pack("{s:s, s:s, s:s}", "kind", store_dir.kind, "state", error->code ? "Failure" : "Ok", "message",
	                 error->code ? error->message : dir->path);
}

const struct store_backend store_dir = {
	.kind = "dir",
	.check = dir_check,
	.open = dir_open,
	.close = dir_close,
	.ask = dir_ask,
	.watch = dir_watch,
	.watch_close = dir_tree_watch_close,
	.status = dir_status,
};
