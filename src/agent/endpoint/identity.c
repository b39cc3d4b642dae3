/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity of an endpoint: asked for, and asked for again, later and later, while the store is silent. One timer
 * serves all endpoints.
 */
#include <errno.h>
#include <string.h>

#include "agent/endpoint/entry.h"
#include "base/clock.h"

#define RETRY_DELAY_MIN (NS_PER_SECOND / 5)
#define RETRY_DELAY_MAX (30 * NS_PER_SECOND)

static void sooner(uint64_t *due, uint64_t candidate)
{
	if (candidate && (!*due || candidate < *due))
		*due = candidate;
}

static void timer_fired(uv_timer_t *timer);

void endpoint_schedule(struct endpoints *endpoints)
{
	uint64_t due = endpoints->look_at, now = clock_now();
	struct endpoint_entry *entry;

	sooner(&due, endpoints->settle_at);
	endpoints_foreach (endpoints, entry) {
		sooner(&due, entry->retry_at);
		sooner(&due, entry->deadline);
	}
	if (!due)
		uv_timer_stop(&endpoints->timer);
	else
		uv_timer_start(&endpoints->timer, timer_fired, due > now ? (due - now) / 1000000 + 1 : 0, 0);
}

static void fail_late(struct endpoint_entry *entry)
{
	struct error error;

	error_set(&error, -EAGAIN, "no identity for its labels within %u s%s%s: try again later",
	          (unsigned)(entry->endpoints->create_timeout / NS_PER_SECOND), entry->trouble.code ? ": " : "",
	          entry->trouble.code ? entry->trouble.message : "");
	endpoint_creation_failed(entry, &error);
}

static void timer_fired(uv_timer_t *timer)
{
	struct endpoints *endpoints = timer->data;
	struct endpoint_entry *entry;
	uint64_t now = clock_now();

	if (endpoints->look_at && endpoints->look_at <= now) {
		endpoints->look_at = 0;
		endpoint_watch_look(endpoints);
	}
	if (endpoints->settle_at && endpoints->settle_at <= now)
		endpoint_settle(endpoints);
	endpoints_foreach (endpoints, entry) {
		if (entry->deadline && entry->deadline <= now) {
			fail_late(entry);
		} else if (entry->retry_at && entry->retry_at <= now) {
			entry->retry_at = 0;
			endpoint_resume(entry);
		}
	}
	endpoint_schedule(endpoints);
}

void endpoint_retry_later(struct endpoint_entry *entry)
{
	entry->retry_delay = entry->retry_delay ? entry->retry_delay * 2 : RETRY_DELAY_MIN;
	if (entry->retry_delay > RETRY_DELAY_MAX)
		entry->retry_delay = RETRY_DELAY_MAX;
	entry->retry_at = clock_now() + entry->retry_delay;
	endpoint_schedule(entry->endpoints);
}

static void known(struct endpoint_entry *entry, uint32_t identity)
{
	entry->retry_delay = 0;
	entry->trouble = (struct error){};
	if (entry->wired)
		endpoint_confirm(entry, identity);
	else
		endpoint_wire(entry, identity);
}

static void resolved(void *userdata, uint32_t identity, const struct error *error)
{
	struct endpoint_entry *entry = userdata;

	entry->resolving = NULL;
	if (identity) {
		known(entry, identity);
		return;
	}
	entry->trouble = *error;
	endpoint_tell(entry, ENDPOINT_WAITING_FOR_IDENTITY, ENDPOINT_WARNING, "No identity yet: %s", error->message);
	endpoint_retry_later(entry);
}

/* A reserved set of labels has a reserved number: there is nothing to ask for. 0: it is not reserved. */
static uint32_t reserved_identity(const struct endpoint_entry *entry)
{
	static const uint32_t numbers[] = {IDENTITY_INIT, IDENTITY_HEALTH};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (json_equal(entry->labels, identity_labels(entry->endpoints->services.identities, numbers[i])))
			return numbers[i];
	}
	return 0;
}

void endpoint_resolve(struct endpoint_entry *entry)
{
	struct identities *identities = entry->endpoints->services.identities;
	uint32_t reserved = reserved_identity(entry);

	if (reserved)
		known(entry, reserved);
	else
		entry->resolving = identity_resolve(identities, entry->labels, resolved, entry);
}

void endpoints_each_identity(const struct endpoints *endpoints, void (*each)(void *userdata, uint32_t identity),
                             void *userdata)
{
	for (unsigned id = 0; id <= ENDPOINT_ID_MAX; id++) {
		if (endpoints->entries[id] && endpoints->entries[id]->identity)
			each(userdata, endpoints->entries[id]->identity);
	}
}
