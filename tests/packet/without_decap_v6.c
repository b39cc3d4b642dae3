/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On kernels that cannot take IPv6 out of IPv4 (before 6.3) the uplink leaves it to the overlay device, and only it.
 */
#include "packet_test.h"

static struct frame from_peer(const char *source, const char *destination)
{
	struct frame inner =
		FRAME(.source = source, .destination = destination, .protocol = PROTOCOL_UDP, .payload = 32);

	return frame_encapsulate(&inner, &(struct tunnel){.source = PEER4,
	                                                  .destination = HOST4,
	                                                  .destination_mac = rig.mac[DEVICE_WIRE],
	                                                  .port = VXLAN_PORT,
	                                                  .vni = IDENTITY_C});
}

static void ipv6_is_left_to_the_device(void **state)
{
	struct frame frame = from_peer(POD_C6, POD_A6);
	struct outcome outcome = run("from_netdev", DEVICE_WIRE, &frame);

	assert_verdict(outcome, TC_ACT_UNSPEC);
	assert_int_equal(outcome.frame.size, frame.size);
	assert_bytes(outcome, 0, frame.bytes, frame.size);
	assert_int_equal(flow_count(), 0);
	assert_int_equal(metric_drops(), 0);
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_INGRESS), 0);
}

static void what_is_left_is_told(void **state)
{
	struct frame frame = from_peer(POD_C6, POD_A6);

	events_listen(1 << EVENT_TRACE);
	run("from_netdev", DEVICE_WIRE, &frame);
	assert_int_equal(events_take(), 1);
	assert_int_equal(events[0].point, TRACE_FROM_NETWORK);
	assert_true(events[0].story & STORY_LEFT_TO_DEVICE);
}

static void ipv6_is_left_on_a_known_flow(void **state)
{
	struct spec spec = from_a(POD_C6, &(struct spec){.protocol = PROTOCOL_UDP});
	struct frame frame = frame_build(&spec);

	run("from_container", DEVICE_A, &frame);
	frame = from_peer(POD_C6, POD_A6);
	assert_verdict(run("from_netdev", DEVICE_WIRE, &frame), TC_ACT_UNSPEC);
}

static void ipv4_is_taken(void **state)
{
	struct frame frame = from_peer(POD_C4, POD_A4);
	struct outcome outcome = run("from_netdev", DEVICE_WIRE, &frame);

	assert_verdict(outcome, TC_ACT_REDIRECT);
	assert_int_equal(outcome.frame.size, frame.size - OVERLAY_ROOM);
}

static const struct CMUnitTest tests[] = {
	PACKET_TEST(ipv6_is_left_to_the_device),
	PACKET_TEST(what_is_left_is_told),
	PACKET_TEST(ipv6_is_left_on_a_known_flow),
	PACKET_TEST(ipv4_is_taken),
};

int main(void)
{
	return packet_tests_run("without_decap_v6", tests, sizeof(tests) / sizeof(tests[0]), &(struct node_config){});
}
