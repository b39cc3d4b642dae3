/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EndpointSlice (Kubernetes API, discovery.k8s.io/v1).
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "service/parse.h"
#include "service/parse_internal.h"

#define LABEL_SERVICE "kubernetes.io/service-name"

/* The API's own limits. */
#define PORTS_MAX     100
#define ENDPOINTS_MAX 1000

struct reader {
	struct service_slice *slice;
	const struct service_viewer *viewer;
	bool v4;
};

/* A port without a number stands for all, which is no use to a service. */
static void read_slice_ports(const struct field *list, struct service_slice *slice)
{
	size_t count = field_count_at_most(list, PORTS_MAX);

	for (size_t i = 0; i < count; i++) {
		struct field field = field_at(list, i), name = field_of(&field, "name"),
			     number = field_of(&field, "port");
		struct slice_port *port;

		if (!number.value)
			continue;
		port = APPEND(slice->ports, slice->port_count);
		/* "" is how a single port may be called. */
		port->name = xstrdup(json_string_value(name.value) ?: "");
		port->protocol = read_protocol(&field);
		port->port = field_number(&number, 1, UINT16_MAX, 0);
	}
}

/* What is not said is as if all were well (the API's words: "nil should be interpreted as true"). */
static enum backend_state read_state(const struct field *endpoint)
{
	struct field conditions = field_of(endpoint, "conditions"), ready = field_of(&conditions, "ready"),
		     serving = field_of(&conditions, "serving"), terminating = field_of(&conditions, "terminating");
	bool is_ready = field_flag(&ready, true), leaves = field_flag(&terminating, false);

	if (is_ready)
		return BACKEND_ACTIVE;
	return field_flag(&serving, false) && leaves ? BACKEND_TERMINATING : BACKEND_QUARANTINED;
}

static bool names(const struct field *list, const char *name)
{
	for (size_t i = 0; i < field_count(list); i++) {
		struct field element = field_at(list, i), field = field_of(&element, "name");
		const char *text = field_text(&field);

		if (text && name && !strcmp(text, name))
			return true;
	}
	return false;
}

static uint8_t read_hints(const struct field *endpoint, const struct service_viewer *viewer)
{
	struct field hints = field_of(endpoint, "hints"), zones = field_of(&hints, "forZones"),
		     nodes = field_of(&hints, "forNodes");
	uint8_t place = field_count(&zones) || field_count(&nodes) ? BACKEND_HINTED : 0;

	if (names(&zones, viewer->zone))
		place |= BACKEND_FOR_ZONE;
	if (names(&nodes, viewer->node))
		place |= BACKEND_FOR_NODE;
	return place;
}

static void read_endpoint(const struct field *field, struct reader *reader)
{
	struct field addresses = field_of(field, "addresses"), first = field_at(&addresses, 0),
		     node = field_of(field, "nodeName"), zone = field_of(field, "zone");
	struct slice_endpoint endpoint = {.weight = 1};

	/* Of several, the API lets nobody use more than the first. */
	if (!field_count(&addresses)) {
		field_refuse(&addresses, "is empty");
		return;
	}
	if (!field_addr(&first, &endpoint.addr))
		return;
	if (addr_is_v4(&endpoint.addr) != reader->v4)
		field_refuse(&first, "is not of the slice's addressType");
	endpoint.state = read_state(field);
	endpoint.place = read_place(&node, &zone, &endpoint.addr, reader->viewer) | read_hints(field, reader->viewer);
	*APPEND(reader->slice->endpoints, reader->slice->endpoint_count) = endpoint;
}

/* Names of hosts are for DNS, not for us: such a slice is empty. */
static void read_endpoints(const struct field *object, struct reader *reader)
{
	static const char *const types[] = {"IPv4", "IPv6", "FQDN", NULL};
	struct field type = field_of(object, "addressType"), list = field_of(object, "endpoints");
	int index = field_word(&type, types, -1);
	size_t count = index == 2 ? 0 : field_count_at_most(&list, ENDPOINTS_MAX);

	if (!type.value)
		field_refuse(&type, "is missing");
	reader->v4 = index == 0;
	for (size_t i = 0; i < count; i++) {
		struct field endpoint = field_at(&list, i);

		read_endpoint(&endpoint, reader);
	}
}

static void read_service_name(const struct field *object, const char *name, struct service_slice *slice)
{
	struct field metadata = field_of(object, "metadata"), labels = field_of(&metadata, "labels"),
		     label = field_of(&labels, LABEL_SERVICE);
	const char *text = field_text(&label);

	if (text)
		slice->service = xasprintf("%.*s/%s", (int)(strchr(name, '/') - name), name, text);
	else
		field_refuse(&label, "is missing: it says whose slice this is");
}

int service_slice_parse(json_t *json, const char *name, const struct service_viewer *viewer, struct service_slice **ret,
                        struct error *error)
{
	_cleanup_(service_slice_freep) struct service_slice *slice = xnew(struct service_slice);
	struct reader reader = {.slice = slice, .viewer = viewer};
	struct error trouble = {};
	struct field object = {.value = json, .error = &trouble}, ports = field_of(&object, "ports");

	check_identity(&object, "discovery.k8s.io/v1", "EndpointSlice", name);
	read_service_name(&object, name, slice);
	read_slice_ports(&ports, slice);
	read_endpoints(&object, &reader);
	if (trouble.code)
		return error_set(error, trouble.code, "%s", trouble.message);
	*ret = TAKE_PTR(slice);
	return 0;
}
