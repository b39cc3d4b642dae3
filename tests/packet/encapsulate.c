/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's packets to another node: what from_container writes around them, byte by byte.
 */
#include "packet_test.h"

#include <arpa/inet.h>

static const char *const remotes[] = {POD_C4, POD_C6};

static struct spec udp(const char *destination)
{
	return from_a(destination, &(struct spec){.protocol = PROTOCOL_UDP});
}

static struct outcome encapsulate(const struct frame *frame)
{
	return run("from_container", DEVICE_A, frame);
}

static uint16_t field16(const struct outcome *outcome, size_t offset)
{
	return outcome->frame.bytes[offset] << 8 | outcome->frame.bytes[offset + 1];
}

static void to_another_node_is_encapsulated(void **state)
{
	EVERY (i, remotes) {
		struct spec spec = udp(remotes[i]);
		struct frame frame = frame_build(&spec);
		struct outcome outcome = encapsulate(&frame);

		assert_verdict(outcome, TC_ACT_REDIRECT);
		assert_int_equal(outcome.frame.size, frame.size + OVERLAY_ROOM);
		assert_int_equal(decision_of(&spec).action, FLOW_TO_NODE);
		assert_int_equal(decision_of(&spec).target, NODE_PEER);
	}
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_EGRESS), 2);
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_INGRESS), 0);
}

static void the_outer_frame_goes_to_the_next_hop(void **state)
{
	static const uint8_t ipv4[] = {0x08, 0x00};
	struct spec spec = udp(POD_C4);
	struct frame frame = frame_build(&spec);
	struct outcome outcome = encapsulate(&frame);

	assert_bytes(outcome, 0, rig.pod_mac[DEVICE_WIRE], ETH_ALEN);
	assert_bytes(outcome, ETH_ALEN, rig.mac[DEVICE_WIRE], ETH_ALEN);
	assert_bytes(outcome, 2 * ETH_ALEN, ipv4, sizeof(ipv4));
}

static void the_outer_ip_header_is_right(void **state)
{
	EVERY (i, remotes) {
		struct spec spec = udp(remotes[i]);
		struct frame frame = frame_build(&spec);
		struct outcome outcome = encapsulate(&frame);
		struct iphdr *ip = frame_ipv4(&outcome.frame);

		assert_int_equal(outcome.frame.bytes[ETH_HLEN], 0x45);
		assert_int_equal(ntohs(ip->tot_len), frame.size + OVERLAY_ROOM - ETH_HLEN);
		assert_int_equal(ntohs(ip->frag_off), 0x4000); /* do not fragment */
		assert_int_equal(ip->ttl, 64);
		assert_int_equal(ip->protocol, PROTOCOL_UDP);
		assert_int_equal(ip->saddr, inet_addr(HOST4));
		assert_int_equal(ip->daddr, inet_addr(PEER4));
		assert_int_equal(frame_verify_ipv4(&outcome.frame), 0xffff);
	}
}

/* The sum's folds are only all taken with many lengths. */
static void the_outer_checksum_is_right_for_every_length(void **state)
{
	for (uint16_t payload = 0; payload <= POD_MTU - 28; payload += 3) {
		struct spec spec = udp(POD_C4);
		struct frame frame;
		struct outcome outcome;

		spec.payload = payload;
		frame = frame_build(&spec);
		outcome = encapsulate(&frame);
		assert_verdict(outcome, TC_ACT_REDIRECT);
		assert_int_equal(frame_verify_ipv4(&outcome.frame), 0xffff);
	}
}

static void the_outer_udp_header_is_right(void **state)
{
	struct spec spec = udp(POD_C4);
	struct frame frame = frame_build(&spec);
	struct outcome outcome = encapsulate(&frame);

	assert_in_range(field16(&outcome, 34), 32768, 49151);
	assert_int_equal(field16(&outcome, 36), VXLAN_PORT);
	assert_int_equal(field16(&outcome, 38), frame.size + 16);
	assert_int_equal(field16(&outcome, 40), 0); /* RFC 7348: no checksum */
}

static void the_vni_is_the_senders_identity(void **state)
{
	static const uint8_t vxlan[] = {0x08, 0, 0, 0, 0, IDENTITY_A >> 8, IDENTITY_A & 0xff, 0};
	struct spec spec = udp(POD_C4);
	struct frame frame = frame_build(&spec);
	struct outcome outcome = encapsulate(&frame);

	assert_bytes(outcome, 42, vxlan, sizeof(vxlan));
}

