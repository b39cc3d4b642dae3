/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nobody should send: forged senders, headers that lie, packets cut short anywhere, and noise. Each ends in a
 * counted reason, and none is forwarded as somebody else's.
 */
#include "packet_test.h"

#include <arpa/inet.h>
#include <errno.h>

#define PROGRAM "from_container"

static struct spec tcp_to_b(void)
{
	return from_a(POD_B4, &(struct spec){.protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN});
}

static struct spec tcp6_to_b(void)
{
	return from_a(POD_B6, &(struct spec){.protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN});
}

static struct outcome send_frame(const struct frame *frame)
{
	return run(PROGRAM, DEVICE_A, frame);
}

static struct outcome send_spec(const struct spec *spec)
{
	struct frame frame = frame_build(spec);

	return send_frame(&frame);
}

static void a_wrong_source_mac_is_refused(void **state)
{
	struct spec spec = tcp_to_b();

	spec.source_mac = rig.pod_mac[DEVICE_B];
	assert_dropped(send_spec(&spec), DROP_INVALID_SOURCE_MAC, METRIC_EGRESS);
	assert_int_equal(flow_count(), 0);
}

static void any_wrong_byte_of_the_mac_is_refused(void **state)
{
	struct spec spec = tcp_to_b();

	for (int i = 0; i < ETH_ALEN; i++) {
		struct frame frame = frame_build(&spec);

		frame.bytes[ETH_ALEN + i] ^= 0x04;
		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(send_frame(&frame), DROP_INVALID_SOURCE_MAC, METRIC_EGRESS);
	}
}

static void a_wrong_source_address_is_refused(void **state)
{
	static const char *const others[] = {POD_B4, POD_C4, HOST4, WORLD4, "0.0.0.0", "127.0.0.1", "224.0.0.1"};

	EVERY (i, others) {
		struct spec spec = tcp_to_b();

		spec.source = others[i];
		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(send_spec(&spec), DROP_INVALID_SOURCE_IP, METRIC_EGRESS);
		assert_int_equal(flow_count(), 0);
	}
}

static void a_wrong_ipv6_source_is_refused(void **state)
{
	static const char *const others[] = {POD_B6, POD_C6, HOST6, WORLD6, "::", "::1", "fe80::2", "ff02::1"};

	EVERY (i, others) {
		struct spec spec = tcp6_to_b();

		spec.source = others[i];
		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(send_spec(&spec), DROP_INVALID_SOURCE_IP, METRIC_EGRESS);
	}
}

static void set_a_without(bool v6)
{
	struct endpoint endpoint;

	read_endpoint(ID_A, &endpoint);
	memset(v6 ? &endpoint.v6 : &endpoint.v4, 0, sizeof(endpoint.v6));
	assert_int_equal(endpoint_map_set(rig.maps, ID_A, &endpoint), 0);
	maps_bump_epoch(rig.maps);
}

static void no_ipv6_address_is_not_the_unspecified_one(void **state)
{
	struct spec spec = tcp6_to_b();

	set_a_without(true);
	spec.source = "::";
	assert_dropped(send_spec(&spec), DROP_INVALID_SOURCE_IP, METRIC_EGRESS);
}

static void no_ipv4_address_is_none(void **state)
{
	struct spec spec = tcp_to_b();

	set_a_without(false);
	spec.source = "0.0.0.0";
	assert_dropped(send_spec(&spec), DROP_INVALID_SOURCE_IP, METRIC_EGRESS);
}

/* The whole frame of a, sent by b: what a's flow allows, it allows a. */
static void an_established_flow_is_its_owners(void **state)
{
	struct spec spec = tcp_to_b();
	struct frame frame = frame_build(&spec);

	send_frame(&frame);
	assert_dropped(run(PROGRAM, DEVICE_B, &frame), DROP_INVALID_SOURCE_MAC, METRIC_EGRESS);
	assert_int_equal(traffic_of(&spec).packets, 1);
	memcpy(frame.bytes + ETH_ALEN, rig.pod_mac[DEVICE_B], ETH_ALEN);
	assert_verdict(run(PROGRAM, DEVICE_B, &frame), TC_ACT_SHOT);
	assert_int_equal(metric_packets(DROP_INVALID_SOURCE_IP, METRIC_EGRESS), 1);
	assert_int_equal(traffic_of(&spec).packets, 1);
}

