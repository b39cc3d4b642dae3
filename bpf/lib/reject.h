/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Answering a packet for a service without backends, so that its client need not wait: as a host does on which nobody
 * listens, and from the address that was asked for. TCP is reset (RFC 9293, section 3.10.7.1), all else is told that
 * the port is unreachable (RFC 792; RFC 4443, section 3.1), with the first 8 bytes behind the IP header quoted. The
 * answer is written over the packet, which goes back where it came from. Packets with IP options are only dropped, and
 * so is what comes faster than anybody should be answered who may not be who he says.
 */
#ifndef PILUS_BPF_REJECT_H
#define PILUS_BPF_REJECT_H

#include "checksum.h"
#include "icmp.h"
#include "trace.h"

#define REJECT_TTL              64
#define ICMP_PORT_UNREACHABLE   3
#define ICMPV6_UNREACHABLE      1
#define ICMPV6_PORT_UNREACHABLE 4

#define REJECTS_PER_SECOND 1000 /* of each CPU; the kernel's own limit of ICMP errors is as much */

struct reject_budget {
	__u32 second; /* nearly: 2^30 ns */
	__u32 used;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct reject_budget);
} reject_budgets SEC(".maps");

static __always_inline _Bool reject_may(void)
{
	__u32 zero = 0, second = bpf_ktime_get_coarse_ns() >> 30;
	struct reject_budget *budget = bpf_map_lookup_elem(&reject_budgets, &zero);

	if (!budget)
		return 0;
	if (budget->second != second)
		*budget = (struct reject_budget){.second = second};
	return budget->used++ < REJECTS_PER_SECOND;
}

static __always_inline _Bool reject_is_v4(const struct packet *packet)
{
	return packet->tuple.ethertype == bpf_htons(ETH_P_IP);
}

static __always_inline __u32 reject_network_size(const struct packet *packet)
{
	return reject_is_v4(packet) ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* The prefix that IPv4 addresses have here is a zero to this sum. `size`: a constant. */
static __always_inline __be16 reject_sum(const struct packet *packet, void *header, __u32 size, __u8 protocol)
{
	__be32 pseudo[2] = {bpf_htonl(size), bpf_htonl(protocol)};
	__s64 sum = 0;

	if (protocol != PROTOCOL_ICMP) {
		sum = bpf_csum_diff(NULL, 0, (__be32 *)&packet->tuple.source, sizeof(struct addr), 0);
		sum = bpf_csum_diff(NULL, 0, (__be32 *)&packet->tuple.destination, sizeof(struct addr), sum);
		sum = bpf_csum_diff(NULL, 0, pseudo, sizeof(pseudo), sum);
	}
	return ~checksum_fold(bpf_csum_diff(NULL, 0, header, size, sum));
}

static __always_inline _Bool reject_write_ipv4(struct cursor *cursor, const struct packet *packet, __u16 size,
                                               __u8 protocol)
{
	struct iphdr *ip = cursor_take(cursor, sizeof(*ip));

	if (!ip)
		return 0;
	*ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(sizeof(*ip) + size),
		.ttl = REJECT_TTL,
		.protocol = protocol,
		.saddr = packet->tuple.destination.word[3],
		.daddr = packet->tuple.source.word[3],
	};
	ip->check = ~checksum_fold(bpf_csum_diff(NULL, 0, (void *)ip, sizeof(*ip), 0));
	return 1;
}

static __always_inline _Bool reject_write_ipv6(struct cursor *cursor, const struct packet *packet, __u16 size,
                                               __u8 protocol)
{
	struct ipv6hdr *ip = cursor_take(cursor, sizeof(*ip));

	if (!ip)
		return 0;
	*ip = (struct ipv6hdr){
		.version = 6, .payload_len = bpf_htons(size), .nexthdr = protocol, .hop_limit = REJECT_TTL};
	__builtin_memcpy(&ip->saddr, &packet->tuple.destination, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, &packet->tuple.source, sizeof(ip->daddr));
	return 1;
}

