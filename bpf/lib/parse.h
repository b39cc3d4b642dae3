/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * From bytes to struct packet: ethernet, IPv4, IPv6 with extension headers, fragments, ports. Every access is checked
 * against the end of the bytes at hand: of the linear part of an skb, which parse_pull makes longer where it must. What
 * is cut short or malformed ends in a drop reason. The packet quoted by an ICMP error is in icmp.h.
 */
#ifndef PILUS_BPF_PARSE_H
#define PILUS_BPF_PARSE_H

#include "fragment.h"
#include "headers.h"
#include "packet.h"

/* Enough for the overlay's headers, IPv6 with extensions, TCP, or an ICMP error with its quote. */
#define PARSE_LINEAR 192

#define ICMP_ECHO_REPLY        0
#define ICMP_UNREACHABLE       3
#define ICMP_ECHO              8
#define ICMP_TIME_EXCEEDED     11
#define ICMP_PARAMETER_PROBLEM 12
#define ICMP_TIMESTAMP_REPLY   14
#define ICMP_INFORMATION_REPLY 16
#define ICMP_MASK_REPLY        18
#define ICMPV6_ERROR_LAST      4 /* 1 … 4 are the errors */
#define ICMPV6_ECHO            128
#define ICMPV6_ECHO_REPLY      129
#define ICMPV6_NODE_REPLY      140

struct icmp_header {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 id;
	__be16 sequence;
};

struct sctp_header {
	__be16 source;
	__be16 destination;
	__be32 tag;
	__be32 checksum;
};

/* What a packet says about being part of a fragmented datagram. */
struct fragment {
	_Bool is;    /* it is one */
	_Bool later; /* and not the first: no transport header */
	__be32 id;
};

/* A place in the packet that moves on as headers are taken. */
struct cursor {
	void *at;
	void *end;
};

/* The next `size` bytes, or NULL when the packet ends before. */
static __always_inline void *cursor_take(struct cursor *cursor, __u32 size)
{
	void *taken = cursor->at;

	if (taken + size > cursor->end)
		return NULL;
	cursor->at = taken + size;
	return taken;
}

static __always_inline struct cursor cursor_at(struct __sk_buff *skb, __u32 offset)
{
	return (struct cursor){(void *)(long)skb->data + offset, (void *)(long)skb->data_end};
}

/*
 * Makes more of the packet linear. Returns whether that helped. As a rule the headers are linear and the payload is
 * not: then pulling would copy, and cost a third of a stream's throughput, so it is the last resort.
 */
static __always_inline _Bool parse_pull(struct __sk_buff *skb)
{
	__u32 linear = skb->data_end - skb->data;

	return linear < PARSE_LINEAR && linear < skb->len &&
	       !bpf_skb_pull_data(skb, skb->len < PARSE_LINEAR ? skb->len : PARSE_LINEAR);
}

static __always_inline void parse_echo(struct tuple *tuple, const struct icmp_header *icmp)
{
	_Bool v4 = tuple->protocol == PROTOCOL_ICMP;

	tuple->icmp_type = icmp->type;
	tuple->source_port = icmp->type == (v4 ? ICMP_ECHO : ICMPV6_ECHO) ? icmp->id : 0;
	tuple->destination_port = icmp->type == (v4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY) ? icmp->id : 0;
}

static __always_inline int parse_icmp(struct cursor *cursor, struct tuple *tuple)
{
	struct icmp_header *icmp = cursor_take(cursor, sizeof(*icmp));

	if (!icmp)
		return DROP_TRUNCATED_HEADER;
	if ((tuple->protocol == PROTOCOL_ICMP) != (tuple->ethertype == bpf_htons(ETH_P_IP)))
		return DROP_UNKNOWN_L4; /* the other family's */
	if (tuple->protocol == PROTOCOL_ICMP)
		tuple->related = icmp->type == ICMP_UNREACHABLE || icmp->type == ICMP_TIME_EXCEEDED ||
		                 icmp->type == ICMP_PARAMETER_PROBLEM;
	else
		tuple->related = icmp->type && icmp->type <= ICMPV6_ERROR_LAST;
	parse_echo(tuple, icmp);
	return 0;
}

