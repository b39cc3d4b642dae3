/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arrives on the uplink: taken out of the overlay when a known node sent it for a pod of this node, else left
 * alone or refused.
 */
#include "packet_test.h"

#define PROGRAM "from_netdev"

static const char *const pods[] = {POD_A4, POD_A6};

/* Kernels before 6.3 cannot take IPv6 out of IPv4: without_decap_v6.c. */
static size_t pod_count(void)
{
	return rig.config.decap_v6 ? 2 : 1;
}

static void needs_decap_v6(void)
{
	if (!rig.config.decap_v6)
		skip();
}

/* c's packet to one of pod a's addresses. */
static struct spec from_c(const char *destination, const struct spec *more)
{
	struct spec spec = from_a(strchr(destination, ':') ? POD_C6 : POD_C4, more);

	return spec_reply(&spec);
}

static struct spec udp(const char *destination)
{
	return from_c(destination, &(struct spec){.protocol = PROTOCOL_UDP});
}

/* The peer's outer headers. */
static struct tunnel peer(void)
{
	return (struct tunnel){.source_mac = rig.pod_mac[DEVICE_WIRE],
	                       .destination_mac = rig.mac[DEVICE_WIRE],
	                       .source = PEER4,
	                       .destination = HOST4,
	                       .port = VXLAN_PORT,
	                       .vni = IDENTITY_C};
}

static struct outcome receive(const struct frame *frame)
{
	return run(PROGRAM, DEVICE_WIRE, frame);
}

static struct outcome receive_by(const struct spec *spec, const struct tunnel *tunnel)
{
	struct frame inner = frame_build(spec), frame = frame_encapsulate(&inner, tunnel);

	return receive(&frame);
}

static struct outcome receive_from_peer(const struct spec *spec)
{
	struct tunnel tunnel = peer();

	return receive_by(spec, &tunnel);
}

static void a_known_nodes_packet_reaches_the_pod(void **state)
{
	static const struct spec protocols[] = {
		{.protocol = PROTOCOL_UDP},
		{.protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN},
		{.protocol = PROTOCOL_SCTP},
	};

	for (size_t i = 0; i < pod_count(); i++) {
		EVERY (j, protocols) {
			struct spec spec = from_c(pods[i], &protocols[j]);

			assert_verdict(receive_from_peer(&spec), TC_ACT_REDIRECT);
			assert_int_equal(decision_of(&spec).action, FLOW_TO_ENDPOINT);
			assert_int_equal(decision_of(&spec).target, ID_A);
			assert_int_equal(decision_of(&spec).origin, FLOW_FROM_NODE);
			assert_int_equal(decision_of(&spec).source, NODE_PEER);
		}
	}
	assert_int_equal(metric_drops(), 0);
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_INGRESS), 3 * pod_count());
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_EGRESS), 0);
}

static void the_way_back_is_decided_with_the_way_there(void **state)
{
	struct spec spec = udp(POD_A4), back = spec_reply(&spec);
	struct flow_decision decision;

	receive_from_peer(&spec);
	decision = decision_of(&back);
	assert_int_equal(decision.origin, FLOW_FROM_ENDPOINT);
	assert_int_equal(decision.source, ID_A);
	assert_int_equal(decision.action, FLOW_TO_NODE);
	assert_int_equal(decision.target, NODE_PEER);
}

static void the_frame_is_the_senders_but_for_macs_and_ttl(void **state)
{
	for (size_t i = 0; i < pod_count(); i++) {
		struct spec spec = udp(pods[i]);
		struct frame inner = frame_build(&spec);
		struct outcome outcome = receive_from_peer(&spec);

		assert_int_equal(outcome.frame.size, inner.size);
		assert_bytes(outcome, 0, rig.pod_mac[DEVICE_A], ETH_ALEN);
		assert_bytes(outcome, ETH_ALEN, rig.mac[DEVICE_A], ETH_ALEN);
		assert_bytes(outcome, 2 * ETH_ALEN, inner.bytes + 2 * ETH_ALEN, 2);
		assert_bytes(outcome, inner.transport, inner.bytes + inner.transport, inner.size - inner.transport);
	}
}

