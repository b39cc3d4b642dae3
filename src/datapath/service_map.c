/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/service_map.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "datapath/walk.h"

static int map_delete(int fd, const void *key)
{
	int r = bpf_map_delete_elem(fd, key);

	return r == -ENOENT ? 0 : r;
}

int service_map_set(const struct maps *maps, const struct service_key *key, const struct service *service)
{
	return bpf_map_update_elem(maps->services, key, service, BPF_ANY);
}

int service_map_get(const struct maps *maps, const struct service_key *key, struct service *ret)
{
	return bpf_map_lookup_elem(maps->services, key, ret);
}

int service_map_delete(const struct maps *maps, const struct service_key *key)
{
	return map_delete(maps->services, key);
}

struct service_visit {
	int (*each)(const struct service_key *key, const struct service *service, void *userdata);
	void *userdata;
};

static int visit_service(const void *key, const void *value, void *userdata)
{
	const struct service_visit *visit = userdata;

	return visit->each(key, value, visit->userdata);
}

int service_map_each(const struct maps *maps,
                     int (*each)(const struct service_key *key, const struct service *service, void *userdata),
                     void *userdata)
{
	struct service_visit visit = {each, userdata};

	return map_walk(maps->services, sizeof(struct service_key), sizeof(struct service), visit_service, &visit);
}

static uint32_t slots_in(uint32_t count, uint32_t first)
{
	return count - first < SERVICE_SLOTS ? count - first : SERVICE_SLOTS;
}

int service_slots_set(const struct maps *maps, uint32_t set, const uint32_t *backends, uint32_t count)
{
	struct service_slot_key key = {.set = set};
	int r = 0;

	for (uint32_t first = 0; first < count && !r; first += SERVICE_SLOTS, key.chunk++) {
		struct service_slots slots = {};

		memcpy(slots.backend, &backends[first], slots_in(count, first) * sizeof(*backends));
		r = bpf_map_update_elem(maps->service_slots, &key, &slots, BPF_ANY);
	}
	return r;
}

int service_slots_get(const struct maps *maps, uint32_t set, uint32_t *ret_backends, uint32_t count)
{
	struct service_slot_key key = {.set = set};
	int r = 0;

	for (uint32_t first = 0; first < count && !r; first += SERVICE_SLOTS, key.chunk++) {
		struct service_slots slots;

		r = bpf_map_lookup_elem(maps->service_slots, &key, &slots);
		if (!r)
			memcpy(&ret_backends[first], slots.backend, slots_in(count, first) * sizeof(*ret_backends));
	}
	return r;
}

int service_slots_delete(const struct maps *maps, uint32_t set, uint32_t count)
{
	struct service_slot_key key = {.set = set};
	int r = 0;

	for (uint32_t first = 0; first < count && !r; first += SERVICE_SLOTS, key.chunk++)
		r = map_delete(maps->service_slots, &key);
	return r;
}

struct slots_visit {
	int (*each)(const struct service_slot_key *key, const struct service_slots *slots, void *userdata);
	void *userdata;
};

static int visit_slots(const void *key, const void *value, void *userdata)
{
	const struct slots_visit *visit = userdata;

	return visit->each(key, value, visit->userdata);
}

int service_slots_each(const struct maps *maps,
                       int (*each)(const struct service_slot_key *key, const struct service_slots *slots,
                                   void *userdata),
                       void *userdata)
{
	struct slots_visit visit = {each, userdata};

	return map_walk(maps->service_slots, sizeof(struct service_slot_key), sizeof(struct service_slots), visit_slots,
	                &visit);
}

int backend_map_set(const struct maps *maps, uint32_t id, const struct backend *backend)
{
	return bpf_map_update_elem(maps->backends, &id, backend, BPF_ANY);
}

/* Services have few backends each, but there are many services: one call for each of theirs is half of the time. */
int backend_map_set_many(const struct maps *maps, const uint32_t *ids, const struct backend *backends, uint32_t count)
{
	return count ? bpf_map_update_batch(maps->backends, ids, backends, &count, NULL) : 0;
}

