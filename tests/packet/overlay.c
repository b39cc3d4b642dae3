/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs on the overlay device. A test run gives from_overlay no tunnel key: what it does with one is left to the
 * end-to-end tests.
 */
#include "packet_test.h"

static struct spec from_host(const char *destination)
{
	bool v6 = strchr(destination, ':');

	return (struct spec){.source = v6 ? HOST6 : HOST4,
	                     .destination = destination,
	                     .protocol = PROTOCOL_UDP,
	                     .source_port = 40000,
	                     .destination_port = 53,
	                     .payload = 32};
}

static struct outcome leave(const struct spec *spec)
{
	struct frame frame = frame_build(spec);

	return run("to_overlay", DEVICE_TUNNEL, &frame);
}

static void the_host_reaches_another_nodes_pod(void **state)
{
	static const char *const remotes[] = {POD_C4, POD_C6};

	EVERY (i, remotes) {
		struct spec spec = from_host(remotes[i]);
		struct frame frame = frame_build(&spec);
		struct outcome outcome = run("to_overlay", DEVICE_TUNNEL, &frame);
		int direction;

		spec_key(&spec, &direction);
		assert_verdict(outcome, TC_ACT_UNSPEC);
		assert_bytes(outcome, 0, frame.bytes, frame.size);
		assert_int_equal(decision_of(&spec).origin, FLOW_FROM_STACK);
		assert_int_equal(decision_of(&spec).action, FLOW_TO_NODE);
		assert_int_equal(decision_of(&spec).target, NODE_PEER);
		assert_int_equal(flow_of(&spec).identity[direction], IDENTITY_HOST);
		assert_int_equal(flow_of(&spec).identity[!direction], IDENTITY_C);
	}
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_EGRESS), 2);
}

static void the_device_is_told_node_and_identity(void **state)
{
	struct spec spec = from_host(POD_C4);

	events_listen(1 << EVENT_TRACE);
	leave(&spec);
	leave(&spec);
	assert_int_equal(events_take(), 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(events[i].point, i % 2 ? TRACE_TO_OVERLAY : TRACE_FROM_HOST);
		assert_int_equal(events[i].node, NODE_PEER);
		assert_int_equal(events[i].vni, IDENTITY_HOST);
		assert_true(events[i].story & STORY_LEFT_TO_DEVICE);
	}
	assert_true(events[2].story & STORY_FLOW_HIT);
}

static void a_node_that_is_not_there_is_a_drop(void **state)
{
	struct spec spec = from_host(POD_D4);

	assert_dropped(leave(&spec), DROP_NO_TUNNEL_ENDPOINT, METRIC_EGRESS);
}

static void an_address_behind_no_node_is_a_drop(void **state)
{
	struct spec spec = from_host("10.9.9.9");

	assert_dropped(leave(&spec), DROP_NO_TUNNEL_ENDPOINT, METRIC_EGRESS);
}

static void a_moved_pod_is_followed(void **state)
{
	struct spec spec = from_host(POD_C4);
	struct prefix prefix;
	struct node node;

	leave(&spec);
	read_node(NODE_PEER, &node);
	assert_int_equal(addr_parse(STRANGER4, &node.remote), 0);
	assert_int_equal(node_map_set(rig.maps, NODE_MISSING, &node), 0);
	assert_int_equal(prefix_parse(POD_C4, &prefix), 0);
	assert_int_equal(
		ipcache_set(rig.maps, &prefix, &(struct ipcache_entry){.identity = IDENTITY_C, .node = NODE_MISSING}),
		0);
	assert_verdict(leave(&spec), TC_ACT_UNSPEC);
	assert_int_equal(decision_of(&spec).target, NODE_MISSING);
}

static void multicast_is_dropped_and_counted(void **state)
{
	struct spec spec = from_host("ff02::16");

	spec.protocol = PROTOCOL_ICMPV6;
	spec.type = 143;
	assert_dropped(leave(&spec), DROP_MULTICAST, METRIC_EGRESS);
	assert_int_equal(flow_count(), 0);
}

static void other_protocols_are_dropped_and_counted(void **state)
{
	struct spec spec = from_host(POD_C4);
	struct frame frame = frame_build(&spec);

	frame.bytes[13] = 0x06; /* ARP */
	assert_dropped(run("to_overlay", DEVICE_TUNNEL, &frame), DROP_UNSUPPORTED_L3, METRIC_EGRESS);
	assert_int_equal(metric_bytes(DROP_UNSUPPORTED_L3, METRIC_EGRESS), frame.size);
}

static void a_packet_of_no_sender_is_refused(void **state)
{
	struct spec spec = from_a(POD_C4, &(struct spec){.protocol = PROTOCOL_UDP}), arriving = spec_reply(&spec);
	struct frame frame = frame_build(&arriving);

	events_listen(1 << EVENT_DROP);
	assert_dropped(run("from_overlay", DEVICE_TUNNEL, &frame), DROP_UNKNOWN_SENDER, METRIC_INGRESS);
	assert_int_equal(metric_bytes(DROP_UNKNOWN_SENDER, METRIC_INGRESS), frame.size);
	assert_int_equal(events_take(), 1);
	assert_int_equal(events[0].point, TRACE_FROM_OVERLAY);
	assert_int_equal(events[0].length, frame.size);
	assert_int_equal(flow_count(), 0);
}

static const struct CMUnitTest tests[] = {
	PACKET_TEST(the_host_reaches_another_nodes_pod),
	PACKET_TEST(the_device_is_told_node_and_identity),
	PACKET_TEST(a_node_that_is_not_there_is_a_drop),
	PACKET_TEST(an_address_behind_no_node_is_a_drop),
	PACKET_TEST(a_moved_pod_is_followed),
	PACKET_TEST(multicast_is_dropped_and_counted),
	PACKET_TEST(other_protocols_are_dropped_and_counted),
	PACKET_TEST(a_packet_of_no_sender_is_refused),
};

int main(void)
{
	return PACKET_TESTS("overlay", tests);
}