static void a_hop_is_taken(void **state)
{
	struct spec v4 = udp(POD_A4), v6 = udp(POD_A6);
	struct outcome outcome = receive_from_peer(&v4);

	assert_int_equal(frame_ipv4(&outcome.frame)->ttl, 63);
	assert_int_equal(frame_verify_ipv4(&outcome.frame), 0xffff);
	needs_decap_v6();
	outcome = receive_from_peer(&v6);
	assert_int_equal(frame_ipv6(&outcome.frame)->hop_limit, 63);
}

static void the_last_hop_is_left_to_the_device(void **state)
{
	struct spec spec = udp(POD_A4);

	spec.ttl = 1;
	assert_verdict(receive_from_peer(&spec), TC_ACT_UNSPEC);
}

static void sums_carried_by_the_skb_stay_right(void **state)
{
	for (size_t i = 0; i < pod_count(); i++) {
		struct spec spec = udp(pods[i]);
		struct tunnel tunnel = peer();
		struct frame inner = frame_build(&spec), frame = frame_encapsulate(&inner, &tunnel);

		run_with_sum(PROGRAM, DEVICE_WIRE, &frame);
	}
}

static void the_established_packet_uses_the_decision(void **state)
{
	for (size_t i = 0; i < pod_count(); i++) {
		struct spec spec = udp(pods[i]);
		struct frame inner = frame_build(&spec);

		events_listen(1 << EVENT_TRACE);
		receive_from_peer(&spec);
		assert_verdict(receive_from_peer(&spec), TC_ACT_REDIRECT);
		assert_int_equal(events_take(), 4);
		assert_true(events[0].story & STORY_FLOW_CREATED);
		assert_int_equal(events[2].story & (STORY_FLOW_HIT | STORY_FLOW_CREATED), STORY_FLOW_HIT);
		assert_int_equal(traffic_of(&spec).packets, 2);
		assert_int_equal(traffic_of(&spec).bytes, 2 * inner.size);
	}
}

static void answers_share_the_flow(void **state)
{
	struct spec spec = udp(POD_A4), reply = spec_reply(&spec);
	struct frame frame;
	int direction;

	receive_from_peer(&spec);
	reply.source_mac = rig.pod_mac[DEVICE_A];
	frame = frame_build(&reply);
	assert_verdict(run("from_container", DEVICE_A, &frame), TC_ACT_REDIRECT);
	assert_int_equal(flow_count(), 1);
	spec_key(&spec, &direction);
	assert_int_equal(flow_of(&spec).initiator, direction);
	assert_int_equal(decision_of(&reply).action, FLOW_TO_NODE);
}

static void the_vni_is_the_identity(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();
	int direction;

	spec_key(&spec, &direction);
	receive_by(&spec, &tunnel);
	assert_int_equal(flow_of(&spec).identity[direction], IDENTITY_C);
	assert_int_equal(flow_of(&spec).identity[!direction], IDENTITY_A);
	/* The pod's labels have changed: its node says so first. */
	tunnel.vni = 3003;
	assert_verdict(receive_by(&spec, &tunnel), TC_ACT_REDIRECT);
	assert_int_equal(flow_of(&spec).identity[direction], 3003);
	assert_int_equal(flow_count(), 1);
}

static void the_largest_vni_is_read_whole(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();
	int direction;

	spec_key(&spec, &direction);
	tunnel.vni = 0xffffff;
	assert_verdict(receive_by(&spec, &tunnel), TC_ACT_REDIRECT);
	assert_int_equal(flow_of(&spec).identity[direction], 0xffffff);
}

static void another_nodes_host_is_a_remote_node(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();
	int direction;

	spec_key(&spec, &direction);
	tunnel.vni = IDENTITY_HOST;
	assert_verdict(receive_by(&spec, &tunnel), TC_ACT_REDIRECT);
	assert_int_equal(flow_of(&spec).identity[direction], IDENTITY_REMOTE_NODE);
	assert_verdict(receive_by(&spec, &tunnel), TC_ACT_REDIRECT);
	assert_int_equal(traffic_of(&spec).packets, 2);
}

