/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <arpa/inet.h>

#include "base/addr.h"

const struct spec requests[REQUESTS] = {
	{.source = WORLD4, .destination = HOST4, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN},
	{.source = WORLD4, .destination = HOST4, .protocol = PROTOCOL_UDP, .payload = 33},
	{.source = WORLD4, .destination = HOST4, .protocol = PROTOCOL_UDP, .options = 8},
	{.source = WORLD4, .destination = HOST4, .protocol = PROTOCOL_SCTP},
	{.source = WORLD6, .destination = HOST6, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN},
	{.source = WORLD6, .destination = HOST6, .protocol = PROTOCOL_UDP, .payload = 33},
	{.source = WORLD6, .destination = HOST6, .protocol = PROTOCOL_SCTP},
	{.source = WORLD6, .destination = HOST6, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN, .extensions = 2},
};

int client_begin(void **state)
{
	int r = packet_test_begin(state);

	services_clear();
	return r;
}

static uint16_t back_port(const struct spec *spec)
{
	return spec->protocol == PROTOCOL_SCTP ? NODE_PORT : BACK;
}

uint32_t serve(const struct spec *spec, const char *v4, const char *v6, uint16_t flags)
{
	return SERVICE(.addr = is_v6(spec) ? "::" : "0.0.0.0", .port = NODE_PORT, .protocol = spec->protocol,
	               .flags = flags, .backends = {{is_v6(spec) ? v6 : v4, back_port(spec)}});
}

struct spec to_backend(const struct spec *spec, const char *v4, const char *v6)
{
	struct spec translated = *spec;

	translated.destination = is_v6(spec) ? v6 : v4;
	translated.destination_port = back_port(spec);
	return translated;
}

struct spec by_overlay(const struct spec *spec)
{
	struct spec detoured = *spec;

	detoured.source = is_v6(spec) ? OVERLAY6 : OVERLAY4;
	return detoured;
}

struct outcome send_by_a(const struct spec *spec)
{
	struct spec sent = *spec;
	struct frame frame;

	sent.source_mac = rig.pod_mac[DEVICE_A];
	sent.destination_mac = rig.mac[DEVICE_A];
	frame = frame_build(&sent);
	return run("from_container", DEVICE_A, &frame);
}

void assert_inner(const struct outcome *outcome, const struct spec *expected, uint32_t vni)
{
	struct outcome inner = {.frame = frame_inner(&outcome->frame)};
	uint32_t field;

	assert_verdict(*outcome, TC_ACT_REDIRECT);
	memcpy(&field, outcome->frame.bytes + 46, sizeof(field));
	assert_int_equal(ntohl(field) >> 8, vni);
	assert_packet(&inner, expected);
}

struct outcome arrive_from_c(const struct spec *spec)
{
	struct frame inner = frame_build(spec);
	struct frame frame = frame_encapsulate(&inner, &(struct tunnel){.source_mac = rig.pod_mac[DEVICE_WIRE],
	                                                                .destination_mac = rig.mac[DEVICE_WIRE],
	                                                                .source = PEER4,
	                                                                .destination = HOST4,
	                                                                .port = VXLAN_PORT,
	                                                                .vni = IDENTITY_C});

	return run("from_netdev", DEVICE_WIRE, &frame);
}

void assert_sent_on(const struct outcome *outcome, const struct spec *expected)
{
	struct spec hop = *expected;

	hop.ttl = 63;
	assert_verdict(*outcome, TC_ACT_REDIRECT);
	assert_packet(outcome, &hop);
}

void tell(const struct spec *at_backend, uint8_t destination[ETH_ALEN], uint8_t source[ETH_ALEN])
{
	uint8_t told[10] = {at_backend->destination_port >> 8, at_backend->destination_port & 0xff};
	struct addr addr;

	assert_int_equal(addr_parse(at_backend->destination, &addr), 0);
	memcpy(told + 2, &addr.byte[8], 8);
	destination[0] = 6;
	source[0] = 2;
	memcpy(destination + 1, told, 5);
	memcpy(source + 1, told + 5, 5);
}

struct outcome arrive_directly(const struct spec *spec, const struct spec *at_backend, const char *node, uint32_t vni)
{
	uint8_t destination[ETH_ALEN], source[ETH_ALEN];
	struct spec sent = *spec;
	struct frame inner, frame;

	tell(at_backend, destination, source);
	sent.destination_mac = destination;
	sent.source_mac = source;
	inner = frame_build(&sent);
	frame = frame_encapsulate(&inner, &(struct tunnel){.source_mac = rig.pod_mac[DEVICE_WIRE],
	                                                   .destination_mac = rig.mac[DEVICE_WIRE],
	                                                   .source = node,
	                                                   .destination = HOST4,
	                                                   .port = VXLAN_PORT,
	                                                   .vni = vni});
	return run("from_netdev", DEVICE_WIRE, &frame);
}

void know_client(const char *text, uint32_t identity, uint16_t node)
{
	struct ipcache_entry entry = {.identity = identity, .node = node};
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	assert_int_equal(ipcache_set(rig.maps, &prefix, &entry), 0);
}
