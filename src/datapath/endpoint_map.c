/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pilus_endpoints, pilus_devices and pilus_local, kept in step: see abi/endpoint.h.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "datapath/maps.h"
#include "datapath/walk.h"

static const struct addr *endpoint_addr(const struct endpoint *endpoint, int i)
{
	return i ? &endpoint->v6 : &endpoint->v4;
}

static bool endpoint_has_addr(const struct endpoint *endpoint, const struct addr *addr)
{
	return addr_equal(&endpoint->v4, addr) || addr_equal(&endpoint->v6, addr);
}

static int delete_if_there(int fd, const void *key)
{
	int r = bpf_map_delete_elem(fd, key);

	return r == -ENOENT ? 0 : r;
}

/* What another endpoint has taken over by now stays. */
static int addr_withdraw(const struct maps *maps, uint16_t id, const struct addr *addr)
{
	struct local_addr owner;
	int r = bpf_map_lookup_elem(maps->local, addr, &owner);

	if (!r && owner.endpoint == id)
		r = bpf_map_delete_elem(maps->local, addr);
	return r == -ENOENT ? 0 : r;
}

static int device_withdraw(const struct maps *maps, uint16_t id, uint32_t ifindex)
{
	uint32_t owner;
	int r = bpf_map_lookup_elem(maps->devices, &ifindex, &owner);

	if (!r && owner == id)
		r = bpf_map_delete_elem(maps->devices, &ifindex);
	return r == -ENOENT ? 0 : r;
}

/* Withdraws what `old` had and `new` (may be NULL) does not keep. */
static int endpoint_withdraw(const struct maps *maps, uint16_t id, const struct endpoint *old,
                             const struct endpoint *new)
{
	int r = 0;

	for (int i = 0; i < 2 && !r; i++) {
		const struct addr *addr = endpoint_addr(old, i);

		if (!addr_is_zero(addr) && !(new && endpoint_has_addr(new, addr)))
			r = addr_withdraw(maps, id, addr);
	}
	if (!r && old->ifindex && !(new && new->ifindex == old->ifindex))
		r = device_withdraw(maps, id, old->ifindex);
	return r;
}

static int endpoint_announce(const struct maps *maps, uint16_t id, const struct endpoint *endpoint)
{
	struct local_addr local = {.endpoint = id};
	uint32_t device_id = id;
	int r = bpf_map_update_elem(maps->devices, &endpoint->ifindex, &device_id, BPF_ANY);

	for (int i = 0; i < 2 && !r; i++) {
		const struct addr *addr = endpoint_addr(endpoint, i);

		if (!addr_is_zero(addr))
			r = bpf_map_update_elem(maps->local, addr, &local, BPF_ANY);
	}
	return r;
}

int endpoint_map_set(const struct maps *maps, uint16_t id, const struct endpoint *endpoint)
{
	struct endpoint old;
	uint32_t key = id;
	int r;

	if (!id || id > ENDPOINT_ID_MAX || !endpoint->ifindex)
		return -EINVAL;
	r = bpf_map_lookup_elem(maps->endpoints, &key, &old);
	if (!r)
		r = bpf_map_update_elem(maps->endpoints, &key, endpoint, BPF_ANY);
	if (!r)
		r = endpoint_announce(maps, id, endpoint);
	if (!r)
		r = endpoint_withdraw(maps, id, &old, endpoint);
	return r;
}

int endpoint_map_clear(const struct maps *maps, uint16_t id)
{
	static const struct endpoint none;
	struct endpoint old;
	uint32_t key = id;
	int r;

	if (!id || id > ENDPOINT_ID_MAX)
		return -EINVAL;
	r = bpf_map_lookup_elem(maps->endpoints, &key, &old);
	if (!r)
		r = endpoint_withdraw(maps, id, &old, NULL);
	if (!r)
		r = bpf_map_update_elem(maps->endpoints, &key, &none, BPF_ANY);
	return r;
}