static void an_established_flow_keeps_its_mac(void **state)
{
	struct spec spec = tcp6_to_b();

	send_spec(&spec);
	spec.source_mac = rig.pod_mac[DEVICE_B];
	assert_dropped(send_spec(&spec), DROP_INVALID_SOURCE_MAC, METRIC_EGRESS);
	assert_int_equal(traffic_of(&spec).packets, 1);
}

static void a_forged_reset_closes_nobodys_flow(void **state)
{
	struct spec spec = tcp_to_b(), forged;
	struct frame frame;

	send_spec(&spec);
	forged = spec;
	forged.tcp_flags = TCP_RST;
	forged.source_mac = rig.pod_mac[DEVICE_B];
	frame = frame_build(&forged);
	run(PROGRAM, DEVICE_B, &frame);
	assert_int_equal(traffic_of(&spec).tcp_flags, TCP_SYN);
}

static void a_device_of_no_endpoint_sends_nothing(void **state)
{
	struct spec spec = tcp_to_b();
	struct frame frame = frame_build(&spec);

	assert_dropped(run(PROGRAM, DEVICE_NOBODY, &frame), DROP_NO_CONFIGURATION, METRIC_EGRESS);
}

static void other_ethertypes_are_refused(void **state)
{
	/* ARP, VLAN, provider VLAN, MPLS, PPPoE, LLDP, EAPOL, an 802.3 length */
	static const uint16_t types[] = {0x0806, 0x8100, 0x88a8, 0x8847, 0x8864, 0x88cc, 0x888e, 0x0040, 0xffff, 0};

	EVERY (i, types) {
		struct spec spec = tcp_to_b();
		struct frame frame = frame_build(&spec);

		frame.bytes[12] = types[i] >> 8;
		frame.bytes[13] = types[i] & 0xff;
		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(send_frame(&frame), DROP_UNSUPPORTED_L3, METRIC_EGRESS);
	}
}

static void a_vlan_tag_hides_nothing(void **state)
{
	static const uint8_t tag[] = {0x81, 0x00, 0x00, 0x05};
	struct spec spec = tcp_to_b();
	struct frame frame = frame_build(&spec);

	memmove(frame.bytes + 16, frame.bytes + 12, frame.size - 12);
	memcpy(frame.bytes + 12, tag, sizeof(tag));
	frame.size += sizeof(tag);
	assert_dropped(send_frame(&frame), DROP_UNSUPPORTED_L3, METRIC_EGRESS);
}

static void multicast_goes_nowhere(void **state)
{
	static const char *const groups[] = {"224.0.0.1",       "239.255.255.250", "232.1.1.1",
	                                     "255.255.255.255", "ff02::fb",        "ff05::2"};

	EVERY (i, groups) {
		struct spec spec = from_a(groups[i], &(struct spec){.protocol = PROTOCOL_UDP});

		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(send_spec(&spec), DROP_MULTICAST, METRIC_EGRESS);
		assert_int_equal(flow_count(), 0);
	}
}

static void pods_discover_no_neighbours(void **state)
{
	static const struct spec messages[] = {
		{.source = "fe80::2", .destination = "ff02::2", .type = 133},
		{.source = "fe80::2", .destination = "ff02::1", .type = 134},
		{.source = "::", .destination = "ff02::1:ff00:2", .type = 135},
		{.source = POD_A6, .destination = "ff02::1:ff00:2", .type = 135},
		{.source = POD_A6, .destination = "ff02::1", .type = 136},
		{.source = "::", .destination = "ff02::16", .type = 143, .extensions = 1},
		{.source = POD_A6, .destination = "ff02::1", .type = 128},
	};

	EVERY (i, messages) {
		struct spec spec = messages[i];

		spec.source_mac = rig.pod_mac[DEVICE_A];
		spec.protocol = PROTOCOL_ICMPV6;
		spec.payload = 24;
		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(send_spec(&spec), DROP_FORBIDDEN_ICMPV6, METRIC_EGRESS);
	}
}

