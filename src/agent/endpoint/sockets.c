/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose sockets take short cuts (abi/socket.h): as the pod's label says, or its namespace's, or else the node.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/endpoint/entry.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "datapath/socket_map.h"
#include "net/netns.h"
#include "policy/label_set.h"

#define LABEL "pilus.io/socket-acceleration"

/* Whatever is not "on" is off: who writes something wants a say. */
static bool is_on(const struct label_set *labels, bool otherwise)
{
	static const char *const keys[] = {LABEL, LABEL_NAMESPACE_LABELS LABEL};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = label_set_value(labels, LABEL_SOURCE_KUBERNETES, keys[i]);

		if (value)
			return !strcmp(value, "on");
	}
	return otherwise;
}

bool endpoint_has_short_cuts(const struct endpoint_entry *entry)
{
	enum short_cuts wanted = entry->endpoints->services.config->short_cuts;
	struct label_set labels;
	bool on;

	if (wanted == SHORT_CUTS_OFF || label_set_read(entry->labels, &labels, NULL))
		return false;
	on = label_set_is_pod(&labels) && is_on(&labels, wanted == SHORT_CUTS_ON);
	label_set_clear(&labels);
	return on;
}

static int read_cookie(void *userdata)
{
	uint64_t *cookie = userdata;

	*cookie = datapath_netns_cookie();
	return *cookie ? 0 : -ENOTSUP;
}

static int find_cookie(const char *path, uint64_t *ret, struct error *error)
{
	_cleanup_close_ int fd = -1;
	uint64_t cookie = 0;
	int result;

	result = netns_open(path, &fd, error);
	if (!result)
		result = netns_call(fd, read_cookie, &cookie, error);
	if (!result)
		*ret = cookie;
	return result;
}

/* Its sockets are noted whatever its labels say, as those may change. A namespace that is gone has none. */
int endpoint_join_sockets(struct endpoint_entry *entry, struct error *error)
{
	const struct endpoint_services *services = &entry->endpoints->services;
	struct error trouble = {};
	int result;

	if (services->config->short_cuts == SHORT_CUTS_OFF || entry->netns_cookie)
		return 0;
	if (find_cookie(entry->spec.netns, &entry->netns_cookie, &trouble)) {
		log_warning("endpoint %u: its sockets take no short cuts: %s", entry->id, trouble.message);
		return 0;
	}
	result = namespace_map_set(datapath_maps(services->datapath), entry->netns_cookie, entry->id);
	return result ? error_set_errno(error, result, "entering the namespace of endpoint %u into the maps", entry->id)
	              : 0;
}

void endpoint_leave_sockets(struct endpoint_entry *entry)
{
	const struct maps *maps = datapath_maps(entry->endpoints->services.datapath);
	int result;

	if (!entry->netns_cookie)
		return;
	result = namespace_map_delete(maps, entry->netns_cookie);
	if (result)
		log_warning("endpoint %u: its namespace stays in the maps: %s", entry->id, strerror(-result));
	entry->netns_cookie = 0;
}

struct left {
	const struct endpoints *endpoints;
	uint64_t cookies[ENDPOINT_ID_MAX + 1];
	size_t count;
};

static int note_left(uint64_t cookie, uint16_t id, void *userdata)
{
	struct left *left = userdata;
	const struct endpoint_entry *entry = id <= ENDPOINT_ID_MAX ? left->endpoints->entries[id] : NULL;

	if ((!entry || entry->netns_cookie != cookie) && left->count <= ENDPOINT_ID_MAX)
		left->cookies[left->count++] = cookie;
	return 0;
}

void endpoint_sweep_sockets(struct endpoints *endpoints)
{
	const struct maps *maps = datapath_maps(endpoints->services.datapath);
	_cleanup_free_ struct left *left = xnew(struct left);

	left->endpoints = endpoints;
	namespace_map_each(maps, note_left, left);
	for (size_t i = 0; i < left->count; i++)
		namespace_map_delete(maps, left->cookies[i]);
}