static void an_unknown_node_is_refused(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();

	tunnel.source = STRANGER4;
	assert_dropped(receive_by(&spec, &tunnel), DROP_UNKNOWN_SENDER, METRIC_INGRESS);
	assert_int_equal(flow_count(), 0);
}

static void an_unknown_node_is_refused_on_an_established_flow(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();

	receive_by(&spec, &tunnel);
	tunnel.source = STRANGER4;
	assert_dropped(receive_by(&spec, &tunnel), DROP_UNKNOWN_SENDER, METRIC_INGRESS);
	assert_int_equal(traffic_of(&spec).packets, 1);
}

static void a_node_that_has_left_is_unknown(void **state)
{
	struct spec spec = udp(POD_A4);

	receive_from_peer(&spec);
	assert_int_equal(node_map_clear(rig.maps, NODE_PEER), 0);
	assert_dropped(receive_from_peer(&spec), DROP_UNKNOWN_SENDER, METRIC_INGRESS);
}

/* A node that registers anew takes its address with it: the old entry's end must not make it unknown. */
static void a_node_under_a_new_id_stays_known(void **state)
{
	struct spec spec = udp(POD_A4);
	struct ipcache_entry entry = {.identity = IDENTITY_C, .node = NODE_PEER + 1};
	struct prefix prefix;
	struct node node;

	read_node(NODE_PEER, &node);
	assert_int_equal(node_map_set(rig.maps, NODE_PEER + 1, &node), 0);
	assert_int_equal(prefix_parse(POD_C4, &prefix), 0);
	assert_int_equal(ipcache_set(rig.maps, &prefix, &entry), 0);
	assert_int_equal(node_map_clear(rig.maps, NODE_PEER), 0);
	maps_bump_epoch(rig.maps);
	assert_verdict(receive_from_peer(&spec), TC_ACT_REDIRECT);
}

/* As above, of pods. */
static void an_address_under_a_new_endpoint_stays_known(void **state)
{
	struct spec spec = udp(POD_A4);

	assert_int_equal(rig_set_endpoint(&rig, ID_A + 10, DEVICE_A, POD_A4, POD_A6), 0);
	assert_int_equal(endpoint_map_clear(rig.maps, ID_A), 0);
	maps_bump_epoch(rig.maps);
	assert_verdict(receive_from_peer(&spec), TC_ACT_REDIRECT);
	assert_int_equal(decision_of(&spec).target, ID_A + 10);
}

/* One node's pod with another's address. */
static void an_address_that_is_not_behind_the_node_is_refused(void **state)
{
	static const char *const others[] = {POD_D4, POD_B4, HOST4, WORLD4, PEER4};

	EVERY (i, others) {
		struct spec spec = udp(POD_A4);

		spec.source = others[i];
		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(receive_from_peer(&spec), DROP_INVALID_SOURCE_IP, METRIC_INGRESS);
		assert_int_equal(flow_count(), 0);
	}
}

static void an_ipv6_address_that_is_not_behind_the_node_is_refused(void **state)
{
	static const char *const others[] = {POD_D6, POD_B6, HOST6, WORLD6};

	needs_decap_v6();
	EVERY (i, others) {
		struct spec spec = udp(POD_A6);

		spec.source = others[i];
		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(receive_from_peer(&spec), DROP_INVALID_SOURCE_IP, METRIC_INGRESS);
	}
}

/* Another known node sends on a flow that is the peer's. */
static void a_known_node_may_not_use_anothers_flow(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();
	struct node node;

	read_node(NODE_PEER, &node);
	assert_int_equal(addr_parse(STRANGER4, &node.remote), 0);
	assert_int_equal(node_map_set(rig.maps, NODE_PEER + 1, &node), 0);
	receive_by(&spec, &tunnel);
	tunnel.source = STRANGER4;
	assert_dropped(receive_by(&spec, &tunnel), DROP_INVALID_SOURCE_IP, METRIC_INGRESS);
}

