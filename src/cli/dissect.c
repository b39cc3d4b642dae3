/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dissect.h"

#include <stdarg.h>
#include <string.h>

#define ETHERNET_SIZE 14
#define VLAN_SIZE     4
#define ARP_SIZE      28 /* Ethernet and IPv4 */
#define IPV6_SIZE     40

enum ethertype { TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, TYPE_VLAN = 0x8100, TYPE_QINQ = 0x88a8, TYPE_IPV6 = 0x86dd };

enum protocol {
	NEXT_HOP_BY_HOP = 0,
	NEXT_ICMPV4 = 1,
	NEXT_TCP = 6,
	NEXT_UDP = 17,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_ICMPV6 = 58,
	NEXT_NONE = 59,
	NEXT_DESTINATION = 60,
	NEXT_SCTP = 132,
};

/* The bytes not yet taken. */
struct cursor {
	const uint8_t *at;
	size_t left;
	struct dissection *dissection;
};

static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

const char *layer_name(enum layer_kind kind)
{
	static const char *const NAMES[] = {
#define X(symbol, name, key) name,
		LAYER_KINDS(X)
#undef X
	};

	return NAMES[kind];
}

const char *layer_key(enum layer_kind kind)
{
	static const char *const KEYS[] = {
#define X(symbol, name, key) key,
		LAYER_KINDS(X)
#undef X
	};

	return KEYS[kind];
}

static bool fail(struct cursor *cursor, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct cursor *cursor, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(cursor->dissection->failure, sizeof(cursor->dissection->failure), format, arguments);
	va_end(arguments);
	return false;
}

/* Are `size` bytes there? If not, says so. */
static bool there(struct cursor *cursor, enum layer_kind kind, size_t size)
{
	if (cursor->left >= size)
		return true;
	return fail(cursor, "%s: %zu of %zu bytes are there", layer_name(kind), cursor->left, size);
}

/* Takes a header of `size` bytes as the next layer. */
static bool take(struct cursor *cursor, enum layer_kind kind, size_t size)
{
	struct dissection *dissection = cursor->dissection;

	if (!there(cursor, kind, size))
		return false;
	if (dissection->count == DISSECT_LAYERS_MAX)
		return fail(cursor, "%s: more than %d headers", layer_name(kind), DISSECT_LAYERS_MAX);
	cursor->left -= size;
	dissection->layers[dissection->count++] =
		(struct layer){.kind = kind, .header = cursor->at, .size = size, .payload = cursor->left};
	cursor->at += size;
	return true;
}

/* The headers say that the packet ends earlier than the frame: the rest is padding. */
static void cut(struct cursor *cursor, size_t left)
{
	if (left >= cursor->left)
		return;
	cursor->left = left;
	cursor->dissection->layers[cursor->dissection->count - 1].payload = left;
}

static bool dissect_tcp(struct cursor *cursor)
{
	size_t size;

	if (!there(cursor, LAYER_TCP, 20))
		return false;
	size = (cursor->at[12] >> 4) * 4;
	if (size < 20)
		return fail(cursor, "TCP: data offset of %zu bytes is less than 20", size);
	return take(cursor, LAYER_TCP, size);
}

static bool dissect_l4(struct cursor *cursor, uint8_t protocol)
{
	cursor->dissection->protocol = protocol;
	switch (protocol) {
	case NEXT_TCP:
		return dissect_tcp(cursor);
	case NEXT_UDP:
		return take(cursor, LAYER_UDP, 8);
	case NEXT_SCTP:
		return take(cursor, LAYER_SCTP, 12);
	case NEXT_ICMPV4:
		return take(cursor, LAYER_ICMPV4, 8);
	case NEXT_ICMPV6:
		return take(cursor, LAYER_ICMPV6, 8);
	case NEXT_NONE:
		return true;
	default:
		return fail(cursor, "no decoder for protocol %u", protocol);
	}
}

static void set_addresses_v4(struct dissection *dissection, const uint8_t *header)
{
	__be32 source, destination;

	memcpy(&source, header + 12, sizeof(source));
	memcpy(&destination, header + 16, sizeof(destination));
	dissection->source = addr_from_v4(source);
	dissection->destination = addr_from_v4(destination);
	dissection->has_addresses = true;
}

