/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Writes another address and port into a packet, or into one that an ICMP error quotes, and keeps every checksum right:
 * those in the headers, and the sum over the whole packet that some devices give beside it.
 */
#ifndef PILUS_BPF_REWRITE_H
#define PILUS_BPF_REWRITE_H

#include "abi/nat.h"
#include "icmp.h"
#include "packet.h"

/* One end of a connection and what takes its place. */
struct rewrite {
	struct addr from;
	struct addr to;
	__be16 from_port;
	__be16 to_port;
	__u8 end; /* enum nat_end: of the packet; of one that it quotes, the other */
};

/* Where it is done. */
struct rewrite_headers {
	__u32 network;
	__u32 transport; /* 0: a later fragment has none */
	__be16 ethertype;
	__u8 protocol;
	_Bool quoted; /* bytes like others: no device fills in a checksum there */
};

static __always_inline __u32 rewrite_address_at(const struct rewrite_headers *headers, __u8 end)
{
	if (headers->ethertype == bpf_htons(ETH_P_IP))
		return headers->network + (end ? offsetof(struct iphdr, daddr) : offsetof(struct iphdr, saddr));
	return headers->network + (end ? offsetof(struct ipv6hdr, daddr) : offsetof(struct ipv6hdr, saddr));
}

static __always_inline _Bool rewrite_is_echo(const struct rewrite_headers *headers)
{
	return headers->protocol == PROTOCOL_ICMP || headers->protocol == PROTOCOL_ICMPV6;
}

static __always_inline __u32 rewrite_port_at(const struct rewrite_headers *headers, __u8 end)
{
	return headers->transport +
	       (rewrite_is_echo(headers) ? offsetof(struct icmp_header, id) : end * sizeof(__be16));
}

/* 0: it has none, or one that covers neither addresses nor ports in a way that could be mended (SCTP's CRC). */
static __always_inline __u32 rewrite_checksum_at(const struct rewrite_headers *headers)
{
	switch (headers->protocol) {
	case PROTOCOL_TCP:
		return headers->transport + offsetof(struct tcphdr, check);
	case PROTOCOL_UDP:
		return headers->transport + offsetof(struct udphdr, check);
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return headers->transport + offsetof(struct icmp_header, checksum);
	default:
		return 0;
	}
}

/* UDP: a checksum of 0 is none and stays so. */
static __always_inline __u64 rewrite_flags(const struct rewrite_headers *headers)
{
	return headers->protocol == PROTOCOL_UDP ? BPF_F_MARK_MANGLED_0 : 0;
}

/* Has the packet the checksum? Of a quote, the end of the transport header may be missing. */
static __always_inline _Bool rewrite_reaches(const struct __sk_buff *skb, __u32 checksum)
{
	return checksum && checksum + sizeof(__be16) <= skb->len;
}

static __always_inline int rewrite_address(struct __sk_buff *skb, const struct rewrite_headers *headers,
                                           const struct rewrite *rewrite, __u8 end)
{
	__u32 at = rewrite_address_at(headers, end);

	if (headers->ethertype != bpf_htons(ETH_P_IP))
		return bpf_skb_store_bytes(skb, at, &rewrite->to, sizeof(rewrite->to), 0);
	return bpf_l3_csum_replace(skb, headers->network + offsetof(struct iphdr, check), rewrite->from.word[3],
	                           rewrite->to.word[3], sizeof(__be32))
	               ?: bpf_skb_store_bytes(skb, at, &rewrite->to.word[3], sizeof(__be32), 0);
}

/* The transport's checksum covers the addresses by its pseudo header, which ICMP for IPv4 has none of. */
static __always_inline int rewrite_pseudo_header(struct __sk_buff *skb, const struct rewrite_headers *headers,
                                                 const struct rewrite *rewrite, __u32 checksum)
{
	/* The prefix that IPv4 addresses have here cancels out. */
	__s64 difference = bpf_csum_diff((void *)&rewrite->from, sizeof(rewrite->from), (void *)&rewrite->to,
	                                 sizeof(rewrite->to), 0);
	__u64 flags = rewrite_flags(headers) | (headers->quoted ? 0 : BPF_F_PSEUDO_HDR);
	int r;

	if (headers->protocol == PROTOCOL_ICMP)
		return 0;
	r = bpf_l4_csum_replace(skb, checksum, 0, difference, flags);
	/* The kernel takes it that this changes the packet's sum, as it does where the header above has a checksum
	 * that makes up for the address: in IPv4 only. */
	if (!r && headers->ethertype == bpf_htons(ETH_P_IPV6) && !headers->quoted)
		bpf_csum_update(skb, difference);
	return r;
}

