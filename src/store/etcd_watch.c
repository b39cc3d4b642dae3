/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "store/etcd_key.h"

#define PAGE_SIZE 1000
#define RETRY_MS  1000 /* after etcd refused: people may give the user the right to read */

unsigned etcd_watch_grace_ms = 15000; /* more than the longest pause between two attempts */

/* ── keys ── */

static void look(struct etcd_watch *watch, const json_t *pair, bool deleted)
{
	_cleanup_free_ char *whole = etcd_decode(pair, "key"), *text = etcd_decode(pair, "value");
	size_t prefix = strlen(etcd_link_prefix(watch->link));
	struct mirror_look look = {.text = text, .finished = true, .walk = watch->mirror.walk};

	if (!whole || strlen(whole) <= prefix || !store_key_valid(whole + prefix))
		return; /* none of ours */
	look.key = whole + prefix;
	if (deleted)
		error_set(&look.error, -ENOENT, "%s was deleted", look.key);
	else if (!text)
		error_set(&look.error, -EINVAL, "store key '%s' holds bytes that are no text", look.key);
	else
		look.digest = XXH64(text, strlen(text), 0);
	if (mirror_wants(&watch->mirror, look.key))
		mirror_look(&watch->mirror, &look);
}

static json_t *range(const struct etcd_watch *watch)
{
	const char *prefix = etcd_link_prefix(watch->link);

	return json_pack("{s:o, s:o}", "key", etcd_encode(prefix, watch->mirror.watch.prefix), "range_end",
	                 etcd_encode_end(prefix, watch->mirror.watch.prefix));
}

static void remember(char **field, const char *text)
{
	free(*field);
	*field = text ? xstrdup(text) : NULL;
}

static const char *cluster_of(const json_t *answer)
{
	return json_string_value(json_object_get(json_object_get(answer, "header"), "cluster_id")) ?: "";
}

/* ── the stream of changes ── */

static void list(struct etcd_watch *watch);
static void stream(struct etcd_watch *watch);

static void on_timer(uv_timer_t *timer)
{
	list(timer->data);
}

static void list_after(struct etcd_watch *watch, unsigned milliseconds)
{
	uv_timer_start(&watch->timer, on_timer, milliseconds, 0);
}

static void list_instead(struct etcd_watch *watch, unsigned milliseconds)
{
	etcd_call_cancel(watch->call);
	watch->call = NULL;
	list_after(watch, milliseconds);
}

/* An etcd that was set up anew has a past of its own. */
static bool other_history(const struct etcd_watch *watch, const json_t *result)
{
	return strcmp(cluster_of(result), watch->cluster) ||
	       etcd_number(json_object_get(result, "header"), "revision") < watch->revision;
}

static void take_events(struct etcd_watch *watch, const json_t *events)
{
	const json_t *event;
	size_t i;

	json_array_foreach (events, i, event) {
		const json_t *pair = json_object_get(event, "kv");
		const char *type = json_string_value(json_object_get(event, "type"));

		look(watch, pair, type && !strcmp(type, "DELETE"));
		watch->revision = etcd_number(pair, "mod_revision");
	}
}

static void on_message(void *userdata, const json_t *result)
{
	struct etcd_watch *watch = userdata;
	const json_t *events = json_object_get(result, "events");

	if (!result || json_is_true(json_object_get(result, "canceled")))
		list_instead(watch, etcd_number(result, "compact_revision") ? 0 : RETRY_MS);
	else if (json_is_true(json_object_get(result, "created")) && other_history(watch, result))
		list_instead(watch, 0);
	else if (events)
		take_events(watch, events);
	else if (!json_is_true(json_object_get(result, "created")))
		watch->revision = etcd_number(json_object_get(result, "header"), "revision"); /* nothing happened */
}

static void on_ended(void *userdata)
{
	struct etcd_watch *watch = userdata;

	watch->call = NULL;
	stream(watch);
}

