/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in etcd, by its v3 JSON gateway. Questions are asked one after the other, in the order they came; while no
 * member answers, each waits for its time and then fails.
 */
#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "store/etcd_key.h"
#include "store/etcd_lease.h"
#include "store/etcd_url.h"
#include "store/etcd_watch.h"

#define PATIENCE_MS 5000

struct etcd {
	struct store store;
	struct etcd_link *link;
	struct etcd_lease *lease;
	struct store_request *requests;
	struct etcd_call *call; /* the first request's */
	bool busy;              /* with the first request */
	struct etcd_watch *watches;
	uv_timer_t timer; /* to begin from the loop */
};

/* ── what the verbs ask, and what the answers mean ── */

static json_t *key_only(const struct etcd *etcd, const struct store_request *request)
{
	return json_pack("{s:o}", "key", etcd_encode(etcd_link_prefix(etcd->link), request->key));
}

static json_t *key_and_value(const struct etcd *etcd, const struct store_request *request)
{
	json_t *body = key_only(etcd, request);

	json_object_set_new(body, "value", etcd_encode("", request->text));
	if (request->verb == STORE_PUT_LEASED)
		json_object_set_new(body, "lease", json_string(etcd_lease_id(etcd->lease)));
	return body;
}

static json_t *put_if_absent(const struct etcd *etcd, const struct store_request *request)
{
	json_t *absent = key_only(etcd, request);

	json_object_update_new(
		absent, json_pack("{s:s, s:s, s:s}", "target", "CREATE", "result", "EQUAL", "create_revision", "0"));
	return json_pack("{s:[o], s:[{s:o}], s:[{s:o}]}", "compare", absent, "success", "request_put",
	                 key_and_value(etcd, request), "failure", "request_range", key_only(etcd, request));
}

static void take_value(struct store_request *request, const json_t *answer)
{
	const json_t *pair = json_array_get(json_object_get(answer, "kvs"), 0);

	if (!pair)
		error_set(&request->error, -ENOENT, "store: there is no %s", request->key);
	else if (!(request->text = etcd_decode(pair, "value")))
		error_set(&request->error, -EINVAL, "store key '%s' holds bytes that are no text", request->key);
}

/* A creation whose answer was lost meets its own work when it is repeated. */
static bool was_ours(const struct etcd *etcd, const struct store_request *request, const json_t *answer)
{
	const json_t *response = json_array_get(json_object_get(answer, "responses"), 0);
	const json_t *pairs = json_object_get(json_object_get(response, "response_range"), "kvs");
	_cleanup_free_ char *text = etcd_decode(json_array_get(pairs, 0), "value");

	return etcd_call_repeated(etcd->call) && text && !strcmp(text, request->text);
}

static void take_answer(const struct etcd *etcd, struct store_request *request, const json_t *answer)
{
	if (request->verb == STORE_GET)
		take_value(request, answer);
	else if (request->verb == STORE_CREATE && !json_is_true(json_object_get(answer, "succeeded")) &&
	         !was_ours(etcd, request, answer))
		error_set(&request->error, -EEXIST, "store: %s is there already", request->key);
}

/* ── one request after the other ── */

static const struct {
	const char *path;
	json_t *(*body)(const struct etcd *etcd, const struct store_request *request);
} verbs[] = {
	[STORE_PUT] = {"kv/put", key_and_value},    [STORE_PUT_LEASED] = {"kv/put", key_and_value},
	[STORE_CREATE] = {"kv/txn", put_if_absent}, [STORE_DELETE] = {"kv/deleterange", key_only},
	[STORE_GET] = {"kv/range", key_only},
};

static void timer_closed(uv_handle_t *handle)
{
	struct etcd *etcd = handle->data;

	etcd_link_close(etcd->link);
	free(etcd);
}

static void finish(struct etcd *etcd)
{
	etcd_lease_free(etcd->lease);
	uv_close((uv_handle_t *)&etcd->timer, timer_closed);
}

static void perform(struct etcd *etcd);

/* Until one has to be waited for, or there are no more. */
static void perform_next(struct etcd *etcd)
{
	struct store_request *request;

	etcd->busy = true;
	while ((request = etcd->requests) && request->error.code) {
		DL_DELETE2(etcd->requests, request, previous, next);
		store_answer(request);
	}
	if (request)
		perform(etcd);
	else
		etcd->busy = false;
	if (!request && etcd->store.closed)
		finish(etcd);
}

static void answer_first(struct etcd *etcd)
{
	struct store_request *request = etcd->requests;

	DL_DELETE2(etcd->requests, request, previous, next);
	store_answer(request);
	perform_next(etcd);
}

static void fail_first(struct etcd *etcd, const struct error *error)
{
	struct store_request *request = etcd->requests;

	request->error = *error;
	error_prefix(&request->error, "cannot %s %s", request->verb == STORE_GET ? "read" : "write", request->key);
	answer_first(etcd);
}

