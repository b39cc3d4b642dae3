/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native routing: pods' packets to and from other nodes travel as they are.
 */
#include "services.h"

static const char *const remotes[] = {POD_C4, POD_C6};

static struct spec udp(const char *destination)
{
	return from_a(destination, &(struct spec){.protocol = PROTOCOL_UDP, .payload = 32});
}

/* c's packet to one of pod a's addresses. */
static struct spec from_c(size_t family, const struct spec *more)
{
	struct spec spec = from_a(remotes[family], more);

	spec = spec_reply(&spec);
	spec.source_mac = rig.pod_mac[DEVICE_WIRE];
	spec.destination_mac = rig.mac[DEVICE_WIRE];
	return spec;
}

static struct spec udp_from_c(size_t family)
{
	return from_c(family, &(struct spec){.protocol = PROTOCOL_UDP, .payload = 32});
}

static struct outcome send_out(const struct spec *spec)
{
	struct frame frame = frame_build(spec);

	return run("from_container", DEVICE_A, &frame);
}

static struct outcome receive(const struct spec *spec)
{
	struct frame frame = frame_build(spec);

	return run("from_netdev", DEVICE_WIRE, &frame);
}

/* The frame is the one that was sent, but for the MACs and a hop. */
static void assert_routed(const struct spec *sent, struct outcome *outcome, const uint8_t *to, const uint8_t *from)
{
	struct spec expected = *sent;
	struct frame frame;

	expected.destination_mac = to;
	expected.source_mac = from;
	expected.ttl = (sent->ttl ?: 64) - 1;
	frame = frame_build(&expected);
	assert_verdict(*outcome, TC_ACT_REDIRECT);
	assert_int_equal(outcome->frame.size, frame.size);
	assert_bytes(*outcome, 0, frame.bytes, frame.size);
}

static void to_another_node_goes_to_it_as_it_is(void **state)
{
	EVERY (i, remotes) {
		struct spec spec = udp(remotes[i]);

		for (int times = 0; times < 2; times++) {
			struct outcome outcome = send_out(&spec);

			assert_routed(&spec, &outcome, rig.pod_mac[DEVICE_WIRE], rig.mac[DEVICE_WIRE]);
		}
		assert_int_equal(decision_of(&spec).action, FLOW_TO_NODE);
		assert_int_equal(decision_of(&spec).target, NODE_PEER);
		assert_int_equal(traffic_of(&spec).packets, 2);
	}
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_EGRESS), 4);
}

static void it_is_told_as_sent_to_the_network(void **state)
{
	struct spec spec = udp(POD_C4);

	events_listen(1 << EVENT_TRACE);
	send_out(&spec);
	assert_int_equal(events_take(), 2);
	assert_int_equal(events[0].point, TRACE_FROM_ENDPOINT);
	assert_int_equal(events[1].point, TRACE_TO_NETWORK);
	assert_int_equal(events[1].ifindex, rig.ifindex[DEVICE_WIRE]);
	assert_int_equal(events[1].state, PACKET_NEW);
	assert_int_equal(events[1].node, NODE_PEER);
	assert_int_equal(events[1].vni, 0);
	assert_true(events[1].story & STORY_ROUTED);
	assert_int_equal(events[1].story & STORY_ENCAPSULATED, 0);
}

/* Once: to_netdev sees it next, but tells only what from_container has not. */
static void it_is_told_once(void **state)
{
	struct spec spec = udp(POD_C4);
	struct frame frame = frame_build(&spec);
	struct node node;

	send_out(&spec);
	events_listen(1 << EVENT_TRACE);
	assert_verdict(run("to_netdev", DEVICE_WIRE, &frame), TC_ACT_UNSPEC);
	assert_int_equal(events_take(), 0);
	read_node(NODE_PEER, &node);
	node.flags = 0; /* by the stack */
	assert_int_equal(node_map_set(rig.maps, NODE_PEER, &node), 0);
	assert_verdict(run("to_netdev", DEVICE_WIRE, &frame), TC_ACT_UNSPEC);
	assert_int_equal(events_take(), 1);
	assert_int_equal(events[0].point, TRACE_TO_NETWORK);
}