int backend_map_get(const struct maps *maps, uint32_t id, struct backend *ret)
{
	return bpf_map_lookup_elem(maps->backends, &id, ret);
}

int backend_map_delete(const struct maps *maps, uint32_t id)
{
	return map_delete(maps->backends, &id);
}

struct backend_visit {
	int (*each)(uint32_t id, const struct backend *backend, void *userdata);
	void *userdata;
};

static int visit_backend(const void *key, const void *value, void *userdata)
{
	const struct backend_visit *visit = userdata;

	return visit->each(*(const uint32_t *)key, value, visit->userdata);
}

int backend_map_each(const struct maps *maps, int (*each)(uint32_t id, const struct backend *backend, void *userdata),
                     void *userdata)
{
	struct backend_visit visit = {each, userdata};

	return map_walk(maps->backends, sizeof(uint32_t), sizeof(struct backend), visit_backend, &visit);
}

static struct source_range_key range_key(uint32_t service, const struct prefix *prefix)
{
	return (struct source_range_key){.prefix_bits = SOURCE_RANGE_SERVICE_BITS + prefix->bits,
	                                 .service = htonl(service),
	                                 .addr = prefix->addr};
}

int source_range_set(const struct maps *maps, uint32_t service, const struct prefix *prefix)
{
	struct source_range_key key = range_key(service, prefix);
	uint8_t served = 1;

	return bpf_map_update_elem(maps->source_ranges, &key, &served, BPF_ANY);
}

int source_range_delete(const struct maps *maps, uint32_t service, const struct prefix *prefix)
{
	struct source_range_key key = range_key(service, prefix);

	return map_delete(maps->source_ranges, &key);
}

struct range_visit {
	int (*each)(uint32_t service, const struct prefix *prefix, void *userdata);
	void *userdata;
};

static int visit_range(const void *key, const void *value, void *userdata)
{
	const struct source_range_key *stored = key;
	const struct range_visit *visit = userdata;
	struct prefix prefix = {.addr = stored->addr, .bits = stored->prefix_bits - SOURCE_RANGE_SERVICE_BITS};

	return visit->each(ntohl(stored->service), &prefix, visit->userdata);
}

int source_range_each(const struct maps *maps,
                      int (*each)(uint32_t service, const struct prefix *prefix, void *userdata), void *userdata)
{
	struct range_visit visit = {each, userdata};

	return map_walk(maps->source_ranges, sizeof(struct source_range_key), sizeof(uint8_t), visit_range, &visit);
}

struct affinity_visit {
	int (*each)(const struct affinity_key *key, const struct affinity *affinity, void *userdata);
	void *userdata;
};

static int visit_affinity(const void *key, const void *value, void *userdata)
{
	const struct affinity_visit *visit = userdata;

	return visit->each(key, value, visit->userdata);
}

int affinity_each(const struct maps *maps,
                  int (*each)(const struct affinity_key *key, const struct affinity *affinity, void *userdata),
                  void *userdata)
{
	struct affinity_visit visit = {each, userdata};

	return map_walk(maps->affinity, sizeof(struct affinity_key), sizeof(struct affinity), visit_affinity, &visit);
}

struct peer_visit {
	int (*each)(const struct socket_peer_key *key, const struct socket_peer *peer, void *userdata);
	void *userdata;
};

static int visit_peer(const void *key, const void *value, void *userdata)
{
	const struct peer_visit *visit = userdata;

	return visit->each(key, value, visit->userdata);
}

int socket_peer_each(const struct maps *maps,
                     int (*each)(const struct socket_peer_key *key, const struct socket_peer *peer, void *userdata),
                     void *userdata)
{
	struct peer_visit visit = {each, userdata};

	return map_walk(maps->socket_peers, sizeof(struct socket_peer_key), sizeof(struct socket_peer), visit_peer,
	                &visit);
}
