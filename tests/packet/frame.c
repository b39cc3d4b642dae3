/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

#define DEFAULT_TTL    64
#define SCTP_HEADER    12
#define ICMP_HEADER    8
#define MORE_FRAGMENTS 0x2000
#define EXTENSION_SIZE 8
#define TCP_OFFSET     0x50 /* 5 words */

static struct addr address(const char *text)
{
	struct addr addr;

	if (addr_parse(text, &addr))
		abort(); /* a mistake in a test */
	return addr;
}

/* RFC 1071, over bytes in the order of the wire. */
static uint32_t sum_bytes(uint32_t sum, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++)
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void *append(struct frame *frame, size_t size)
{
	void *at = frame->bytes + frame->size;

	if (frame->size + size > sizeof(frame->bytes))
		abort();
	frame->size += size;
	return at;
}

static bool is_fragment(const struct spec *spec)
{
	return spec->fragment_offset || spec->more_fragments;
}

static void append_ethernet(struct frame *frame, const uint8_t *source, const uint8_t *destination, uint16_t type)
{
	static const uint8_t nobody[ETH_ALEN] = {0x02, [5] = 0xee};
	struct ethhdr *ethernet = append(frame, sizeof(*ethernet));

	memcpy(ethernet->h_source, source ? source : nobody, ETH_ALEN);
	memcpy(ethernet->h_dest, destination ? destination : nobody, ETH_ALEN);
	ethernet->h_proto = htons(type);
}

static void append_ipv4(struct frame *frame, const struct spec *spec)
{
	struct iphdr *ip = append(frame, sizeof(*ip));
	uint8_t *options = append(frame, spec->options);
	uint16_t fragment = spec->fragment_offset | (spec->more_fragments ? MORE_FRAGMENTS : 0);

	*ip = (struct iphdr){
		.version = 4,
		.ihl = 5 + spec->options / 4,
		.id = htons(spec->fragment_id),
		.frag_off = htons(fragment),
		.ttl = spec->ttl ? spec->ttl : DEFAULT_TTL,
		.protocol = spec->protocol,
		.saddr = address(spec->source).word[3],
		.daddr = address(spec->destination).word[3],
	};
	memset(options, 1, spec->options); /* no operation */
}

static void append_extension(struct frame *frame, uint8_t **next, uint8_t type, const uint8_t body[6])
{
	uint8_t *extension = append(frame, EXTENSION_SIZE);

	**next = type;
	*next = extension;
	memcpy(extension + 2, body, 6);
}

static void append_ipv6(struct frame *frame, const struct spec *spec)
{
	struct addr source = address(spec->source), destination = address(spec->destination);
	static const uint8_t padding[6] = {1, 4}; /* PadN */
	struct ipv6hdr *ip = append(frame, sizeof(*ip));
	uint8_t *next = &ip->nexthdr;

	ip->version = 6;
	ip->hop_limit = spec->ttl ? spec->ttl : DEFAULT_TTL;
	memcpy(&ip->saddr, &source, sizeof(source));
	memcpy(&ip->daddr, &destination, sizeof(destination));
	if (is_fragment(spec)) {
		uint16_t offset = htons(spec->fragment_offset << 3 | spec->more_fragments);
		uint32_t id = htonl(spec->fragment_id);
		uint8_t body[6];

		memcpy(body, &offset, sizeof(offset));
		memcpy(body + 2, &id, sizeof(id));
		append_extension(frame, &next, IPPROTO_FRAGMENT, body);
	}
	for (int i = 0; i < spec->extensions && !spec->fragment_offset; i++)
		append_extension(frame, &next, IPPROTO_DSTOPTS, padding);
	/* Later fragments carry the first extension's type, though not the header. */
	*next = spec->fragment_offset && spec->extensions ? IPPROTO_DSTOPTS : spec->protocol;
}

static void put_ports(uint8_t *at, const struct spec *spec)
{
	uint16_t ports[2] = {htons(spec->source_port), htons(spec->destination_port)};

	memcpy(at, ports, sizeof(ports));
}

static void append_icmp(struct frame *frame, const struct spec *spec)
{
	uint8_t *icmp = append(frame, ICMP_HEADER);
	uint16_t id = htons(spec->id);

	icmp[0] = spec->type;
	icmp[1] = spec->code;
	memcpy(icmp + 4, &id, sizeof(id));
	if (spec->quote)
		memcpy(append(frame, spec->quote->size - ETH_HLEN), spec->quote->bytes + ETH_HLEN,
		       spec->quote->size - ETH_HLEN);
}

/* Returns where in the header the checksum belongs; 0: nowhere. */
static size_t append_transport(struct frame *frame, const struct spec *spec)
{
	uint8_t *at = frame->bytes + frame->size;

	switch (spec->protocol) {
	case PROTOCOL_TCP:
		append(frame, sizeof(struct tcphdr));
		put_ports(at, spec);
		at[12] = TCP_OFFSET;
		at[13] = spec->tcp_flags;
		return 16;
	case PROTOCOL_UDP:
		append(frame, sizeof(struct udphdr));
		put_ports(at, spec);
		at[5] = (sizeof(struct udphdr) + spec->payload) & 0xff;
		at[4] = (sizeof(struct udphdr) + spec->payload) >> 8;
		return 6;
	case PROTOCOL_SCTP:
		append(frame, SCTP_HEADER);
		put_ports(at, spec);
		return 0;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		append_icmp(frame, spec);
		return 2;
	default:
		return 0;
	}
}

