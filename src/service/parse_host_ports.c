/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host ports, as runtimes ask for them: a service with one backend, the pod.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/flow.h"
#include "base/memory.h"
#include "service/parse.h"
#include "service/parse_internal.h"

#define FAMILY_COUNT 2

struct mapping {
	struct addr addr; /* of the node, where `met` says so */
	enum { MET_EVERYWHERE, MET_IN_FAMILY, MET_AT } met;
	uint16_t port, pod_port;
	uint8_t protocol;
};

struct reader {
	const struct host_port_place *place;
	struct service_spec *service;
	struct service_slice *slice;
};

static struct mapping read_mapping(const struct field *object)
{
	struct field port = field_of(object, "host-port"), pod_port = field_of(object, "container-port"),
		     addr = field_of(object, "host-ip");
	struct mapping mapping = {
		.port = field_number(&port, 1, UINT16_MAX, 0),
		.pod_port = field_number(&pod_port, 1, UINT16_MAX, 0),
		.protocol = read_protocol(object),
	};

	if (!port.value)
		field_refuse(&port, "is missing");
	if (!pod_port.value)
		field_refuse(&pod_port, "is missing");
	if (mapping.protocol == PROTOCOL_SCTP && mapping.port != mapping.pod_port)
		field_refuse(&port, "must be %u, as the container's: with SCTP it cannot be changed", mapping.pod_port);
	if (field_addr(&addr, &mapping.addr))
		mapping.met = addr_is_any(&mapping.addr) ? MET_IN_FAMILY : MET_AT;
	return mapping;
}

/* Is the mapping met in the family of the addresses? Where. */
static bool find_met(const struct mapping *mapping, const struct addr *pod, const struct addr *node, struct addr *ret)
{
	if (addr_is_zero(pod) || (mapping->met && addr_is_v4(&mapping->addr) != addr_is_v4(pod)))
		return false;
	*ret = mapping->met == MET_AT ? mapping->addr : *node;
	return true;
}

static bool may_be_asked(const struct host_port_place *place, const struct addr *met)
{
	return place->here || !(addr_is_any(met) || addr_is_loopback(met));
}

static void add_mapping(struct reader *reader, const struct mapping *mapping, const struct field *object)
{
	const struct host_port_place *place = reader->place;
	struct service_port *port = APPEND(reader->service->ports, reader->service->port_count);
	size_t of = reader->service->port_count - 1, before = reader->service->frontend_count;
	struct field addr = field_of(object, "host-ip");
	struct addr met;

	*port = (struct service_port){xasprintf("%zu", of), mapping->protocol, mapping->port, 0};
	*APPEND(reader->slice->ports, reader->slice->port_count) =
		(struct slice_port){xstrdup(port->name), mapping->protocol, mapping->pod_port};
	for (size_t family = 0; family < FAMILY_COUNT; family++)
		if (find_met(mapping, &place->pod[family], &place->node[family], &met) && may_be_asked(place, &met))
			*APPEND(reader->service->frontends, reader->service->frontend_count) =
				(struct service_frontend){SERVICE_HOST_PORT, met, mapping->port, of};
	if (place->here && reader->service->frontend_count == before)
		field_refuse(&addr, "is of a family of which the pod has no address");
}

static void add_pod(const struct reader *reader)
{
	for (size_t family = 0; family < FAMILY_COUNT; family++)
		if (!addr_is_zero(&reader->place->pod[family]))
			*APPEND(reader->slice->endpoints, reader->slice->endpoint_count) = (struct slice_endpoint){
				.addr = reader->place->pod[family],
				.weight = 1,
				.place = reader->place->here ? BACKEND_ON_NODE : 0,
			};
}

/* reader NULL: only whether it is understood. */
static int read_all(json_t *list, struct reader *reader, struct error *error)
{
	struct error trouble = {};
	const struct field array = {.value = list, .error = &trouble};
	size_t count = field_count_at_most(&array, HOST_PORTS_MAX);

	for (size_t i = 0; i < count; i++) {
		struct field object = field_at(&array, i);
		struct mapping mapping = read_mapping(&object);

		if (reader && !trouble.code)
			add_mapping(reader, &mapping, &object);
	}
	return trouble.code ? error_set(error, trouble.code, "%s", trouble.message) : 0;
}

int host_ports_check(json_t *list, struct error *error)
{
	return read_all(list, NULL, error);
}

int host_ports_parse(json_t *list, const struct host_port_place *place, struct service_spec **ret_service,
                     struct service_slice **ret_slice, struct error *error)
{
	_cleanup_(service_spec_freep) struct service_spec *service = xnew(struct service_spec);
	_cleanup_(service_slice_freep) struct service_slice *slice = xnew(struct service_slice);
	struct reader reader = {place, service, slice};
	int r;

	service->created = xstrdup("");
	add_pod(&reader);
	r = read_all(list, &reader, error);
	if (r)
		return r;
	*ret_service = TAKE_PTR(service);
	*ret_slice = TAKE_PTR(slice);
	return 0;
}
