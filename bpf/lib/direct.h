/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Direct server return: what a client outside sends to a service by one node, and a backend on another node answers
 * directly, so that the client's address is seen and the answers save a hop.
 *
 * The first node sends the packet as it is through the overlay, for the world's identity, and tells which backend it
 * has chosen where that costs nothing: in the ethernet addresses of the inner frame, which otherwise say nothing. The
 * other node translates it, and remembers the mapping, by which the answer gets the service's address on its way out
 * (to_netdev). IP options or another encapsulation would tell it, too, at the price of room in every packet, and of
 * networks that drop what they do not know.
 *
 *     destination  06 PP PP AA AA AA      port, and the last 8 bytes of the backend's address: the first 8
 *     source       02 AA AA AA AA AA      of an IPv6 address are those of all pods of the receiving node
 *
 * Only known nodes are believed, and only about endpoints of this node and clients that are behind no node.
 */
#ifndef PILUS_BPF_DIRECT_H
#define PILUS_BPF_DIRECT_H

#include "masquerade.h"
#include "node.h"
#include "overlay.h"
#include "translate.h"

/* Locally administered, as all that the overlay's frames have; those that the device makes have twice the same. */
#define DIRECT_MARK        0x06
#define DIRECT_SOURCE_MARK 0x02

/* The ethernet addresses, as they lie in a frame. */
struct direct_frame {
	__u8 mark;
	__u8 port[2];
	__u8 addr_first[3];
	__u8 source_mark;
	__u8 addr_last[5];
};
_Static_assert(sizeof(struct direct_frame) == 2 * ETH_ALEN, "two addresses");

/* The packet's destination is the backend, which its bytes do not say. */
static __always_inline void direct_write(void *ethernet, const struct packet *packet)
{
	const __u8 *addr = &packet->tuple.destination.byte[8];
	struct direct_frame *frame = ethernet;

	frame->mark = DIRECT_MARK;
	frame->source_mark = DIRECT_SOURCE_MARK;
	__builtin_memcpy(frame->port, &packet->tuple.destination_port, sizeof(frame->port));
	__builtin_memcpy(frame->addr_first, addr, sizeof(frame->addr_first));
	__builtin_memcpy(frame->addr_last, addr + sizeof(frame->addr_first), sizeof(frame->addr_last));
}

static __always_inline _Bool direct_is(struct __sk_buff *skb, const struct packet *packet)
{
	struct cursor cursor = cursor_at(skb, packet->frame ? OVERLAY_ROOM : 0);
	struct direct_frame *frame = cursor_take(&cursor, sizeof(*frame));

	return frame && frame->mark == DIRECT_MARK && frame->source_mark == DIRECT_SOURCE_MARK;
}

/* The backend, into the work's entry. */
static __always_inline int direct_read(struct __sk_buff *skb, const struct packet *packet, struct nat_work *work)
{
	const struct addr *own = masquerade_source(MASQUERADE_TO_NODES, &packet->tuple.source);
	struct direct_frame frame;
	__u8 *addr = &work->entry.addr.byte[8];
	struct local_addr *local;

	if (!own || bpf_skb_load_bytes(skb, packet->frame, &frame, sizeof(frame)))
		return DROP_INVALID_PACKET;
	work->entry.addr.quad[0] = own->quad[0];
	__builtin_memcpy(addr, frame.addr_first, sizeof(frame.addr_first));
	__builtin_memcpy(addr + sizeof(frame.addr_first), frame.addr_last, sizeof(frame.addr_last));
	__builtin_memcpy(&work->entry.port, frame.port, sizeof(frame.port));
	local = local_lookup(&work->entry.addr);
	return local && local->endpoint ? 0 : DROP_NO_SERVICE_BACKEND;
}

/* Makes the mapping that the frame tells of, where there is none. Returns 0 or a drop reason. */
VERIFIED_ONCE int direct_learn(struct __sk_buff *skb, struct packet *packet, struct overlay_sender *sender)
{
	struct nat_work *work = nat_work();
	__u64 now = bpf_ktime_get_coarse_ns();
	struct nat_entry *there;
	int reason;

	if (!packet || !sender || !work)
		return DROP_INVALID_PACKET;
	packet->vni = sender->vni;
	packet->node = node_id_by_addr(&sender->remote);
	if (!packet->node || sender->vni != IDENTITY_WORLD)
		return DROP_UNKNOWN_SENDER;
	if (ipcache_lookup(&packet->tuple.source).node)
		return DROP_INVALID_SOURCE_IP;
	reason = direct_read(skb, packet, work);
	if (reason || packet->tuple.related || packet->ahead)
		return reason;
	nat_key(&work->key, &packet->tuple);
	there = nat_lookup(&work->key);
	if (there && there->kind == NAT_SERVICE && addr_equal(&there->addr, &work->entry.addr) &&
	    there->port == work->entry.port)
		return 0;
	work->entry.end = NAT_DESTINATION;
	work->entry.kind = NAT_SERVICE;
	work->entry.backend = 0;
	work->entry.created = work->entry.checked = now;
	return translate_write(work);
}

/* Translates it by that mapping, once it is out of the overlay. Returns 0 or a drop reason. */
static __always_inline int direct_translate(struct __sk_buff *skb, struct packet *packet)
{
	int reason = packet->tuple.related ? nat_translate_error(skb, packet, NAT_DESTINATION, NAT_SERVICE)
	                                   : translate_told(skb, packet, NAT_SERVICE);

	return reason == NAT_NONE ? DROP_NO_NAT_MAPPING : reason;
}

#endif
