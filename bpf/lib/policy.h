/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * May this connection be? Asked when a flow is decided, for the endpoints of this node that it opens or reaches. See
 * abi/policy.h.
 */
#ifndef PILUS_BPF_POLICY_H
#define PILUS_BPF_POLICY_H

#include "abi/flow.h"
#include "abi/ipcache.h"
#include "abi/policy.h"
#include "endpoint.h"
#include "packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4194304);
	__type(key, struct policy_key);
	__type(value, struct policy_entry);
} pilus_policy SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct policy_cidr_key);
	__type(value, __u32);
} pilus_policy_cidrs SEC(".maps");

/* What the programs do while they ask one endpoint: kept small, as it stands on top of a deep stack. */
struct policy_question {
	__u32 set;
	__u32 length; /* of the packet, for the count */
	__be16 port;
	__u8 direction; /* enum policy_direction */
	__u8 protocol;
};

/* enum policy_effect, or 0. */
static __always_inline __u8 policy_effect(const struct policy_question *question, __u32 peer)
{
	struct policy_key key = {
		.prefix_bits = POLICY_PORT_BITS,
		.set = bpf_htonl(question->set),
		.peer = bpf_htonl(peer),
		.direction = question->direction,
		.protocol = question->protocol,
		.port = question->port,
	};
	struct policy_entry *entry = bpf_map_lookup_elem(&pilus_policy, &key);

	if (!entry)
		return 0;
	__sync_fetch_and_add(&entry->packets, 1);
	__sync_fetch_and_add(&entry->bytes, question->length);
	return entry->verdict;
}

/* The smallest block that the set's rules name and the address lies in; 0: none. */
static __always_inline __u32 policy_block(__u32 set, const struct addr *addr)
{
	struct policy_cidr_key key = {.prefix_bits = POLICY_SET_BITS + ADDR_BITS, .set = bpf_htonl(set), .addr = *addr};
	__u32 *id = bpf_map_lookup_elem(&pilus_policy_cidrs, &key);

	return id ? *id : 0;
}

/* What the set says of the peer: enum policy_effect, or-ed. */
static __always_inline __u8 policy_effects(const struct policy_question *question, const struct addr *peer,
                                           __u32 identity)
{
	__u8 effects = policy_effect(question, identity) | policy_effect(question, POLICY_ANYBODY);
	__u32 block = policy_block(question->set, peer);

	if (block)
		effects |= policy_effect(question, POLICY_BLOCK | block);
	if (block && identity == IDENTITY_WORLD)
		effects |= policy_effect(question, POLICY_WORLD_BLOCK | block);
	return effects;
}

/* The port that says what the connection is for: the receiver's; of ICMP the type that opened it. */
static __always_inline __be16 policy_port(const struct tuple *tuple, _Bool reply)
{
	if (tuple->protocol == PROTOCOL_ICMP)
		return bpf_htons(reply && tuple->icmp_type == ICMP_ECHO_REPLY ? ICMP_ECHO : tuple->icmp_type);
	if (tuple->protocol == PROTOCOL_ICMPV6)
		return bpf_htons(reply && tuple->icmp_type == ICMPV6_ECHO_REPLY ? ICMPV6_ECHO : tuple->icmp_type);
	return reply ? tuple->source_port : tuple->destination_port;
}

/*
 * Asks one endpoint about the packet that it sends, or is to get, and that opens a connection or answers on one.
 * Returns 0 or a drop reason.
 */
VERIFIED_ONCE int policy_ask(struct packet *packet, __u32 id, _Bool sends, _Bool reply)
{
	__u8 direction = sends != reply ? POLICY_EGRESS : POLICY_INGRESS, effects;
	struct endpoint *endpoint = endpoint_by_id(id);
	struct policy_question question;

	if (!packet || !endpoint || !(endpoint->flags & ENDPOINT_ASKS(direction)))
		return 0;
	if (packet->ahead)
		return DROP_FIRST_FRAGMENT_NOT_FOUND;
	question = (struct policy_question){
		.set = endpoint->policy,
		.length = packet->length,
		.port = policy_port(&packet->tuple, reply),
		.direction = direction,
		.protocol = packet->tuple.protocol,
	};
	effects = sends ? policy_effects(&question, &packet->tuple.destination, packet->destination_identity)
	                : policy_effects(&question, &packet->tuple.source, packet->source_identity);
	if (effects & POLICY_DENY)
		return DROP_POLICY_DENY;
	return effects & POLICY_ALLOW || !(endpoint->flags & ENDPOINT_CLOSES(direction)) ? 0 : DROP_POLICY_DENIED;
}

/* May the packet pass: may its connection be, as it was opened? `to` is the endpoint of this node that gets it; 0:
 * none. Returns 0 or a drop reason. */
static __always_inline int policy_check(struct packet *packet, __u16 to, _Bool reply)
{
	__u16 from = packet->source_endpoint;
	int reason;

	if (from == to) /* a pod always reaches itself */
		return 0;
	reason = from ? policy_ask(packet, from, 1, reply) : 0;
	return reason || !to ? reason : policy_ask(packet, to, 0, reply);
}

#endif