static void vni_0_is_nobody(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();

	tunnel.vni = 0;
	assert_dropped(receive_by(&spec, &tunnel), DROP_INVALID_IDENTITY, METRIC_INGRESS);
}

static void vni_0_is_nobody_on_an_established_flow_either(void **state)
{
	struct spec spec = udp(POD_A6);
	struct tunnel tunnel = peer();

	needs_decap_v6();
	receive_by(&spec, &tunnel);
	tunnel.vni = 0;
	assert_dropped(receive_by(&spec, &tunnel), DROP_INVALID_IDENTITY, METRIC_INGRESS);
}

static void a_pod_that_is_not_here_is_a_drop(void **state)
{
	struct spec spec = udp(POD_A4);

	spec.destination = "10.1.0.77";
	assert_dropped(receive_from_peer(&spec), DROP_NOT_LOCAL, METRIC_INGRESS);
	assert_int_equal(flow_count(), 0);
}

static void the_nodes_do_not_route_for_each_other(void **state)
{
	static const char *const others[] = {WORLD4, POD_D4, POD_C4};

	EVERY (i, others) {
		struct spec spec = udp(POD_A4);

		spec.destination = others[i];
		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(receive_from_peer(&spec), DROP_NOT_LOCAL, METRIC_INGRESS);
	}
}

/* Left alone: the device behind sees the frame as it came, and counts. */
static void assert_left(const struct frame *frame)
{
	struct outcome outcome = receive(frame);

	assert_verdict(outcome, TC_ACT_UNSPEC);
	assert_int_equal(outcome.frame.size, frame->size);
	assert_bytes(outcome, 0, frame->bytes, frame->size);
	assert_int_equal(metric_drops(), 0);
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_INGRESS), 0);
	assert_int_equal(flow_count(), 0);
}

static void assert_left_by(const struct spec *spec, const struct tunnel *tunnel)
{
	struct frame inner = frame_build(spec), frame = frame_encapsulate(&inner, tunnel);

	assert_left(&frame);
}

static void for_the_host_is_left_to_the_device(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();

	spec.destination = HOST4;
	assert_left_by(&spec, &tunnel);
}

static void an_outer_address_not_ours_is_left_alone(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();

	tunnel.destination = "192.0.2.77";
	assert_left_by(&spec, &tunnel);
}

/* Also when a flow says where it would go, and when what it carries cannot be read. */
static void an_outer_address_not_ours_is_left_alone_on_a_known_flow(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();
	struct frame inner = frame_build(&spec), frame;

	receive_by(&spec, &tunnel);
	tunnel.destination = "192.0.2.77";
	frame = frame_encapsulate(&inner, &tunnel);
	assert_verdict(receive(&frame), TC_ACT_UNSPEC);
	assert_int_equal(traffic_of(&spec).packets, 1);
	frame.bytes[OVERLAY_ROOM + ETH_HLEN] = 0x15;
	assert_verdict(receive(&frame), TC_ACT_UNSPEC);
	assert_int_equal(metric_drops(), 0);
}

static void another_port_is_left_alone(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();

	tunnel.port = 4789;
	assert_left_by(&spec, &tunnel);
}

static void what_is_no_vxlan_is_left_alone(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();
	struct frame inner = frame_build(&spec), frame = frame_encapsulate(&inner, &tunnel);

	frame.bytes[frame.transport + sizeof(struct udphdr)] = 0; /* no VNI */
	assert_left(&frame);
	frame.bytes[frame.transport + sizeof(struct udphdr)] = 0x0c; /* VXLAN-GPE says what is inside */
	assert_left(&frame);
}

