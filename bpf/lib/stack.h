/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Packets on their way out of the host's stack, seen where they leave it: on a pod's veth or on the overlay device.
 * They keep the way that the stack chose; here they get identities, a flow and a place in the trace.
 */
#ifndef PILUS_BPF_STACK_H
#define PILUS_BPF_STACK_H

#include "endpoint.h"
#include "flow.h"
#include "ipcache.h"
#include "trace.h"

static __always_inline _Bool is_multicast(const struct addr *addr)
{
	if (addr_is_v4(addr))
		return (addr->byte[12] & 0xf0) == 0xe0 || addr->word[3] == 0xffffffff;
	return addr->byte[0] == 0xff;
}

/* Not for us to judge: neighbour discovery and the like, between the host and its own devices. */
static __always_inline _Bool stack_housekeeping(int reason, const struct packet *packet)
{
	return reason == DROP_UNSUPPORTED_L3 || is_multicast(&packet->tuple.destination);
}

static __always_inline __u32 stack_identity(const struct addr *addr)
{
	struct local_addr *local = local_lookup(addr);

	return local && !local->endpoint ? IDENTITY_HOST : ipcache_lookup(addr).identity;
}

/*
 * Identities and the flow of a packet whose `decision` the stack has made. Returns 0 or a drop reason. What other nodes
 * send comes out of the overlay or, with native routing, by an uplink, and is redirected past the stack: who comes
 * through it under an address that is behind a node is somebody else.
 */
VERIFIED_ONCE int stack_decide(struct __sk_buff *skb, struct packet *packet, struct decision *decision)
{
	__u32 epoch = state_epoch();

	if (!packet || !decision)
		return DROP_INVALID_PACKET;
	if (decision->action == FLOW_TO_ENDPOINT && ipcache_lookup(&packet->tuple.source).node)
		return DROP_INVALID_SOURCE_IP;
	packet->source_identity = stack_identity(&packet->tuple.source);
	packet->destination_identity = stack_identity(&packet->tuple.destination);
	return flow_record(skb, packet, decision, epoch);
}

static __always_inline int stack_receive(struct __sk_buff *skb, struct packet *packet, struct decision *decision)
{
	struct flow *flow = flow_find(packet);

	if (!flow || !flow_is_decided(flow, packet) || flow_decision(flow, packet)->target != decision->target)
		return stack_decide(skb, packet, decision);
	flow_recall(flow, packet);
	flow_count(flow, packet);
	return 0;
}

#endif