/* The stack answers what is too big or has come as far as it may, and knows the way to nodes that are no neighbours. */
static void assert_left_to_stack(const struct spec *spec)
{
	struct frame frame = frame_build(spec);
	struct outcome outcome = run("from_container", DEVICE_A, &frame);

	assert_verdict(outcome, TC_ACT_UNSPEC);
	assert_int_equal(outcome.frame.size, frame.size);
	assert_bytes(outcome, 0, frame.bytes, frame.size);
}

static void spent_hops_are_left_to_the_stack(void **state)
{
	EVERY (i, remotes) {
		struct spec spec = udp(remotes[i]);

		spec.ttl = 1;
		assert_left_to_stack(&spec);
		spec.ttl = 2;
		assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
	}
}

static void what_is_too_big_is_left_to_the_stack(void **state)
{
	EVERY (i, remotes) {
		struct spec spec = udp(remotes[i]);

		spec.payload = POD_MTU - (i ? 48 : 28);
		assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
		spec.payload++;
		assert_left_to_stack(&spec);
	}
}

static void what_is_no_neighbour_is_left_to_the_stack(void **state)
{
	static const uint32_t flags[] = {0, NODE_NEIGHBOUR_KNOWN, NODE_DIRECT};

	EVERY (i, flags) {
		struct spec spec = udp(POD_C4);
		struct node node;

		assert_int_equal(rig_reset(&rig), 0);
		assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
		read_node(NODE_PEER, &node);
		node.flags = flags[i];
		assert_int_equal(node_map_set(rig.maps, NODE_PEER, &node), 0);
		assert_left_to_stack(&spec); /* at once, on the flow that is open */
	}
}

static void from_another_node_reaches_the_pod(void **state)
{
	EVERY (i, remotes) {
		struct spec spec = udp_from_c(i);
		int direction;

		for (int times = 0; times < 2; times++) {
			struct outcome outcome = receive(&spec);

			assert_routed(&spec, &outcome, rig.pod_mac[DEVICE_A], rig.mac[DEVICE_A]);
		}
		spec_key(&spec, &direction);
		assert_int_equal(flow_of(&spec).identity[direction], IDENTITY_C);
		assert_int_equal(flow_of(&spec).identity[!direction], IDENTITY_A);
		assert_int_equal(decision_of(&spec).source, NODE_PEER);
		assert_int_equal(traffic_of(&spec).packets, 2);
	}
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_INGRESS), 4);
}

static void both_directions_share_the_flow(void **state)
{
	EVERY (i, remotes) {
		struct spec out = udp(remotes[i]), in = udp_from_c(i);

		assert_verdict(send_out(&out), TC_ACT_REDIRECT);
		assert_verdict(receive(&in), TC_ACT_REDIRECT);
		assert_int_equal(flow_count(), i + 1);
		assert_int_equal(traffic_of(&in).packets, 1);
	}
}

static void sums_carried_by_the_skb_stay_right(void **state)
{
	EVERY (i, remotes) {
		struct spec out = udp(remotes[i]), in = udp_from_c(i);
		struct frame frame = frame_build(&out);

		run_with_sum("from_container", DEVICE_A, &frame);
		frame = frame_build(&in);
		run_with_sum("from_netdev", DEVICE_WIRE, &frame);
	}
}

static void what_arrives_is_told(void **state)
{
	struct spec spec = udp_from_c(0);

	events_listen(1 << EVENT_TRACE);
	receive(&spec);
	assert_int_equal(events_take(), 2);
	assert_int_equal(events[0].point, TRACE_FROM_NETWORK);
	assert_int_equal(events[0].source_identity, IDENTITY_C);
	assert_int_equal(events[0].node, NODE_PEER);
	assert_int_equal(events[1].point, TRACE_TO_ENDPOINT);
	assert_int_equal(events[1].destination_endpoint, ID_A);
}

static void the_world_reaches_pods_too(void **state)
{
	static const char *const world[] = {WORLD4, WORLD6};

	EVERY (i, remotes) {
		struct spec spec = udp_from_c(i);
		int direction;

		spec.source = world[i];
		assert_verdict(receive(&spec), TC_ACT_REDIRECT);
		spec_key(&spec, &direction);
		assert_int_equal(flow_of(&spec).identity[direction], IDENTITY_WORLD);
		assert_int_equal(decision_of(&spec).source, 0);
	}
}