static void mapped_addresses_come_by_no_back_door(void **state)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	for (int end = 0; end < 2; end++) {
		struct spec spec = tcp6_to_b();
		struct frame frame = frame_build(&spec);
		uint8_t *address = end ? frame_ipv6(&frame)->daddr.s6_addr : frame_ipv6(&frame)->saddr.s6_addr;
		uint32_t v4 = inet_addr(end ? POD_B4 : POD_A4);

		memcpy(address, mapped, sizeof(mapped));
		memcpy(address + sizeof(mapped), &v4, sizeof(v4));
		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(send_frame(&frame), DROP_INVALID_PACKET, METRIC_EGRESS);
	}
}

static void a_wrong_ip_version_is_refused(void **state)
{
	for (int version = 0; version < 16; version++) {
		struct spec v4 = tcp_to_b(), v6 = tcp6_to_b();
		struct frame four = frame_build(&v4), six = frame_build(&v6);

		four.bytes[ETH_HLEN] = version << 4 | 5;
		six.bytes[ETH_HLEN] = version << 4;
		assert_int_equal(rig_reset(&rig), 0);
		if (version != 4)
			assert_dropped(send_frame(&four), DROP_INVALID_PACKET, METRIC_EGRESS);
		assert_int_equal(rig_reset(&rig), 0);
		if (version != 6)
			assert_dropped(send_frame(&six), DROP_INVALID_PACKET, METRIC_EGRESS);
	}
}

static void a_short_ihl_is_refused(void **state)
{
	for (int ihl = 0; ihl < 5; ihl++) {
		struct spec spec = tcp_to_b();
		struct frame frame = frame_build(&spec);

		frame.bytes[ETH_HLEN] = 0x40 | ihl;
		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(send_frame(&frame), DROP_INVALID_PACKET, METRIC_EGRESS);
	}
}

static void an_ihl_beyond_the_packet_is_refused(void **state)
{
	struct spec spec = tcp_to_b();
	struct frame frame;

	spec.payload = 0;
	frame = frame_build(&spec);
	/* 20 bytes of TCP: from ihl 6 on they do not fit behind the options. */
	for (int ihl = 6; ihl < 16; ihl++) {
		frame.bytes[ETH_HLEN] = 0x40 | ihl;
		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(send_frame(&frame), DROP_TRUNCATED_HEADER, METRIC_EGRESS);
	}
}

static void too_many_extensions_are_refused(void **state)
{
	for (int extensions = 7; extensions < 20; extensions++) {
		struct spec spec = tcp6_to_b();

		spec.extensions = extensions;
		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(send_spec(&spec), DROP_INVALID_IPV6_EXTENSION, METRIC_EGRESS);
	}
}

static void an_extension_beyond_the_packet_is_refused(void **state)
{
	for (int length = 8; length < 256; length += 13) {
		struct spec spec = tcp6_to_b();
		struct frame frame;

		spec.extensions = 1;
		frame = frame_build(&spec);
		frame.bytes[ETH_HLEN + sizeof(struct ipv6hdr) + 1] = length;
		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(send_frame(&frame), DROP_TRUNCATED_HEADER, METRIC_EGRESS);
	}
}

static void unknown_protocols_are_refused(void **state)
{
	for (int protocol = 0; protocol < 256; protocol++) {
		struct spec v4 = tcp_to_b(), v6 = tcp6_to_b();
		bool shared = protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP;
		bool extension = protocol == 0 || protocol == 43 || protocol == 44 || protocol == 60;
		struct frame frame = frame_build(&v4);

		frame_ipv4(&frame)->protocol = protocol;
		assert_int_equal(rig_reset(&rig), 0);
		if (!shared && protocol != PROTOCOL_ICMP)
			assert_dropped(send_frame(&frame), DROP_UNKNOWN_L4, METRIC_EGRESS);
		frame = frame_build(&v6);
		frame_ipv6(&frame)->nexthdr = protocol;
		assert_int_equal(rig_reset(&rig), 0);
		if (!shared && !extension && protocol != PROTOCOL_ICMPV6)
			assert_dropped(send_frame(&frame), DROP_UNKNOWN_L4, METRIC_EGRESS);
	}
}

