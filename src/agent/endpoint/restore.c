/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new agent takes over the endpoints of the one before: by their files, as long as their devices are there. Whatever
 * has no file is nobody's, and goes: map entries, programs, devices.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/endpoint/entry.h"
#include "base/file.h"
#include "base/log.h"
#include "net/link.h"

static void not_ready(struct endpoint_entry *entry, const struct error *error)
{
	log_warning("endpoint %u: not ready: %s", entry->id, error->message);
	endpoint_tell(entry, ENDPOINT_NOT_READY, ENDPOINT_FAILURE, "%s", error->message);
	endpoint_retry_later(entry);
}

/* The last known identity serves until the store has confirmed it: the pod's traffic waits for nobody. */
void endpoint_resume(struct endpoint_entry *entry)
{
	struct error error = {};

	/* The host's routes may be of another routing-mode, or gone. */
	if (entry->wired && !entry->active &&
	    (endpoint_start_host(entry, &error) || endpoint_activate(entry, &error))) {
		not_ready(entry, &error);
		return;
	}
	entry->state = ENDPOINT_WAITING_FOR_IDENTITY;
	endpoint_resolve(entry);
}

void endpoint_confirm(struct endpoint_entry *entry, uint32_t identity)
{
	struct error error = {};

	if (identity != entry->identity) {
		entry->identity = identity;
		entry->active = false;
		if (endpoint_activate(entry, &error)) {
			not_ready(entry, &error);
			return;
		}
		if (endpoint_file_write(entry, &error))
			log_warning("endpoint %u: %s", entry->id, error.message);
	}
	endpoint_tell(entry, ENDPOINT_READY, ENDPOINT_OK, "Identity is %u", identity);
}

static bool has_twin(const struct endpoint_entry *entry)
{
	const struct endpoint_entry *other;

	endpoints_foreach (entry->endpoints, other) {
		if (other != entry && !strcmp(other->spec.container, entry->spec.container) &&
		    !strcmp(other->spec.interface, entry->spec.interface))
			return true;
	}
	return false;
}

/* An address outside the CIDRs (they were changed) is kept: nobody else can be given it. */
static int claim_address(const struct endpoint_entry *entry, const struct addr *addr, struct error *error)
{
	_cleanup_free_ char *owner = endpoint_owner(entry);
	int result;

	if (addr_is_zero(addr))
		return 0;
	result = ipam_claim(entry->endpoints->services.ipam, addr, owner, error);
	if (result != -EINVAL)
		return result;
	log_warning("endpoint %u: %s keeps its address: %s", entry->id, owner, error->message);
	return 0;
}

static int claim_addresses(const struct endpoint_entry *entry, struct error *error)
{
	const struct addr *address = entry->link.address;
	int result;

	result = claim_address(entry, &address[FAMILY_V4], error);
	if (result)
		return result;
	result = claim_address(entry, &address[FAMILY_V6], error);
	if (result)
		ipam_release(entry->endpoints->services.ipam, &address[FAMILY_V4]);
	return result;
}

static int load(struct endpoint_entry *entry, struct error *error)
{
	int result;

	result = endpoint_file_read(entry, error);
	if (!result && has_twin(entry))
		result = error_set(error, -EEXIST, "another endpoint has its container %s, interface %s",
		                   entry->spec.container, entry->spec.interface);
	return result ? result : claim_addresses(entry, error);
}

static void restore_file(struct endpoints *endpoints, uint16_t id)
{
	struct endpoint_entry *entry = endpoint_entry_new(endpoints, id);
	struct error error = {};
	bool there;

	if (load(entry, &error)) {
		log_error("endpoint %u: not restored, its file is set aside as %u" ENDPOINT_FILE_ASIDE ": %s", id, id,
		          error.message);
		if (endpoint_file_set_aside(entry, &error))
			log_error("endpoint %u: %s", id, error.message);
		endpoint_entry_free(entry);
		return;
	}
	there = !pod_link_find(&entry->link, endpoints->services.netlink);
	if (!entry->wired) {
		endpoint_take_down(entry, "it was half made when the agent ended", NULL);
	} else if (!there) {
		endpoint_take_down(entry, "its device went while the agent was down", NULL);
	} else {
		endpoint_tell(entry, ENDPOINT_RESTORING, ENDPOINT_OK, "Restored");
		endpoint_adopt_policy(entry);
		endpoint_adopt_host_ports(entry);
		endpoint_fit_mtu(entry);
		endpoint_resume(entry);
	}
}

