/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Services of clients outside whose backend is on another node: translated and sent on by XDP, both ways, so that
 * nothing is allocated for packets that only pass by.
 *
 * Nothing is decided here. The first packet of a connection goes on to from_netdev, which chooses a backend, asks
 * policies, finds a port, and records mappings and flow. Those that follow find all of it here and become the same
 * bytes, so the two ways cannot disagree. Whatever is not found, not of this epoch, or not plain (plain.h), and what
 * would not leave by the device it came by, or to a next hop that the kernel does not know, passes untouched.
 *
 * So does what changes a flow's state, and one packet of each in some seconds (flow_is_changed): it keeps the kernel
 * interested in the next hop, and who listens hears of the flow. While somebody listens to every packet, all pass, for
 * from_netdev tells them.
 */
#ifndef PILUS_BPF_ACCELERATE_H
#define PILUS_BPF_ACCELERATE_H

#include "arrival.h"
#include "deliver.h"
#include "plain.h"

/* What becomes of a packet: all of it is known before the first byte is written. Too much for the stack. */
struct shortcut {
	struct packet packet;         /* as it is going to be */
	struct overlay_sender sender; /* on_uplink: it comes out of the overlay */
	struct decision decision;     /* of what goes to a backend */
	__u8 direction;               /* in its flow */
	struct bpf_fib_lookup way;    /* of what does not go into the overlay */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct shortcut);
} shortcuts SEC(".maps");

static __always_inline struct cursor xdp_cursor(struct xdp_md *xdp, __u32 offset)
{
	return (struct cursor){(void *)(long)xdp->data + offset, (void *)(long)xdp->data_end};
}

/* Is it as plain as is taken here, and opens no connection? Parses it, in the overlay or not. */
static __always_inline _Bool accelerate_parse(struct xdp_md *xdp, struct shortcut *shortcut)
{
	struct packet *packet = &shortcut->packet;
	void *start = (void *)(long)xdp->data;
	__u64 size = (void *)(long)xdp->data_end - start;
	__u32 frame = 0;

	if (size != bpf_xdp_get_buff_len(xdp))
		return 0;
	if (!config.native && overlay_recognise(xdp_cursor(xdp, 0), &shortcut->sender))
		frame = OVERLAY_ROOM;
	packet->frame = frame;
	packet->length = size - frame;
	return !parse_frame(xdp_cursor(xdp, frame), start, packet) && packet_is_plain(packet) &&
	       !(packet->tuple.tcp_flags & TCP_SYN) && !hops_are_spent(packet) &&
	       plain_is_summed(xdp_cursor(xdp, frame + ETH_HLEN), &packet->tuple);
}

/* May what the mapping says of a destination be done here, as from_netdev would? */
static __always_inline _Bool accelerate_may_map(struct shortcut *shortcut, const struct nat_work *work)
{
	if (work->entry.kind == NAT_DETOUR)
		return !shortcut->sender.on_uplink || (arrival_is_for_this_node(&shortcut->sender) &&
		                                       !arrival_verify_sender(&shortcut->packet, &shortcut->sender));
	return !shortcut->sender.on_uplink && translate_is_service(&work->entry) &&
	       translate_holds(work, &shortcut->packet);
}

/* The flow between client and backend, if it is known and nothing is new in it. An answer needs no decision. */
static __always_inline struct flow *accelerate_find_flow(struct shortcut *shortcut)
{
	struct packet *packet = &shortcut->packet;
	struct flow *flow = flow_find(packet);

	if (!flow || flow_is_changed(flow_traffic(flow, packet), packet, bpf_ktime_get_coarse_ns()))
		return NULL;
	shortcut->direction = packet->direction;
	if (packet->towards)
		return flow;
	packet->origin = FLOW_FROM_WORLD;
	if (!flow_is_decided(flow, packet))
		return NULL;
	shortcut->decision = flow_recall(flow, packet);
	return shortcut->decision.action == FLOW_TO_NODE || shortcut->decision.action == FLOW_TO_WORLD ? flow : NULL;
}

/* Both ends of the packet, by mappings that are there. Returns the flow in between, or NULL. */
static __always_inline struct flow *accelerate_translate(struct shortcut *shortcut)
{
	struct packet *packet = &shortcut->packet;
	struct nat_work *work = nat_work();
	struct flow *flow;

	if (!work)
		return NULL;
	nat_key(&work->key, &packet->tuple);
	if (!nat_find(work, NAT_DESTINATION) || !accelerate_may_map(shortcut, work))
		return NULL;
	nat_prepare_rewrite(work);
	nat_note(packet, &work->rewrite, &work->entry);
	flow = accelerate_find_flow(shortcut);
	if (!flow || packet->direct)
		return flow;
	nat_key(&work->key, &packet->tuple);
	if (!nat_find(work, NAT_SOURCE) || work->entry.kind < NAT_SERVICE)
		return NULL;
	nat_prepare_rewrite(work);
	nat_note(packet, &work->rewrite, &work->entry);
	return flow;
}

/* Is this the frame's own device, and was it for us? */
static __always_inline _Bool accelerate_goes_back(struct xdp_md *xdp, __u32 ifindex, const __u8 *mac)
{
	struct cursor cursor = xdp_cursor(xdp, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));

	return ethernet && ifindex == xdp->ingress_ifindex && mac_equal(ethernet->h_dest, mac);
}