static void append_payload(struct frame *frame, uint16_t size)
{
	uint8_t *at = append(frame, size);

	for (uint16_t i = 0; i < size; i++)
		at[i] = 'a' + i % 26;
}

static void sum_transport(struct frame *frame, const struct spec *spec, size_t at)
{
	struct addr ends[2] = {address(spec->source), address(spec->destination)};
	size_t skip = addr_is_v4(&ends[0]) ? 12 : 0, size = frame->size - frame->transport;
	uint8_t *field = frame->bytes + frame->transport + at;
	uint32_t sum = sum_bytes(0, frame->bytes + frame->transport, size);
	uint16_t check;

	/* The pseudo header, which ICMP for IPv4 has none of. */
	if (spec->protocol != PROTOCOL_ICMP) {
		for (int i = 0; i < 2; i++)
			sum = sum_bytes(sum, ends[i].byte + skip, sizeof(ends[i].byte) - skip);
		sum += spec->protocol + size;
	}
	check = ~sum_fold(sum);
	field[0] = check >> 8;
	field[1] = check & 0xff;
}

void frame_sum_ipv4(struct frame *frame)
{
	struct iphdr *ip = frame_ipv4(frame);

	ip->check = 0;
	ip->check = htons(~sum_fold(sum_bytes(0, ip, ip->ihl * 4)));
}

uint16_t frame_verify_ipv4(const struct frame *frame)
{
	return sum_fold(sum_bytes(0, frame->bytes + ETH_HLEN, (frame->bytes[ETH_HLEN] & 0xf) * 4));
}

struct frame frame_build(const struct spec *spec)
{
	struct addr source = address(spec->source);
	bool v4 = addr_is_v4(&source);
	struct frame frame = {};
	size_t checksum = 0;

	append_ethernet(&frame, spec->source_mac, spec->destination_mac, v4 ? ETH_P_IP : ETH_P_IPV6);
	if (v4)
		append_ipv4(&frame, spec);
	else
		append_ipv6(&frame, spec);
	frame.transport = frame.size;
	if (!spec->fragment_offset)
		checksum = append_transport(&frame, spec);
	append_payload(&frame, spec->payload);
	if (checksum)
		sum_transport(&frame, spec, checksum);
	if (v4) {
		frame_ipv4(&frame)->tot_len = htons(frame.size - ETH_HLEN);
		frame_sum_ipv4(&frame);
	} else {
		frame_ipv6(&frame)->payload_len = htons(frame.size - ETH_HLEN - sizeof(struct ipv6hdr));
	}
	return frame;
}

struct frame frame_encapsulate(const struct frame *inner, const struct tunnel *tunnel)
{
	struct frame frame = frame_build(&(struct spec){
		.source_mac = tunnel->source_mac,
		.destination_mac = tunnel->destination_mac,
		.source = tunnel->source,
		.destination = tunnel->destination,
		.protocol = PROTOCOL_UDP,
		.source_port = 40000,
		.destination_port = tunnel->port,
		.payload = VXLAN_HEADER + inner->size,
	});
	uint8_t *vxlan = frame.bytes + frame.transport + sizeof(struct udphdr);
	uint32_t vni = htonl(tunnel->vni << 8);

	memset(vxlan, 0, VXLAN_HEADER);
	vxlan[0] = 0x08;
	memcpy(vxlan + 4, &vni, sizeof(vni));
	memcpy(vxlan + VXLAN_HEADER, inner->bytes, inner->size);
	memset(frame.bytes + frame.transport + 6, 0, 2); /* no checksum, as RFC 7348 wants it */
	return frame;
}

struct frame frame_inner(const struct frame *outer)
{
	struct frame inner = {};

	if (outer->size >= OVERLAY_ROOM) {
		inner.size = outer->size - OVERLAY_ROOM;
		memcpy(inner.bytes, outer->bytes + OVERLAY_ROOM, inner.size);
	}
	return inner;
}

struct spec spec_reply(const struct spec *spec)
{
	struct spec reply = *spec;

	reply.source_mac = spec->destination_mac;
	reply.destination_mac = spec->source_mac;
	reply.source = spec->destination;
	reply.destination = spec->source;
	reply.source_port = spec->destination_port;
	reply.destination_port = spec->source_port;
	if (spec->protocol == PROTOCOL_ICMP)
		reply.type = spec->type == 8 ? 0 : 8;
	if (spec->protocol == PROTOCOL_ICMPV6)
		reply.type = spec->type == 128 ? 129 : 128;
	return reply;
}

struct flow_key spec_key(const struct spec *spec, int *ret_direction)
{
	struct addr source = address(spec->source), destination = address(spec->destination);
	bool echo = spec->protocol == PROTOCOL_ICMP || spec->protocol == PROTOCOL_ICMPV6;
	bool reply = spec->type == (spec->protocol == PROTOCOL_ICMP ? 0 : 129); /* who answers has no port */
	uint16_t source_port = htons(!echo   ? spec->source_port
	                             : reply ? 0
	                                     : spec->id),
		 destination_port = htons(!echo   ? spec->destination_port
	                                  : reply ? spec->id
	                                          : 0);
	struct flow_key key;

	*ret_direction = flow_key_fill(&key, &source, &destination, source_port, destination_port, spec->protocol);
	return key;
}

struct iphdr *frame_ipv4(struct frame *frame)
{
	return (struct iphdr *)(frame->bytes + ETH_HLEN);
}

struct ipv6hdr *frame_ipv6(struct frame *frame)
{
	return (struct ipv6hdr *)(frame->bytes + ETH_HLEN);
}