int endpoint_map_get(const struct maps *maps, uint16_t id, struct endpoint *ret)
{
	struct endpoint endpoint;
	uint32_t key = id;
	int r = bpf_map_lookup_elem(maps->endpoints, &key, &endpoint);

	if (r || !endpoint.ifindex)
		return r ?: -ENOENT;
	*ret = endpoint;
	return 0;
}

static int write_policy(const struct maps *maps, uint16_t id, struct endpoint *endpoint, uint32_t set, uint32_t flags)
{
	uint32_t key = id;

	if (endpoint->policy == set && endpoint->flags == flags)
		return 0;
	endpoint->policy = set;
	endpoint->flags = flags;
	return bpf_map_update_elem(maps->endpoints, &key, endpoint, BPF_ANY);
}

/* Directions that only one of the policies closes are open while the set is exchanged. */
int endpoint_map_set_policy(const struct maps *maps, uint16_t id, uint32_t set, uint32_t flags)
{
	struct endpoint endpoint;
	int r = endpoint_map_get(maps, id, &endpoint);

	if (!r)
		r = write_policy(maps, id, &endpoint, endpoint.policy, endpoint.flags & flags);
	if (!r)
		r = write_policy(maps, id, &endpoint, set, endpoint.flags);
	if (!r)
		r = write_policy(maps, id, &endpoint, set, flags);
	return r;
}

int endpoint_map_check(const struct maps *maps, uint16_t id, const struct endpoint *endpoint)
{
	struct endpoint stored;
	struct local_addr local;
	uint32_t key = id, owner;

	if (bpf_map_lookup_elem(maps->endpoints, &key, &stored) || memcmp(&stored, endpoint, sizeof(stored)) ||
	    bpf_map_lookup_elem(maps->devices, &endpoint->ifindex, &owner) || owner != id)
		return -ENOENT;
	for (int i = 0; i < 2; i++) {
		const struct addr *addr = endpoint_addr(endpoint, i);

		if (!addr_is_zero(addr) && (bpf_map_lookup_elem(maps->local, addr, &local) || local.endpoint != id))
			return -ENOENT;
	}
	return 0;
}

struct endpoint_visit {
	int (*each)(uint16_t id, const struct endpoint *endpoint, void *userdata);
	void *userdata;
};

static int visit_endpoint(const void *key, const void *value, void *userdata)
{
	const struct endpoint_visit *visit = userdata;
	const struct endpoint *endpoint = value;

	return endpoint->ifindex ? visit->each(*(const uint32_t *)key, endpoint, visit->userdata) : 0;
}

int endpoint_map_each(const struct maps *maps,
                      int (*each)(uint16_t id, const struct endpoint *endpoint, void *userdata), void *userdata)
{
	struct endpoint_visit visit = {each, userdata};

	return map_walk(maps->endpoints, sizeof(uint32_t), sizeof(struct endpoint), visit_endpoint, &visit);
}

int local_map_set_host(const struct maps *maps, const struct addr *addr)
{
	struct local_addr local = {};

	return bpf_map_update_elem(maps->local, addr, &local, BPF_ANY);
}

int local_map_delete(const struct maps *maps, const struct addr *addr)
{
	return delete_if_there(maps->local, addr);
}

struct local_visit {
	int (*each)(const struct addr *addr, const struct local_addr *local, void *userdata);
	void *userdata;
};

static int visit_local(const void *key, const void *value, void *userdata)
{
	const struct local_visit *visit = userdata;

	return visit->each(key, value, visit->userdata);
}

int local_map_each(const struct maps *maps,
                   int (*each)(const struct addr *addr, const struct local_addr *local, void *userdata), void *userdata)
{
	struct local_visit visit = {each, userdata};

	return map_walk(maps->local, sizeof(struct addr), sizeof(struct local_addr), visit_local, &visit);
}