/* The node of the backend, if it is reached by the overlay at once. */
static __always_inline struct node *accelerate_find_node(struct xdp_md *xdp, struct shortcut *shortcut)
{
	struct packet *packet = &shortcut->packet;
	struct node *node = node_by_id(shortcut->decision.target);

	if (!node || !(node->flags & NODE_NEIGHBOUR_KNOWN) || packet->length - ETH_HLEN > node->mtu ||
	    !accelerate_goes_back(xdp, node->ifindex, node->local_mac))
		return NULL;
	packet->vni = packet->direct ? IDENTITY_WORLD : packet->source_identity;
	return node;
}

/* As bpf_redirect_neigh does it for from_netdev; what does not fit does not pass. */
static __always_inline _Bool accelerate_find_hop(struct xdp_md *xdp, struct shortcut *shortcut)
{
	const struct tuple *tuple = &shortcut->packet.tuple;
	struct bpf_fib_lookup *way = &shortcut->way;
	_Bool v4 = tuple->ethertype == bpf_htons(ETH_P_IP);

	*way = (struct bpf_fib_lookup){
		.family = v4 ? AF_INET : AF_INET6,
		.l4_protocol = tuple->protocol,
		.tot_len = shortcut->packet.length - ETH_HLEN,
		.ifindex = xdp->ingress_ifindex,
	};
	if (v4) {
		way->ipv4_src = tuple->source.word[3];
		way->ipv4_dst = tuple->destination.word[3];
	} else {
		__builtin_memcpy(way->ipv6_src, &tuple->source, sizeof(way->ipv6_src));
		__builtin_memcpy(way->ipv6_dst, &tuple->destination, sizeof(way->ipv6_dst));
	}
	return bpf_fib_lookup(xdp, way, sizeof(*way), BPF_FIB_LOOKUP_OUTPUT) == BPF_FIB_LKUP_RET_SUCCESS &&
	       accelerate_goes_back(xdp, way->ifindex, way->smac);
}

static __always_inline _Bool accelerate_find_way(struct xdp_md *xdp, struct shortcut *shortcut, struct node **ret_node)
{
	const struct packet *packet = &shortcut->packet;

	*ret_node = NULL;
	if (!packet->towards && !config.native && shortcut->decision.action == FLOW_TO_NODE) {
		*ret_node = accelerate_find_node(xdp, shortcut);
		return *ret_node;
	}
	if (packet->direct || (packet->towards && packet->towards != xdp->ingress_ifindex))
		return 0;
	return accelerate_find_hop(xdp, shortcut);
}

static __always_inline _Bool accelerate_write_overlay(struct xdp_md *xdp, const struct packet *packet,
                                                      const struct node *node)
{
	struct cursor cursor = xdp_cursor(xdp, 0);
	struct overlay_headers *headers = cursor_take(&cursor, sizeof(*headers));

	if (!headers)
		return 0;
	overlay_fill(headers, packet, node);
	if (packet->direct) {
		direct_write(&headers->inner, packet);
		return 1;
	}
	return plain_rewrite(cursor, &packet->tuple, 0);
}

static __always_inline _Bool accelerate_write_plain(struct xdp_md *xdp, const struct shortcut *shortcut)
{
	const struct tuple *tuple = &shortcut->packet.tuple;
	struct cursor cursor = xdp_cursor(xdp, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));

	if (!ethernet)
		return 0;
	__builtin_memcpy(ethernet->h_dest, shortcut->way.dmac, ETH_ALEN);
	__builtin_memcpy(ethernet->h_source, shortcut->way.smac, ETH_ALEN);
	ethernet->h_proto = tuple->ethertype;
	return plain_rewrite(cursor, tuple, 1);
}

/* Returns the program's return code. A frame without room for the headers is still as it came. */
static __always_inline int accelerate_send(struct xdp_md *xdp, struct shortcut *shortcut, struct flow *flow,
                                           const struct node *node)
{
	struct packet *packet = &shortcut->packet;
	int room = (int)(shortcut->sender.on_uplink ? OVERLAY_ROOM : 0) - (int)(node ? OVERLAY_ROOM : 0);

	if (room && bpf_xdp_adjust_head(xdp, room))
		return XDP_PASS;
	if (!(node ? accelerate_write_overlay(xdp, packet, node) : accelerate_write_plain(xdp, shortcut))) {
		metric_count(DROP_WRITE_ERROR, METRIC_EGRESS, packet->length);
		return XDP_DROP;
	}
	packet->direction = shortcut->direction;
	flow_count(flow, packet);
	metric_count(METRIC_FORWARDED, METRIC_EGRESS, packet->length);
	metric_count(METRIC_ACCELERATED, METRIC_EGRESS, packet->length);
	return XDP_TX;
}

VERIFIED_ONCE int accelerate(struct xdp_md *xdp)
{
	__u32 zero = 0;
	struct shortcut *shortcut = bpf_map_lookup_elem(&shortcuts, &zero);
	struct flow *flow;
	struct node *node;

	if (!shortcut || state_listens(EVENT_TRACE))
		return XDP_PASS;
	__builtin_memset(shortcut, 0, sizeof(*shortcut));
	if (!accelerate_parse(xdp, shortcut))
		return XDP_PASS;
	flow = accelerate_translate(shortcut);
	if (!flow || !accelerate_find_way(xdp, shortcut, &node))
		return XDP_PASS;
	return accelerate_send(xdp, shortcut, flow, node);
}

#endif
