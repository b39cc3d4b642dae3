/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prefilter/upload.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/memory.h"

#define UPLOADS_MAX 4
#define ENTRIES_MAX (4UL * 1024 * 1024) /* of one */
#define IDLE_MS     60000

struct upload {
	uint32_t id;
	uint64_t used; /* uv_now */
	struct cidrs cidrs;
	struct upload *prev, *next;
};

struct uploads {
	uv_loop_t *loop;
	uv_timer_t timer;
	uint32_t last_id;
	struct upload *list;
};

static void forget(struct uploads *uploads, struct upload *upload)
{
	DL_DELETE(uploads->list, upload);
	cidrs_clear(&upload->cidrs);
	free(upload);
}

static void forget_idle(uv_timer_t *timer)
{
	struct uploads *uploads = timer->data;
	struct upload *upload, *next;

	DL_FOREACH_SAFE(uploads->list, upload, next)
	if (uv_now(uploads->loop) - upload->used >= IDLE_MS)
		forget(uploads, upload);
	if (uploads->list)
		uv_timer_start(timer, forget_idle, IDLE_MS, 0);
}

struct uploads *uploads_new(uv_loop_t *loop)
{
	struct uploads *uploads = xnew(struct uploads);

	uploads->loop = loop;
	uploads->timer.data = uploads;
	uv_timer_init(loop, &uploads->timer);
	return uploads;
}

static void closed(uv_handle_t *handle)
{
	free(handle->data);
}

void uploads_free(struct uploads *uploads)
{
	if (!uploads)
		return;
	while (uploads->list)
		forget(uploads, uploads->list);
	uv_close((uv_handle_t *)&uploads->timer, closed);
}

static int find(const struct uploads *uploads, uint32_t id, struct upload **ret, struct error *error)
{
	struct upload *upload;

	DL_SEARCH_SCALAR(uploads->list, upload, id, id);
	if (!upload)
		return error_set(error, -ENOENT, "there is no upload %u: it was idle for too long, or is used already",
		                 id);
	*ret = upload;
	return 0;
}

static int begin(struct uploads *uploads, struct upload **ret, struct error *error)
{
	struct upload *upload;
	int count;

	DL_COUNT(uploads->list, upload, count);
	if (count >= UPLOADS_MAX)
		return error_set(error, -EAGAIN, "%d uploads are under way: try again later", count);
	upload = xnew(struct upload);
	upload->id = ++uploads->last_id;
	DL_APPEND(uploads->list, upload);
	uv_timer_start(&uploads->timer, forget_idle, IDLE_MS, 0);
	*ret = upload;
	return 0;
}

int upload_add(struct uploads *uploads, uint32_t *id, const struct cidrs *cidrs, size_t *ret_count, struct error *error)
{
	struct upload *upload = NULL;
	int r = *id ? find(uploads, *id, &upload, error) : begin(uploads, &upload, error);

	if (r)
		return r;
	if (upload->cidrs.count + cidrs->count > ENTRIES_MAX)
		return error_set(error, -E2BIG, "more than %lu entries are more than the prefilter takes", ENTRIES_MAX);
	for (size_t i = 0; i < cidrs->count; i++)
		cidrs_add(&upload->cidrs, &cidrs->items[i]);
	upload->used = uv_now(uploads->loop);
	*id = upload->id;
	*ret_count = upload->cidrs.count;
	return 0;
}

int upload_take(struct uploads *uploads, uint32_t id, struct cidrs *ret, struct error *error)
{
	struct upload *upload = NULL;
	int r = find(uploads, id, &upload, error);

	if (r)
		return r;
	*ret = upload->cidrs;
	upload->cidrs = (struct cidrs){};
	forget(uploads, upload);
	return 0;
}
