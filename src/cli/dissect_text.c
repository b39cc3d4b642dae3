/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers in words. One function per kind, in a table; all read only the header, whose size dissect() has checked.
 */
#include <inttypes.h>
#include <string.h>

#include "base/addr.h"
#include "cli/cli.h"
#include "cli/dissect.h"

static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t read32(const uint8_t *at)
{
	return (uint32_t)read16(at) << 16 | read16(at + 2);
}

static void write_bytes(const char *name, size_t size, FILE *out)
{
	if (size)
		fprintf(out, "%s=[..%zu..]", name, size);
	else
		fprintf(out, "%s=[]", name);
}

static void write_mac(const char *name, const uint8_t *mac, FILE *out)
{
	char text[MAC_TEXT_MAX];

	fprintf(out, " %s=%s", name, mac_format(mac, text));
}

static void write_address(const char *name, const struct addr *addr, FILE *out)
{
	char text[ADDR_TEXT_MAX];

	fprintf(out, " %s=%s", name, addr_format(addr, text));
}

static struct addr read_v4(const uint8_t *at)
{
	__be32 v4;

	memcpy(&v4, at, sizeof(v4));
	return addr_from_v4(v4);
}

static struct addr read_v6(const uint8_t *at)
{
	struct addr addr;

	memcpy(&addr, at, sizeof(addr));
	return addr;
}

static void write_number_or_name(const char *field, const char *name, unsigned number, FILE *out)
{
	if (name)
		fprintf(out, " %s=%s", field, name);
	else
		fprintf(out, " %s=%u", field, number);
}

static const char *ethertype_name(uint16_t type)
{
	switch (type) {
	case 0x0800:
		return "IPv4";
	case 0x0806:
		return "ARP";
	case 0x8100:
		return "Dot1Q";
	case 0x88a8:
		return "QinQ";
	case 0x86dd:
		return "IPv6";
	default:
		return NULL;
	}
}

static const char *protocol_name(uint8_t protocol)
{
	switch (protocol) {
	case 0:
		return "IPv6HopByHop";
	case 1:
		return "ICMPv4";
	case 6:
		return "TCP";
	case 17:
		return "UDP";
	case 43:
		return "IPv6Routing";
	case 44:
		return "IPv6Fragment";
	case 58:
		return "ICMPv6";
	case 59:
		return "NoNextHeader";
	case 60:
		return "IPv6Destination";
	case 132:
		return "SCTP";
	default:
		return NULL;
	}
}

static void write_ethernet(const struct layer *layer, FILE *out)
{
	uint16_t type = read16(layer->header + 12);

	write_mac("SrcMAC", layer->header + 6, out);
	write_mac("DstMAC", layer->header, out);
	write_number_or_name("EthernetType", ethertype_name(type), type, out);
	fputs(" Length=0", out);
}

static void write_vlan(const struct layer *layer, FILE *out)
{
	uint16_t tag = read16(layer->header), type = read16(layer->header + 2);

	fprintf(out, " Priority=%u DropEligible=%s VLANIdentifier=%u", tag >> 13, tag & 0x1000 ? "true" : "false",
	        tag & 0xfff);
	write_number_or_name("Type", ethertype_name(type), type, out);
}

static void write_arp(const struct layer *layer, FILE *out)
{
	const uint8_t *header = layer->header;
	struct addr source = read_v4(header + 14), target = read_v4(header + 24);

	fprintf(out, " AddrType=Ethernet Protocol=IPv4 HwAddressSize=6 ProtAddressSize=4 Operation=%u",
	        read16(header + 6));
	write_mac("SourceHwAddress", header + 8, out);
	write_address("SourceProtAddress", &source, out);
	write_mac("DstHwAddress", header + 18, out);
	write_address("DstProtAddress", &target, out);
}

static void write_ipv4_flags(uint16_t field, FILE *out)
{
	static const char *const NAMES[] = {"Evil", "DF", "MF"};
	const char *separator = "";

	fputs(" Flags=", out);
	for (size_t i = 0; i < ARRAY_SIZE(NAMES); i++)
		if (field & 0x8000 >> i) {
			fprintf(out, "%s%s", separator, NAMES[i]);
			separator = "|";
		}
}

