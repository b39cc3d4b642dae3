/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/endpoint/entry.h"
#include "base/log.h"

/* NULL: none. */
static json_t *mappings_of(const struct endpoint_entry *entry)
{
	json_t *mappings = json_object_get(entry->spec.json, "port-mappings");

	return json_array_size(mappings) ? mappings : NULL;
}

static int tell(const struct endpoint_entry *entry, json_t *mappings,
                int (*take)(struct services *services, const struct services_pod *pod, struct error *error),
                struct error *error)
{
	_cleanup_free_ char *name = endpoint_owner(entry);
	const struct services_pod pod = {
		.endpoint = entry->id,
		.name = name,
		.mappings = mappings,
		.addr = {entry->link.address[FAMILY_V4], entry->link.address[FAMILY_V6]},
	};

	return take(entry->endpoints->services.host_ports, &pod, error);
}

int endpoint_take_host_ports(const struct endpoint_entry *entry, struct error *error)
{
	struct services *services = entry->endpoints->services.host_ports;
	json_t *mappings = mappings_of(entry);

	if (!mappings)
		return 0;
	if (!services)
		return error_set(error, -EINVAL,
		                 "\"port-mappings\": this node serves no host ports, as kube-proxy-replacement is off: "
		                 "leave them to the plugin portmap");
	return tell(entry, mappings, services_take_host_ports, error);
}

void endpoint_adopt_host_ports(const struct endpoint_entry *entry)
{
	struct services *services = entry->endpoints->services.host_ports;
	json_t *mappings = mappings_of(entry);
	struct error error = {};

	if (!mappings)
		return;
	if (!services)
		log_warning("endpoint %u: its host ports are not served: kube-proxy-replacement is off", entry->id);
	else if (tell(entry, mappings, services_restore_host_ports, &error))
		log_warning("endpoint %u: its host ports are not served: %s", entry->id, error.message);
}

void endpoint_release_host_ports(const struct endpoint_entry *entry)
{
	struct services *services = entry->endpoints->services.host_ports;

	if (services && mappings_of(entry))
		services_release_host_ports(services, entry->id);
}
