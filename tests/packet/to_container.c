/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reaches a pod through the host's stack: the host's own packets and the world's.
 */
#include "packet_test.h"

#define PROGRAM "to_container"

/* From `source` to pod a's address of the same family. */
static struct spec to_a(const char *source, const struct spec *more)
{
	struct spec spec = from_a(source, more);

	return spec_reply(&spec);
}

static struct outcome arrive(const struct spec *spec)
{
	struct frame frame = frame_build(spec);

	return run(PROGRAM, DEVICE_A, &frame);
}

static struct outcome answer(const struct spec *spec)
{
	struct spec reply = spec_reply(spec);
	struct frame frame;

	reply.source_mac = rig.pod_mac[DEVICE_A];
	frame = frame_build(&reply);
	return run("from_container", DEVICE_A, &frame);
}

static uint32_t identity_of_source(const struct spec *spec)
{
	struct flow flow = flow_of(spec);
	int direction;

	spec_key(spec, &direction);
	return flow.identity[direction];
}

static void the_host_reaches_the_pod(void **state)
{
	static const char *const hosts[] = {HOST4, HOST6};

	EVERY (i, hosts) {
		struct spec spec = to_a(hosts[i], &(struct spec){.protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN});

		assert_verdict(arrive(&spec), TC_ACT_UNSPEC);
		assert_int_equal(identity_of_source(&spec), IDENTITY_HOST);
		assert_int_equal(decision_of(&spec).origin, FLOW_FROM_STACK);
		assert_int_equal(decision_of(&spec).action, FLOW_TO_ENDPOINT);
		assert_int_equal(decision_of(&spec).target, ID_A);
	}
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_INGRESS), 2);
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_EGRESS), 0);
}

/* Nobody on the underlay speaks for a pod of another node. */
static void other_nodes_pods_do_not_come_through_the_stack(void **state)
{
	static const char *const pods[] = {POD_C4, POD_C6};

	EVERY (i, pods) {
		struct spec spec = to_a(pods[i], &(struct spec){.protocol = PROTOCOL_UDP});

		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(arrive(&spec), DROP_INVALID_SOURCE_IP, METRIC_INGRESS);
		assert_int_equal(flow_count(), 0);
		answer(&spec); /* nor on an open flow */
		assert_verdict(arrive(&spec), TC_ACT_SHOT);
	}
}

static void the_world_is_the_world(void **state)
{
	static const char *const worlds[] = {WORLD4, WORLD6};

	EVERY (i, worlds) {
		struct spec spec = to_a(worlds[i], &(struct spec){.protocol = PROTOCOL_UDP});

		assert_verdict(arrive(&spec), TC_ACT_UNSPEC);
		assert_int_equal(identity_of_source(&spec), IDENTITY_WORLD);
	}
}

static void another_node_is_a_remote_node(void **state)
{
	struct spec spec = to_a(PEER4, &(struct spec){.protocol = PROTOCOL_UDP});

	assert_verdict(arrive(&spec), TC_ACT_UNSPEC);
	assert_int_equal(identity_of_source(&spec), IDENTITY_REMOTE_NODE);
}

static void the_pod_has_its_own_identity(void **state)
{
	struct spec spec = to_a(HOST4, &(struct spec){.protocol = PROTOCOL_UDP});
	struct spec reply = spec_reply(&spec);

	arrive(&spec);
	assert_int_equal(identity_of_source(&reply), IDENTITY_A);
}

static void the_frame_is_left_as_it_is(void **state)
{
	struct spec spec = to_a(HOST4, &(struct spec){.protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN});
	struct frame frame = frame_build(&spec);
	struct outcome outcome = run(PROGRAM, DEVICE_A, &frame);

	assert_int_equal(outcome.frame.size, frame.size);
	assert_bytes(outcome, 0, frame.bytes, frame.size);
}

static void the_answer_shares_the_flow_and_goes_back(void **state)
{
	struct spec spec = to_a(HOST4, &(struct spec){.protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN});
	struct spec reply = spec_reply(&spec);
	int direction;

	arrive(&spec);
	assert_verdict(answer(&spec), TC_ACT_UNSPEC);
	assert_int_equal(flow_count(), 1);
	assert_int_equal(decision_of(&reply).action, FLOW_TO_STACK);
	spec_key(&spec, &direction);
	assert_int_equal(flow_of(&spec).initiator, direction);
}

static void the_established_packet_uses_the_decision(void **state)
{
	struct spec spec = to_a(HOST4, &(struct spec){.protocol = PROTOCOL_TCP, .tcp_flags = TCP_ACK});

	events_listen(1 << EVENT_TRACE);
	arrive(&spec);
	arrive(&spec);
	assert_int_equal(events_take(), 4);
	assert_int_equal(events[0].point, TRACE_FROM_HOST);
	assert_int_equal(events[1].point, TRACE_TO_ENDPOINT);
	assert_int_equal(events[1].destination_endpoint, ID_A);
	assert_true(events[0].story & STORY_FLOW_CREATED);
	assert_true(events[2].story & STORY_FLOW_HIT);
	assert_int_equal(traffic_of(&spec).packets, 2);
}

