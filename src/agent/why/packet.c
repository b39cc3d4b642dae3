/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "abi/flow.h"
#include "agent/why/internal.h"

#define SOURCE_PORT 49152 /* the first of the ephemeral ones (RFC 6335) */
#define TTL         64
#define PAYLOAD     16 /* zeros; the rest of longer headers is among them */

static void append(struct dry_packet *packet, const void *bytes, size_t size)
{
	memcpy(packet->bytes + packet->size, bytes, size);
	packet->size += size;
}

static void append_ethernet(struct dry_packet *packet, const uint8_t *source, const uint8_t *destination, uint16_t type)
{
	struct ethhdr header = {.h_proto = htons(type)};

	if (source)
		memcpy(header.h_source, source, ETH_ALEN);
	if (destination)
		memcpy(header.h_dest, destination, ETH_ALEN);
	append(packet, &header, sizeof(header));
}

/* RFC 1071: the same in either byte order. */
static uint16_t checksum(const struct iphdr *header)
{
	uint16_t words[sizeof(*header) / sizeof(uint16_t)];
	uint32_t sum = 0;

	memcpy(words, header, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~(sum + (sum >> 16));
}

static void append_ip(struct dry_packet *packet, const struct addr *source, const struct addr *destination,
                      uint8_t protocol, size_t payload)
{
	struct iphdr v4 = {
		.version = 4, .ihl = 5, .ttl = TTL, .protocol = protocol, .tot_len = htons(sizeof(v4) + payload)};
	struct ip6_hdr v6 = {
		.ip6_flow = htonl(6U << 28), .ip6_hlim = TTL, .ip6_nxt = protocol, .ip6_plen = htons(payload)};

	if (addr_is_v4(source)) {
		v4.saddr = source->word[3];
		v4.daddr = destination->word[3];
		v4.check = checksum(&v4);
		append(packet, &v4, sizeof(v4));
		return;
	}
	memcpy(&v6.ip6_src, source, sizeof(v6.ip6_src));
	memcpy(&v6.ip6_dst, destination, sizeof(v6.ip6_dst));
	append(packet, &v6, sizeof(v6));
}

/* TCP, UDP and SCTP begin alike; an echo has its identifier where it has one. Returns the length. */
static size_t make_transport(uint8_t protocol, uint16_t port, uint8_t ret[static sizeof(struct tcphdr)])
{
	const struct tcphdr tcp = {.source = htons(SOURCE_PORT), .dest = htons(port), .doff = 5, .syn = 1};
	const struct udphdr udp = {
		.source = htons(SOURCE_PORT), .dest = htons(port), .len = htons(sizeof(udp) + PAYLOAD)};
	const uint8_t icmp[8] = {[0] = (uint8_t)port, [5] = 1, [7] = 1};

	switch (protocol) {
	case PROTOCOL_TCP:
		memcpy(ret, &tcp, sizeof(tcp));
		return sizeof(tcp);
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		memcpy(ret, icmp, sizeof(icmp));
		return sizeof(icmp);
	default:
		memcpy(ret, &udp, sizeof(udp));
		return sizeof(udp);
	}
}

void packet_build(const struct packet_spec *spec, struct dry_packet *ret)
{
	static const uint8_t payload[PAYLOAD];
	uint8_t transport[sizeof(struct tcphdr)];
	size_t size = make_transport(spec->protocol, spec->port, transport);

	*ret = (struct dry_packet){};
	append_ethernet(ret, spec->source_mac, spec->destination_mac, addr_is_v4(spec->source) ? ETH_P_IP : ETH_P_IPV6);
	append_ip(ret, spec->source, spec->destination, spec->protocol, size + sizeof(payload));
	append(ret, transport, size);
	append(ret, payload, sizeof(payload));
}

void packet_encapsulate(struct dry_packet *packet, const struct packet_overlay *overlay)
{
	const uint8_t vxlan[8] = {[0] = 0x08,
	                          [4] = (uint8_t)(overlay->vni >> 16),
	                          [5] = (uint8_t)(overlay->vni >> 8),
	                          [6] = (uint8_t)overlay->vni};
	size_t size = sizeof(struct udphdr) + sizeof(vxlan) + packet->size;
	const struct udphdr udp = {
		.source = htons(SOURCE_PORT), .dest = htons(overlay->port), .len = htons((uint16_t)size)};
	struct dry_packet outer = {};

	append_ethernet(&outer, NULL, overlay->destination_mac, ETH_P_IP);
	append_ip(&outer, &overlay->source, &overlay->destination, PROTOCOL_UDP, size);
	append(&outer, &udp, sizeof(udp));
	append(&outer, vxlan, sizeof(vxlan));
	append(&outer, packet->bytes, packet->size);
	*packet = outer;
}

bool packet_source(const struct dry_packet *packet, struct addr *ret)
{
	struct iphdr v4;
	struct ip6_hdr v6;

	if (packet->size < ETH_HLEN + sizeof(v6))
		return false;
	memcpy(&v4, packet->bytes + ETH_HLEN, sizeof(v4));
	memcpy(&v6, packet->bytes + ETH_HLEN, sizeof(v6));
	if (v4.version == 4)
		*ret = addr_from_v4(v4.saddr);
	else
		memcpy(ret, &v6.ip6_src, sizeof(*ret));
	return true;
}

bool packet_destination(const uint8_t *frame, size_t size, struct addr *ret, uint16_t *ret_port)
{
	struct iphdr v4;
	struct ip6_hdr v6;
	size_t transport;
	uint8_t protocol;
	uint16_t port = 0;

	if (size < ETH_HLEN + sizeof(v6) + 4)
		return false;
	memcpy(&v4, frame + ETH_HLEN, sizeof(v4));
	memcpy(&v6, frame + ETH_HLEN, sizeof(v6));
	if (v4.version == 4) {
		*ret = addr_from_v4(v4.daddr);
		protocol = v4.protocol;
		transport = ETH_HLEN + sizeof(v4);
	} else {
		memcpy(ret, &v6.ip6_dst, sizeof(*ret));
		protocol = v6.ip6_nxt;
		transport = ETH_HLEN + sizeof(v6);
	}
	if (protocol != PROTOCOL_ICMP && protocol != PROTOCOL_ICMPV6)
		memcpy(&port, frame + transport + sizeof(port), sizeof(port));
	*ret_port = ntohs(port);
	return true;
}
