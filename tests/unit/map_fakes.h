/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps as the programs have them, for tests without programs. Needs root.
 */
#ifndef PILUS_TESTS_MAP_FAKES_H
#define PILUS_TESTS_MAP_FAKES_H

#include <bpf/bpf.h>
#include <sys/mman.h>

#include "datapath/maps.h"
#include "unit.h"

static inline int map_fake(enum bpf_map_type type, uint32_t key, uint32_t value, uint32_t entries, uint32_t flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
	int fd = bpf_map_create(type, "pilus_test", key, value, entries, &options);

	assert_true(fd > 0);
	return fd;
}

/* Those that the agent's own parts write; maps_close closes them. */
static inline struct maps maps_fake(void)
{
	struct maps maps = {
		.nodes = map_fake(BPF_MAP_TYPE_ARRAY, 4, sizeof(struct node), NODE_ID_MAX + 1, 0),
		.node_ids = map_fake(BPF_MAP_TYPE_HASH, sizeof(struct addr), 4, NODE_ID_MAX + 1, BPF_F_NO_PREALLOC),
		.local = map_fake(BPF_MAP_TYPE_HASH, sizeof(struct addr), sizeof(struct local_addr), 1024,
	                          BPF_F_NO_PREALLOC),
		.ipcache = map_fake(BPF_MAP_TYPE_LPM_TRIE, sizeof(struct ipcache_key), sizeof(struct ipcache_entry),
	                            1024, BPF_F_NO_PREALLOC),
		.policy = map_fake(BPF_MAP_TYPE_LPM_TRIE, sizeof(struct policy_key), sizeof(struct policy_entry), 64,
	                           BPF_F_NO_PREALLOC),
		.policy_cidrs =
			map_fake(BPF_MAP_TYPE_LPM_TRIE, sizeof(struct policy_cidr_key), 4, 64, BPF_F_NO_PREALLOC),
		.state = map_fake(BPF_MAP_TYPE_ARRAY, 4, sizeof(struct state), 1, BPF_F_MMAPABLE),
	};

	maps.live = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, maps.state, 0);
	assert_ptr_not_equal(maps.live, MAP_FAILED);
	return maps;
}

#endif
