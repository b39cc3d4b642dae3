/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/socket_map.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include "base/memory.h"
#include "datapath/pins.h"
#include "datapath/walk.h"

int namespace_map_set(const struct maps *maps, uint64_t cookie, uint16_t endpoint)
{
	uint32_t id = endpoint;

	return bpf_map_update_elem(maps->namespaces, &cookie, &id, BPF_ANY);
}

int namespace_map_delete(const struct maps *maps, uint64_t cookie)
{
	int r = bpf_map_delete_elem(maps->namespaces, &cookie);

	return r == -ENOENT ? 0 : r;
}

struct namespace_visit {
	int (*each)(uint64_t cookie, uint16_t endpoint, void *userdata);
	void *userdata;
};

static int visit_namespace(const void *key, const void *value, void *userdata)
{
	const struct namespace_visit *visit = userdata;

	return visit->each(*(const uint64_t *)key, (uint16_t)*(const uint32_t *)value, visit->userdata);
}

int namespace_map_each(const struct maps *maps, int (*each)(uint64_t cookie, uint16_t endpoint, void *userdata),
                       void *userdata)
{
	struct namespace_visit visit = {each, userdata};

	return map_walk(maps->namespaces, sizeof(uint64_t), sizeof(uint32_t), visit_namespace, &visit);
}

struct socket_visit {
	int (*each)(const struct flow_key *key, const struct socket_pair *pair, void *userdata);
	void *userdata;
};

static int visit_socket(const void *key, const void *value, void *userdata)
{
	const struct socket_visit *visit = userdata;

	return visit->each(key, value, visit->userdata);
}

int socket_map_each(const struct maps *maps,
                    int (*each)(const struct flow_key *key, const struct socket_pair *pair, void *userdata),
                    void *userdata)
{
	struct socket_visit visit = {each, userdata};

	return map_walk(maps->sockets, sizeof(struct flow_key), sizeof(struct socket_pair), visit_socket, &visit);
}

bool sockets_are_noted(const char *bpffs)
{
	_cleanup_free_ char *path = pin_path(bpffs, PIN_CGROUP, "sock_ops");

	return !access(path, F_OK);
}

struct keys {
	struct flow_key *keys;
	size_t count;
};

static int note_key(const struct flow_key *key, const struct socket_pair *pair, void *userdata)
{
	struct keys *keys = userdata;

	keys->keys = xrealloc(keys->keys, (keys->count + 1) * sizeof(*keys->keys));
	keys->keys[keys->count++] = *key;
	return 0;
}

int socket_map_flush(const struct maps *maps)
{
	struct keys keys = {};
	int r = socket_map_each(maps, note_key, &keys);

	for (size_t i = 0; i < keys.count && !r; i++) {
		r = bpf_map_delete_elem(maps->sockets, &keys.keys[i]);
		if (r == -ENOENT)
			r = 0;
	}
	free(keys.keys);
	return r;
}

enum socket_way socket_way(const struct socket_pair *pair, unsigned side)
{
	const struct socket_end *self = &pair->end[side], *peer = &pair->end[!side];

	if (!peer->cookie)
		return SOCKET_TO_STRANGER;
	if (self->inbox == SOCKET_SHUT || peer->inbox == SOCKET_SHUT)
		return SOCKET_AS_PACKETS;
	return self->turns < SOCKET_TURNS ? SOCKET_WATCHED : SOCKET_SHORT_CUT;
}
