/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service (Kubernetes API, v1).
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "service/parse.h"
#include "service/parse_internal.h"

#define ANNOTATION_ALGORITHM "service.cilium.io/lb-algorithm" /* Cilium's users have it */
#define PORTS_MAX            4096
#define FRONTENDS_MAX        32768 /* addresses times ports: a short object must not become a large one */
#define LABEL_OTHER_PROXY    "service.kubernetes.io/service-proxy-name"

enum kind { KIND_CLUSTER_IP, KIND_NODE_PORT, KIND_LOAD_BALANCER, KIND_EXTERNAL_NAME };

struct reader {
	struct service_spec *service;
	enum kind kind;
	bool families[2]; /* of the cluster's addresses: IPv4, IPv6 */
};

/* ── ports ── */

static bool is_doubled(const struct service_spec *service, const struct service_port *port)
{
	for (const struct service_port *other = service->ports; other < port; other++)
		if (other->port == port->port && other->protocol == port->protocol)
			return true;
	return false;
}

static void read_port(const struct field *field, struct service_spec *service)
{
	struct service_port *port = APPEND(service->ports, service->port_count);
	struct field name = field_of(field, "name"), number = field_of(field, "port"),
		     node_port = field_of(field, "nodePort");

	port->name = xstrdup(field_text(&name) ?: "");
	port->protocol = read_protocol(field);
	port->port = field_number(&number, 1, UINT16_MAX, 0);
	port->node_port = field_number(&node_port, 0, UINT16_MAX, 0);
	if (!number.value)
		field_refuse(&number, "is missing");
	if (is_doubled(service, port))
		field_refuse(&number, "is there twice for the same protocol");
}

static void read_ports(const struct field *list, struct service_spec *service)
{
	size_t count = field_count_at_most(list, PORTS_MAX);

	for (size_t i = 0; i < count; i++) {
		struct field port = field_at(list, i);

		read_port(&port, service);
	}
}

/* ── frontends ── */

/* At every port of the service. */
static void add_frontends(struct service_spec *service, enum service_type type, const struct addr *addr)
{
	for (size_t i = 0; i < service->port_count; i++) {
		uint16_t port = type == SERVICE_NODE_PORT ? service->ports[i].node_port : service->ports[i].port;

		if (port)
			*APPEND(service->frontends, service->frontend_count) =
				(struct service_frontend){.type = type, .addr = *addr, .port = port, .of = i};
	}
}

static bool read_frontend_addr(const struct field *field, struct addr *ret)
{
	if (!field_addr(field, ret))
		return false;
	if (!addr_is_zero(ret) && ret->word[3])
		return true;
	field_refuse(field, "must be an address that somebody can have");
	return false;
}

/* How many addresses of a list become frontends. */
static size_t count_addresses(const struct field *list, const struct service_spec *service)
{
	return field_count_at_most(list, FRONTENDS_MAX / (service->port_count ?: 1));
}

static void read_addresses(const struct field *list, enum service_type type, struct reader *reader)
{
	size_t count = count_addresses(list, reader->service);

	for (size_t i = 0; i < count; i++) {
		struct field field = field_at(list, i);
		struct addr addr;

		if (!read_frontend_addr(&field, &addr))
			continue;
		add_frontends(reader->service, type, &addr);
		if (type == SERVICE_CLUSTER_IP)
			reader->families[!addr_is_v4(&addr)] = true;
	}
}

/* clusterIP is the first of clusterIPs; objects from before there were two families have only the former. */
static void read_cluster_addresses(const struct field *spec, struct reader *reader)
{
	struct field one = field_of(spec, "clusterIP"), all = field_of(spec, "clusterIPs");
	struct addr addr;

	if (all.value) {
		read_addresses(&all, SERVICE_CLUSTER_IP, reader);
	} else if (!one.value) {
		field_refuse(&one, "is missing: give the service an address");
	} else if (read_frontend_addr(&one, &addr)) {
		add_frontends(reader->service, SERVICE_CLUSTER_IP, &addr);
		reader->families[!addr_is_v4(&addr)] = true;
	}
}

static void read_node_ports(struct reader *reader)
{
	const struct addr any[] = {addr_from_v4(0), {}};

	for (size_t family = 0; reader->kind >= KIND_NODE_PORT && family < 2; family++)
		if (reader->families[family])
			add_frontends(reader->service, SERVICE_NODE_PORT, &any[family]);
}

/* Addresses of mode Proxy are reached through the load balancer only. */
static void read_load_balancer(const struct field *object, struct reader *reader)
{
	static const char *const modes[] = {"VIP", "Proxy", NULL};
	struct field status = field_of(object, "status"), balancer = field_of(&status, "loadBalancer"),
		     list = field_of(&balancer, "ingress");
	size_t count = count_addresses(&list, reader->service);

	for (size_t i = 0; i < count; i++) {
		struct field ingress = field_at(&list, i), ip = field_of(&ingress, "ip"),
			     mode = field_of(&ingress, "ipMode");
		struct addr addr;

		if (field_word(&mode, modes, 0) == 0 && ip.value && read_frontend_addr(&ip, &addr))
			add_frontends(reader->service, SERVICE_LOAD_BALANCER, &addr);
	}
}

