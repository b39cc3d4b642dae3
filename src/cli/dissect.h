/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start of a captured frame taken apart, L2 to L4, and put into words as Cilium's users know them (gopacket's). Its
 * input is whatever a pod sends: dissect() checks every length once, against what was captured and what the headers
 * claim; printing touches only header bytes that it found to be there.
 */
#ifndef PILUS_CLI_DISSECT_H
#define PILUS_CLI_DISSECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "abi/addr.h"

/* Kind, name in words, key in JSON. */
#define LAYER_KINDS(X)                                      \
	X(ETHERNET, "Ethernet", "ethernet")                 \
	X(VLAN, "Dot1Q", "vlan")                            \
	X(ARP, "ARP", "arp")                                \
	X(IPV4, "IPv4", "ipv4")                             \
	X(IPV6, "IPv6", "ipv6")                             \
	X(IPV6_EXTENSION, "IPv6Extension", "ipv6Extension") \
	X(IPV6_FRAGMENT, "IPv6Fragment", "ipv6Fragment")    \
	X(TCP, "TCP", "tcp")                                \
	X(UDP, "UDP", "udp")                                \
	X(SCTP, "SCTP", "sctp")                             \
	X(ICMPV4, "ICMPv4", "icmpv4")                       \
	X(ICMPV6, "ICMPv6", "icmpv6")

enum layer_kind {
#define X(symbol, name, key) LAYER_##symbol,
	LAYER_KINDS(X)
#undef X
};

/* header … header + size lie within the capture, as does the payload after them. */
struct layer {
	enum layer_kind kind;
	const uint8_t *header;
	size_t size;
	size_t payload; /* captured bytes that follow, without padding of the link */
};

#define DISSECT_LAYERS_MAX 12

struct dissection {
	struct layer layers[DISSECT_LAYERS_MAX];
	size_t count;
	char failure[96]; /* why it ends before L4; empty: it does not */
	uint8_t protocol; /* of L4, whether or not its header is there; 0: not found */
	bool has_addresses;
	struct addr source, destination;
};

/* The layers point into `frame`, of which only `captured` bytes are read. */
void dissect(const uint8_t *frame, size_t captured, struct dissection *ret);

const struct layer *dissection_find(const struct dissection *dissection, enum layer_kind kind);

const char *layer_name(enum layer_kind kind);
const char *layer_key(enum layer_kind kind);

/* "IPv4\t{Contents=[..20..] … }", without newline. */
void layer_write(const struct layer *layer, FILE *out);

/* "10.1.0.7:33000 -> 10.1.0.8:80 tcp SYN", without newline. */
void dissection_write_summary(const struct dissection *dissection, FILE *out);

/* Ports of TCP, UDP and SCTP; false for others. */
bool layer_ports(const struct layer *layer, uint16_t *ret_source, uint16_t *ret_destination);

/* "SYN, ACK"; "EchoRequest", "DestinationUnreachable(Port)". */
void tcp_flags_write(uint8_t flags, FILE *out);
void icmp_type_write(enum layer_kind kind, uint8_t type, uint8_t code, FILE *out);

#endif