static bool lease_was_unknown(const struct etcd *etcd, const struct error *error)
{
	return etcd->requests->verb == STORE_PUT_LEASED && error->code == -ENOENT &&
	       uv_now(etcd_link_loop(etcd->link)) < etcd->requests->deadline;
}

static void on_answer(void *userdata, const json_t *answer, const struct error *error)
{
	struct etcd *etcd = userdata;

	if (lease_was_unknown(etcd, error)) {
		etcd_lease_lost(etcd->lease);
		perform(etcd);
	} else if (error->code) {
		fail_first(etcd, error);
	} else {
		take_answer(etcd, etcd->requests, answer);
		answer_first(etcd);
	}
}

static void on_lease(void *userdata, const struct error *error)
{
	struct etcd *etcd = userdata;

	if (error->code)
		fail_first(etcd, error);
	else
		perform(etcd);
}

static void perform(struct etcd *etcd)
{
	const struct store_request *request = etcd->requests;

	if (request->verb == STORE_PUT_LEASED && !etcd_lease_id(etcd->lease))
		etcd_lease_grant(etcd->lease, request->deadline, on_lease, etcd);
	else
		etcd->call = etcd_ask(etcd->link, verbs[request->verb].path, verbs[request->verb].body(etcd, request),
		                      request->deadline, on_answer, etcd);
}

static void on_timer(uv_timer_t *timer)
{
	struct etcd *etcd = timer->data;

	if (!etcd->busy)
		perform_next(etcd);
}

static void etcd_ask_store(struct store *store, struct store_request *request)
{
	struct etcd *etcd = (struct etcd *)store;

	request->deadline = uv_now(etcd_link_loop(etcd->link)) + PATIENCE_MS;
	DL_APPEND2(etcd->requests, request, previous, next);
	if (!etcd->busy)
		uv_timer_start(&etcd->timer, on_timer, 0, 0);
}

/* ── the whole ── */

/* Its end may mean an etcd set up anew, which the watches might not notice: it may have come as far as the old one. */
static void on_lease_lost(void *userdata)
{
	const struct etcd *etcd = userdata;

	for (struct etcd_watch *watch = etcd->watches; watch; watch = watch->next)
		etcd_watch_renew(watch);
}

static int etcd_check(const char *location, struct error *error)
{
	struct etcd_url url;
	int result = etcd_url_parse(location, &url, error);

	if (!result)
		etcd_url_clear(&url);
	return result;
}

static int etcd_open(uv_loop_t *loop, const char *location, const struct store_access *access, struct store **ret,
                     struct error *error)
{
	struct etcd_link *link;
	struct etcd *etcd;
	int result = etcd_link_open(loop, location, access, &link, error);

	if (result < 0)
		return result;
	etcd = xnew(struct etcd);
	etcd->link = link;
	etcd->lease = etcd_lease_new(link, on_lease_lost, etcd);
	uv_timer_init(loop, &etcd->timer);
	etcd->timer.data = etcd;
	*ret = &etcd->store;
	return 0;
}

static void close_watch(struct etcd *etcd, struct etcd_watch *watch)
{
	DL_DELETE(etcd->watches, watch);
	etcd_watch_close(watch);
}

static void etcd_close(struct store *store)
{
	struct etcd *etcd = (struct etcd *)store;

	while (etcd->watches)
		close_watch(etcd, etcd->watches);
	if (!etcd->busy)
		uv_timer_start(&etcd->timer, on_timer, 0, 0);
}

static struct store_watch *etcd_watch(struct store *store)
{
	struct etcd *etcd = (struct etcd *)store;
	struct etcd_watch *watch = etcd_watch_new(etcd->link);

	DL_APPEND(etcd->watches, watch);
	return &watch->mirror.watch;
}

static void etcd_watch_end(struct store_watch *watch)
{
	close_watch((struct etcd *)watch->store, (struct etcd_watch *)watch);
}

static json_t *etcd_status(const struct store *store)
{
	const struct etcd_link *link = ((const struct etcd *)store)->link;
	const struct error *error = etcd_link_error(link);
	_cleanup_free_ char *place = xasprintf("%s%s", etcd_link_member(link), etcd_link_prefix(link));

	return json_pack("{s:s, s:s, s:s}", "kind", store_etcd.kind, "state", error->code ? "Failure" : "Ok", "message",
	                 error->code ? error->message : place);
}

const struct store_backend store_etcd = {
	.kind = "etcd",
	.check = etcd_check,
	.open = etcd_open,
	.close = etcd_close,
	.ask = etcd_ask_store,
	.watch = etcd_watch,
	.watch_close = etcd_watch_end,
	.status = etcd_status,
};
