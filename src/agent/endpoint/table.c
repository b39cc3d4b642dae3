/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of endpoints: entries by number, their numbers, names and logs.
 */
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/endpoint/entry.h"
#include "base/clock.h"
#include "base/memory.h"

/* A number rests after use, so that what people and logs remember of it is not the next pod's. */
#define ID_REST_SECONDS 30

struct endpoint_entry *endpoint_entry_new(struct endpoints *endpoints, uint16_t id)
{
	struct endpoint_entry *entry = xnew(struct endpoint_entry);

	entry->endpoints = endpoints;
	entry->id = id;
	entry->created = time(NULL);
	endpoints->entries[id] = entry;
	return entry;
}

void endpoint_entry_free(struct endpoint_entry *entry)
{
	struct endpoints *endpoints = entry->endpoints;

	endpoints->entries[entry->id] = NULL;
	endpoints->released[entry->id] = clock_now() / NS_PER_SECOND + 1;
	if (entry->resolving)
		identity_request_cancel(entry->resolving);
	endpoint_leave_policy(entry);
	endpoint_spec_clear(&entry->spec);
	json_decref(entry->labels);
	endpoint_log_clear(&entry->log);
	free(entry);
}

static bool id_is_free(const struct endpoints *endpoints, uint16_t id)
{
	char device[IFNAMSIZ];

	snprintf(device, sizeof(device), POD_DEVICE_PREFIX "%u", id);
	return !endpoints->entries[id] && !if_nametoindex(device);
}

static bool id_is_rested(const struct endpoints *endpoints, uint16_t id)
{
	uint32_t released = endpoints->released[id];

	return !released || clock_now() / NS_PER_SECOND + 1 - released >= ID_REST_SECONDS;
}

int endpoint_id_choose(const struct endpoints *endpoints, uint16_t *ret, struct error *error)
{
	uint16_t tired = 0;

	for (uint16_t id = 1; id <= ENDPOINT_ID_MAX; id++) {
		bool rested = id_is_rested(endpoints, id);

		if ((!rested && tired) || !id_is_free(endpoints, id))
			continue;
		if (rested) {
			*ret = id;
			return 0;
		}
		tired = id;
	}
	if (!tired)
		return error_set(error, -ENOSPC, "this node has %d endpoints already: no more fit", ENDPOINT_ID_MAX);
	*ret = tired;
	return 0;
}

struct endpoint_entry *endpoint_lookup(const struct endpoints *endpoints, const char *container, const char *interface)
{
	struct endpoint_entry *entry;

	endpoints_foreach (endpoints, entry) {
		if (!strcmp(entry->spec.container, container) && !strcmp(entry->spec.interface, interface))
			return entry;
	}
	return NULL;
}

const char *endpoint_state_name(enum endpoint_state state)
{
	static const char *const names[] = {
#define X(symbol, name) [ENDPOINT_##symbol] = name,
		ENDPOINT_STATES(X)
#undef X
	};

	return names[state];
}

int endpoint_id_of_device(const char *device, uint16_t *ret)
{
	char again[IFNAMSIZ];
	unsigned id;

	if (sscanf(device, POD_DEVICE_PREFIX "%u", &id) != 1 || !id || id > ENDPOINT_ID_MAX)
		return -EINVAL;
	snprintf(again, sizeof(again), POD_DEVICE_PREFIX "%u", id);
	if (strcmp(device, again))
		return -EINVAL;
	*ret = id;
	return 0;
}

void endpoint_tell(struct endpoint_entry *entry, enum endpoint_state state, enum endpoint_log_status status,
                   const char *format, ...)
{
	char message[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	entry->state = state;
	endpoint_log_add(&entry->log, status, endpoint_state_name(state), xstrdup(message));
}

char *endpoint_owner(const struct endpoint_entry *entry)
{
	const struct endpoint_spec *spec = &entry->spec;

	if (!spec->pod)
		return xstrdup(spec->container);
	return xasprintf("%s/%s", spec->namespace ?: "default", spec->pod);
}

void endpoints_each_namespace(const struct endpoints *endpoints, void (*each)(void *userdata, const char *netns),
                              void *userdata)
{
	const struct endpoint_entry *entry;

	endpoints_foreach (endpoints, entry)
		each(userdata, entry->spec.netns);
}
