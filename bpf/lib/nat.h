/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Packets translated by the mappings of nat_table.h: the masquerade put on those that leave and taken off those that
 * come back. Services are in translate.h.
 */
#ifndef PILUS_BPF_NAT_H
#define PILUS_BPF_NAT_H

#include "nat_table.h"

static __always_inline void nat_prepare_rewrite(struct nat_work *work)
{
	_Bool leaves = work->entry.end == NAT_SOURCE;
	struct rewrite *rewrite = &work->rewrite;

	rewrite->from = leaves ? work->key.source : work->key.destination;
	rewrite->from_port = leaves ? work->key.source_port : work->key.destination_port;
	rewrite->to = work->entry.addr;
	rewrite->to_port = work->entry.port;
	rewrite->end = work->entry.end;
}

/* The packet as it is from now on. */
static __always_inline void nat_note(struct packet *packet, const struct rewrite *rewrite,
                                     const struct nat_entry *entry)
{
	struct tuple *tuple = &packet->tuple;
	__u8 kind = entry->kind;

	if (rewrite->end == NAT_SOURCE) {
		tuple->source = rewrite->to;
		tuple->source_port = rewrite->to_port;
		packet->story |= kind == NAT_SERVICE ? STORY_FROM_SERVICE : STORY_MASQUERADED;
	} else {
		tuple->destination = rewrite->to;
		tuple->destination_port = rewrite->to_port;
		packet->translated = kind == NAT_SERVICE || kind == NAT_DIRECT;
		packet->direct = kind == NAT_DIRECT;
		packet->story |= packet->translated ? STORY_SERVICE : STORY_UNMASQUERADED;
		if (kind == NAT_DETOUR)
			packet->towards = entry->ifindex;
	}
	packet_key(packet);
}

static __always_inline int nat_apply(struct __sk_buff *skb, struct packet *packet, struct nat_work *work)
{
	struct rewrite *rewrite = &work->rewrite;
	int reason = 0;

	work->headers = (struct rewrite_headers){
		.network = packet->frame + ETH_HLEN,
		.transport = packet->transport,
		.ethertype = packet->tuple.ethertype,
		.protocol = packet->tuple.protocol,
	};
	if (work->entry.kind != NAT_DIRECT) /* else it stays as it is, for another node to do it */
		reason = rewrite_end(skb, &work->headers, rewrite, rewrite->end);
	if (!reason)
		nat_note(packet, rewrite, &work->entry);
	return reason;
}

static __always_inline _Bool nat_is_at(const struct tuple *tuple, const struct rewrite *rewrite)
{
	return addr_equal(rewrite->end == NAT_SOURCE ? &tuple->source : &tuple->destination, &rewrite->from);
}

/*
 * An ICMP error about a mapped connection: what it quotes went the other way, and is put back to what its sender sent.
 * The error's own address is replaced where it is that of the connection: that of a router on the way is not. Returns
 * 0, a drop reason or NAT_NONE. `kind`: the mapping is of this enum nat_kind, or one behind it.
 */
VERIFIED_ONCE int nat_translate_error(struct __sk_buff *skb, struct packet *packet, __u8 end, __u8 kind)
{
	struct nat_work *work = nat_work();
	int reason;

	if (!packet || !work)
		return NAT_NONE;
	parse_pull(skb);
	if (icmp_quote(skb, packet, &work->quote))
		return NAT_NONE;
	nat_key_of_answer(&work->key, &work->quote.tuple);
	if (!nat_find(work, end & 1) || work->entry.kind < kind)
		return NAT_NONE;
	nat_prepare_rewrite(work);
	work->headers = (struct rewrite_headers){
		.network = work->quote.network,
		.transport = work->quote.transport,
		.ethertype = work->quote.tuple.ethertype,
		.protocol = work->quote.tuple.protocol,
		.quoted = 1,
	};
	reason = work->entry.kind == NAT_DIRECT ? 0
	                                        : rewrite_quote(skb, &work->headers, &work->rewrite, packet->transport);
	/* By a detour comes only what this node sends. */
	if (!reason && (end & 1) == NAT_SOURCE && work->entry.kind == NAT_DETOUR)
		work->rewrite.from = packet->tuple.source;
	if (reason || !nat_is_at(&packet->tuple, &work->rewrite))
		return reason;
	work->rewrite.from_port = work->rewrite.to_port = 0;
	reason = nat_apply(skb, packet, work);
	return !reason && work->entry.kind == NAT_HOST ? NAT_NONE : reason;
}

/* Of ICMP only echo says whom an answer is for. */
static __always_inline _Bool nat_can_map(const struct tuple *tuple)
{
	if (tuple->protocol == PROTOCOL_ICMP)
		return tuple->icmp_type == ICMP_ECHO;
	return tuple->protocol != PROTOCOL_ICMPV6 || tuple->icmp_type == ICMPV6_ECHO;
}

/* A pod's packet, marked to be masqueraded, on its way out. Returns 0, a drop reason or NAT_NONE. */
VERIFIED_ONCE int nat_leave(struct __sk_buff *skb, struct packet *packet)
{
	struct nat_work *work = nat_work();
	int reason = 0;

	if (!packet || !work)
		return DROP_NO_NAT_MAPPING;
	if (packet->ahead)
		return DROP_FIRST_FRAGMENT_NOT_FOUND;
	if (packet->transport && !nat_can_map(&packet->tuple))
		return DROP_NAT_UNSUPPORTED;
	nat_key(&work->key, &packet->tuple);
	if (!nat_find(work, NAT_SOURCE) || (work->entry.kind == NAT_POD && work->entry.ifindex != skb->ifindex))
		reason = nat_map(skb, NAT_POD);
	if (reason)
		return reason;
	nat_prepare_rewrite(work);
	return nat_apply(skb, packet, work);
}

/* Does the packet open a connection for which the answers would go to a pod? Without TCP's flags, any may. */
static __always_inline _Bool nat_is_in_the_way(struct __sk_buff *skb, struct nat_work *work,
                                               const struct packet *packet)
{
	struct nat_entry *there;

	if (packet->tuple.protocol == PROTOCOL_TCP && (packet->tuple.tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
		return 0;
	nat_key_of_answer(&work->other_key, &packet->tuple);
	there = nat_lookup(&work->other_key);
	/* The port that the host was given on the uplink above this one is its own. */
	return there && !(there->kind == NAT_HOST && there->ifindex != skb->ifindex);
}

/*
 * A packet of the host's own. The kernel knows nothing of the ports that pods leave by, and may have chosen one of them
 * for the same remote: then the host gets another. Returns 0, a drop reason or NAT_NONE.
 */
VERIFIED_ONCE int nat_leave_host(struct __sk_buff *skb, struct packet *packet)
{
	struct nat_work *work = nat_work();
	int reason = 0;

	if (!packet || !work || packet->ahead)
		return NAT_NONE;
	nat_key(&work->key, &packet->tuple);
	if (!nat_find(work, NAT_SOURCE))
		reason = nat_is_in_the_way(skb, work, packet) ? nat_map(skb, NAT_HOST) : NAT_NONE;
	if (reason)
		return reason;
	nat_prepare_rewrite(work);
	return nat_apply(skb, packet, work);
}

#endif