static __always_inline int parse_ports(struct cursor *cursor, struct tuple *tuple, __u32 header_size)
{
	__be16 *ports = cursor_take(cursor, header_size);

	if (!ports)
		return DROP_TRUNCATED_HEADER;
	tuple->source_port = ports[0];
	tuple->destination_port = ports[1];
	if (tuple->protocol == PROTOCOL_TCP)
		tuple->tcp_flags = ((__u8 *)ports)[13];
	return 0;
}

static __always_inline _Bool is_transport(__u8 protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP ||
	       protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6;
}

static __always_inline int parse_transport(struct cursor *cursor, struct tuple *tuple)
{
	switch (tuple->protocol) {
	case PROTOCOL_TCP:
		return parse_ports(cursor, tuple, sizeof(struct tcphdr));
	case PROTOCOL_UDP:
		return parse_ports(cursor, tuple, sizeof(struct udphdr));
	case PROTOCOL_SCTP:
		return parse_ports(cursor, tuple, sizeof(struct sctp_header));
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return parse_icmp(cursor, tuple);
	default:
		return DROP_UNKNOWN_L4;
	}
}

static __always_inline int parse_ipv4(struct cursor *cursor, struct tuple *tuple, struct fragment *ret_fragment)
{
	struct iphdr *ip = cursor_take(cursor, sizeof(*ip));
	__u16 offset;

	if (!ip)
		return DROP_TRUNCATED_HEADER;
	if (ip->version != 4 || ip->ihl < 5)
		return DROP_INVALID_PACKET;
	tuple->source = addr_from_v4(ip->saddr);
	tuple->destination = addr_from_v4(ip->daddr);
	tuple->protocol = ip->protocol;
	tuple->hops = ip->ttl;
	offset = bpf_ntohs(ip->frag_off);
	*ret_fragment = (struct fragment){offset & IPV4_FRAGMENT_MASK, offset & IPV4_OFFSET_MASK, ip->id};
	/* The mask tells the verifier what the check of ihl says. */
	if (!cursor_take(cursor, ((ip->ihl - 5) & 0xf) * 4))
		return DROP_TRUNCATED_HEADER;
	return 0;
}

static __always_inline int parse_ipv6_extensions(struct cursor *cursor, struct tuple *tuple,
                                                 struct fragment *ret_fragment)
{
	for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		struct ipv6_extension *extension;
		__u16 offset;

		/* What follows a later fragment's header is payload. */
		if (!is_ipv6_extension(tuple->protocol) || ret_fragment->later)
			return 0;
		extension = cursor_take(cursor, sizeof(*extension));
		if (!extension)
			return DROP_TRUNCATED_HEADER;
		if (tuple->protocol == IPPROTO_FRAGMENT) {
			offset = bpf_ntohs(extension->fragment_offset);
			*ret_fragment = (struct fragment){offset & (IPV6_FRAGMENT_OFFSET | 1),
			                                  offset & IPV6_FRAGMENT_OFFSET, extension->fragment_id};
		} else if (!cursor_take(cursor, extension->length * 8)) {
			return DROP_TRUNCATED_HEADER;
		}
		tuple->protocol = extension->next;
	}
	return is_ipv6_extension(tuple->protocol) ? DROP_INVALID_IPV6_EXTENSION : 0;
}

static __always_inline int parse_ipv6(struct cursor *cursor, struct tuple *tuple, struct fragment *ret_fragment)
{
	struct ipv6hdr *ip = cursor_take(cursor, sizeof(*ip));

	if (!ip)
		return DROP_TRUNCATED_HEADER;
	if (ip->version != 6)
		return DROP_INVALID_PACKET;
	__builtin_memcpy(&tuple->source, &ip->saddr, sizeof(tuple->source));
	__builtin_memcpy(&tuple->destination, &ip->daddr, sizeof(tuple->destination));
	/* A mapped address is our IPv4: it must not come in by IPv6's door (RFC 4942, section 2.2). */
	if (addr_is_v4(&tuple->source) || addr_is_v4(&tuple->destination))
		return DROP_INVALID_PACKET;
	tuple->protocol = ip->nexthdr;
	tuple->hops = ip->hop_limit;
	return parse_ipv6_extensions(cursor, tuple, ret_fragment);
}