static const struct spec cut[] = {
	{.destination = POD_B4, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_ACK},
	{.destination = POD_B4, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_ACK, .options = 12},
	{.destination = POD_B4, .protocol = PROTOCOL_UDP},
	{.destination = POD_B4, .protocol = PROTOCOL_SCTP},
	{.destination = POD_B4, .protocol = PROTOCOL_ICMP, .type = 8},
	{.destination = POD_B6, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_ACK},
	{.destination = POD_B6, .protocol = PROTOCOL_UDP, .extensions = 3},
	{.destination = POD_B6, .protocol = PROTOCOL_UDP, .more_fragments = true, .fragment_id = 3},
	{.destination = POD_B6, .protocol = PROTOCOL_SCTP},
	{.destination = POD_B6, .protocol = PROTOCOL_ICMPV6, .type = 128},
};

static size_t transport_size(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP ? 20 : protocol == PROTOCOL_SCTP ? 12 : 8;
}

/* Some kernels refuse to try frames that are shorter than their own header says. */
static bool try(const char *program, enum rig_device device, const struct frame *frame, struct outcome *ret)
{
	struct rig_run how = {.program = program, .device = device};
	int r = rig_run(&rig, &how, frame, ret);

	assert_true(!r || (r == -EINVAL && frame->size < ETH_HLEN + sizeof(struct ipv6hdr)));
	return !r;
}

static void cut_at_any_byte_is_refused(void **state)
{
	unsigned tried = 0;

	EVERY (i, cut) {
		struct spec spec = from_a(cut[i].destination, &cut[i]);
		struct frame whole = frame_build(&spec);
		size_t needed = whole.transport + transport_size(spec.protocol);

		for (size_t size = ETH_HLEN; size <= whole.size; size++) {
			struct frame frame = whole;
			struct outcome outcome;

			frame.size = size;
			assert_int_equal(rig_reset(&rig), 0);
			if (!try(PROGRAM, DEVICE_A, &frame, &outcome))
				continue;
			tried++;
			if (size < needed)
				assert_dropped(outcome, DROP_TRUNCATED_HEADER, METRIC_EGRESS);
			else
				assert_verdict(outcome, TC_ACT_REDIRECT);
			assert_int_equal(flow_count(), size >= needed);
		}
	}
	assert_true(tried > 300);
}

static void cut_in_the_overlay_is_refused(void **state)
{
	EVERY (i, cut) {
		bool v6 = strchr(cut[i].destination, ':');
		struct spec out = from_a(v6 ? POD_C6 : POD_C4, &cut[i]), spec = spec_reply(&out);
		struct frame inner = frame_build(&spec), whole;
		size_t needed = OVERLAY_ROOM + inner.transport + transport_size(spec.protocol);

		if (v6 && !rig.config.decap_v6)
			continue;
		whole = frame_encapsulate(&inner, &(struct tunnel){.source = PEER4,
		                                                   .destination = HOST4,
		                                                   .destination_mac = rig.mac[DEVICE_WIRE],
		                                                   .port = VXLAN_PORT,
		                                                   .vni = IDENTITY_C});
		for (size_t size = ETH_HLEN; size <= whole.size; size++) {
			struct frame frame = whole;
			struct outcome outcome;

			frame.size = size;
			assert_int_equal(rig_reset(&rig), 0);
			if (!try("from_netdev", DEVICE_WIRE, &frame, &outcome))
				continue;
			/* Before the inner ethernet header it is not known to be the overlay's. */
			if (size < OVERLAY_ROOM + ETH_HLEN)
				assert_verdict(outcome, TC_ACT_UNSPEC);
			else if (size < needed)
				assert_dropped(outcome, DROP_TRUNCATED_HEADER, METRIC_INGRESS);
			else
				assert_verdict(outcome, TC_ACT_REDIRECT);
		}
	}
}

