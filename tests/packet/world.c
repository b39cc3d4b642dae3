/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <arpa/inet.h>

const struct spec kinds[KINDS] = {
	{.destination = WORLD4, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN},
	{.destination = WORLD4, .protocol = PROTOCOL_UDP},
	{.destination = WORLD4, .protocol = PROTOCOL_UDP, .payload = 33},
	{.destination = WORLD4, .protocol = PROTOCOL_ICMP, .type = 8},
	{.destination = WORLD4, .protocol = PROTOCOL_SCTP},
	{.destination = WORLD4, .protocol = PROTOCOL_UDP, .options = 8},
	{.destination = WORLD6, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN},
	{.destination = WORLD6, .protocol = PROTOCOL_UDP},
	{.destination = WORLD6, .protocol = PROTOCOL_UDP, .payload = 33},
	{.destination = WORLD6, .protocol = PROTOCOL_ICMPV6, .type = 128},
	{.destination = WORLD6, .protocol = PROTOCOL_SCTP},
	{.destination = WORLD6, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN, .extensions = 2},
};

bool is_v6(const struct spec *spec)
{
	return strchr(spec->destination, ':');
}

bool is_echo(const struct spec *spec)
{
	return spec->protocol == PROTOCOL_ICMP || spec->protocol == PROTOCOL_ICMPV6;
}

struct spec error_about(const struct spec *about, const struct frame *quote, const char *source)
{
	return (struct spec){
		.source = source,
		.destination = about->source,
		.protocol = is_v6(about) ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP,
		.type = is_v6(about) ? 2 : 3,
		.code = is_v6(about) ? 0 : 4,
		.id = 1400,
		.quote = quote,
	};
}

struct spec from_pod_a(const struct spec *kind)
{
	struct spec spec = from_a(kind->destination, kind);

	if (kind->payload)
		spec.payload = kind->payload;
	return spec;
}

struct spec from_pod_b(const struct spec *kind)
{
	struct spec spec = from_pod_a(kind);

	spec.source_mac = rig.pod_mac[DEVICE_B];
	spec.destination_mac = rig.mac[DEVICE_B];
	spec.source = is_v6(kind) ? POD_B6 : POD_B4;
	return spec;
}

struct spec as_node(const struct spec *spec, uint16_t port)
{
	struct spec translated = *spec;

	translated.source = is_v6(spec) ? HOST6 : HOST4;
	if (is_echo(spec))
		translated.id = port;
	else
		translated.source_port = port;
	return translated;
}

struct outcome leave_marked(const struct frame *frame, uint32_t mark)
{
	return run_as(&(struct rig_run){.program = "to_netdev", .device = DEVICE_WIRE, .mark = mark}, frame);
}

struct outcome leave(const struct spec *spec)
{
	enum rig_device device = spec->source_mac == rig.pod_mac[DEVICE_B] ? DEVICE_B : DEVICE_A;
	struct frame frame = frame_build(spec);
	struct outcome sent = run("from_container", device, &frame);

	assert_verdict(sent, TC_ACT_UNSPEC);
	return leave_marked(&frame, sent.mark);
}

uint16_t port_of(const struct spec *spec, const struct outcome *outcome)
{
	struct frame was = frame_build(spec);
	uint16_t port;

	memcpy(&port, outcome->frame.bytes + was.transport + (is_echo(spec) ? 4 : 0), sizeof(port));
	return ntohs(port);
}

void assert_packet(const struct outcome *outcome, const struct spec *expected)
{
	struct frame frame = frame_build(expected);

	assert_int_equal(outcome->frame.size, frame.size);
	assert_memory_equal(outcome->frame.bytes + ETH_HLEN, frame.bytes + ETH_HLEN, frame.size - ETH_HLEN);
}

void assert_reached(const struct outcome *outcome, enum rig_device device, const struct spec *expected)
{
	struct spec hop = *expected;

	hop.ttl = 63;
	assert_verdict(*outcome, TC_ACT_REDIRECT);
	assert_bytes(*outcome, 0, rig.pod_mac[device], ETH_ALEN);
	assert_packet(outcome, &hop);
}

struct frame frame_from_world(const struct spec *spec)
{
	struct spec received = *spec;

	received.source_mac = rig.pod_mac[DEVICE_WIRE];
	received.destination_mac = rig.mac[DEVICE_WIRE];
	return frame_build(&received);
}

struct outcome arrive(const struct spec *spec)
{
	struct frame frame = frame_from_world(spec);

	return run("from_netdev", DEVICE_WIRE, &frame);
}

void assert_untouched(const struct outcome *outcome, const struct spec *spec)
{
	assert_verdict(*outcome, TC_ACT_UNSPEC);
	assert_packet(outcome, spec);
}

struct outcome leave_host(const struct spec *spec)
{
	struct frame frame = frame_build(spec);

	return leave_marked(&frame, 0);
}
