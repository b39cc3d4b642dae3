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
#include "trace.h"

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

static __always_inline __u8 policy_match(__u32 peer, __u8 prefix_bits)
{
	if (prefix_bits > POLICY_PEER_BITS)
		return peer == POLICY_ANYBODY ? POLICY_MATCH_L4_ONLY : POLICY_MATCH_L3_L4;
	return peer == POLICY_ANYBODY ? POLICY_MATCH_ALL : POLICY_MATCH_L3_ONLY;
}

static __always_inline void policy_count(struct policy_entry *entry, __u32 length)
{
	if (config.dry_run)
		return;
	__sync_fetch_and_add(&entry->packets, 1);
	__sync_fetch_and_add(&entry->bytes, length);
}

/* Asks by one way to name the peer. A denial counts more than a permission, else what was asked first. */
static __always_inline void policy_ask_of(const struct policy_question *question, __u32 peer,
                                          struct event_verdict *verdict)
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
		return;
	policy_count(entry, question->length);
	if (entry->verdict <= verdict->action)
		return;
	verdict->action = entry->verdict;
	verdict->match = policy_match(peer, entry->prefix_bits);
	verdict->rule = entry->rule;
}

/* The smallest block that the set's rules name and the address lies in; 0: none. */
static __always_inline __u32 policy_block(__u32 set, const struct addr *addr)
{
	struct policy_cidr_key key = {.prefix_bits = POLICY_SET_BITS + ADDR_BITS, .set = bpf_htonl(set), .addr = *addr};
	__u32 *id = bpf_map_lookup_elem(&pilus_policy_cidrs, &key);

	return id ? *id : 0;
}

/* What the set says of the peer, by whom it names most closely first. */
static __always_inline void policy_ask_of_peer(const struct policy_question *question, const struct addr *peer,
                                               __u32 identity, struct event_verdict *verdict)
{
	__u32 block = policy_block(question->set, peer);

	policy_ask_of(question, identity, verdict);
	if (block)
		policy_ask_of(question, POLICY_BLOCK | block, verdict);
	if (block && identity == IDENTITY_WORLD)
		policy_ask_of(question, POLICY_WORLD_BLOCK | block, verdict);
	policy_ask_of(question, POLICY_ANYBODY, verdict);
}

/* The port that says what the connection is for: the receiver's; of ICMP the type that opened it. */
static __always_inline __be16 policy_port(const struct tuple *tuple, _Bool reply)
{
	if (tuple->protocol == PROTOCOL_ICMP || tuple->protocol == PROTOCOL_ICMPV6)
		return bpf_htons(reply ? icmp_question(tuple) : tuple->icmp_type);
	return reply ? tuple->source_port : tuple->destination_port;
}

/* Makes a verdict of what the entries say. Returns 0 or a drop reason. */
static __always_inline int policy_conclude(struct event_verdict *verdict, __u32 flags)
{
	int reason = 0;

	if (verdict->action == VERDICT_DENY)
		reason = DROP_POLICY_DENY;
	else if (!verdict->action && flags & ENDPOINT_CLOSES(verdict->direction))
		reason = DROP_POLICY_DENIED;
	verdict->action = !reason ? VERDICT_ALLOW : flags & ENDPOINT_AUDITS ? VERDICT_AUDIT : VERDICT_DENY;
	return verdict->action == VERDICT_DENY ? reason : 0;
}

/*
 * Asks one endpoint about the packet that it sends, or is to get, and that opens a connection or answers on one. Leaves
 * the answer in packet->verdict. Returns 0 or a drop reason.
 */
VERIFIED_ONCE int policy_ask(struct packet *packet, __u32 id, _Bool sends, _Bool reply)
{
	__u8 direction = sends != reply ? POLICY_EGRESS : POLICY_INGRESS;
	struct endpoint *endpoint = endpoint_by_id(id);
	struct policy_question question;

	if (!packet)
		return 0;
	packet->verdict = (struct event_verdict){};
	if (!endpoint || !(endpoint->flags & ENDPOINT_ASKS(direction)))
		return 0;
	if (packet->ahead)
		return endpoint->flags & ENDPOINT_AUDITS ? 0 : DROP_FIRST_FRAGMENT_NOT_FOUND;
	packet->verdict.endpoint = id;
	packet->verdict.direction = direction;
	question = (struct policy_question){
		.set = endpoint->policy,
		.length = packet->length,
		.port = policy_port(&packet->tuple, reply),
		.direction = direction,
		.protocol = packet->tuple.protocol,
	};
	if (sends)
		policy_ask_of_peer(&question, &packet->tuple.destination, packet->destination_identity,
		                   &packet->verdict);
	else
		policy_ask_of_peer(&question, &packet->tuple.source, packet->source_identity, &packet->verdict);
	return policy_conclude(&packet->verdict, endpoint->flags);
}

static __always_inline _Bool policy_is_told(const struct packet *packet)
{
	_Bool known = packet->state == PACKET_ESTABLISHED || packet->state == PACKET_REPLY;

	return packet->verdict.endpoint && (!known || packet->verdict.action != VERDICT_ALLOW);
}

/* Asks, and tells who listens. */
static __always_inline int policy_judge(struct __sk_buff *skb, struct packet *packet, __u16 id, _Bool sends,
                                        _Bool reply)
{
	int reason = policy_ask(packet, id, sends, reply);

	if (unlikely(state_listens(EVENT_POLICY_VERDICT)) && policy_is_told(packet))
		event_send(skb, packet, EVENT_POLICY_VERDICT, packet->point, reason);
	return reason;
}

/* May the packet pass: may its connection be, as it was opened? `to` is the endpoint of this node that gets it; 0:
 * none. Returns 0 or a drop reason. */
static __always_inline int policy_check(struct __sk_buff *skb, struct packet *packet, __u16 to, _Bool reply)
{
	__u16 from = packet->source_endpoint;
	int reason;

	if (from == to) /* a pod always reaches itself */
		return 0;
	reason = from ? policy_judge(skb, packet, from, 1, reply) : 0;
	return reason || !to ? reason : policy_judge(skb, packet, to, 0, reply);
}

#endif
