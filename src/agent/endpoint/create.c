/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CNI ADD: checks the request, takes a number and addresses, writes the file, takes host ports, waits for the
 * identity, wires the pod. A failure at any step undoes what was done before it.
 */
#include <errno.h>
#include <string.h>

#include "agent/endpoint/entry.h"
#include "base/clock.h"
#include "base/log.h"

static int choose_mtu(struct endpoint_entry *entry, struct error *error)
{
	uint32_t most = entry->endpoints->services.pod_mtu;

	if (entry->spec.mtu > most)
		return error_set(error, -EINVAL, "mtu %u does not fit through the underlay: ask for %u at most",
		                 entry->spec.mtu, most);
	entry->link.mtu = endpoint_mtu(entry);
	return 0;
}

static bool wants(const struct endpoint_entry *entry, enum family family)
{
	return ipam_cidr(entry->endpoints->services.ipam, family)->bits && endpoint_spec_wants(&entry->spec, family);
}

static int allocate(struct endpoint_entry *entry, struct error *error)
{
	_cleanup_free_ char *owner = endpoint_owner(entry);
	struct ipam *ipam = entry->endpoints->services.ipam;
	int result = 0;

	if (!wants(entry, FAMILY_V4) && !wants(entry, FAMILY_V6))
		return error_set(error, -EINVAL,
		                 "this node has no pod CIDR of the family that is asked for: ask for the other one");
	for (enum family family = 0; !result && family < FAMILIES; family++) {
		if (wants(entry, family))
			result = ipam_allocate(ipam, family, owner, &entry->link.address[family], error);
	}
	return result;
}

/* The request was right: what went wrong since is this node's fault, whatever the kernel called it. */
static void blame_node(struct error *error)
{
	if (error->code == -EINVAL || error->code == -EEXIST || error->code == -ENOENT)
		error->code = -EIO;
}

static void answer(struct endpoint_entry *entry, const struct error *error)
{
	endpoint_done done = entry->done;
	json_t *json = error ? NULL : endpoint_entry_to_json(entry);

	entry->done = NULL;
	entry->deadline = 0;
	if (done)
		done(entry->done_userdata, json, !error, error ? error->code : 0, error);
	json_decref(json);
}

void endpoint_creation_failed(struct endpoint_entry *entry, const struct error *error)
{
	_cleanup_free_ char *owner = endpoint_owner(entry);
	struct error trouble;

	log_warning("endpoint %u: %s could not be made: %s", entry->id, owner, error->message);
	endpoint_tell(entry, ENDPOINT_DISCONNECTING, ENDPOINT_FAILURE, "Could not be made: %s", error->message);
	answer(entry, error);
	if (endpoint_undo(entry, &trouble))
		log_error("endpoint %u: undoing it failed, it is left for the next DEL: %s", entry->id,
		          trouble.message);
}

/* Where the pod's namespace refuses IPv6 it is left out, unless that would leave nothing. */
static int enable_ipv6(struct endpoint_entry *entry, const struct pod_place *place, struct error *error)
{
	struct addr *address = &entry->link.address[FAMILY_V6];
	int result;

	if (addr_is_zero(address))
		return 0;
	result = pod_link_enable_ipv6(place, error);
	if (!result)
		return 0;
	if (addr_is_zero(&entry->link.address[FAMILY_V4]))
		return result;
	endpoint_tell(entry, entry->state, ENDPOINT_WARNING, "Left without IPv6: %s", error ? error->message : "");
	ipam_release(entry->endpoints->services.ipam, address);
	*address = (struct addr){};
	return endpoint_take_host_ports(entry, error);
}

static int wire(struct endpoint_entry *entry, struct error *error)
{
	const struct endpoint_services *services = &entry->endpoints->services;
	const struct pod_place place = {.netns = entry->spec.netns, .interface = entry->spec.interface};
	int result;

	result = pod_link_make(&entry->link, &place, services->netlink, error);
	if (!result)
		result = enable_ipv6(entry, &place, error);
	if (!result)
		result = endpoint_start_host(entry, error);
	if (!result)
		result = endpoint_activate(entry, error);
	if (!result)
		result = pod_link_start_pod(&entry->link, &place, error);
	if (result)
		return result;
	entry->wired = true;
	return endpoint_file_write(entry, error);
}

static void announce(const struct endpoint_entry *entry)
{
	_cleanup_free_ char *owner = endpoint_owner(entry);
	char v4[ADDR_TEXT_MAX] = "", v6[ADDR_TEXT_MAX] = "";

	if (!addr_is_zero(&entry->link.address[FAMILY_V4]))
		addr_format(&entry->link.address[FAMILY_V4], v4);
	if (!addr_is_zero(&entry->link.address[FAMILY_V6]))
		addr_format(&entry->link.address[FAMILY_V6], v6);
	log_info("endpoint %u: made for %s: %s%s%s on %s, identity %u", entry->id, owner, v4, *v4 && *v6 ? " " : "", v6,
	         entry->link.device, entry->identity);
	monitor_agent_event(entry->endpoints->services.monitor, "Endpoint created", endpoint_event_details(entry),
	                    "endpoint %u for %s", entry->id, owner);
}

