/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Services: an address and port that nobody has, and the backends that answer for it. Sockets are told a backend when
 * they connect, which costs once per connection; packets of who has no socket here are translated one by one (nat.h).
 *
 * pilus_services       hash,     struct service_key      -> struct service: the frontends
 * pilus_service_slots  hash,     struct service_slot_key -> struct service_slots: a set's backends
 * pilus_backends       hash,     backend id (__u32)      -> struct backend
 * pilus_source_ranges  LPM trie, struct source_range_key -> __u8, 1: whom a service serves
 * pilus_affinity       LRU hash, struct affinity_key     -> struct affinity: which backend a client had
 * pilus_socket_peers   LRU hash, struct socket_peer_key  -> struct socket_peer: what sockets were told
 *
 * The first four are written by the agent, the others by the programs.
 *
 * A *set* is a row of slots, each a backend's id; where to send a connection is a choice among them. It is the same
 * table whatever the algorithm: at random, any of the slots; Maglev, the slot that the connection's hash says, of a
 * table that the agent has filled. A backend's weight is how many of the slots are its own. Slots are kept 32
 * to an entry, so that the table of a small service is one entry of it, and no table costs what it does not use. Maps
 * in a map would be the other way; but the kernel waits for every CPU when an inner one is replaced.
 *
 * Nothing in use is changed in a way that a packet could see half of. New backends are written first, then the
 * slots of a set with a number that nobody uses, then the frontend, which is pointed to it: one write, all at once.
 * What is no longer pointed to goes after.
 *
 * A backend belongs to one service, as one address and port may be in several: whether a client's affinity, a
 * socket or a flow may still go there is told by the entry being there and by `serves`, without asking for the set.
 * The numbers of services and backends are kept over a restart of the agent: what was learnt speaks of them.
 */
#ifndef PILUS_ABI_SERVICE_H
#define PILUS_ABI_SERVICE_H

#include "addr.h"

/*
 * What clients ask for. An address of zero (IPv4: 0.0.0.0, mapped; IPv6: ::) is every address of the node itself and,
 * from inside and for ports of the range in struct node_config, of the other nodes: a node port.
 */
struct service_key {
	struct addr addr;
	__be16 port;
	__u8 protocol;
	__u8 reserved[5];
};
ABI_ASSERT_SIZE(struct service_key, 24);

/* Who asks: the cluster's pods and nodes, or who comes by an uplink. The traffic policies make a difference here: with
 * a policy `Local`, the set of that side has backends of this node only. */
enum service_side { SERVICE_INSIDE, SERVICE_OUTSIDE, SERVICE_SIDES };

struct service_set {
	__u32 set;
	__u32 count; /* of its slots; 0: no backends, `set` says nothing */
};

enum service_flag {
	SERVICE_MAGLEV = 1,        /* else at random. Sockets: at random, they are not seen by several nodes */
	SERVICE_EXTERNAL = 2,      /* served on the uplinks, too, not inside only */
	SERVICE_SOURCE_RANGES = 4, /* on the uplinks, only clients in pilus_source_ranges are served */
	SERVICE_DROPS = 8,         /* without backends, clients hear nothing; else they are refused at once */
	SERVICE_DSR = 16,          /* backends of other nodes answer clients directly; else by this node */
	SERVICE_HERE = 32,         /* of an address of zero: this node's only (a host port) */
};

/* For lists: what a frontend is there for. */
#define SERVICE_TYPES(X)                    \
	X(CLUSTER_IP, 0, "ClusterIP")       \
	X(NODE_PORT, 1, "NodePort")         \
	X(EXTERNAL_IP, 2, "ExternalIPs")    \
	X(LOAD_BALANCER, 3, "LoadBalancer") \
	X(HOST_PORT, 4, "HostPort")

enum service_type {
#define X(symbol, code, name) SERVICE_##symbol = code,
	SERVICE_TYPES(X)
#undef X
};

struct service {
	__u32 number; /* of the service's port, never 0: all its frontends share it, and so the affinity */
	__u16 flags;  /* enum service_flag */
	__u8 type;    /* enum service_type */
	__u8 reserved;
	struct service_set side[SERVICE_SIDES];
	__u32 affinity; /* seconds that a client keeps its backend since it last asked; 0: it does not */
	__u32 reserved2;
};
ABI_ASSERT_SIZE(struct service, 32);

#define SERVICE_SLOTS 32 /* in an entry, a power of two */

struct service_slot_key {
	__u32 set;
	__u32 chunk; /* index / SERVICE_SLOTS */
};
ABI_ASSERT_SIZE(struct service_slot_key, 8);

struct service_slots {
	__u32 backend[SERVICE_SLOTS]; /* [index % SERVICE_SLOTS]: backend ids */
};
ABI_ASSERT_SIZE(struct service_slots, 128);

/* For lists: why a backend gets no new connections. */
#define BACKEND_STATES(X)                \
	X(ACTIVE, 0, "active")           \
	X(TERMINATING, 1, "terminating") \
	X(QUARANTINED, 2, "quarantined") \
	X(MAINTENANCE, 3, "maintenance")

enum backend_state {
#define X(symbol, code, name) BACKEND_##symbol = code,
	BACKEND_STATES(X)
#undef X
};

/* As long as it is there, what goes to it goes on to it. Ids are never 0. */
struct backend {
	struct addr addr;
	__u32 service; /* struct service.number */
	__be16 port;
	__u8 protocol;
	__u8 state;  /* enum backend_state */
	__u8 serves; /* new connections, too: some slot is its own */
	__u8 reserved[7];
};
ABI_ASSERT_SIZE(struct backend, 32);

/* In the order of the wire: the service is always there, prefix_bits is SOURCE_RANGE_SERVICE_BITS + as in struct
 * ipcache_key. */
struct source_range_key {
	__u32 prefix_bits;
	__be32 service; /* struct service.number */
	struct addr addr;
};
ABI_ASSERT_SIZE(struct source_range_key, 24);

#define SOURCE_RANGE_SERVICE_BITS 32

/* Of packets the client is its address; of sockets, which have none yet, the namespace's cookie in quad[0]. */
struct affinity_key {
	struct addr client;
	__u32 service; /* struct service.number */
	__u32 is_netns;
};
ABI_ASSERT_SIZE(struct affinity_key, 24);

struct affinity {
	__u64 last_used; /* ns, CLOCK_MONOTONIC to a tick */
	__u32 backend;
	__u32 reserved;
};
ABI_ASSERT_SIZE(struct affinity, 16);

/*
 * What a socket was told, for the other direction. SOCKET_ASKED: the service that it talks to -> the backend, so that
 * the datagrams of an unconnected socket keep to one. SOCKET_TOLD: the backend -> the service, as whom it is to be seen
 * (recvmsg, getpeername).
 */
enum socket_side { SOCKET_ASKED, SOCKET_TOLD };

struct socket_peer_key {
	__u64 cookie; /* the socket's */
	struct addr addr;
	__be16 port;
	__u8 side; /* enum socket_side: what addr and port are */
	__u8 reserved[5];
};
ABI_ASSERT_SIZE(struct socket_peer_key, 32);

struct socket_peer {
	struct addr addr; /* of the other */
	__be16 port;
	__u16 reserved;
	__u32 backend; /* its id */
};
ABI_ASSERT_SIZE(struct socket_peer, 24);

#endif