static void the_established_packet_is_encapsulated_alike(void **state)
{
	EVERY (i, remotes) {
		struct spec spec = udp(remotes[i]);
		struct frame frame = frame_build(&spec);
		struct outcome first = encapsulate(&frame), second = encapsulate(&frame);

		assert_int_equal(first.frame.size, second.frame.size);
		assert_bytes(first, 0, second.frame.bytes, first.frame.size);
		assert_int_equal(traffic_of(&spec).packets, 2);
		assert_int_equal(traffic_of(&spec).bytes, 2 * frame.size);
	}
}

static void the_inner_packet_is_untouched(void **state)
{
	EVERY (i, remotes) {
		struct spec spec = udp(remotes[i]);
		struct frame frame = frame_build(&spec), inner;
		struct outcome outcome = encapsulate(&frame);

		inner = frame_inner(&outcome.frame);
		assert_int_equal(inner.size, frame.size);
		assert_memory_equal(inner.bytes + 2 * ETH_ALEN, frame.bytes + 2 * ETH_ALEN, frame.size - 2 * ETH_ALEN);
		assert_int_equal(inner.bytes[0] & 1, 0); /* for one receiver */
	}
}

static uint16_t source_port(const char *destination, uint16_t port)
{
	struct spec spec = udp(destination);
	struct frame frame;
	struct outcome outcome;

	spec.source_port = port;
	frame = frame_build(&spec);
	outcome = encapsulate(&frame);
	assert_verdict(outcome, TC_ACT_REDIRECT);
	return field16(&outcome, 34);
}

static void the_source_port_tells_flows_apart(void **state)
{
	EVERY (i, remotes) {
		unsigned same = 0;

		for (uint16_t port = 1; port <= 256; port++)
			same += source_port(remotes[i], port) == source_port(remotes[i], port + 1000);
		assert_in_range(same, 0, 4); /* by chance: 256 in 16384 */
	}
}

static void the_source_port_stays_in_its_range(void **state)
{
	for (uint16_t port = 1; port <= 512; port++)
		assert_in_range(source_port(POD_C6, port), 32768, 49151);
}

/* The peer's pod sends from node to node; what it would hash to there must be what its answer hashes to here. */
static void the_hash_is_that_of_both_directions(void **state)
{
	struct spec there = udp(POD_C4), back;
	struct frame frame = frame_build(&there);

	events_listen(1 << EVENT_TRACE);
	encapsulate(&frame);
	assert_true(events_take() > 0);
	uint32_t hash = events[0].hash;

	back = spec_reply(&there);
	frame = frame_build(&back);
	frame = frame_encapsulate(&frame, &(struct tunnel){.source = PEER4,
	                                                   .destination = HOST4,
	                                                   .destination_mac = rig.mac[DEVICE_WIRE],
	                                                   .port = VXLAN_PORT,
	                                                   .vni = IDENTITY_C});
	assert_verdict(run("from_netdev", DEVICE_WIRE, &frame), TC_ACT_REDIRECT);
	assert_true(events_take() > 0);
	assert_int_equal(events[0].hash, hash);
}

static void what_just_fits_is_sent(void **state)
{
	static const uint16_t headers[] = {28, 48};

	EVERY (i, remotes) {
		struct spec spec = udp(remotes[i]);
		struct frame frame;

		spec.payload = POD_MTU - headers[i];
		frame = frame_build(&spec);
		assert_verdict(encapsulate(&frame), TC_ACT_REDIRECT);
	}
}

static void what_is_too_big_is_left_to_the_stack(void **state)
{
	struct spec spec = udp(POD_C4);
	struct frame frame;

	spec.payload = POD_MTU - 28 + 1;
	frame = frame_build(&spec);
	events_listen(1 << EVENT_TRACE | 1 << EVENT_DROP);
	assert_verdict(encapsulate(&frame), TC_ACT_UNSPEC);
	/* It was not sent: nobody is told that it was. */
	assert_int_equal(events_take(), 2);
	assert_int_equal(events[0].point, TRACE_FROM_ENDPOINT);
	assert_int_equal(events[1].point, TRACE_TO_STACK);
	assert_int_equal(events[1].story & STORY_ENCAPSULATED, 0);
}