static void stream(struct etcd_watch *watch)
{
	static const struct etcd_stream_events events = {on_message, on_ended};
	json_t *create = range(watch);

	json_object_set_new(create, "start_revision", etcd_number_new(watch->revision + 1));
	json_object_set_new(create, "progress_notify", json_true());
	watch->call = etcd_stream(watch->link, "watch", json_pack("{s:o}", "create_request", create), &events, watch);
}

/* ── the list ── */

static void next_page(struct etcd_watch *watch);

static void take_page(struct etcd_watch *watch, const json_t *answer)
{
	const json_t *pairs = json_object_get(answer, "kvs"), *pair = NULL;
	_cleanup_free_ char *last = NULL;
	size_t i;

	if (!watch->page) {
		watch->renewed |= watch->cluster && other_history(watch, answer);
		watch->revision = etcd_number(json_object_get(answer, "header"), "revision");
		remember(&watch->cluster, cluster_of(answer));
	}
	json_array_foreach (pairs, i, pair)
		look(watch, pair, false);
	last = etcd_decode(json_array_get(pairs, json_array_size(pairs) - 1), "key");
	remember(&watch->page, json_is_true(json_object_get(answer, "more")) ? last : NULL);
}

static void on_grace(uv_timer_t *timer)
{
	struct etcd_watch *watch = timer->data;

	mirror_sweep(&watch->mirror);
}

/* The whole list is there: what is not in it is gone. */
static void finish_list(struct etcd_watch *watch)
{
	const struct store_watch *told = &watch->mirror.watch;
	uint64_t now = uv_now(etcd_link_loop(watch->link));

	if (watch->renewed)
		watch->sweep_at = now + etcd_watch_grace_ms;
	if (now >= watch->sweep_at)
		mirror_sweep(&watch->mirror);
	else
		uv_timer_start(&watch->timer, on_grace, watch->sweep_at - now, 0);
	if (watch->renewed && told->watcher.renewed && !watch->mirror.closed)
		told->watcher.renewed(told->userdata);
	watch->renewed = false;
}

static void on_page(void *userdata, const json_t *answer, const struct error *error)
{
	struct etcd_watch *watch = userdata;

	watch->call = NULL;
	if (error->code) {
		list_after(watch, RETRY_MS);
		return;
	}
	take_page(watch, answer);
	if (!watch->mirror.closed && watch->page)
		next_page(watch);
	else if (!watch->mirror.closed)
		finish_list(watch);
	if (!watch->mirror.closed && !watch->page)
		stream(watch);
}

/* All pages are of the first one's revision. */
static void next_page(struct etcd_watch *watch)
{
	json_t *body = range(watch);

	json_object_set_new(body, "limit", etcd_number_new(PAGE_SIZE));
	if (watch->page) {
		char *from = xasprintf("%s!", watch->page); /* '!' is less than all that keys are made of */

		json_object_set_new(body, "key", etcd_encode("", from));
		json_object_set_new(body, "revision", etcd_number_new(watch->revision));
		free(from);
	}
	watch->call = etcd_ask(watch->link, "kv/range", body, ETCD_FOR_EVER, on_page, watch);
}

static void list(struct etcd_watch *watch)
{
	watch->mirror.walk++;
	remember(&watch->page, NULL);
	next_page(watch);
}

/* ── the whole ── */

struct etcd_watch *etcd_watch_new(struct etcd_link *link)
{
	struct etcd_watch *watch = xnew(struct etcd_watch);

	watch->link = link;
	uv_timer_init(etcd_link_loop(link), &watch->timer);
	watch->timer.data = watch;
	list_after(watch, 0);
	return watch;
}

void etcd_watch_renew(struct etcd_watch *watch)
{
	watch->renewed = watch->mirror.synced;
	list_instead(watch, 0);
}

static void timer_closed(uv_handle_t *handle)
{
	struct etcd_watch *watch = handle->data;

	mirror_clear(&watch->mirror);
	free(watch->cluster);
	free(watch->page);
	free(watch);
}

void etcd_watch_close(struct etcd_watch *watch)
{
	watch->mirror.closed = true;
	etcd_call_cancel(watch->call);
	watch->call = NULL;
	uv_close((uv_handle_t *)&watch->timer, timer_closed);
}