/* A pod that moved to another node: the epoch has told that who it is has changed. */
static void the_sender_is_who_the_ipcache_says_now(void **state)
{
	struct ipcache_entry entry = {.identity = 3003, .node = NODE_PEER};
	struct spec spec = udp_from_c(0);
	struct prefix prefix;
	int direction;

	receive(&spec);
	assert_int_equal(prefix_parse(POD_C4, &prefix), 0);
	assert_int_equal(ipcache_set(rig.maps, &prefix, &entry), 0);
	maps_bump_epoch(rig.maps);
	assert_verdict(receive(&spec), TC_ACT_REDIRECT);
	spec_key(&spec, &direction);
	assert_int_equal(flow_of(&spec).identity[direction], 3003);
}

static void this_nodes_addresses_do_not_come_from_outside(void **state)
{
	static const char *const sources[][2] = {{POD_B4, POD_B6}, {HOST4, HOST6}, {POD_A4, POD_A6}};

	EVERY (s, sources)
		EVERY (i, remotes) {
			struct spec spec = udp_from_c(i);

			spec.source = sources[s][i];
			assert_int_equal(rig_reset(&rig), 0);
			assert_dropped(receive(&spec), DROP_INVALID_SOURCE_IP, METRIC_INGRESS);
			assert_int_equal(flow_count(), 0);
		}
}

/* An open flow between two pods of this node lets nobody in from outside either. */
static void local_flows_are_not_entered_from_outside(void **state)
{
	struct spec spec = udp(POD_B4);

	assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
	spec.destination_mac = rig.mac[DEVICE_WIRE];
	assert_dropped(receive(&spec), DROP_INVALID_SOURCE_IP, METRIC_INGRESS);
	assert_int_equal(traffic_of(&spec).packets, 1);
}

static void assert_passes(const struct frame *frame)
{
	struct outcome outcome = run("from_netdev", DEVICE_WIRE, frame);

	assert_verdict(outcome, TC_ACT_UNSPEC);
	assert_int_equal(outcome.frame.size, frame->size);
	assert_bytes(outcome, 0, frame->bytes, frame->size);
	assert_int_equal(metric_drops(), 0);
	assert_int_equal(flow_count(), 0);
}

static void all_else_goes_on_as_it_came(void **state)
{
	static const char *const destinations[] = {HOST4, HOST6, WORLD4, POD_D6, "10.1.0.77"};

	EVERY (i, destinations) {
		struct spec spec = udp_from_c(strchr(destinations[i], ':') != NULL);
		struct frame frame;

		spec.destination = destinations[i];
		frame = frame_build(&spec);
		assert_passes(&frame);
		frame.bytes[13] = 0x06; /* ARP */
		assert_passes(&frame);
	}
}

static void later_fragments_for_the_host_go_on(void **state)
{
	struct spec spec = udp_from_c(0);
	struct frame frame;

	spec.destination = HOST4;
	spec.fragment_offset = 4;
	frame = frame_build(&spec);
	assert_passes(&frame);
}

static void another_hosts_frame_goes_on(void **state)
{
	struct spec spec = udp_from_c(0);
	struct frame frame;

	spec.destination_mac = rig.pod_mac[DEVICE_A];
	frame = frame_build(&spec);
	assert_passes(&frame);
}

/* There is no overlay: what looks like it is somebody else's. */
static void overlay_packets_are_not_ours(void **state)
{
	struct spec spec = udp_from_c(0);
	struct frame inner = frame_build(&spec),
		     frame = frame_encapsulate(&inner, &(struct tunnel){.source = PEER4,
	                                                                .destination = HOST4,
	                                                                .destination_mac = rig.mac[DEVICE_WIRE],
	                                                                .port = VXLAN_PORT,
	                                                                .vni = IDENTITY_C});

	assert_passes(&frame);
}