static bool dissect_ipv4(struct cursor *cursor)
{
	const uint8_t *header = cursor->at;
	size_t size, total;

	if (!there(cursor, LAYER_IPV4, 20))
		return false;
	size = (header[0] & 0xf) * 4;
	total = read16(header + 2);
	if (header[0] >> 4 != 4)
		return fail(cursor, "IPv4: the version is %u", header[0] >> 4);
	if (size < 20)
		return fail(cursor, "IPv4: header of %zu bytes is less than 20", size);
	if (!take(cursor, LAYER_IPV4, size))
		return false;
	set_addresses_v4(cursor->dissection, header);
	/* 0: segmentation offload leaves the length to the device. */
	if (total && total < size)
		return fail(cursor, "IPv4: total length %zu is less than the header's %zu", total, size);
	if (total)
		cut(cursor, total - size);
	if (read16(header + 6) & 0x1fff)
		return true; /* a later fragment has no L4 header */
	return dissect_l4(cursor, header[9]);
}

static bool is_extension(uint8_t next)
{
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_DESTINATION || next == NEXT_FRAGMENT;
}

static bool dissect_ipv6_rest(struct cursor *cursor, uint8_t next)
{
	while (is_extension(next)) {
		const uint8_t *header = cursor->at;
		bool fragment = next == NEXT_FRAGMENT;

		if (!there(cursor, LAYER_IPV6_EXTENSION, 2))
			return false;
		if (!take(cursor, fragment ? LAYER_IPV6_FRAGMENT : LAYER_IPV6_EXTENSION,
		          fragment ? 8 : (header[1] + 1) * 8))
			return false;
		if (fragment && read16(header + 2) & 0xfff8)
			return true; /* a later fragment has no L4 header */
		next = header[0];
	}
	return dissect_l4(cursor, next);
}

static bool dissect_ipv6(struct cursor *cursor)
{
	struct dissection *dissection = cursor->dissection;
	const uint8_t *header = cursor->at;

	if (!there(cursor, LAYER_IPV6, IPV6_SIZE))
		return false;
	if (header[0] >> 4 != 6)
		return fail(cursor, "IPv6: the version is %u", header[0] >> 4);
	take(cursor, LAYER_IPV6, IPV6_SIZE);
	memcpy(&dissection->source, header + 8, sizeof(dissection->source));
	memcpy(&dissection->destination, header + 24, sizeof(dissection->destination));
	dissection->has_addresses = true;
	/* 0: a jumbogram, or segmentation offload. */
	if (read16(header + 4))
		cut(cursor, read16(header + 4));
	return dissect_ipv6_rest(cursor, header[6]);
}

static bool dissect_arp(struct cursor *cursor)
{
	static const uint8_t ETHERNET_IPV4[] = {0, 1, 8, 0, 6, 4};

	if (!there(cursor, LAYER_ARP, ARP_SIZE))
		return false;
	if (memcmp(cursor->at, ETHERNET_IPV4, sizeof(ETHERNET_IPV4)))
		return fail(cursor, "ARP: not for IPv4 over Ethernet");
	return take(cursor, LAYER_ARP, ARP_SIZE);
}

static bool dissect_l3(struct cursor *cursor, uint16_t type)
{
	switch (type) {
	case TYPE_IPV4:
		return dissect_ipv4(cursor);
	case TYPE_IPV6:
		return dissect_ipv6(cursor);
	case TYPE_ARP:
		return dissect_arp(cursor);
	default:
		return fail(cursor, "no decoder for ethertype 0x%04x", type);
	}
}

void dissect(const uint8_t *frame, size_t captured, struct dissection *ret)
{
	struct cursor cursor = {.at = frame, .left = captured, .dissection = ret};
	uint16_t type;

	*ret = (struct dissection){};
	if (!take(&cursor, LAYER_ETHERNET, ETHERNET_SIZE))
		return;
	type = read16(frame + 12);
	while (type == TYPE_VLAN || type == TYPE_QINQ) {
		if (!take(&cursor, LAYER_VLAN, VLAN_SIZE))
			return;
		type = read16(cursor.at - 2);
	}
	dissect_l3(&cursor, type);
}

const struct layer *dissection_find(const struct dissection *dissection, enum layer_kind kind)
{
	for (size_t i = 0; i < dissection->count; i++)
		if (dissection->layers[i].kind == kind)
			return &dissection->layers[i];
	return NULL;
}