/* "7.json" and nothing else. */
static bool is_endpoint_file(const char *name, uint16_t *ret_id)
{
	char again[16];
	unsigned id;

	if (sscanf(name, "%u", &id) != 1 || !id || id > ENDPOINT_ID_MAX)
		return false;
	snprintf(again, sizeof(again), "%u.json", id);
	*ret_id = id;
	return !strcmp(name, again);
}

static int restore_files(struct endpoints *endpoints, struct error *error)
{
	struct dirent *file;
	uint16_t id;
	int result;
	DIR *dir;

	result = folder_make(endpoints->folder, 0700);
	if (result)
		return error_set_errno(error, result, "making %s", endpoints->folder);
	dir = opendir(endpoints->folder);
	if (!dir)
		return error_set_errno(error, -errno, "reading %s", endpoints->folder);
	while ((file = readdir(dir))) {
		if (is_endpoint_file(file->d_name, &id))
			restore_file(endpoints, id);
		else if (file_is_temporary(file->d_name))
			unlinkat(dirfd(dir), file->d_name, 0); /* of an agent that was killed while it wrote */
	}
	closedir(dir);
	return 0;
}

/* ifindexes by endpoint id, 0: none */
struct device_list {
	uint32_t ifindex[ENDPOINT_ID_MAX + 1];
};

static int note_map_entry(uint16_t id, const struct endpoint *endpoint, void *userdata)
{
	struct device_list *devices = userdata;

	devices->ifindex[id] = endpoint->ifindex;
	return 0;
}

static void sweep_maps(struct endpoints *endpoints)
{
	struct datapath *datapath = endpoints->services.datapath;
	struct device_list devices = {};
	char name[IFNAMSIZ];

	endpoint_map_each(datapath_maps(datapath), note_map_entry, &devices);
	for (uint16_t id = 1; id <= ENDPOINT_ID_MAX; id++) {
		if (!devices.ifindex[id] || endpoints->entries[id])
			continue;
		snprintf(name, sizeof(name), POD_DEVICE_PREFIX "%u", id);
		endpoint_map_clear(datapath_maps(datapath), id);
		datapath_detach(datapath, devices.ifindex[id], name);
	}
}

static int note_device(const struct link *link, void *userdata)
{
	struct device_list *devices = userdata;
	uint16_t id;

	if (!strcmp(link->kind, "veth") && !endpoint_id_of_device(link->name, &id))
		devices->ifindex[id] = link->ifindex;
	return 0;
}

static void sweep_devices(struct endpoints *endpoints)
{
	struct netlink *netlink = endpoints->services.netlink;
	struct device_list devices = {};
	struct error error;

	link_each(netlink, note_device, &devices);
	for (uint16_t id = 1; id <= ENDPOINT_ID_MAX; id++) {
		if (!devices.ifindex[id] || endpoints->entries[id])
			continue;
		log_warning("device " POD_DEVICE_PREFIX "%u belongs to no endpoint: removed", id);
		if (link_delete(netlink, devices.ifindex[id], &error))
			log_error("%s", error.message);
	}
}

static unsigned count_entries(const struct endpoints *endpoints)
{
	const struct endpoint_entry *entry;
	unsigned count = 0;

	endpoints_foreach (endpoints, entry)
		count++;
	return count;
}

int endpoints_restore(struct endpoints *endpoints, struct error *error)
{
	unsigned count;
	int result;

	result = restore_files(endpoints, error);
	if (result)
		return result;
	sweep_maps(endpoints);
	endpoint_sweep_sockets(endpoints);
	sweep_devices(endpoints);
	count = count_entries(endpoints);
	if (count)
		log_info("%u endpoint%s restored", count, count == 1 ? "" : "s");
	endpoint_settle_later(endpoints);
	return endpoint_watch_start(endpoints, error);
}