/* The error goes to whom it is addressed; it is related only where the quote says to what. */
static void a_cut_quote_is_related_to_nothing(void **state)
{
	static const char *const destinations[] = {POD_B4, POD_B6};

	EVERY (i, destinations) {
		struct spec to_b = from_a(destinations[i], &(struct spec){.protocol = PROTOCOL_UDP}),
			    about = spec_reply(&to_b);
		struct frame quote = frame_build(&about), whole = quote;

		events_listen(0);
		about.source_mac = rig.pod_mac[DEVICE_B];
		quote = frame_build(&about);
		run(PROGRAM, DEVICE_B, &quote);
		for (size_t size = ETH_HLEN; size <= whole.size; size++) {
			struct spec error = to_b;
			struct outcome outcome;

			quote.size = size;
			error.protocol = i ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP;
			error.type = i ? 1 : 3;
			error.payload = 0;
			error.quote = &quote;
			events_listen(1 << EVENT_TRACE);
			outcome = send_spec(&error);
			assert_verdict(outcome, TC_ACT_REDIRECT);
			assert_int_equal(events_take(), 2);
			assert_int_equal(events[0].state, size < whole.transport + 8 ? PACKET_UNKNOWN : PACKET_RELATED);
			assert_int_equal(flow_count(), i + 1);
		}
	}
}

/* Fragments that b, or a stranger, forges with a's address must not direct a's own. */
static void nobody_writes_anothers_fragments(void **state)
{
	struct spec first = from_a(POD_C4,
	                           &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 8, .more_fragments = true}),
		    later = first, forged = first, portless = first;
	struct frame frame;

	later.fragment_offset = 4;
	portless.source_port = portless.destination_port = 0;
	forged.source_mac = rig.pod_mac[DEVICE_B];
	forged.destination_port = 22;
	frame = frame_build(&forged);
	assert_verdict(run(PROGRAM, DEVICE_B, &frame), TC_ACT_SHOT);
	assert_verdict(send_spec(&later), TC_ACT_REDIRECT);
	assert_int_equal(traffic_of(&portless).packets, 1);
	assert_verdict(send_spec(&first), TC_ACT_REDIRECT);
	run(PROGRAM, DEVICE_B, &frame);
	assert_verdict(send_spec(&later), TC_ACT_REDIRECT);
	assert_int_equal(traffic_of(&first).packets, 2);
	assert_int_equal(flow_count(), 2);
}

static void a_stranger_writes_no_fragments(void **state)
{
	struct spec out = from_a(POD_C4,
	                         &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 8, .more_fragments = true}),
		    first = spec_reply(&out), later = first, portless = first;
	struct tunnel tunnel = {.source = STRANGER4,
	                        .destination = HOST4,
	                        .destination_mac = rig.mac[DEVICE_WIRE],
	                        .port = VXLAN_PORT,
	                        .vni = IDENTITY_C};
	struct frame inner = frame_build(&first), frame = frame_encapsulate(&inner, &tunnel);

	assert_dropped(run("from_netdev", DEVICE_WIRE, &frame), DROP_UNKNOWN_SENDER, METRIC_INGRESS);
	later.fragment_offset = 4;
	inner = frame_build(&later);
	tunnel.source = PEER4;
	frame = frame_encapsulate(&inner, &tunnel);
	assert_verdict(run("from_netdev", DEVICE_WIRE, &frame), TC_ACT_REDIRECT);
	portless.source_port = portless.destination_port = 0;
	assert_int_equal(traffic_of(&portless).packets, 1);
}

