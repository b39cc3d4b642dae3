/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the endpoints as a whole, and the end of each.
 */
#include "agent/endpoint/endpoint.h"

#include <errno.h>
#include <string.h>

#include "agent/endpoint/entry.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#define CREATE_TIMEOUT (10 * NS_PER_SECOND)

struct endpoints *endpoints_new(const struct endpoint_services *services)
{
	struct endpoints *endpoints = xnew(struct endpoints);

	endpoints->services = *services;
	endpoints->folder = xasprintf("%s/endpoints", services->config->state_dir);
	endpoints->started = time(NULL);
	endpoints->create_timeout = CREATE_TIMEOUT;
	uv_timer_init(services->loop, &endpoints->timer);
	endpoints->timer.data = endpoints;
	return endpoints;
}

static void timer_closed(uv_handle_t *handle)
{
	struct endpoints *endpoints = handle->data;

	free(endpoints->folder);
	free(endpoints);
}

void endpoints_free(struct endpoints *endpoints)
{
	struct endpoint_entry *entry;
	struct error error;

	if (!endpoints)
		return;
	endpoint_watch_stop(endpoints);
	endpoints_foreach (endpoints, entry) {
		if (entry->done) {
			error_set(&error, -EAGAIN, "the agent is ending: try again later");
			endpoint_creation_failed(entry, &error);
		}
	}
	endpoints_foreach (endpoints, entry)
		endpoint_entry_free(entry);
	uv_close((uv_handle_t *)&endpoints->timer, timer_closed);
}

json_t *endpoint_event_details(const struct endpoint_entry *entry)
{
	return json_pack("{s:i, s:O?, s:O?, s:i}", "endpoint", entry->id, "pod",
	                 json_object_get(entry->spec.json, "pod"), "namespace",
	                 json_object_get(entry->spec.json, "namespace"), "identity", entry->identity);
}

int endpoint_undo(struct endpoint_entry *entry, struct error *error)
{
	const struct endpoint_services *services = &entry->endpoints->services;
	int result;

	endpoint_release_host_ports(entry);
	endpoint_deactivate(entry);
	result = pod_link_delete(&entry->link, services->netlink, error);
	if (!result)
		result = endpoint_file_remove(entry, error);
	if (result)
		return result;
	for (enum family family = 0; family < FAMILIES; family++)
		ipam_release(services->ipam, &entry->link.address[family]);
	endpoint_entry_free(entry);
	return 0;
}

int endpoint_take_down(struct endpoint_entry *entry, const char *reason, struct error *error)
{
	_cleanup_free_ char *owner = endpoint_owner(entry);
	struct monitor *monitor = entry->endpoints->services.monitor;
	json_t *details = endpoint_event_details(entry);
	struct error trouble = {};
	uint16_t id = entry->id;
	int result;

	if (entry->done) {
		json_decref(details);
		error_set(&trouble, -EAGAIN, "it was deleted while it was being made");
		endpoint_creation_failed(entry, &trouble);
		return 0;
	}
	endpoint_tell(entry, ENDPOINT_DISCONNECTING, ENDPOINT_OK, "Taken down: %s", reason);
	result = endpoint_undo(entry, &trouble);
	if (result) {
		endpoint_tell(entry, ENDPOINT_DISCONNECTING, ENDPOINT_FAILURE, "%s", trouble.message);
		log_error("endpoint %u: taking %s down: %s", id, owner, trouble.message);
		json_decref(details);
		return error_set(error, result, "%s", trouble.message);
	}
	log_info("endpoint %u: taken down, %s: %s", id, owner, reason);
	monitor_agent_event(monitor, "Endpoint deleted", details, "endpoint %u for %s: %s", id, owner, reason);
	return 0;
}

int endpoint_delete(struct endpoints *endpoints, const char *container, const char *interface, struct error *error)
{
	struct endpoint_entry *entry = endpoint_lookup(endpoints, container, interface);

	return entry ? endpoint_take_down(entry, "deleted", error) : 0;
}

int endpoint_check(const struct endpoints *endpoints, json_t *request, struct error *error)
{
	const struct endpoint_entry *entry;
	struct endpoint_spec spec;
	struct pod_place place;
	const char *difference;
	int result;

	result = endpoint_spec_parse(request, &spec, error);
	if (result)
		return result;
	entry = endpoint_lookup(endpoints, spec.container, spec.interface);
	difference = entry ? endpoint_spec_difference(&entry->spec, &spec) : NULL;
	if (difference && !strcmp(difference, "labels")) /* they may have changed since */
		difference = NULL;
	place = (struct pod_place){.netns = entry ? entry->spec.netns : NULL,
	                           .interface = entry ? entry->spec.interface : NULL};
	if (!entry)
		result = error_set(error, -ENOENT, "no endpoint has container %s, interface %s", spec.container,
		                   spec.interface);
	else if (difference)
		result = error_set(error, -EEXIST, "endpoint %u was made with another \"%s\"", entry->id, difference);
	else if (!entry->active)
		result = error_set(error, -EEXIST, "endpoint %u is %s", entry->id, endpoint_state_name(entry->state));
	else
		result = pod_link_check(&entry->link, &place, endpoints->services.netlink, error);
	endpoint_spec_clear(&spec);
	return result;
}
