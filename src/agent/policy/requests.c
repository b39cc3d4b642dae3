/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: checked whole before anything is changed, then told to the store, then waited for. What the store was told
 * comes back by the watch, as on every node, and only then is it in force here.
 */
#include <errno.h>
#include <string.h>

#include "agent/policy/internal.h"
#include "base/memory.h"

#define ENFORCE_TIMEOUT_MS 25000 /* the client gives up after 30 s */
#define KEY_MAX            200   /* store.h */

/* Somebody waits: for the store's answers, then for keys to read so, then for a revision to be enforced. */
struct wait {
	struct policies *policies; /* NULL: it was answered */
	json_t *wanted;            /* key -> the text that it is to have, null: it is to be gone */
	unsigned owed;             /* by the store, answers; when it was answered, by the loop, an end of the timer */
	struct error error;        /* the first of the store's */
	uint64_t revision;         /* 0: that of when the keys read so */
	uv_timer_t timer;          /* when it is over */
	policies_done done;
	void *userdata;
};

/* The last who owed something lets it go. */
static void settle(struct wait *wait)
{
	if (--wait->owed)
		return;
	json_decref(wait->wanted);
	free(wait);
}

static void timer_closed(uv_handle_t *handle)
{
	settle(handle->data);
}

/* The last takes its place. */
static void leave(struct policies *policies, const struct wait *wait)
{
	size_t at = 0;

	while (at < policies->wait_count && policies->waits[at] != wait)
		at++;
	policies->waits[at] = policies->waits[--policies->wait_count];
}

/* Takes the answer's reference. */
static void answer(struct wait *wait, json_t *body, const struct error *error)
{
	leave(wait->policies, wait);
	wait->policies = NULL;
	wait->owed++;
	uv_close((uv_handle_t *)&wait->timer, timer_closed);
	wait->done(wait->userdata, body, error ? error->code : 0, error);
	json_decref(body);
}

static bool reads_so(const struct policies *policies, const char *key, const json_t *text)
{
	const struct object *object = object_find(policies, key);

	if (json_is_null(text))
		return !object;
	return object && object->text && !object->trouble && !strcmp(object->text, json_string_value(text));
}

static void strike_out(struct wait *wait, const char *key)
{
	const json_t *text = json_object_get(wait->wanted, key);

	if (text && reads_so(wait->policies, key, text))
		json_object_del(wait->wanted, key);
}

/* Those that read so already when the store had answered: nothing more is told of them. */
static void strike_out_all(struct wait *wait)
{
	const char *key;
	json_t *text;
	void *next;

	json_object_foreach_safe (wait->wanted, next, key, text) {
		strike_out(wait, key);
	}
}

static json_t *answer_of(const struct wait *wait, bool enforced)
{
	return json_pack("{s:I, s:b}", "revision", (json_int_t)wait->revision, "enforced", enforced);
}

static void look(struct wait *wait)
{
	if (wait->owed)
		return;
	if (wait->error.code) {
		answer(wait, NULL, &wait->error);
		return;
	}
	if (json_object_size(wait->wanted))
		return;
	if (!wait->revision)
		wait->revision = wait->policies->revision;
	if (wait->policies->revision >= wait->revision && policy_sets_are_done(wait->policies))
		answer(wait, answer_of(wait, true), NULL);
}

void waits_look(struct policies *policies)
{
	/* From the end, as each may leave. */
	for (size_t i = policies->wait_count; i-- > 0;)
		look(policies->waits[i]);
}

void waits_told(struct policies *policies, const char *key)
{
	for (size_t i = 0; i < policies->wait_count; i++)
		strike_out(policies->waits[i], key);
	waits_look(policies);
}

void waits_end(struct policies *policies)
{
	struct error error;

	error_set(&error, -EAGAIN, "the agent is ending: try again later");
	while (policies->wait_count)
		answer(policies->waits[0], NULL, &error);
	free(TAKE_PTR(policies->waits));
}

/* The store has it, so it will be enforced: only not yet. */
static void time_over(uv_timer_t *timer)
{
	struct wait *wait = timer->data;
	struct error error;

	if (!wait->owed && !wait->error.code && json_object_size(wait->wanted) == 0) {
		error_set(&error, -ETIMEDOUT,
		          "not all endpoints of this node enforce revision %llu yet (it is at %llu)",
		          (unsigned long long)wait->revision, (unsigned long long)wait->policies->revision);
	} else {
		error_set(&error, -ETIMEDOUT,
		          "the store has not answered yet; what it was told is done once it can be "
		          "reached");
	}
	answer(wait, NULL, &error);
}

