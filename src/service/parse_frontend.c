/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `pilus service update` says: one frontend, all backends.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/flow.h"
#include "base/memory.h"
#include "service/parse.h"
#include "service/parse_internal.h"

#define WEIGHT_MAX   65535
#define BACKENDS_MAX 10000 /* each is compared with all others */

struct reader {
	struct service_spec *service;
	struct service_slice *slice;
	const struct service_viewer *viewer;
};

static bool may_be_anywhere(enum service_type type)
{
	return type == SERVICE_NODE_PORT || type == SERVICE_HOST_PORT;
}

static void read_met(const struct field *object, struct service_spec *service)
{
	static const char *const types[] = SERVICE_TYPE_NAMES;
	struct service_frontend *frontend = APPEND(service->frontends, service->frontend_count);
	struct service_port *port = APPEND(service->ports, service->port_count);
	struct field type = field_of(object, "type"), address = field_of(object, "address"),
		     number = field_of(object, "port");

	frontend->type = field_word(&type, types, SERVICE_CLUSTER_IP);
	port->name = xstrdup("");
	port->protocol = read_protocol(object);
	port->port = frontend->port = field_number(&number, 1, UINT16_MAX, 0);
	if (!number.value)
		field_refuse(&number, "is missing");
	if (!address.value)
		field_refuse(&address, "is missing");
	else if (field_addr(&address, &frontend->addr) && addr_is_any(&frontend->addr) &&
	         !may_be_anywhere(frontend->type))
		field_refuse(&address, "0.0.0.0 and :: are for the types NodePort and HostPort");
	else if (frontend->type == SERVICE_NODE_PORT && !addr_is_any(&frontend->addr))
		field_refuse(&address, "must be 0.0.0.0 or ::, as a NodePort is on every address of the nodes");
}

static void read_how(const struct field *object, struct service_spec *service)
{
	static const char *const algorithms[] = SERVICE_ALGORITHM_NAMES, *const policies[] = {"Cluster", "Local", NULL};
	struct field algorithm = field_of(object, "algorithm"), affinity = field_of(object, "affinity"),
		     internal = field_of(object, "internal-policy"), external = field_of(object, "external-policy"),
		     ranges = field_of(object, "source-ranges"), health = field_of(object, "health-port");

	service->algorithm = field_word(&algorithm, algorithms, ALGORITHM_DEFAULT);
	service->affinity = field_number(&affinity, 0, AFFINITY_SECONDS_MAX, 0);
	service->internal_local = field_word(&internal, policies, 0);
	service->external_local = field_word(&external, policies, 0);
	service->health_port = field_number(&health, 0, UINT16_MAX, 0);
	read_ranges(&ranges, service);
}

static bool is_there(const struct service_slice *slice, const struct slice_endpoint *endpoint)
{
	for (size_t i = 0; i < slice->endpoint_count; i++)
		if (slice->endpoints[i].port == endpoint->port &&
		    addr_equal(&slice->endpoints[i].addr, &endpoint->addr))
			return true;
	return false;
}

static void check_backend(const struct field *address, const struct slice_endpoint *endpoint, struct reader *reader)
{
	const struct addr *frontend = &reader->service->frontends[0].addr;

	if (addr_is_v4(&endpoint->addr) != addr_is_v4(frontend))
		field_refuse(address, "must be of the frontend's family");
	else if (is_there(reader->slice, endpoint))
		field_refuse(address, "is there twice with this port");
}

static void read_backend(const struct field *field, struct reader *reader)
{
	static const char *const states[] = BACKEND_STATE_NAMES;
	const struct service_port *frontend = &reader->service->ports[0];
	struct field address = field_of(field, "address"), port = field_of(field, "port"),
		     weight = field_of(field, "weight"), state = field_of(field, "state"),
		     node = field_of(field, "node"), zone = field_of(field, "zone");
	struct slice_endpoint endpoint = {
		.port = field_number(&port, 1, UINT16_MAX, 0),
		.weight = field_number(&weight, 0, WEIGHT_MAX, 1),
		.state = field_word(&state, states, BACKEND_ACTIVE),
	};

	if (!port.value)
		field_refuse(&port, "is missing");
	else if (frontend->protocol == PROTOCOL_SCTP && endpoint.port != frontend->port)
		field_refuse(&port, "must be %u, as the frontend's: with SCTP it cannot be changed", frontend->port);
	if (!address.value)
		field_refuse(&address, "is missing");
	if (!field_addr(&address, &endpoint.addr))
		return;
	check_backend(&address, &endpoint, reader);
	endpoint.place = read_place(&node, &zone, &endpoint.addr, reader->viewer);
	*APPEND(reader->slice->endpoints, reader->slice->endpoint_count) = endpoint;
}

static void read_backends(const struct field *list, struct reader *reader)
{
	struct slice_port *port = APPEND(reader->slice->ports, reader->slice->port_count);
	size_t count = field_count_at_most(list, BACKENDS_MAX);

	port->name = xstrdup("");
	port->protocol = reader->service->ports[0].protocol;
	for (size_t i = 0; i < count; i++) {
		struct field backend = field_at(list, i);

		read_backend(&backend, reader);
	}
}

int service_frontend_parse(json_t *json, const struct service_viewer *viewer, struct service_spec **ret_service,
                           struct service_slice **ret_slice, struct error *error)
{
	_cleanup_(service_spec_freep) struct service_spec *service = xnew(struct service_spec);
	_cleanup_(service_slice_freep) struct service_slice *slice = xnew(struct service_slice);
	struct reader reader = {service, slice, viewer};
	struct error trouble = {};
	struct field object = {.value = json, .error = &trouble}, backends = field_of(&object, "backends");

	service->created = xstrdup("");
	read_met(&object, service);
	read_how(&object, service);
	read_backends(&backends, &reader);
	if (trouble.code)
		return error_set(error, trouble.code, "%s", trouble.message);
	*ret_service = TAKE_PTR(service);
	*ret_slice = TAKE_PTR(slice);
	return 0;
}