/* Nor does a fragment without ports get past where a whole packet does not. */
static void a_fragment_ahead_of_its_first_is_verified(void **state)
{
	struct spec spec =
		from_a(POD_B4, &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 8, .fragment_offset = 4});

	assert_verdict(send_spec(&spec), TC_ACT_REDIRECT);
	spec.source = POD_B4;
	spec.destination = POD_C4;
	assert_dropped(send_spec(&spec), DROP_INVALID_SOURCE_IP, METRIC_EGRESS);
}

/* A full table lets the least used go and takes every new one. */
static void a_flood_of_flows_finds_room(void **state)
{
	struct spec spec = tcp_to_b();
	struct frame frame = frame_build(&spec);

	for (uint32_t port = 0; port < 3 * FLOWS_MAX; port++) {
		frame.bytes[frame.transport] = port >> 8;
		frame.bytes[frame.transport + 1] = port & 0xff;
		assert_verdict(send_frame(&frame), TC_ACT_REDIRECT);
	}
	assert_int_equal(metric_drops(), 0);
	assert_in_range(flow_count(), 1, FLOWS_MAX);
}

/* xorshift64*: the same noise in every run. */
static uint64_t noise_state;

static uint64_t noise(void)
{
	noise_state ^= noise_state >> 12;
	noise_state ^= noise_state << 25;
	noise_state ^= noise_state >> 27;
	return noise_state * 0x2545f4914f6cdd1d;
}

static void make_noise(struct frame *frame)
{
	frame->size = ETH_HLEN + sizeof(struct ipv6hdr) + noise() % 160;
	for (size_t i = 0; i < frame->size; i += sizeof(uint64_t)) {
		uint64_t bytes = noise();

		memcpy(frame->bytes + i, &bytes, sizeof(bytes));
	}
}

/* A few bytes of a good frame changed, most often in its headers; sometimes cut or longer. */
static void disturb(struct frame *frame)
{
	for (int i = noise() % 4; i >= 0; i--)
		frame->bytes[noise() % (noise() % 4 ? 96 : frame->size)] = noise();
	if (noise() % 8 == 0)
		frame->size = ETH_HLEN + sizeof(struct ipv6hdr) + noise() % 200;
}

static const struct {
	const char *program;
	enum rig_device device;
} fuzzed[] = {
	{"from_container", DEVICE_A}, {"to_container", DEVICE_A},      {"from_netdev", DEVICE_WIRE},
	{"to_netdev", DEVICE_WIRE},   {"from_overlay", DEVICE_TUNNEL}, {"to_overlay", DEVICE_TUNNEL},
};

/* What a forwarded frame must have been, whatever else was in it. */
static void check_forwarded(size_t which, const struct frame *frame)
{
	const uint8_t *ip = frame->bytes + ETH_HLEN;
	struct in_addr pod = {inet_addr(POD_A4)}, peer = {inet_addr(PEER4)};
	struct in6_addr pod6;

	inet_pton(AF_INET6, POD_A6, &pod6);
	if (fuzzed[which].device == DEVICE_A) {
		assert_memory_equal(frame->bytes + ETH_ALEN, rig.pod_mac[DEVICE_A], ETH_ALEN);
		if (*ip >> 4 == 4)
			assert_memory_equal(ip + 12, &pod, sizeof(pod));
		else
			assert_memory_equal(ip + 8, &pod6, sizeof(pod6));
	} else {
		assert_memory_equal(ip + 12, &peer, sizeof(peer));
	}
}

static void fuzz(size_t which, const struct frame *frame)
{
	struct outcome outcome;

	if (!try(fuzzed[which].program, fuzzed[which].device, frame, &outcome))
		return;
	switch (outcome.verdict) {
	case TC_ACT_REDIRECT:
		check_forwarded(which, frame);
		break;
	case TC_ACT_UNSPEC:
		assert_int_equal(outcome.frame.size, frame->size);
		assert_bytes(outcome, 0, frame->bytes, frame->size);
		break;
	default:
		assert_verdict(outcome, TC_ACT_SHOT);
	}
}