/* Ethernet and IP headers of the answer, whose payload is of `size`. Returns a cursor behind them, or one at NULL. */
static __always_inline struct cursor reject_write_headers(struct __sk_buff *skb, const struct packet *packet,
                                                          __u16 size, __u8 protocol)
{
	struct cursor cursor = cursor_at(skb, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));
	__u8 mac[ETH_ALEN];
	_Bool written;

	if (!ethernet)
		return (struct cursor){};
	__builtin_memcpy(mac, ethernet->h_dest, ETH_ALEN);
	__builtin_memcpy(ethernet->h_dest, ethernet->h_source, ETH_ALEN);
	__builtin_memcpy(ethernet->h_source, mac, ETH_ALEN);
	ethernet->h_proto = packet->tuple.ethertype;
	written = reject_is_v4(packet) ? reject_write_ipv4(&cursor, packet, size, protocol)
	                               : reject_write_ipv6(&cursor, packet, size, protocol);
	return written ? cursor : (struct cursor){};
}

static __always_inline int reject_tcp(struct __sk_buff *skb, const struct packet *packet)
{
	struct tcphdr asked, *tcp;
	struct cursor cursor;

	if (packet->tuple.tcp_flags & TCP_RST || bpf_skb_load_bytes(skb, packet->transport, &asked, sizeof(asked)) ||
	    bpf_skb_change_tail(skb, packet->transport + sizeof(*tcp), 0))
		return DROP_INVALID_PACKET;
	cursor = reject_write_headers(skb, packet, sizeof(*tcp), PROTOCOL_TCP);
	tcp = cursor.at ? cursor_take(&cursor, sizeof(*tcp)) : NULL;
	if (!tcp)
		return DROP_INVALID_PACKET;
	*tcp = (struct tcphdr){.source = asked.dest, .dest = asked.source, .doff = sizeof(*tcp) / 4, .rst = 1};
	if (asked.ack) {
		tcp->seq = asked.ack_seq;
	} else {
		tcp->ack = 1;
		tcp->ack_seq = bpf_htonl(bpf_ntohl(asked.seq) + asked.syn);
	}
	tcp->check = reject_sum(packet, tcp, sizeof(*tcp), PROTOCOL_TCP);
	return 0;
}

/* `size`: a constant, of ICMP's header and the quote. */
static __always_inline int reject_write_icmp(struct __sk_buff *skb, const struct packet *packet, __u32 size)
{
	_Bool v4 = reject_is_v4(packet);
	__u8 protocol = v4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
	struct cursor cursor = reject_write_headers(skb, packet, size, protocol);
	struct icmp_header *icmp = cursor.at ? cursor_take(&cursor, size) : NULL;

	if (!icmp)
		return DROP_INVALID_PACKET;
	*icmp = (struct icmp_header){
		.type = v4 ? ICMP_UNREACHABLE : ICMPV6_UNREACHABLE,
		.code = v4 ? ICMP_PORT_UNREACHABLE : ICMPV6_PORT_UNREACHABLE,
	};
	icmp->checksum = reject_sum(packet, icmp, size, protocol);
	return 0;
}

static __always_inline int reject_others(struct __sk_buff *skb, const struct packet *packet)
{
	__u32 room = reject_network_size(packet) + sizeof(struct icmp_header);

	if (bpf_skb_change_tail(skb, packet->transport + QUOTED_TRANSPORT, 0) ||
	    bpf_skb_adjust_room(skb, room, BPF_ADJ_ROOM_MAC, 0))
		return DROP_INVALID_PACKET;
	if (reject_is_v4(packet))
		return reject_write_icmp(skb, packet,
		                         sizeof(struct icmp_header) + sizeof(struct iphdr) + QUOTED_TRANSPORT);
	return reject_write_icmp(skb, packet, sizeof(struct icmp_header) + sizeof(struct ipv6hdr) + QUOTED_TRANSPORT);
}

/* The end of a packet that is dropped for DROP_NO_SERVICE_BACKEND, as trace.h's drop. */
VERIFIED_ONCE int reject(struct __sk_buff *skb, struct packet *packet)
{
	int reason;

	if (!packet)
		return VERDICT_DROP;
	if (packet->frame || packet->transport != ETH_HLEN + reject_network_size(packet) || !reject_may())
		return drop(skb, packet, DROP_NO_SERVICE_BACKEND);
	packet->story |= STORY_REJECTED;
	drop(skb, packet, DROP_NO_SERVICE_BACKEND);
	reason = packet->tuple.protocol == PROTOCOL_TCP ? reject_tcp(skb, packet) : reject_others(skb, packet);
	if (reason)
		return VERDICT_DROP;
	return packet->origin == FLOW_FROM_ENDPOINT ? bpf_redirect_peer(skb->ifindex, 0)
	                                            : bpf_redirect(skb->ifindex, 0);
}

#endif