/* Takes `wanted`. */
static struct wait *wait_new(struct policies *policies, json_t *wanted, uint64_t timeout_ms, policies_done done,
                             void *userdata)
{
	struct wait *wait = xnew(struct wait);

	wait->policies = policies;
	wait->wanted = wanted;
	wait->done = done;
	wait->userdata = userdata;
	wait->timer.data = wait;
	uv_timer_init(policies->services.loop, &wait->timer);
	uv_timer_start(&wait->timer, time_over, timeout_ms, 0);
	policies->waits = xrealloc(policies->waits, (policies->wait_count + 1) * sizeof(*policies->waits));
	policies->waits[policies->wait_count++] = wait;
	return wait;
}

static void store_answered(void *userdata, int result, const struct error *error)
{
	struct wait *wait = userdata;

	if (!wait->policies) {
		settle(wait);
		return;
	}
	wait->owed--;
	if (result && !wait->error.code)
		wait->error = *error;
	if (!wait->owed)
		strike_out_all(wait);
	look(wait);
}

/* ── import ── */

/* One object of the request: its key and text join `wanted`. */
static int read_one(json_t *value, json_t *wanted, struct error *error)
{
	_cleanup_free_ char *key = NULL, *text = NULL;
	_cleanup_(policy_list_clear) struct policy_list list = {};
	int result = object_read(value, &key, &text, &list, error);

	if (result)
		return result;
	if (strlen(key) > KEY_MAX)
		return error_set(error, -EINVAL, "%s: namespace and name are too long together", key);
	if (json_object_get(wanted, key))
		return error_set(error, -EINVAL, "%s is there twice", key + strlen(POLICY_FOLDER));
	json_object_set_new(wanted, key, json_string(text));
	return 0;
}

static int read_request(const json_t *objects, json_t *wanted, struct error *error)
{
	json_t *value;
	size_t i;

	if (!json_array_size(objects))
		return error_set(error, -EINVAL, "there is no policy to import");
	json_array_foreach (objects, i, value) {
		int result = read_one(value, wanted, error);

		if (result)
			return result;
	}
	return 0;
}

static void put_all(struct wait *wait)
{
	struct store *store = wait->policies->services.store;
	json_auto_t *keys = json_copy(wait->wanted);
	const char *key;
	json_t *text;

	wait->owed = (unsigned)json_object_size(keys);
	json_object_foreach (keys, key, text) {
		json_t *value = json_loads(json_string_value(text), 0, NULL);

		store_put(store, key, value, store_answered, wait);
		json_decref(value);
	}
}

static void refuse(const struct error *error, policies_done done, void *userdata)
{
	done(userdata, NULL, error->code, error);
}

void policies_import(struct policies *policies, json_t *request, policies_done done, void *userdata)
{
	json_t *objects = json_is_array(request) ? json_incref(request) : json_pack("[O]", request);
	json_t *wanted = json_object();
	struct error error = {};

	if (!objects || read_request(objects, wanted, &error)) {
		if (!error.code)
			error_set(&error, -EINVAL, "there is no policy to import");
		policies->import_errors++;
		json_decref(wanted);
		refuse(&error, done, userdata);
	} else {
		put_all(wait_new(policies, wanted, ENFORCE_TIMEOUT_MS, done, userdata));
	}
	json_decref(objects);
}

/* ── deletion ── */

static void delete_keys(struct policies *policies, json_t *wanted, policies_done done, void *userdata)
{
	struct wait *wait = wait_new(policies, wanted, ENFORCE_TIMEOUT_MS, done, userdata);
	json_auto_t *keys = json_copy(wanted);
	const char *key;
	json_t *text;

	wait->owed = (unsigned)json_object_size(keys);
	json_object_foreach (keys, key, text)
		store_delete(policies->services.store, key, store_answered, wait);
	if (!wait->owed)
		look(wait);
}

void policies_delete(struct policies *policies, const char *kind, const char *space, const char *name,
                     policies_done done, void *userdata)
{
	bool clusterwide = !strcmp(space, "-");
	_cleanup_free_ char *key =
		xasprintf(POLICY_FOLDER "%s/%s%s%s", kind, clusterwide ? "" : space, clusterwide ? "" : "/", name);
	struct error error;

	if (object_find(policies, key)) {
		delete_keys(policies, json_pack("{s:n}", key), done, userdata);
		return;
	}
	error_set(&error, -ENOENT, "there is no policy %s", key + strlen(POLICY_FOLDER));
	refuse(&error, done, userdata);
}

void policies_delete_all(struct policies *policies, policies_done done, void *userdata)
{
	json_t *wanted = json_object();
	const struct object *object;

	for (object = policies->objects; object; object = object->hh.next)
		json_object_set_new(wanted, object->key, json_null());
	delete_keys(policies, wanted, done, userdata);
}

/* ── waiting ── */

void policies_wait(struct policies *policies, uint64_t revision, uint64_t timeout_ms, policies_done done,
                   void *userdata)
{
	struct wait *wait = wait_new(policies, json_object(), timeout_ms, done, userdata);

	wait->revision = revision;
	look(wait);
}