static void write_ipv4(const struct layer *layer, FILE *out)
{
	const uint8_t *header = layer->header;
	struct addr source = read_v4(header + 12), destination = read_v4(header + 16);

	fprintf(out, " Version=%u IHL=%u TOS=%u Length=%u Id=%u", header[0] >> 4, header[0] & 0xf, header[1],
	        read16(header + 2), read16(header + 4));
	write_ipv4_flags(read16(header + 6), out);
	fprintf(out, " FragOffset=%u TTL=%u", read16(header + 6) & 0x1fff, header[8]);
	write_number_or_name("Protocol", protocol_name(header[9]), header[9], out);
	fprintf(out, " Checksum=%u", read16(header + 10));
	write_address("SrcIP", &source, out);
	write_address("DstIP", &destination, out);
	write_bytes(" Options", layer->size - 20, out);
	fputs(" Padding=[]", out);
}

static void write_ipv6(const struct layer *layer, FILE *out)
{
	const uint8_t *header = layer->header;
	uint32_t first = read32(header);
	struct addr source = read_v6(header + 8), destination = read_v6(header + 24);

	fprintf(out, " Version=%u TrafficClass=%u FlowLabel=%u Length=%u", first >> 28, first >> 20 & 0xff,
	        first & 0xfffff, read16(header + 4));
	write_number_or_name("NextHeader", protocol_name(header[6]), header[6], out);
	fprintf(out, " HopLimit=%u", header[7]);
	write_address("SrcIP", &source, out);
	write_address("DstIP", &destination, out);
}

static void write_ipv6_extension(const struct layer *layer, FILE *out)
{
	write_number_or_name("NextHeader", protocol_name(layer->header[0]), layer->header[0], out);
	fprintf(out, " HeaderLength=%u", layer->header[1]);
}

static void write_ipv6_fragment(const struct layer *layer, FILE *out)
{
	const uint8_t *header = layer->header;
	uint16_t field = read16(header + 2);

	write_number_or_name("NextHeader", protocol_name(header[0]), header[0], out);
	fprintf(out, " FragmentOffset=%u MoreFragments=%s Identification=%u", field >> 3, field & 1 ? "true" : "false",
	        read32(header + 4));
}