static void ipv6_too_big_is_left_to_the_stack(void **state)
{
	struct spec spec = udp(POD_C6);
	struct frame frame;

	spec.payload = POD_MTU - 48 + 1;
	frame = frame_build(&spec);
	assert_verdict(encapsulate(&frame), TC_ACT_UNSPEC);
}

static void without_a_known_neighbour_the_kernel_looks_it_up(void **state)
{
	struct spec spec = udp(POD_C4);
	struct frame frame = frame_build(&spec);
	struct node node;
	uint32_t id = NODE_PEER;

	read_node(id, &node);
	node.flags = 0;
	assert_int_equal(node_map_set(rig.maps, id, &node), 0);
	events_listen(1 << EVENT_TRACE);
	assert_verdict(encapsulate(&frame), TC_ACT_REDIRECT);
	assert_int_equal(events_take(), 2);
	assert_true(events[1].story & STORY_NEIGHBOUR_LOOKUP);
}

static void a_new_next_hop_is_followed_at_once(void **state)
{
	static const uint8_t mac[ETH_ALEN] = {2, 0, 0, 0, 9, 9};
	struct spec spec = udp(POD_C4);
	struct frame frame = frame_build(&spec);
	struct outcome outcome;
	struct node node;

	encapsulate(&frame);
	read_node(NODE_PEER, &node);
	memcpy(node.next_hop_mac, mac, sizeof(mac));
	assert_int_equal(node_map_set(rig.maps, NODE_PEER, &node), 0);
	outcome = encapsulate(&frame);
	assert_bytes(outcome, 0, mac, sizeof(mac));
}

static void a_node_that_is_not_there_is_a_drop(void **state)
{
	struct spec spec = udp(POD_D4);
	struct frame frame = frame_build(&spec);

	assert_dropped(encapsulate(&frame), DROP_NO_TUNNEL_ENDPOINT, METRIC_EGRESS);
}

static void a_node_that_has_left_is_a_drop(void **state)
{
	struct spec spec = udp(POD_C4);
	struct frame frame = frame_build(&spec);

	assert_verdict(encapsulate(&frame), TC_ACT_REDIRECT);
	assert_int_equal(node_map_clear(rig.maps, NODE_PEER), 0);
	assert_dropped(encapsulate(&frame), DROP_NO_TUNNEL_ENDPOINT, METRIC_EGRESS);
}

static void a_moved_pod_is_followed_in_the_next_epoch(void **state)
{
	struct spec spec = udp(POD_C4);
	struct frame frame = frame_build(&spec);
	struct prefix prefix;

	encapsulate(&frame);
	assert_int_equal(prefix_parse(POD_C4, &prefix), 0);
	assert_int_equal(
		ipcache_set(rig.maps, &prefix, &(struct ipcache_entry){.identity = IDENTITY_C, .node = NODE_MISSING}),
		0);
	maps_bump_epoch(rig.maps);
	assert_dropped(encapsulate(&frame), DROP_NO_TUNNEL_ENDPOINT, METRIC_EGRESS);
}

static const struct CMUnitTest tests[] = {
	PACKET_TEST(to_another_node_is_encapsulated),
	PACKET_TEST(the_outer_frame_goes_to_the_next_hop),
	PACKET_TEST(the_outer_ip_header_is_right),
	PACKET_TEST(the_outer_checksum_is_right_for_every_length),
	PACKET_TEST(the_outer_udp_header_is_right),
	PACKET_TEST(the_vni_is_the_senders_identity),
	PACKET_TEST(the_established_packet_is_encapsulated_alike),
	PACKET_TEST(the_inner_packet_is_untouched),
	PACKET_TEST(the_source_port_tells_flows_apart),
	PACKET_TEST(the_source_port_stays_in_its_range),
	PACKET_TEST(the_hash_is_that_of_both_directions),
	PACKET_TEST(what_just_fits_is_sent),
	PACKET_TEST(what_is_too_big_is_left_to_the_stack),
	PACKET_TEST(ipv6_too_big_is_left_to_the_stack),
	PACKET_TEST(without_a_known_neighbour_the_kernel_looks_it_up),
	PACKET_TEST(a_new_next_hop_is_followed_at_once),
	PACKET_TEST(a_node_that_is_not_there_is_a_drop),
	PACKET_TEST(a_node_that_has_left_is_a_drop),
	PACKET_TEST(a_moved_pod_is_followed_in_the_next_epoch),
};

int main(void)
{
	return PACKET_TESTS("encapsulate", tests);
}
