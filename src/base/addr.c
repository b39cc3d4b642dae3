/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, prefixes and MACs as text and back.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int addr_parse(const char *text, struct addr *ret)
{
	struct addr addr;
	__be32 v4;

	if (inet_pton(AF_INET, text, &v4) == 1)
		addr = addr_from_v4(v4);
	else if (inet_pton(AF_INET6, text, &addr) != 1)
		return -EINVAL;
	*ret = addr;
	return 0;
}

/* Up to 255. Lists have millions of numbers, and printf takes its time. Returns where it ends. */
static char *format_number(unsigned number, char *at)
{
	if (number >= 100)
		*at++ = (char)('0' + number / 100);
	if (number >= 10)
		*at++ = (char)('0' + number / 10 % 10);
	*at++ = (char)('0' + number % 10);
	return at;
}

static char *format_v4(const uint8_t byte[static 4], char *at)
{
	for (unsigned i = 0; i < 4; i++) {
		if (i)
			*at++ = '.';
		at = format_number(byte[i], at);
	}
	return at;
}

const char *addr_format(const struct addr *addr, char text[static ADDR_TEXT_MAX])
{
	if (addr_is_v4(addr))
		*format_v4(&addr->byte[12], text) = '\0';
	else
		inet_ntop(AF_INET6, addr, text, ADDR_TEXT_MAX);
	return text;
}

bool addr_is_zero(const struct addr *addr)
{
	return !addr->quad[0] && !addr->quad[1];
}

bool addr_is_any(const struct addr *addr)
{
	return addr_is_v4(addr) ? !addr->word[3] : addr_is_zero(addr);
}

bool addr_is_loopback(const struct addr *addr)
{
	static const struct addr v6 = {.byte = {[15] = 1}};

	return addr_is_v4(addr) ? addr->byte[12] == 127 : addr_equal(addr, &v6);
}

struct addr addr_add(const struct addr *addr, uint64_t offset)
{
	uint64_t low = be64toh(addr->quad[1]) + offset;
	uint64_t carry = low < offset;

	return (struct addr){.quad = {htobe64(be64toh(addr->quad[0]) + carry), htobe64(low)}};
}

/* The first `bits` of 64 in network order; more than 64 are all. */
static uint64_t first_bits(unsigned bits)
{
	return htobe64(bits < 64 ? ~(UINT64_MAX >> bits) : UINT64_MAX);
}

static struct addr mask(const struct addr *addr, uint8_t bits)
{
	return (struct addr){
		.quad = {addr->quad[0] & first_bits(bits), addr->quad[1] & first_bits(bits > 64 ? bits - 64 : 0)}};
}

/* A length in decimal, without sign, blanks or leading zeros. */
static int length_parse(const char *text, unsigned max, unsigned *ret)
{
	unsigned length = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		length = length * 10 + (unsigned)(*text - '0');
		if (length > max)
			return -EINVAL;
	}
	*ret = length;
	return 0;
}

int prefix_parse(const char *text, struct prefix *ret)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	char addr_text[ADDR_TEXT_MAX];
	struct prefix prefix;
	unsigned host_bits, bits;

	if (length >= sizeof(addr_text))
		return -EINVAL;
	memcpy(addr_text, text, length);
	addr_text[length] = '\0';
	if (addr_parse(addr_text, &prefix.addr) < 0)
		return -EINVAL;

	/* A mapped address written as IPv6 (::ffff:10.0.0.0/104) has its length written so, too. */
	host_bits = strchr(addr_text, ':') ? ADDR_BITS : ADDR_BITS - ADDR_V4_PREFIX_BITS;
	bits = host_bits;
	if (slash && length_parse(slash + 1, host_bits, &bits) < 0)
		return -EINVAL;
	prefix.bits = (uint8_t)(ADDR_BITS - host_bits + bits);

	struct addr masked = mask(&prefix.addr, prefix.bits);
	if (!addr_equal(&masked, &prefix.addr))
		return -EINVAL;
	*ret = prefix;
	return 0;
}

char *prefix_write(const struct prefix *prefix, char at[static PREFIX_TEXT_MAX])
{
	if (addr_is_v4(&prefix->addr))
		at = format_v4(&prefix->addr.byte[12], at);
	else
		at += strlen(addr_format(&prefix->addr, at));
	*at++ = '/';
	return format_number(prefix_length(prefix) & 0xff, at);
}

const char *prefix_format(const struct prefix *prefix, char text[static PREFIX_TEXT_MAX])
{
	*prefix_write(prefix, text) = '\0';
	return text;
}

struct prefix prefix_of_addr(const struct addr *addr)
{
	return (struct prefix){.addr = *addr, .bits = ADDR_BITS};
}

struct prefix prefix_around(const struct addr *addr, uint8_t bits)
{
	return (struct prefix){.addr = mask(addr, bits), .bits = bits};
}

bool prefix_is_v4(const struct prefix *prefix)
{
	return prefix->bits >= ADDR_V4_PREFIX_BITS && addr_is_v4(&prefix->addr);
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->bits == b->bits && addr_equal(&a->addr, &b->addr);
}

bool prefix_contains(const struct prefix *prefix, const struct addr *addr)
{
	struct addr masked = mask(addr, prefix->bits);

	return prefix_is_v4(prefix) == addr_is_v4(addr) && addr_equal(&masked, &prefix->addr);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_is_v4(a) == prefix_is_v4(b) &&
	       (a->bits <= b->bits ? prefix_contains(a, &b->addr) : prefix_contains(b, &a->addr));
}

unsigned prefix_length(const struct prefix *prefix)
{
	return prefix_is_v4(prefix) ? prefix->bits - ADDR_V4_PREFIX_BITS : prefix->bits;
}

static int hex_digit(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	if (character >= 'a' && character <= 'f')
		return character - 'a' + 10;
	if (character >= 'A' && character <= 'F')
		return character - 'A' + 10;
	return -EINVAL;
}

int mac_parse(const char *text, uint8_t ret[static 6])
{
	uint8_t mac[6];

	if (strlen(text) != MAC_TEXT_MAX - 1)
		return -EINVAL;
	for (unsigned i = 0; i < sizeof(mac); i++) {
		int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || text[3 * i + 2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, mac, sizeof(mac));
	return 0;
}

const char *mac_format(const uint8_t mac[static 6], char text[static MAC_TEXT_MAX])
{
	snprintf(text, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return text;
}