static void noise_harms_nobody(void **state)
{
	struct frame frame = {};

	noise_state = 1;
	for (int i = 0; i < 40000; i++) {
		make_noise(&frame);
		/* Or all of it ends at the ethertype. */
		frame.bytes[12] = i % 3 == 1 ? 0x08 : i % 3 == 2 ? 0x86 : frame.bytes[12];
		frame.bytes[13] = i % 3 == 1 ? 0x00 : i % 3 == 2 ? 0xdd : frame.bytes[13];
		fuzz(i % (sizeof(fuzzed) / sizeof(fuzzed[0])), &frame);
	}
}

static void disturbed_packets_harm_nobody(void **state)
{
	struct frame good[2 * sizeof(cut) / sizeof(cut[0])];
	unsigned count = 0;

	EVERY (i, cut) {
		struct spec spec = from_a(cut[i].destination, &cut[i]),
			    out = from_a(strchr(cut[i].destination, ':') ? POD_C6 : POD_C4, &cut[i]),
			    in = spec_reply(&out);
		struct frame inner = frame_build(&in);

		good[count++] = frame_build(&spec);
		good[count++] = frame_encapsulate(&inner, &(struct tunnel){.source = PEER4,
		                                                           .destination = HOST4,
		                                                           .destination_mac = rig.mac[DEVICE_WIRE],
		                                                           .port = VXLAN_PORT,
		                                                           .vni = IDENTITY_C});
	}
	noise_state = 2;
	events_listen(1 << EVENT_TRACE | 1 << EVENT_DROP);
	for (int i = 0; i < 100000; i++) {
		struct frame frame = good[noise() % count];

		disturb(&frame);
		fuzz(noise() % (sizeof(fuzzed) / sizeof(fuzzed[0])), &frame);
		if (i % 1000 == 0)
			events_take();
	}
	assert_true(metric_packets(METRIC_FORWARDED, METRIC_INGRESS) > 1000);
	assert_true(metric_drops() > 1000);
}

static const struct CMUnitTest tests[] = {
	PACKET_TEST(a_wrong_source_mac_is_refused),
	PACKET_TEST(any_wrong_byte_of_the_mac_is_refused),
	PACKET_TEST(a_wrong_source_address_is_refused),
	PACKET_TEST(a_wrong_ipv6_source_is_refused),
	PACKET_TEST(no_ipv6_address_is_not_the_unspecified_one),
	PACKET_TEST(no_ipv4_address_is_none),
	PACKET_TEST(an_established_flow_is_its_owners),
	PACKET_TEST(an_established_flow_keeps_its_mac),
	PACKET_TEST(a_forged_reset_closes_nobodys_flow),
	PACKET_TEST(a_device_of_no_endpoint_sends_nothing),
	PACKET_TEST(other_ethertypes_are_refused),
	PACKET_TEST(a_vlan_tag_hides_nothing),
	PACKET_TEST(multicast_goes_nowhere),
	PACKET_TEST(pods_discover_no_neighbours),
	PACKET_TEST(mapped_addresses_come_by_no_back_door),
	PACKET_TEST(a_wrong_ip_version_is_refused),
	PACKET_TEST(a_short_ihl_is_refused),
	PACKET_TEST(an_ihl_beyond_the_packet_is_refused),
	PACKET_TEST(too_many_extensions_are_refused),
	PACKET_TEST(an_extension_beyond_the_packet_is_refused),
	PACKET_TEST(unknown_protocols_are_refused),
	PACKET_TEST(cut_at_any_byte_is_refused),
	PACKET_TEST(cut_in_the_overlay_is_refused),
	PACKET_TEST(a_cut_quote_is_related_to_nothing),
	PACKET_TEST(nobody_writes_anothers_fragments),
	PACKET_TEST(a_stranger_writes_no_fragments),
	PACKET_TEST(a_fragment_ahead_of_its_first_is_verified),
	PACKET_TEST(a_flood_of_flows_finds_room),
	PACKET_TEST(noise_harms_nobody),
	PACKET_TEST(disturbed_packets_harm_nobody),
};

int main(void)
{
	return PACKET_TESTS("hostile", tests);
}
