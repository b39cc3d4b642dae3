/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is met where. Two services that want the same address, port and protocol cannot both have it: it goes to the one
 * whose own address it is, then to the older one, on every node alike; the other is told so.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/flow.h"
#include "agent/services/internal.h"
#include "base/log.h"
#include "base/memory.h"

const char *service_key_format(const struct service_key *key, char text[static SERVICE_KEY_TEXT_MAX])
{
	static const char *const protocols[] = {
		[PROTOCOL_TCP] = "TCP", [PROTOCOL_UDP] = "UDP", [PROTOCOL_SCTP] = "SCTP"};
	bool v4 = addr_is_v4(&key->addr);
	char addr[ADDR_TEXT_MAX];

	addr_format(&key->addr, addr);
	snprintf(text, SERVICE_KEY_TEXT_MAX, "%s%s%s:%u/%s", v4 ? "" : "[", addr, v4 ? "" : "]", ntohs(key->port),
	         key->protocol <= PROTOCOL_SCTP && protocols[key->protocol] ? protocols[key->protocol] : "?");
	return text;
}

struct service_key frontend_key(const struct addr *addr, uint16_t port, uint8_t protocol)
{
	return (struct service_key){.addr = *addr, .port = htons(port), .protocol = protocol};
}

struct frontend *frontend_find(const struct services *services, const struct service_key *key)
{
	struct frontend *frontend;

	HASH_FIND(hh, services->frontends, key, sizeof(*key), frontend);
	return frontend;
}

struct frontend *frontend_numbered(const struct services *services, uint32_t number)
{
	struct frontend *frontend;

	HASH_FIND(by_number, services->numbered, &number, sizeof(number), frontend);
	return frontend;
}

void frontend_set_value(struct services *services, struct frontend *frontend, const struct service *value)
{
	if (frontend->value.number)
		HASH_DELETE(by_number, services->numbered, frontend);
	frontend->value = *value;
	if (value->number)
		HASH_ADD(by_number, services->numbered, value.number, sizeof(value->number), frontend);
}

/* ── claiming ── */

/* Does `record`, which wants it as `type`, come before the one that has it? Cluster addresses are given by the cluster;
 * all others are asked for by whoever writes a service. A pod that runs keeps its host port; but at an address that a
 * service asks for by name, its node looks there first, and so do the others. */
static bool goes_before(const struct record *record, enum service_type type, const struct frontend *frontend)
{
	const struct record *owner = frontend->owner;
	bool own = type == SERVICE_CLUSTER_IP, others = frontend->type == SERVICE_CLUSTER_IP;
	int order;

	if (own != others)
		return own;
	if (!record->pod != !owner->pod)
		return !record->pod != addr_is_any(&frontend->key.addr);
	order = strcmp(record->spec->created, owner->spec ? owner->spec->created : "");
	return order ? order < 0 : strcmp(record->key, owner->key) < 0;
}

static void remove_from(struct record *record, const struct frontend *frontend)
{
	for (size_t i = 0; i < record->frontend_count; i++)
		if (record->frontends[i] == frontend) {
			record->frontends[i] = record->frontends[--record->frontend_count];
			return;
		}
}

static void add_to(struct record *record, struct frontend *frontend)
{
	record->frontends = xrealloc(record->frontends, (record->frontend_count + 1) * sizeof(*record->frontends));
	record->frontends[record->frontend_count++] = frontend;
	frontend->owner = record;
	frontend->wanted = false;
}

static struct frontend *frontend_new(struct services *services, const struct service_key *key)
{
	struct frontend *frontend = xnew(struct frontend);

	frontend->key = *key;
	HASH_ADD(hh, services->frontends, key, sizeof(frontend->key), frontend);
	return frontend;
}

/* Its next owner's service is another one: no client of the one before may be taken for its own. */
static void take_from(struct services *services, struct frontend *frontend)
{
	struct record *loser = frontend->owner;

	remove_from(loser, frontend);
	frontend->owner = NULL;
	frontend_set_value(services, frontend, &(struct service){});
	record_touch(services, loser);
}

static void refuse(struct record *record, const struct frontend *frontend)
{
	char text[SERVICE_KEY_TEXT_MAX];

	record->refused = true;
	record_trouble(record, -EEXIST, "%s is served for %s already", service_key_format(&frontend->key, text),
	               record_name(frontend->owner));
}

/* SCTP's checksum covers its ports, and nobody computes it anew: where they would have to change it is not served. */
static bool keeps_port(const struct record *record, const struct service_frontend *wanted, uint16_t *ret_other)
{
	const struct service_port *port = &record->spec->ports[wanted->of];
	const struct slice_entry *entry;

	if (port->protocol != PROTOCOL_SCTP)
		return true;
	for (entry = record->slices; entry; entry = entry->next) {
		const struct service_slice *slice = entry->slice;

		for (size_t i = 0; i < slice->port_count; i++) {
			*ret_other = slice->ports[i].port;
			if (slice_port_is_for(&slice->ports[i], port) && *ret_other && *ret_other != wanted->port)
				return false;
		}
	}
	return true;
}

static void claim(struct services *services, struct record *record, const struct service_frontend *wanted)
{
	struct service_key key = frontend_key(&wanted->addr, wanted->port, record->spec->ports[wanted->of].protocol);
	struct frontend *frontend = frontend_find(services, &key);
	char text[SERVICE_KEY_TEXT_MAX];
	uint16_t other;

	if (!keeps_port(record, wanted, &other)) {
		record_trouble(record, -EINVAL, "%s is not served: SCTP keeps its port, and a backend has port %u",
		               service_key_format(&key, text), other);
		return;
	}
	if (!frontend)
		frontend = frontend_new(services, &key);
	if (frontend->owner && frontend->owner != record) {
		if (!goes_before(record, wanted->type, frontend)) {
			refuse(record, frontend);
			return;
		}
		take_from(services, frontend);
	}
	if (!frontend->owner)
		add_to(record, frontend);
	/* An address that is there twice is of the first of its types. */
	if (!frontend->wanted) {
		frontend->of = wanted->of;
		frontend->type = wanted->type;
	}
	frontend->wanted = true;
}

void frontends_claim(struct services *services, struct record *record)
{
	const struct service_spec *spec = record->spec;

	record->refused = false;
	for (size_t i = 0; i < record->frontend_count; i++)
		record->frontends[i]->wanted = false;
	for (size_t i = 0; spec && i < spec->frontend_count; i++)
		claim(services, record, &spec->frontends[i]);
}

/* ── releasing ── */

/* Whoever was refused may have it now. */
static void retry_refused(struct services *services)
{
	struct record *record, *next;

	HASH_ITER (hh, services->records, record, next)
		if (record->refused)
			record_touch(services, record);
}

static void release(struct services *services, struct frontend *frontend)
{
	char text[SERVICE_KEY_TEXT_MAX];
	int r = service_map_delete(services->needs.maps, &frontend->key);

	if (r)
		log_error("services: cannot remove %s: %s", service_key_format(&frontend->key, text), strerror(-r));
	else if (frontend->value.number)
		services->events.deleted(services->userdata, &frontend->key);
	frontend_forget(services, frontend);
}

void frontends_release(struct services *services, struct record *record)
{
	size_t kept = 0;

	for (size_t i = 0; i < record->frontend_count; i++) {
		if (record->frontends[i]->wanted)
			record->frontends[kept++] = record->frontends[i];
		else
			release(services, record->frontends[i]);
	}
	if (kept != record->frontend_count)
		retry_refused(services);
	record->frontend_count = kept;
}