static void write_tcp(const struct layer *layer, FILE *out)
{
	static const char *const FLAGS[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
	const uint8_t *header = layer->header;

	fprintf(out, " SrcPort=%u DstPort=%u Seq=%u Ack=%u DataOffset=%u", read16(header), read16(header + 2),
	        read32(header + 4), read32(header + 8), header[12] >> 4);
	for (size_t i = 0; i < ARRAY_SIZE(FLAGS); i++)
		fprintf(out, " %s=%s", FLAGS[i], header[13] & 1 << i ? "true" : "false");
	fprintf(out, " NS=%s Window=%u Checksum=%u Urgent=%u", header[12] & 1 ? "true" : "false", read16(header + 14),
	        read16(header + 16), read16(header + 18));
	write_bytes(" Options", layer->size - 20, out);
	fputs(" Padding=[]", out);
}

static void write_udp(const struct layer *layer, FILE *out)
{
	fprintf(out, " SrcPort=%u DstPort=%u Length=%u Checksum=%u", read16(layer->header), read16(layer->header + 2),
	        read16(layer->header + 4), read16(layer->header + 6));
}

static void write_sctp(const struct layer *layer, FILE *out)
{
	fprintf(out, " SrcPort=%u DstPort=%u VerificationTag=%u Checksum=%u", read16(layer->header),
	        read16(layer->header + 2), read32(layer->header + 4), read32(layer->header + 8));
}

static bool is_echo(const struct layer *layer)
{
	uint8_t type = layer->header[0];

	return layer->kind == LAYER_ICMPV4 ? type == 8 || type == 0 : type == 128 || type == 129;
}

static void write_icmp(const struct layer *layer, FILE *out)
{
	const uint8_t *header = layer->header;

	fputs(" TypeCode=", out);
	icmp_type_write(layer->kind, header[0], header[1], out);
	fprintf(out, " Checksum=%u", read16(header + 2));
	if (layer->kind == LAYER_ICMPV4 || is_echo(layer))
		fprintf(out, " Id=%u Seq=%u", read16(header + 4), read16(header + 6));
}

void layer_write(const struct layer *layer, FILE *out)
{
	static void (*const WRITERS[])(const struct layer *layer, FILE *out) = {
		[LAYER_ETHERNET] = write_ethernet,
		[LAYER_VLAN] = write_vlan,
		[LAYER_ARP] = write_arp,
		[LAYER_IPV4] = write_ipv4,
		[LAYER_IPV6] = write_ipv6,
		[LAYER_IPV6_EXTENSION] = write_ipv6_extension,
		[LAYER_IPV6_FRAGMENT] = write_ipv6_fragment,
		[LAYER_TCP] = write_tcp,
		[LAYER_UDP] = write_udp,
		[LAYER_SCTP] = write_sctp,
		[LAYER_ICMPV4] = write_icmp,
		[LAYER_ICMPV6] = write_icmp,
	};

	fprintf(out, "%s\t{", layer_name(layer->kind));
	write_bytes("Contents", layer->size, out);
	write_bytes(" Payload", layer->payload, out);
	WRITERS[layer->kind](layer, out);
	fputc('}', out);
}

bool layer_ports(const struct layer *layer, uint16_t *ret_source, uint16_t *ret_destination)
{
	if (layer->kind != LAYER_TCP && layer->kind != LAYER_UDP && layer->kind != LAYER_SCTP)
		return false;
	*ret_source = read16(layer->header);
	*ret_destination = read16(layer->header + 2);
	return true;
}

void tcp_flags_write(uint8_t flags, FILE *out)
{
	static const struct {
		uint8_t bit;
		const char *name;
	} NAMES[] = {{0x02, "SYN"}, {0x10, "ACK"}, {0x04, "RST"}, {0x01, "FIN"}};
	const char *separator = "";

	for (size_t i = 0; i < ARRAY_SIZE(NAMES); i++)
		if (flags & NAMES[i].bit) {
			fprintf(out, "%s%s", separator, NAMES[i].name);
			separator = ", ";
		}
}

static void write_l4_summary(const struct layer *layer, FILE *out)
{
	switch (layer->kind) {
	case LAYER_TCP:
		fputs(" tcp ", out);
		tcp_flags_write(layer->header[13], out);
		break;
	case LAYER_UDP:
		fputs(" udp", out);
		break;
	case LAYER_SCTP:
		fputs(" sctp", out);
		break;
	case LAYER_ICMPV4:
	case LAYER_ICMPV6:
		fputc(' ', out);
		icmp_type_write(layer->kind, layer->header[0], layer->header[1], out);
		break;
	default:
		break;
	}
}

static void write_peer(const struct addr *addr, bool has_port, uint16_t port, FILE *out)
{
	char text[ADDR_TEXT_MAX];

	addr_format(addr, text);
	if (!has_port)
		fputs(text, out);
	else
		fprintf(out, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, port);
}

static void write_arp_summary(const struct layer *arp, FILE *out)
{
	struct addr source = read_v4(arp->header + 14), target = read_v4(arp->header + 24);

	write_peer(&source, false, 0, out);
	fputs(" -> ", out);
	write_peer(&target, false, 0, out);
	fputs(read16(arp->header + 6) == 1 ? " arp request" : " arp reply", out);
}

void dissection_write_summary(const struct dissection *dissection, FILE *out)
{
	const struct layer *last = dissection->count ? &dissection->layers[dissection->count - 1] : NULL;
	uint16_t source = 0, destination = 0;
	bool has_ports = last && layer_ports(last, &source, &destination);

	if (last && last->kind == LAYER_ARP) {
		write_arp_summary(last, out);
		return;
	}
	if (!last || !dissection->has_addresses) {
		fputs("[unknown]", out);
		return;
	}
	write_peer(&dissection->source, has_ports, source, out);
	fputs(" -> ", out);
	write_peer(&dissection->destination, has_ports, destination, out);
	write_l4_summary(last, out);
}