static void spent_hops_on_arrival_are_left_to_the_stack(void **state)
{
	struct spec spec = udp_from_c(0);
	struct frame frame;
	struct outcome outcome;

	spec.ttl = 1;
	frame = frame_build(&spec);
	outcome = run("from_netdev", DEVICE_WIRE, &frame);
	assert_verdict(outcome, TC_ACT_UNSPEC);
	assert_bytes(outcome, 0, frame.bytes, frame.size);
}

static void fragments_arrive_in_any_order(void **state)
{
	EVERY (i, remotes) {
		struct spec first = udp_from_c(i), later;

		first.fragment_id = 7;
		first.more_fragments = true;
		later = first;
		later.fragment_offset = 5;
		assert_verdict(receive(&later), TC_ACT_REDIRECT);
		assert_verdict(receive(&first), TC_ACT_REDIRECT);
		assert_verdict(receive(&later), TC_ACT_REDIRECT);
		assert_int_equal(traffic_of(&first).packets, 2);
	}
}

/* As of this node's router, behind which it knows nobody: as itself, it would be taken for a node. */
static void a_services_client_outside_is_no_node_to_another(void **state)
{
	struct spec spec = {
		.source_mac = rig.pod_mac[DEVICE_WIRE],
		.destination_mac = rig.mac[DEVICE_WIRE],
		.source = WORLD4,
		.destination = HOST4,
		.protocol = PROTOCOL_TCP,
		.tcp_flags = TCP_SYN,
		.source_port = 40000,
		.destination_port = 30080,
	};
	struct spec detoured = spec, answer, expected = spec_reply(&spec);
	struct frame frame;
	struct outcome outcome;

	services_clear();
	SERVICE(.addr = "0.0.0.0", .port = 30080, .flags = SERVICE_EXTERNAL, .backends = {{POD_C4, 8080}});
	detoured.source = OVERLAY4;
	detoured.destination = POD_C4;
	detoured.destination_port = 8080;
	answer = spec_reply(&detoured);
	answer.source_mac = spec.source_mac;
	answer.destination_mac = spec.destination_mac;
	detoured.ttl = expected.ttl = 63;
	outcome = receive(&spec);
	assert_verdict(outcome, TC_ACT_REDIRECT);
	frame = frame_build(&detoured);
	assert_bytes(outcome, ETH_HLEN, frame.bytes + ETH_HLEN, frame.size - ETH_HLEN);
	outcome = receive(&answer);
	assert_verdict(outcome, TC_ACT_REDIRECT);
	frame = frame_build(&expected);
	assert_bytes(outcome, ETH_HLEN, frame.bytes + ETH_HLEN, frame.size - ETH_HLEN);
}

static const struct CMUnitTest tests[] = {
	PACKET_TEST(to_another_node_goes_to_it_as_it_is),
	PACKET_TEST(it_is_told_as_sent_to_the_network),
	PACKET_TEST(it_is_told_once),
	PACKET_TEST(spent_hops_are_left_to_the_stack),
	PACKET_TEST(what_is_too_big_is_left_to_the_stack),
	PACKET_TEST(what_is_no_neighbour_is_left_to_the_stack),
	PACKET_TEST(from_another_node_reaches_the_pod),
	PACKET_TEST(both_directions_share_the_flow),
	PACKET_TEST(sums_carried_by_the_skb_stay_right),
	PACKET_TEST(what_arrives_is_told),
	PACKET_TEST(the_world_reaches_pods_too),
	PACKET_TEST(the_sender_is_who_the_ipcache_says_now),
	PACKET_TEST(this_nodes_addresses_do_not_come_from_outside),
	PACKET_TEST(local_flows_are_not_entered_from_outside),
	PACKET_TEST(all_else_goes_on_as_it_came),
	PACKET_TEST(later_fragments_for_the_host_go_on),
	PACKET_TEST(another_hosts_frame_goes_on),
	PACKET_TEST(overlay_packets_are_not_ours),
	PACKET_TEST(spent_hops_on_arrival_are_left_to_the_stack),
	PACKET_TEST(fragments_arrive_in_any_order),
	PACKET_TEST(a_services_client_outside_is_no_node_to_another),
};

int main(void)
{
	return packet_tests_run("native", tests, sizeof(tests) / sizeof(tests[0]), &(struct node_config){.native = 1});
}