static __always_inline int parse_network(struct cursor *cursor, struct tuple *tuple, struct fragment *ret_fragment)
{
	if (tuple->ethertype == bpf_htons(ETH_P_IP))
		return parse_ipv4(cursor, tuple, ret_fragment);
	if (tuple->ethertype == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(cursor, tuple, ret_fragment);
	return DROP_UNSUPPORTED_L3;
}

/* Of ICMP: the type that this one answers, or its own. */
static __always_inline __u8 icmp_question(const struct tuple *tuple)
{
	__u8 type = tuple->icmp_type;

	if (tuple->protocol == PROTOCOL_ICMPV6)
		return type == ICMPV6_ECHO_REPLY || type == ICMPV6_NODE_REPLY ? type - 1 : type;
	if (type == ICMP_ECHO_REPLY)
		return ICMP_ECHO;
	return type == ICMP_TIMESTAMP_REPLY || type == ICMP_INFORMATION_REPLY || type == ICMP_MASK_REPLY ? type - 1
	                                                                                                 : type;
}

/* Each type but echo, and each who asks with it, has a flow of its own: what one may do opens nothing for others. */
static __always_inline void tuple_key_icmp(const struct tuple *tuple, int direction, struct flow_key *key)
{
	__u8 question = icmp_question(tuple);
	int asker = (question != tuple->icmp_type) ^ direction;

	if (question == (tuple->protocol == PROTOCOL_ICMP ? ICMP_ECHO : ICMPV6_ECHO))
		return;
	key->icmp_type[0] = asker ? 0 : question;
	key->icmp_type[1] = asker ? question : 0;
}

/* The flow's key. Returns the index of the direction. */
static __always_inline int tuple_key(const struct tuple *tuple, struct flow_key *ret_key)
{
	int direction = flow_key_fill(ret_key, &tuple->source, &tuple->destination, tuple->source_port,
	                              tuple->destination_port, tuple->protocol);

	if (tuple->protocol == PROTOCOL_ICMP || tuple->protocol == PROTOCOL_ICMPV6)
		tuple_key_icmp(tuple, direction, ret_key);
	return direction;
}

/* The same of a packet whose tuple was changed. */
VERIFIED_ONCE int packet_key(struct packet *packet)
{
	if (packet)
		packet->direction = tuple_key(&packet->tuple, &packet->key);
	return 0;
}

/* A later fragment. What is no packet of ours in one piece is none in several. */
static __always_inline int parse_later_fragment(struct packet *packet, __be32 id)
{
	struct tuple *tuple = &packet->tuple;

	if (fragment_recall(tuple, id))
		return 0;
	packet->ahead = 1;
	packet->story |= STORY_AHEAD;
	return is_transport(tuple->protocol) || is_ipv6_extension(tuple->protocol) ? 0 : DROP_UNKNOWN_L4;
}

/* As parse_packet, of the frame at the cursor. Offsets count from `start`. */
static __always_inline int parse_frame(struct cursor cursor, const void *start, struct packet *packet)
{
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));
	struct fragment fragment = {};
	int reason;

	if (!ethernet)
		return DROP_TRUNCATED_HEADER;
	packet->tuple.ethertype = ethernet->h_proto;
	reason = parse_network(&cursor, &packet->tuple, &fragment);
	if (reason)
		return reason;
	if (fragment.later) {
		reason = parse_later_fragment(packet, fragment.id);
	} else {
		packet->transport = cursor.at - start;
		reason = parse_transport(&cursor, &packet->tuple);
		packet->first_fragment = fragment.is;
		packet->fragment_id = fragment.id;
	}
	if (reason)
		return reason;
	packet->direction = tuple_key(&packet->tuple, &packet->key);
	return 0;
}

/* As parse_packet, as far as the packet is linear. */
VERIFIED_ONCE int parse_linear(struct __sk_buff *skb, __u32 frame, struct packet *packet)
{
	if (!packet || frame > PARSE_LINEAR)
		return DROP_INVALID_PACKET;
	packet->frame = frame;
	packet->length = skb->len - frame;
	return parse_frame(cursor_at(skb, frame), (void *)(long)skb->data, packet);
}

/*
 * Parses the frame whose ethernet header is at offset `frame` of the skb. Returns 0 or a drop reason, and `packet`
 * holds how far it came.
 */
static __always_inline int parse_packet(struct __sk_buff *skb, __u32 frame, struct packet *packet)
{
	int reason = parse_linear(skb, frame, packet);

	if (unlikely(reason == DROP_TRUNCATED_HEADER) && parse_pull(skb))
		reason = parse_linear(skb, frame, packet);
	return reason;
}

#endif