void endpoint_wire(struct endpoint_entry *entry, uint32_t identity)
{
	struct error error = {};

	entry->identity = identity;
	endpoint_tell(entry, ENDPOINT_WAITING_FOR_IDENTITY, ENDPOINT_OK, "Identity is %u", identity);
	if (wire(entry, &error)) {
		blame_node(&error);
		endpoint_creation_failed(entry, &error);
		return;
	}
	endpoint_tell(entry, ENDPOINT_READY, ENDPOINT_OK, "Pod wired, programs attached");
	announce(entry);
	answer(entry, NULL);
}

/* Takes the spec over. Returns the entry, waiting for its identity, or NULL with words and nothing left behind. */
static struct endpoint_entry *begin(struct endpoints *endpoints, struct endpoint_spec *spec, uint16_t id,
                                    struct error *error)
{
	struct endpoint_entry *entry = endpoint_entry_new(endpoints, id);
	struct error trouble;
	int result;

	entry->spec = *spec;
	entry->labels = endpoint_spec_labels(&entry->spec, error);
	entry->policy = policies_unknown(endpoints->services.policies);
	pod_link_name(&entry->link, id, entry->spec.container, entry->spec.interface);
	result = choose_mtu(entry, error);
	if (!result)
		result = allocate(entry, error);
	if (!result && endpoint_file_write(entry, error)) {
		blame_node(error);
		result = error->code;
	}
	if (!result)
		result = endpoint_take_host_ports(entry, error);
	if (!result) {
		endpoint_tell(entry, ENDPOINT_WAITING_FOR_IDENTITY, ENDPOINT_OK, "Endpoint creation");
		return entry;
	}
	if (endpoint_undo(entry, &trouble))
		log_error("endpoint %u: undoing it failed, it is left for the next DEL: %s", id, trouble.message);
	return NULL;
}

/* 0: the same request again; else −errno with words. */
static int compare_existing(const struct endpoint_entry *existing, const struct endpoint_spec *spec,
                            struct error *error)
{
	const char *difference = endpoint_spec_difference(&existing->spec, spec);

	if (difference)
		return error_set(
			error, -EEXIST,
			"endpoint %u has container %s, interface %s already, with another \"%s\": delete it first",
			existing->id, spec->container, spec->interface, difference);
	if (!existing->active || !existing->wired)
		return error_set(error, -EAGAIN, "endpoint %u for container %s, interface %s is %s: try again later",
		                 existing->id, spec->container, spec->interface, endpoint_state_name(existing->state));
	return 0;
}

static void answer_existing(const struct endpoint_entry *existing, const struct endpoint_spec *spec, endpoint_done done,
                            void *userdata)
{
	struct error error = {};
	json_t *json = compare_existing(existing, spec, &error) ? NULL : endpoint_entry_to_json(existing);

	done(userdata, json, false, error.code, &error);
	json_decref(json);
}

static struct endpoint_entry *make_new(struct endpoints *endpoints, struct endpoint_spec *spec, struct error *error)
{
	const struct pod_place place = {.netns = spec->netns, .interface = spec->interface};
	uint16_t id;

	if (pod_place_check(&place, error) || endpoint_id_choose(endpoints, &id, error)) {
		endpoint_spec_clear(spec);
		return NULL;
	}
	return begin(endpoints, spec, id, error);
}

/* An endpoint whose device has vanished is as good as deleted, though the news may not have come yet. */
static struct endpoint_entry *find_living(struct endpoints *endpoints, const struct endpoint_spec *spec)
{
	struct endpoint_entry *existing = endpoint_lookup(endpoints, spec->container, spec->interface);

	if (!existing || !existing->wired || !pod_link_find(&existing->link, endpoints->services.netlink))
		return existing;
	return endpoint_take_down(existing, "its device is gone", NULL) ? existing : NULL;
}

void endpoint_create(struct endpoints *endpoints, json_t *request, endpoint_done done, void *userdata)
{
	struct endpoint_entry *entry;
	struct endpoint_spec spec;
	struct error error = {};

	if (endpoint_spec_parse(request, &spec, &error)) {
		done(userdata, NULL, false, error.code, &error);
		return;
	}
	entry = find_living(endpoints, &spec);
	if (entry) {
		answer_existing(entry, &spec, done, userdata);
		endpoint_spec_clear(&spec);
		return;
	}
	entry = make_new(endpoints, &spec, &error);
	if (!entry) {
		done(userdata, NULL, false, error.code, &error);
		return;
	}
	entry->done = done;
	entry->done_userdata = userdata;
	entry->deadline = clock_now() + endpoints->create_timeout;
	endpoint_resolve(entry);
	endpoint_schedule(endpoints);
}
