/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Packets as most are: in one piece, TCP or UDP right behind an IP header without options. Addresses and ports lie in a
 * row then, and are exchanged in place, where there is no skb whose helpers would do it (rewrite.h).
 */
#ifndef PILUS_BPF_PLAIN_H
#define PILUS_BPF_PLAIN_H

#include "checksum.h"
#include "parse.h"

#define PLAIN_ENDS_V6 (2 * sizeof(struct in6_addr) + 2 * sizeof(__be16))
_Static_assert(offsetof(struct tuple, source) == 0 && offsetof(struct tuple, destination) == 16 &&
                       offsetof(struct tuple, source_port) == 32 && offsetof(struct tuple, destination_port) == 34,
               "a tuple has them in the order of IPv6's wire");

static __always_inline _Bool packet_is_plain(const struct packet *packet)
{
	const struct tuple *tuple = &packet->tuple;
	__u32 header = tuple->ethertype == bpf_htons(ETH_P_IP) ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	return packet->transport == packet->frame + ETH_HLEN + header && !packet->first_fragment &&
	       (tuple->protocol == PROTOCOL_TCP || tuple->protocol == PROTOCOL_UDP);
}

/* The checksum in the transport header at the cursor. NULL: it is cut short. */
static __always_inline __u16 *plain_checksum(struct cursor cursor, __u8 protocol)
{
	if (protocol == PROTOCOL_TCP) {
		struct tcphdr *tcp = cursor_take(&cursor, sizeof(*tcp));

		return tcp ? &tcp->check : NULL;
	} else {
		struct udphdr *udp = cursor_take(&cursor, sizeof(*udp));

		return udp ? &udp->check : NULL;
	}
}

/*
 * Does the transport's checksum cover the packet? What the kernel has sent by a veth or a tap may cover the pseudo
 * header alone: a card was to do the rest, there is none, and but for the skb nobody knows. (One in 65536 others looks
 * the same.) The cursor is at the IP header.
 */
static __always_inline _Bool plain_is_summed(struct cursor cursor, const struct tuple *tuple)
{
	__u16 *checksum, size;
	__s64 pseudo;

	if (tuple->ethertype == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = cursor_take(&cursor, sizeof(*ip));

		size = ip ? bpf_ntohs(ip->tot_len) - sizeof(*ip) : 0;
	} else {
		struct ipv6hdr *ip = cursor_take(&cursor, sizeof(*ip));

		size = ip ? bpf_ntohs(ip->payload_len) : 0;
	}
	checksum = plain_checksum(cursor, tuple->protocol);
	pseudo = bpf_csum_diff(NULL, 0, (void *)&tuple->source, 2 * sizeof(struct addr),
	                       bpf_htonl(size + tuple->protocol));
	return checksum && *checksum != checksum_fold(pseudo);
}

/* UDP: a checksum of 0 is none and stays so. */
static __always_inline void plain_mend(__u16 *checksum, __u8 protocol, __s64 difference)
{
	__u16 sum;

	if (protocol == PROTOCOL_UDP && !*checksum)
		return;
	sum = checksum_update(*checksum, difference);
	*checksum = sum || protocol != PROTOCOL_UDP ? sum : 0xffff;
}

static __always_inline void plain_rewrite_v4(struct iphdr *ip, __u16 *checksum, const struct tuple *tuple, __u8 hops)
{
	__be32 ends[3] = {tuple->source.word[3], tuple->destination.word[3]};
	__s64 difference;

	__builtin_memcpy(&ends[2], &tuple->source_port, sizeof(ends[2]));
	difference = bpf_csum_diff(&ip->saddr, 8, ends, 8, 0);
	ip->check = checksum_update(ip->check, difference);
	if (hops)
		checksum_hop(ip);
	difference = bpf_csum_diff((void *)(ip + 1), 4, &ends[2], 4, difference);
	__builtin_memcpy((void *)ip + offsetof(struct iphdr, saddr), ends, sizeof(ends));
	plain_mend(checksum, tuple->protocol, difference);
}

static __always_inline void plain_rewrite_v6(struct ipv6hdr *ip, __u16 *checksum, const struct tuple *tuple, __u8 hops)
{
	void *ends = (void *)ip + offsetof(struct ipv6hdr, saddr);
	__s64 difference = bpf_csum_diff(ends, PLAIN_ENDS_V6, (void *)tuple, PLAIN_ENDS_V6, 0);

	__builtin_memcpy(ends, tuple, PLAIN_ENDS_V6);
	ip->hop_limit -= hops;
	plain_mend(checksum, tuple->protocol, difference);
}

/* Gives the packet at the cursor the addresses and ports of the tuple, and takes `hops`, 0 or 1, of its hops. False: it
 * is cut short. */
static __always_inline _Bool plain_rewrite(struct cursor cursor, const struct tuple *tuple, __u8 hops)
{
	_Bool v4 = tuple->ethertype == bpf_htons(ETH_P_IP);
	void *ip = cursor_take(&cursor, v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	__u16 *checksum = ip ? plain_checksum(cursor, tuple->protocol) : NULL;

	if (!checksum)
		return 0;
	if (v4)
		plain_rewrite_v4(ip, checksum, tuple, hops);
	else
		plain_rewrite_v6(ip, checksum, tuple, hops);
	return 1;
}

#endif