static void the_hosts_traffic_is_left_alone(void **state)
{
	static const struct spec others[] = {
		{.source = WORLD4, .destination = HOST4, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN},
		{.source = WORLD4, .destination = HOST4, .protocol = PROTOCOL_UDP, .destination_port = 53},
		{.source = WORLD4, .destination = HOST4, .protocol = PROTOCOL_ICMP, .type = 8},
		{.source = WORLD4, .destination = HOST4, .protocol = 47},
		{.source = WORLD6, .destination = HOST6, .protocol = PROTOCOL_TCP},
		{.source = WORLD6, .destination = HOST6, .protocol = PROTOCOL_UDP, .destination_port = VXLAN_PORT},
		{.source = WORLD4, .destination = HOST4, .protocol = PROTOCOL_TCP, .destination_port = VXLAN_PORT},
	};

	EVERY (i, others) {
		struct spec spec = others[i];
		struct frame frame;

		spec.destination_mac = rig.mac[DEVICE_WIRE];
		spec.payload = 64;
		frame = frame_build(&spec);
		assert_left(&frame);
	}
}

static void another_hosts_frame_is_left_alone(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();

	tunnel.destination_mac = rig.pod_mac[DEVICE_A]; /* flooded to us by a switch */
	assert_left_by(&spec, &tunnel);
}

static void outer_fragments_are_left_alone(void **state)
{
	static const uint16_t fragments[] = {0x2000, 0x2010, 0x0010};
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();
	struct frame inner = frame_build(&spec), frame = frame_encapsulate(&inner, &tunnel);

	EVERY (i, fragments) {
		frame_ipv4(&frame)->frag_off = __builtin_bswap16(fragments[i]);
		frame_sum_ipv4(&frame);
		assert_left(&frame);
	}
}

static void outer_options_are_left_alone(void **state)
{
	struct spec spec = udp(POD_A4);
	struct frame frame;
	struct tunnel tunnel = peer();
	struct frame inner = frame_build(&spec), plain = frame_encapsulate(&inner, &tunnel);

	frame = FRAME(.destination_mac = rig.mac[DEVICE_WIRE], .source = PEER4, .destination = HOST4,
	              .protocol = PROTOCOL_UDP, .destination_port = VXLAN_PORT, .options = 4,
	              .payload = plain.size - plain.transport - sizeof(struct udphdr));
	memcpy(frame.bytes + frame.transport, plain.bytes + plain.transport, plain.size - plain.transport);
	assert_left(&frame);
}

static void what_cannot_be_read_inside_is_dropped(void **state)
{
	struct spec spec = udp(POD_A4);
	struct tunnel tunnel = peer();
	struct frame inner = frame_build(&spec), frame;

	inner.bytes[13] = 0x06; /* ARP */
	frame = frame_encapsulate(&inner, &tunnel);
	assert_dropped(receive(&frame), DROP_UNSUPPORTED_L3, METRIC_INGRESS);
}

static void fragments_inside_follow_the_first(void **state)
{
	struct spec spec =
		from_c(POD_A4, &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 7, .more_fragments = true});

	assert_verdict(receive_from_peer(&spec), TC_ACT_REDIRECT);
	spec.fragment_offset = 4;
	spec.more_fragments = false;
	assert_verdict(receive_from_peer(&spec), TC_ACT_REDIRECT);
	assert_int_equal(traffic_of(&spec).packets, 2);
}

static void fragments_inside_ahead_of_the_first_reach_the_pod(void **state)
{
	for (size_t i = 0; i < pod_count(); i++) {
		struct spec spec = from_c(
			pods[i], &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 7, .fragment_offset = 4});
		struct spec portless = spec;

		portless.source_port = portless.destination_port = 0;
		assert_verdict(receive_from_peer(&spec), TC_ACT_REDIRECT);
		assert_int_equal(traffic_of(&portless).packets, 1);
	}
}

static void fragments_for_the_host_ahead_of_the_first_are_left_to_the_device(void **state)
{
	struct spec spec =
		from_c(POD_A4, &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 7, .fragment_offset = 4});
	struct tunnel tunnel = peer();

	spec.destination = HOST4;
	assert_left_by(&spec, &tunnel);
}

