/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Ports of fragmented datagrams, so that all fragments go the way of the first. See abi/fragment.h.
 *
 * A fragment that is ahead of its first cannot wait here, and has no ports to decide by. Where a packet goes is a
 * matter of its addresses alone, so it goes there, as a packet of a flow without ports. The receiver can make nothing
 * of it without the first, which is judged with its ports. What does depend on ports (translation, a policy that names
 * them) must ask `packet.ahead` and refuse: DROP_FIRST_FRAGMENT_NOT_FOUND.
 */
#ifndef PILUS_BPF_FRAGMENT_H
#define PILUS_BPF_FRAGMENT_H

#include "abi/fragment.h"
#include "packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct fragment_key);
	__type(value, struct fragment_ports);
} pilus_fragments SEC(".maps");

static __always_inline struct fragment_key fragment_key(const struct tuple *tuple, __be32 id)
{
	return (struct fragment_key){
		.source = tuple->source,
		.destination = tuple->destination,
		.id = id,
		.protocol = tuple->ethertype == bpf_htons(ETH_P_IP) ? tuple->protocol : 0,
	};
}

/* A full map evicts the oldest: its later fragments count as ahead of their first. */
static __always_inline void fragment_remember(const struct packet *packet)
{
	const struct tuple *tuple = &packet->tuple;
	struct fragment_key key = fragment_key(tuple, packet->fragment_id);
	struct fragment_ports ports = {
		.source = tuple->source_port,
		.destination = tuple->destination_port,
		.protocol = tuple->protocol,
		.icmp_type = tuple->icmp_type,
	};

	bpf_map_update_elem(&pilus_fragments, &key, &ports, BPF_ANY);
}

/* Fills in the datagram's ports. Returns whether they are known. */
static __always_inline _Bool fragment_recall(struct tuple *tuple, __be32 id)
{
	struct fragment_key key = fragment_key(tuple, id);
	struct fragment_ports *ports = bpf_map_lookup_elem(&pilus_fragments, &key);

	if (!ports)
		return 0;
	tuple->source_port = ports->source;
	tuple->destination_port = ports->destination;
	tuple->protocol = ports->protocol;
	tuple->icmp_type = ports->icmp_type;
	return 1;
}

#endif