static void read_frontends(const struct field *object, const struct field *spec, struct reader *reader)
{
	struct field external = field_of(spec, "externalIPs");

	read_cluster_addresses(spec, reader);
	read_node_ports(reader);
	if (reader->kind == KIND_LOAD_BALANCER)
		read_load_balancer(object, reader);
	read_addresses(&external, SERVICE_EXTERNAL_IP, reader);
}

/* ── how it chooses ── */

static bool read_policy(const struct field *spec, const char *name)
{
	static const char *const words[] = {"Cluster", "Local", NULL};
	struct field field = field_of(spec, name);

	return field_word(&field, words, 0);
}

static void read_affinity(const struct field *spec, struct service_spec *service)
{
	static const char *const words[] = {"None", "ClientIP", NULL};
	struct field affinity = field_of(spec, "sessionAffinity"), config = field_of(spec, "sessionAffinityConfig"),
		     client = field_of(&config, "clientIP"), timeout = field_of(&client, "timeoutSeconds");

	if (field_word(&affinity, words, 0))
		service->affinity = field_number(&timeout, 1, AFFINITY_SECONDS_MAX, AFFINITY_SECONDS_DEFAULT);
}

static void read_preference(const struct field *spec, struct service_spec *service)
{
	static const char *const words[] = {"PreferClose", "PreferSameZone", "PreferSameNode", NULL};
	struct field field = field_of(spec, "trafficDistribution");
	int index = field_word(&field, words, -1);

	service->preference = index < 0 ? PREFER_NOBODY : index == 2 ? PREFER_NODE : PREFER_ZONE;
}

static void read_algorithm(const struct field *object, struct service_spec *service)
{
	static const char *const words[] = SERVICE_ALGORITHM_NAMES;
	struct field metadata = field_of(object, "metadata"), annotations = field_of(&metadata, "annotations"),
		     field = field_of(&annotations, ANNOTATION_ALGORITHM);

	service->algorithm = field_word(&field, words, ALGORITHM_DEFAULT);
}

static void read_choice(const struct field *object, const struct field *spec, struct reader *reader)
{
	struct service_spec *service = reader->service;
	struct field ranges = field_of(spec, "loadBalancerSourceRanges"),
		     health = field_of(spec, "healthCheckNodePort");

	service->internal_local = read_policy(spec, "internalTrafficPolicy");
	service->external_local = read_policy(spec, "externalTrafficPolicy");
	read_affinity(spec, service);
	read_preference(spec, service);
	read_algorithm(object, service);
	if (reader->kind != KIND_LOAD_BALANCER)
		return;
	read_ranges(&ranges, service);
	if (service->external_local)
		service->health_port = field_number(&health, 0, UINT16_MAX, 0);
}

/* ── the whole ── */

static bool is_headless(const struct field *spec)
{
	return !strcmp(json_string_value(json_object_get(spec->value, "clusterIP")) ?: "", "None");
}

static bool is_of_another_proxy(const struct field *object)
{
	return json_object_get(json_object_get(json_object_get(object->value, "metadata"), "labels"),
	                       LABEL_OTHER_PROXY);
}

static void read_service(const struct field *object, struct reader *reader)
{
	static const char *const kinds[] = {"ClusterIP", "NodePort", "LoadBalancer", "ExternalName", NULL};
	struct field spec = field_of(object, "spec"), type = field_of(&spec, "type"), ports = field_of(&spec, "ports");

	if (!spec.value)
		field_refuse(&spec, "is missing");
	reader->kind = field_word(&type, kinds, KIND_CLUSTER_IP);
	if (reader->kind == KIND_EXTERNAL_NAME || is_headless(&spec) || is_of_another_proxy(object))
		return;
	read_ports(&ports, reader->service);
	read_frontends(object, &spec, reader);
	read_choice(object, &spec, reader);
}

int service_spec_parse(json_t *json, const char *name, struct service_spec **ret, struct error *error)
{
	_cleanup_(service_spec_freep) struct service_spec *service = xnew(struct service_spec);
	struct reader reader = {.service = service};
	struct error trouble = {};
	struct field object = {.value = json, .error = &trouble}, metadata = field_of(&object, "metadata"),
		     created = field_of(&metadata, "creationTimestamp");

	service->created = xstrdup(field_text(&created) ?: "");
	check_identity(&object, "v1", "Service", name);
	read_service(&object, &reader);
	if (trouble.code)
		return error_set(error, trouble.code, "%s", trouble.message);
	*ret = TAKE_PTR(service);
	return 0;
}
