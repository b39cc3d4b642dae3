/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * pilus_ipcache: LPM trie, prefix -> who lives there and behind which node. Written by the agent from what the
 * nodes publish in the store; read when a flow is decided. A miss means the identity `world` and this node's stack.
 */
#ifndef PILUS_ABI_IPCACHE_H
#define PILUS_ABI_IPCACHE_H

#include "addr.h"

struct ipcache_key {
	__u32 prefix_bits; /* 0 … ADDR_BITS; an IPv4 /n is ADDR_V4_PREFIX_BITS + n */
	struct addr addr;
} __attribute__((packed, aligned(4)));
ABI_ASSERT_SIZE(struct ipcache_key, 20);

struct ipcache_entry {
	__u32 identity;
	__u16 node; /* node id (node.h); 0: this node, or reached without the overlay */
	__u16 reserved;
};
ABI_ASSERT_SIZE(struct ipcache_entry, 8);

/* Identities that need no allocation; numbers as Cilium's. The list also names them: `reserved:NAME`. */
#define RESERVED_IDENTITIES(X)           \
	X(HOST, 1, "host")               \
	X(WORLD, 2, "world")             \
	X(UNMANAGED, 3, "unmanaged")     \
	X(HEALTH, 4, "health")           \
	X(INIT, 5, "init")               \
	X(REMOTE_NODE, 6, "remote-node") \
	X(KUBE_APISERVER, 7, "kube-apiserver")

enum reserved_identity {
	IDENTITY_UNKNOWN = 0,
#define X(symbol, number, name) IDENTITY_##symbol = number,
	RESERVED_IDENTITIES(X)
#undef X
};

/* Identities of label sets; the VNI of the overlay carries them, so they must fit in 24 bits. */
#define IDENTITY_ALLOCATED_MIN 256
#define IDENTITY_ALLOCATED_MAX 65535

#endif
