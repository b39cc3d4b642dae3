/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames for the tests: built from a description, with correct lengths and checksums, wrapped into an overlay packet,
 * and looked into. A test that wants a wrong one builds a right one and changes its bytes.
 */
#ifndef PILUS_TESTS_PACKET_FRAME_H
#define PILUS_TESTS_PACKET_FRAME_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/flow.h"

#define FRAME_MAX    3200
#define VXLAN_HEADER 8
#define OVERLAY_ROOM 50 /* IPv4, UDP, VXLAN and the inner ethernet header */

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t size;
	size_t transport; /* where the L4 header begins */
};

/* Zeros are the usual: TTL 64, TCP flags none, no payload, MACs of nobody. */
struct spec {
	const uint8_t *source_mac, *destination_mac;
	const char *source, *destination; /* addresses of one family, as text */
	uint8_t protocol;
	uint16_t source_port, destination_port;
	uint8_t tcp_flags;
	uint8_t type, code;        /* of ICMP */
	uint16_t id;               /* of an ICMP echo */
	const struct frame *quote; /* of an ICMP error: the packet without its ethernet header */
	uint8_t ttl;
	uint16_t payload;   /* bytes of it */
	uint8_t options;    /* bytes of IPv4 options, a multiple of 4 */
	uint8_t extensions; /* IPv6 destination options headers, of 8 bytes each, behind the fragment header */
	uint32_t fragment_id;
	uint16_t fragment_offset; /* in units of 8 bytes; a later fragment has no transport header */
	bool more_fragments;
};

/* The outer headers of an overlay packet. */
struct tunnel {
	const uint8_t *source_mac, *destination_mac;
	const char *source, *destination;
	uint16_t port;
	uint32_t vni;
};

struct frame frame_build(const struct spec *spec);
#define FRAME(...) frame_build(&(struct spec){__VA_ARGS__})

struct frame frame_encapsulate(const struct frame *inner, const struct tunnel *tunnel);

/* The frame inside an overlay packet. */
struct frame frame_inner(const struct frame *outer);

/* What the other side sends on the same connection: addresses, ports and MACs the other way round. */
struct spec spec_reply(const struct spec *spec);

/* The key that the packet's flow must have; *ret_direction is the packet's. */
struct flow_key spec_key(const struct spec *spec, int *ret_direction);

struct iphdr *frame_ipv4(struct frame *frame);
struct ipv6hdr *frame_ipv6(struct frame *frame);

/* Writes the IPv4 header's checksum anew. */
void frame_sum_ipv4(struct frame *frame);

/* 0xffff where the IPv4 header's checksum is right. */
uint16_t frame_verify_ipv4(const struct frame *frame);

#endif