static void a_new_epoch_decides_anew(void **state)
{
	struct spec spec = to_a(HOST4, &(struct spec){.protocol = PROTOCOL_UDP});

	arrive(&spec);
	assert_int_equal(forget_address(HOST4), 0);
	assert_int_equal(forget_prefix(HOST4), 0);
	assert_verdict(arrive(&spec), TC_ACT_UNSPEC);
	assert_int_equal(identity_of_source(&spec), IDENTITY_HOST);
	maps_bump_epoch(rig.maps);
	assert_verdict(arrive(&spec), TC_ACT_UNSPEC);
	assert_int_equal(identity_of_source(&spec), IDENTITY_WORLD);
	assert_int_equal(traffic_of(&spec).packets, 3);
}

/* Forged from outside with the addresses of two local pods: the flow goes back to its owner with his next packet. */
static void a_forged_packet_does_not_keep_a_pods_flow(void **state)
{
	struct spec spec = from_a(POD_B4, &(struct spec){.protocol = PROTOCOL_UDP});
	struct frame frame = frame_build(&spec);

	run("from_container", DEVICE_A, &frame);
	run(PROGRAM, DEVICE_B, &frame);
	assert_verdict(run("from_container", DEVICE_A, &frame), TC_ACT_REDIRECT);
	assert_int_equal(decision_of(&spec).origin, FLOW_FROM_ENDPOINT);
	assert_int_equal(decision_of(&spec).source, ID_A);
}

static void neighbour_discovery_passes(void **state)
{
	static const struct spec housekeeping[] = {
		{.source = "fe80::1", .destination = "ff02::1:ff00:1", .protocol = PROTOCOL_ICMPV6, .type = 135},
		{.source = "fe80::1",
	         .destination = "ff02::16",
	         .protocol = PROTOCOL_ICMPV6,
	         .type = 143,
	         .extensions = 1},
		{.source = "fe80::1", .destination = "ff02::fb", .protocol = PROTOCOL_UDP, .destination_port = 5353},
		{.source = HOST4, .destination = "224.0.0.251", .protocol = PROTOCOL_UDP, .destination_port = 5353},
		{.source = HOST4, .destination = "224.0.0.22", .protocol = 2, .options = 4}, /* IGMP */
		{.source = HOST4, .destination = "255.255.255.255", .protocol = PROTOCOL_UDP},
	};

	EVERY (i, housekeeping) {
		struct frame frame = frame_build(&housekeeping[i]);

		assert_verdict(run(PROGRAM, DEVICE_A, &frame), TC_ACT_UNSPEC);
	}
	assert_int_equal(metric_drops(), 0);
	assert_int_equal(flow_count(), 0);
}

static void arp_passes(void **state)
{
	struct frame frame = FRAME(.source = HOST4, .destination = POD_A4, .protocol = PROTOCOL_UDP, .payload = 20);

	frame.bytes[12] = ETH_P_ARP >> 8;
	frame.bytes[13] = ETH_P_ARP & 0xff;
	assert_verdict(run(PROGRAM, DEVICE_A, &frame), TC_ACT_UNSPEC);
	assert_int_equal(metric_drops(), 0);
}

static void unknown_protocols_are_dropped(void **state)
{
	struct spec spec = to_a(WORLD4, &(struct spec){.protocol = 47});

	assert_dropped(arrive(&spec), DROP_UNKNOWN_L4, METRIC_INGRESS);
}

static void fragments_arrive_in_any_order(void **state)
{
	struct spec spec = to_a(WORLD4,
	                        &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 5, .more_fragments = true}),
		    later = spec, portless = spec;

	later.fragment_offset = 4;
	portless.source_port = portless.destination_port = 0;
	assert_verdict(arrive(&later), TC_ACT_UNSPEC);
	assert_int_equal(traffic_of(&portless).packets, 1);
	assert_verdict(arrive(&spec), TC_ACT_UNSPEC);
	assert_verdict(arrive(&later), TC_ACT_UNSPEC);
	assert_int_equal(traffic_of(&spec).packets, 2);
}

static void an_error_of_a_router_is_related(void **state)
{
	struct spec out = from_a(WORLD4, &(struct spec){.protocol = PROTOCOL_UDP});
	struct frame frame = frame_build(&out), error = FRAME(.source = GATEWAY4, .destination = POD_A4,
	                                                      .protocol = PROTOCOL_ICMP, .type = 11, .quote = &frame);

	run("from_container", DEVICE_A, &frame);
	events_listen(1 << EVENT_TRACE);
	assert_verdict(run(PROGRAM, DEVICE_A, &error), TC_ACT_UNSPEC);
	assert_int_equal(events_take(), 2);
	assert_int_equal(events[0].state, PACKET_RELATED);
	assert_int_equal(flow_count(), 1);
}

static const struct CMUnitTest tests[] = {
	PACKET_TEST(the_host_reaches_the_pod),
	PACKET_TEST(other_nodes_pods_do_not_come_through_the_stack),
	PACKET_TEST(the_world_is_the_world),
	PACKET_TEST(another_node_is_a_remote_node),
	PACKET_TEST(the_pod_has_its_own_identity),
	PACKET_TEST(the_frame_is_left_as_it_is),
	PACKET_TEST(the_answer_shares_the_flow_and_goes_back),
	PACKET_TEST(the_established_packet_uses_the_decision),
	PACKET_TEST(a_new_epoch_decides_anew),
	PACKET_TEST(a_forged_packet_does_not_keep_a_pods_flow),
	PACKET_TEST(neighbour_discovery_passes),
	PACKET_TEST(arp_passes),
	PACKET_TEST(unknown_protocols_are_dropped),
	PACKET_TEST(fragments_arrive_in_any_order),
	PACKET_TEST(an_error_of_a_router_is_related),
};

int main(void)
{
	return PACKET_TESTS("to_container", tests);
}
