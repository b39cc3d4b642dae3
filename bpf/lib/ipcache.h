/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who has an address, and behind which node. See abi/ipcache.h.
 */
#ifndef PILUS_BPF_IPCACHE_H
#define PILUS_BPF_IPCACHE_H

#include "abi/ipcache.h"
#include "bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 512000);
	__type(key, struct ipcache_key);
	__type(value, struct ipcache_entry);
} pilus_ipcache SEC(".maps");

static __always_inline struct ipcache_entry ipcache_lookup(const struct addr *addr)
{
	struct ipcache_key key = {.prefix_bits = ADDR_BITS, .addr = *addr};
	struct ipcache_entry *entry = bpf_map_lookup_elem(&pilus_ipcache, &key);

	return entry ? *entry : (struct ipcache_entry){.identity = IDENTITY_WORLD};
}

#endif