/* They come by before the device has seen the first. */
static void fragments_for_the_host_follow_the_first_to_the_device(void **state)
{
	struct spec spec =
		from_c(POD_A4, &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 7, .more_fragments = true});
	struct tunnel tunnel = peer();

	spec.destination = HOST4;
	assert_left_by(&spec, &tunnel);
	spec.fragment_offset = 4;
	assert_left_by(&spec, &tunnel);
}

static void what_passes_by_is_traced(void **state)
{
	struct frame frame = FRAME(.source = WORLD4, .destination = HOST4, .protocol = PROTOCOL_UDP, .payload = 64,
	                           .destination_mac = rig.mac[DEVICE_WIRE]);

	events_listen(1 << EVENT_TRACE);
	assert_left(&frame);
	assert_int_equal(events_take(), 1);
	assert_int_equal(events[0].point, TRACE_FROM_NETWORK);
	assert_int_equal(events[0].source_identity, IDENTITY_WORLD);
	assert_int_equal(events[0].destination_identity, IDENTITY_HOST);
	assert_verdict(run("to_netdev", DEVICE_WIRE, &frame), TC_ACT_UNSPEC);
	assert_int_equal(events_take(), 1);
	assert_int_equal(events[0].point, TRACE_TO_NETWORK);
}

static const struct CMUnitTest tests[] = {
	PACKET_TEST(a_known_nodes_packet_reaches_the_pod),
	PACKET_TEST(the_way_back_is_decided_with_the_way_there),
	PACKET_TEST(the_frame_is_the_senders_but_for_macs_and_ttl),
	PACKET_TEST(a_hop_is_taken),
	PACKET_TEST(the_last_hop_is_left_to_the_device),
	PACKET_TEST(sums_carried_by_the_skb_stay_right),
	PACKET_TEST(the_established_packet_uses_the_decision),
	PACKET_TEST(answers_share_the_flow),
	PACKET_TEST(the_vni_is_the_identity),
	PACKET_TEST(the_largest_vni_is_read_whole),
	PACKET_TEST(another_nodes_host_is_a_remote_node),
	PACKET_TEST(an_unknown_node_is_refused),
	PACKET_TEST(an_unknown_node_is_refused_on_an_established_flow),
	PACKET_TEST(a_node_that_has_left_is_unknown),
	PACKET_TEST(a_node_under_a_new_id_stays_known),
	PACKET_TEST(an_address_under_a_new_endpoint_stays_known),
	PACKET_TEST(an_address_that_is_not_behind_the_node_is_refused),
	PACKET_TEST(an_ipv6_address_that_is_not_behind_the_node_is_refused),
	PACKET_TEST(a_known_node_may_not_use_anothers_flow),
	PACKET_TEST(vni_0_is_nobody),
	PACKET_TEST(vni_0_is_nobody_on_an_established_flow_either),
	PACKET_TEST(a_pod_that_is_not_here_is_a_drop),
	PACKET_TEST(the_nodes_do_not_route_for_each_other),
	PACKET_TEST(for_the_host_is_left_to_the_device),
	PACKET_TEST(an_outer_address_not_ours_is_left_alone),
	PACKET_TEST(an_outer_address_not_ours_is_left_alone_on_a_known_flow),
	PACKET_TEST(another_port_is_left_alone),
	PACKET_TEST(what_is_no_vxlan_is_left_alone),
	PACKET_TEST(the_hosts_traffic_is_left_alone),
	PACKET_TEST(another_hosts_frame_is_left_alone),
	PACKET_TEST(outer_fragments_are_left_alone),
	PACKET_TEST(outer_options_are_left_alone),
	PACKET_TEST(what_cannot_be_read_inside_is_dropped),
	PACKET_TEST(fragments_inside_follow_the_first),
	PACKET_TEST(fragments_inside_ahead_of_the_first_reach_the_pod),
	PACKET_TEST(fragments_for_the_host_ahead_of_the_first_are_left_to_the_device),
	PACKET_TEST(fragments_for_the_host_follow_the_first_to_the_device),
	PACKET_TEST(what_passes_by_is_traced),
};

int main(void)
{
	return PACKET_TESTS("from_netdev", tests);
}
