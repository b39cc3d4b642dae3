/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The overlay: VXLAN (RFC 7348) over IPv4, the VNI carrying the sender's identity. Headers are written and removed
 * here, on the fast path; what that leaves (see from_netdev) takes the kernel's device, whose packets look the same on
 * the wire.
 */
#ifndef PILUS_BPF_OVERLAY_H
#define PILUS_BPF_OVERLAY_H

#include "abi/ipcache.h"
#include "node.h"
#include "parse.h"
#include "state.h"

#define VXLAN_FLAG_VNI     0x08
#define OVERLAY_TTL        64
#define OVERLAY_PORT_FIRST 32768 /* of the UDP source ports, which tell flows apart for multipath and RSS */
#define OVERLAY_PORT_MASK  0x3fff
#define IPV4_DONT_FRAGMENT 0x4000
#define ENCAP_L2(length)   ((__u64)(length) << BPF_ADJ_ROOM_ENCAP_L2_SHIFT)
#define OVERLAY_ENCAP_FLAGS                                                                      \
	(BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP | \
	 BPF_F_ADJ_ROOM_ENCAP_L2_ETH | ENCAP_L2(ETH_HLEN))

struct vxlan_header {
	__u8 flags;
	__u8 reserved[3];
	__be32 vni; /* upper 24 bits */
};

/* An overlay packet from its first byte to its inner ethernet header. */
struct overlay_headers {
	struct ethhdr ethernet;
	struct iphdr ip;
	struct udphdr udp;
	struct vxlan_header vxlan;
	struct ethhdr inner;
} __attribute__((packed, aligned(4)));

/* What encapsulation adds: the inner frame begins this far behind the outer's. */
#define OVERLAY_ROOM (sizeof(struct overlay_headers) - ETH_HLEN)
_Static_assert(sizeof(struct overlay_headers) == 64 && OVERLAY_ROOM == 50, "RFC 7348, section 5");

/* Who sent an overlay packet, as its headers say. */
struct overlay_sender {
	struct addr remote;
	struct addr local;
	__u32 vni;
	_Bool on_uplink; /* headers still on: what is not for an endpoint is left to the overlay device, which sees it
	                    next */
};

/* Is the frame at the cursor an overlay packet, not cut into fragments? */
static __always_inline _Bool overlay_recognise(struct cursor cursor, struct overlay_sender *ret_sender)
{
	struct overlay_headers *headers = cursor_take(&cursor, sizeof(*headers));

	if (!headers || headers->ethernet.h_proto != bpf_htons(ETH_P_IP) || *(__u8 *)&headers->ip != 0x45 ||
	    headers->ip.protocol != IPPROTO_UDP || headers->udp.dest != bpf_htons(config.vxlan_port) ||
	    headers->ip.frag_off & bpf_htons(IPV4_FRAGMENT_MASK) || headers->vxlan.flags != VXLAN_FLAG_VNI)
		return 0;
	ret_sender->remote = addr_from_v4(headers->ip.saddr);
	ret_sender->local = addr_from_v4(headers->ip.daddr);
	ret_sender->vni = bpf_ntohl(headers->vxlan.vni) >> 8;
	ret_sender->on_uplink = 1;
	return 1;
}

/* Removes the overlay's headers; what is left in front is the outer ethernet header, for deliver_to_endpoint to
 * rewrite. */
static __always_inline int overlay_decapsulate(struct __sk_buff *skb, struct packet *packet)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;

	/* Kernels before 6.3 know no DECAP flags and need none while the family stays. */
	if (packet->tuple.ethertype == bpf_htons(ETH_P_IPV6))
		flags |= BPF_F_ADJ_ROOM_DECAP_L3_IPV6;
	if (bpf_skb_adjust_room(skb, -(__s32)OVERLAY_ROOM, BPF_ADJ_ROOM_MAC, flags))
		return DROP_INVALID_PACKET;
	packet->frame = 0;
	packet->transport -= packet->transport ? OVERLAY_ROOM : 0;
	return 0;
}

/* RFC 1071; the header's checksum field is still 0. */
static __always_inline __u16 overlay_ip_checksum(const struct overlay_headers *headers)
{
	const __u16 *half = (const void *)headers + ETH_HLEN;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < (int)sizeof(struct iphdr) / 2; i++)
		sum += half[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

static __always_inline void overlay_fill(struct overlay_headers *ret_headers, const struct packet *packet,
                                         const struct node *node)
{
	__u32 inner = packet->length;

	*ret_headers = (struct overlay_headers){
		.ethernet.h_proto = bpf_htons(ETH_P_IP),
		.ip = {.version = 4,
	               .ihl = 5,
	               .tot_len = bpf_htons(inner + OVERLAY_ROOM - ETH_HLEN),
	               .frag_off = bpf_htons(IPV4_DONT_FRAGMENT),
	               .ttl = OVERLAY_TTL,
	               .protocol = IPPROTO_UDP,
	               .saddr = node->local.word[3],
	               .daddr = node->remote.word[3]},
		.udp = {.source = bpf_htons(OVERLAY_PORT_FIRST + (packet_hash(packet) & OVERLAY_PORT_MASK)),
	                .dest = bpf_htons(config.vxlan_port),
	                .len = bpf_htons(inner + sizeof(struct udphdr) + sizeof(struct vxlan_header))},
		.vxlan = {.flags = VXLAN_FLAG_VNI, .vni = bpf_htonl(packet->vni << 8)},
		/* The receiver routes: any unicast addresses will do. */
		.inner = {.h_dest = {2}, .h_source = {2}, .h_proto = packet->tuple.ethertype},
	};
	ret_headers->ip.check = overlay_ip_checksum(ret_headers);
	__builtin_memcpy(ret_headers->ethernet.h_dest, node->next_hop_mac, ETH_ALEN);
	__builtin_memcpy(ret_headers->ethernet.h_source, node->local_mac, ETH_ALEN);
}

static __always_inline _Bool node_fits(const struct __sk_buff *skb, const struct packet *packet,
                                       const struct node *node)
{
	__u32 headers = packet->transport - packet->frame - ETH_HLEN + sizeof(struct tcphdr);

	return (skb->gso_size ? headers + skb->gso_size : packet->length - ETH_HLEN) <= node->mtu;
}

/* Puts the frame, which fits, into an overlay packet for the node. Returns 0 or a drop reason. */
static __always_inline int overlay_encapsulate(struct __sk_buff *skb, const struct packet *packet,
                                               const struct node *node)
{
	struct overlay_headers *headers;
	struct cursor cursor;

	if (bpf_skb_adjust_room(skb, OVERLAY_ROOM, BPF_ADJ_ROOM_MAC, OVERLAY_ENCAP_FLAGS))
		return DROP_WRITE_ERROR;
	cursor = cursor_at(skb, 0);
	headers = cursor_take(&cursor, sizeof(*headers));
	if (!headers)
		return DROP_WRITE_ERROR;
	overlay_fill(headers, packet, node);
	return 0;
}

#endif
