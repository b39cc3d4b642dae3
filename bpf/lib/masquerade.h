/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who is masqueraded, and as whom. See abi/nat.h.
 */
#ifndef PILUS_BPF_MASQUERADE_H
#define PILUS_BPF_MASQUERADE_H

#include "abi/nat.h"
#include "endpoint.h"
#include "flow.h"
#include "ipcache.h"

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct masquerade_key);
	__type(value, struct masquerade_entry);
} pilus_masquerade SEC(".maps");

static __always_inline struct masquerade_entry *masquerade_lookup(__u32 ifindex, const struct addr *destination)
{
	struct masquerade_key key = {
		.prefix_bits = MASQUERADE_UPLINK_BITS + ADDR_BITS, .ifindex = ifindex, .addr = *destination};

	return bpf_map_lookup_elem(&pilus_masquerade, &key);
}

/* The node's address towards the destination; NULL: none on this uplink. */
static __always_inline const struct addr *masquerade_source(__u32 ifindex, const struct addr *destination)
{
	struct masquerade_entry *entry = masquerade_lookup(ifindex, destination);

	/* IPv4 addresses lie in IPv6's default route, as they are written here. */
	return entry && addr_is_v4(&entry->source) == addr_is_v4(destination) ? &entry->source : NULL;
}

/* Whoever came to the pod by its own address is answered from it. */
static __always_inline _Bool masquerade_is_opener(const struct packet *packet)
{
	struct flow *flow = flow_find(packet);

	if (!flow || flow_is_reopened_by(flow, packet))
		return flow_initiator(packet) == packet->direction;
	return flow->initiator == packet->direction;
}

/* Is it an answer to a service's client, which gets the service's address? */
static __always_inline _Bool masquerade_is_mapped(const struct packet *packet)
{
	struct flow *flow = flow_find(packet);

	return flow && flow_decision(flow, packet)->mapped;
}

/* Is the packet of a pod, to where nobody of the cluster is known, to leave with the node's address? An ICMP error does
 * where what it quotes did, which is seen there. */
static __always_inline _Bool masquerade_wanted(const struct packet *packet)
{
	__u8 family = packet->tuple.ethertype == bpf_htons(ETH_P_IP) ? MASQUERADE_V4 : MASQUERADE_V6;

	return config.masquerade & family && packet->destination_identity == IDENTITY_WORLD &&
	       (packet->tuple.related || masquerade_is_opener(packet)) &&
	       !masquerade_lookup(0, &packet->tuple.destination);
}

#endif