static __always_inline int rewrite_port(struct __sk_buff *skb, const struct rewrite_headers *headers,
                                        const struct rewrite *rewrite, __u8 end)
{
	return bpf_skb_store_bytes(skb, rewrite_port_at(headers, end), &rewrite->to_port, sizeof(__be16), 0);
}

static __always_inline int rewrite_transport(struct __sk_buff *skb, const struct rewrite_headers *headers,
                                             const struct rewrite *rewrite, __u8 end)
{
	__u32 checksum = rewrite_checksum_at(headers);
	int r = 0;

	if (!rewrite_reaches(skb, checksum))
		return rewrite_port(skb, headers, rewrite, end);
	r = rewrite_pseudo_header(skb, headers, rewrite, checksum);
	if (r || rewrite->from_port == rewrite->to_port)
		return r;
	return bpf_l4_csum_replace(skb, checksum, rewrite->from_port, rewrite->to_port,
	                           sizeof(__be16) | rewrite_flags(headers))
	               ?: rewrite_port(skb, headers, rewrite, end);
}

/* Returns 0 or a drop reason. */
VERIFIED_ONCE int rewrite_end(struct __sk_buff *skb, struct rewrite_headers *headers, struct rewrite *rewrite, __u8 end)
{
	int r;

	if (!headers || !rewrite || headers->network > PARSE_LINEAR || headers->transport > 2 * PARSE_LINEAR)
		return DROP_INVALID_PACKET;
	end &= 1;
	r = rewrite_address(skb, headers, rewrite, end);
	if (!r && headers->transport)
		r = rewrite_transport(skb, headers, rewrite, end);
	return r ? DROP_WRITE_ERROR : 0;
}

/* All in a quote that a rewrite may change. */
struct rewrite_changes {
	struct addr addr;
	__be16 port;
	__be16 ip_checksum;
	__be16 checksum;
	__be16 reserved;
};

static __always_inline int rewrite_look(struct __sk_buff *skb, const struct rewrite_headers *headers, __u8 end,
                                        struct rewrite_changes *ret)
{
	_Bool v4 = headers->ethertype == bpf_htons(ETH_P_IP);
	__u32 at = rewrite_address_at(headers, end), checksum = rewrite_checksum_at(headers);
	int r;

	*ret = (struct rewrite_changes){};
	if (v4)
		r = bpf_skb_load_bytes(skb, at, &ret->addr, sizeof(__be32))
		            ?: bpf_skb_load_bytes(skb, headers->network + offsetof(struct iphdr, check),
		                                  &ret->ip_checksum, sizeof(__be16));
	else
		r = bpf_skb_load_bytes(skb, at, &ret->addr, sizeof(ret->addr));
	if (!r)
		r = bpf_skb_load_bytes(skb, rewrite_port_at(headers, end), &ret->port, sizeof(__be16));
	if (!r && rewrite_reaches(skb, checksum))
		r = bpf_skb_load_bytes(skb, checksum, &ret->checksum, sizeof(__be16));
	return r;
}

/*
 * The same in what the ICMP error in `packet` quotes, at its other end: what one sent, the other quotes. Returns 0 or a
 * drop reason.
 */
VERIFIED_ONCE int rewrite_quote(struct __sk_buff *skb, struct rewrite_headers *quoted, struct rewrite *rewrite,
                                __u32 error)
{
	struct rewrite_changes changes;
	__s64 difference;
	int reason;
	__u8 end;

	if (!quoted || !rewrite || error > PARSE_LINEAR)
		return DROP_INVALID_PACKET;
	end = !rewrite->end;
	if (rewrite_look(skb, quoted, end, &changes))
		return DROP_TRUNCATED_HEADER;
	difference = bpf_csum_diff((void *)&changes, sizeof(changes), NULL, 0, 0);
	reason = rewrite_end(skb, quoted, rewrite, end);
	if (reason)
		return reason;
	if (rewrite_look(skb, quoted, end, &changes))
		return DROP_TRUNCATED_HEADER;
	difference = bpf_csum_diff(NULL, 0, (void *)&changes, sizeof(changes), difference);
	return bpf_l4_csum_replace(skb, error + offsetof(struct icmp_header, checksum), 0, difference, 0)
	               ? DROP_WRITE_ERROR
	               : 0;
}

#endif
