/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pod sends: who may, where it goes, and what of it is remembered. Encapsulation is in encapsulate.c.
 */
#include "packet_test.h"

#include "base/clock.h"
#include "datapath/flow_table.h"

#define PROGRAM "from_container"

/* Every protocol that is known, both families: pod a to pod b. */
static const struct spec every_protocol[] = {
	{.destination = POD_B4, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_ACK},
	{.destination = POD_B4, .protocol = PROTOCOL_UDP},
	{.destination = POD_B4, .protocol = PROTOCOL_SCTP},
	{.destination = POD_B4, .protocol = PROTOCOL_ICMP, .type = 8},
	{.destination = POD_B6, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_ACK},
	{.destination = POD_B6, .protocol = PROTOCOL_UDP},
	{.destination = POD_B6, .protocol = PROTOCOL_SCTP},
	{.destination = POD_B6, .protocol = PROTOCOL_ICMPV6, .type = 128},
};

static struct outcome send_out(const struct spec *spec)
{
	struct frame frame = frame_build(spec);

	return run(PROGRAM, DEVICE_A, &frame);
}

static struct outcome answer(const struct spec *spec)
{
	struct spec reply = spec_reply(spec);
	struct frame frame;

	reply.source_mac = rig.pod_mac[DEVICE_B];
	frame = frame_build(&reply);
	return run(PROGRAM, DEVICE_B, &frame);
}

static struct spec tcp(const char *destination, uint8_t flags)
{
	return from_a(destination, &(struct spec){.protocol = PROTOCOL_TCP, .tcp_flags = flags});
}

static void every_protocol_reaches_a_local_pod(void **state)
{
	EVERY (i, every_protocol) {
		struct spec spec = from_a(every_protocol[i].destination, &every_protocol[i]);
		struct outcome outcome = send_out(&spec);

		assert_verdict(outcome, TC_ACT_REDIRECT);
		assert_int_equal(decision_of(&spec).action, FLOW_TO_ENDPOINT);
		assert_int_equal(decision_of(&spec).target, ID_B);
		assert_int_equal(decision_of(&spec).origin, FLOW_FROM_ENDPOINT);
		assert_int_equal(decision_of(&spec).source, ID_A);
	}
	assert_int_equal(metric_drops(), 0);
	assert_int_equal(flow_count(), sizeof(every_protocol) / sizeof(every_protocol[0]));
}

static void both_directions_share_one_flow(void **state)
{
	EVERY (i, every_protocol) {
		struct spec spec = from_a(every_protocol[i].destination, &every_protocol[i]), reply = spec_reply(&spec);

		assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
		assert_verdict(answer(&spec), TC_ACT_REDIRECT);
		assert_int_equal(flow_count(), i + 1);
		assert_int_equal(decision_of(&reply).target, ID_A);
		assert_int_equal(traffic_of(&reply).packets, 1);
		assert_int_equal(traffic_of(&spec).packets, 1);
	}
}

static void an_established_packet_uses_the_decision(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_SYN);
	struct frame frame = frame_build(&spec);

	events_listen(1 << EVENT_TRACE);
	assert_verdict(run(PROGRAM, DEVICE_A, &frame), TC_ACT_REDIRECT);
	assert_verdict(run(PROGRAM, DEVICE_A, &frame), TC_ACT_REDIRECT);
	assert_int_equal(events_take(), 4);
	assert_true(events[0].story & STORY_FLOW_CREATED && events[0].story & STORY_FLOW_MISS);
	assert_int_equal(events[0].state, PACKET_NEW);
	assert_int_equal(events[2].story & (STORY_FLOW_HIT | STORY_FLOW_CREATED | STORY_FLOW_MISS), STORY_FLOW_HIT);
	assert_int_equal(events[2].state, PACKET_ESTABLISHED);
	assert_int_equal(traffic_of(&spec).packets, 2);
	assert_int_equal(traffic_of(&spec).bytes, 2 * frame.size);
}

static void the_decision_outlives_what_it_was_made_from(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_SYN);

	assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
	assert_int_equal(forget_address(POD_B4), 0);
	assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
	assert_int_equal(decision_of(&spec).target, ID_B);
}

static void a_new_epoch_decides_anew(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_SYN);

	assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
	assert_int_equal(forget_address(POD_B4), 0);
	maps_bump_epoch(rig.maps);
	assert_verdict(send_out(&spec), TC_ACT_UNSPEC);
	assert_int_equal(decision_of(&spec).action, FLOW_TO_STACK);
	assert_int_equal(traffic_of(&spec).packets, 2);
	assert_int_equal(flow_count(), 1);
}

static void a_new_epoch_keeps_the_initiator(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_SYN);
	uint8_t initiator;

	send_out(&spec);
	initiator = flow_of(&spec).initiator;
	maps_bump_epoch(rig.maps);
	answer(&spec);
	assert_int_equal(flow_of(&spec).initiator, initiator);
	maps_bump_epoch(rig.maps);
	send_out(&spec);
	assert_int_equal(flow_of(&spec).initiator, initiator);
}

static void the_opener_is_the_initiator(void **state)
{
	struct spec forth = tcp(POD_B4, TCP_SYN), seen_late = tcp(POD_B4, TCP_SYN | TCP_ACK);
	int direction;

	send_out(&forth);
	spec_key(&forth, &direction);
	assert_int_equal(flow_of(&forth).initiator, direction);
	/* Of this one the SYN was not seen: who answers did not open it. */
	seen_late.source_port = 40001;
	send_out(&seen_late);
	spec_key(&seen_late, &direction);
	assert_int_equal(flow_of(&seen_late).initiator, !direction);
}

static enum flow_state state_of(const struct spec *spec)
{
	struct flow flow = flow_of(spec);
	int direction;
	struct flow_key key = spec_key(spec, &direction);

	return flow_state(&key, &flow);
}

static void tcp_opens_establishes_and_closes(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_SYN);

	send_out(&spec);
	assert_int_equal(state_of(&spec), FLOW_OPENING);
	spec.tcp_flags = TCP_SYN | TCP_ACK;
	answer(&spec);
	assert_int_equal(state_of(&spec), FLOW_ESTABLISHED);
	spec.tcp_flags = TCP_FIN | TCP_ACK;
	send_out(&spec);
	assert_int_equal(state_of(&spec), FLOW_ESTABLISHED);
	answer(&spec);
	assert_int_equal(state_of(&spec), FLOW_CLOSING);
}

static void a_reset_closes(void **state)
{
	struct spec spec = tcp(POD_B6, TCP_SYN);

	send_out(&spec);
	spec.tcp_flags = TCP_RST | TCP_ACK;
	answer(&spec);
	assert_int_equal(state_of(&spec), FLOW_CLOSING);
}

static void a_syn_reopens_what_has_ended(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_SYN);

	send_out(&spec);
	spec.tcp_flags = TCP_RST;
	answer(&spec);
	events_listen(1 << EVENT_TRACE);
	spec.tcp_flags = TCP_SYN;
	assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
	assert_true(events_take() > 0);
	assert_int_equal(events[0].state, PACKET_REOPENED);
	assert_int_equal(state_of(&spec), FLOW_OPENING);
	assert_int_equal(traffic_of(&spec).packets, 1);
	assert_int_equal(traffic_of(&spec).tcp_flags, TCP_SYN);
}

static void a_reopening_from_the_other_side_turns_the_flow(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_SYN);
	int direction;

	spec_key(&spec, &direction);
	send_out(&spec);
	spec.tcp_flags = TCP_RST;
	send_out(&spec);
	spec.tcp_flags = TCP_SYN;
	answer(&spec);
	assert_int_equal(flow_of(&spec).initiator, !direction);
}

static void a_syn_ack_reopens_nothing(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_SYN);

	send_out(&spec);
	spec.tcp_flags = TCP_RST;
	answer(&spec);
	spec.tcp_flags = TCP_SYN | TCP_ACK;
	answer(&spec);
	assert_int_equal(state_of(&spec), FLOW_CLOSING);
}

static void the_frame_is_addressed_to_the_pod(void **state)
{
	EVERY (i, every_protocol) {
		struct spec spec = from_a(every_protocol[i].destination, &every_protocol[i]);
		struct frame frame = frame_build(&spec);
		struct outcome outcome = run(PROGRAM, DEVICE_A, &frame);

		assert_int_equal(outcome.frame.size, frame.size);
		assert_bytes(outcome, 0, rig.pod_mac[DEVICE_B], ETH_ALEN);
		assert_bytes(outcome, ETH_ALEN, rig.mac[DEVICE_B], ETH_ALEN);
		assert_bytes(outcome, 2 * ETH_ALEN, frame.bytes + 2 * ETH_ALEN, 2);
		assert_bytes(outcome, frame.transport, frame.bytes + frame.transport, frame.size - frame.transport);
	}
}

static void a_hop_takes_one_from_the_ttl(void **state)
{
	for (int ttl = 2; ttl <= 255; ttl++) {
		struct spec spec = tcp(POD_B4, TCP_ACK);
		struct outcome outcome;

		spec.ttl = ttl;
		outcome = send_out(&spec);
		assert_verdict(outcome, TC_ACT_REDIRECT);
		assert_int_equal(frame_ipv4(&outcome.frame)->ttl, ttl - 1);
		assert_int_equal(frame_verify_ipv4(&outcome.frame), 0xffff);
	}
}

static void the_checksum_is_right_for_every_id(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_ACK);

	/* The id makes the sum take every value there is. */
	for (uint32_t id = 0; id < 0x10000; id += 7) {
		struct frame frame = frame_build(&spec);
		struct outcome outcome;

		frame_ipv4(&frame)->id = id;
		frame_sum_ipv4(&frame);
		outcome = run(PROGRAM, DEVICE_A, &frame);
		assert_int_equal(frame_verify_ipv4(&outcome.frame), 0xffff);
	}
}

static void a_hop_takes_one_from_the_hop_limit(void **state)
{
	struct spec spec = tcp(POD_B6, TCP_ACK);
	struct outcome outcome = send_out(&spec);

	assert_verdict(outcome, TC_ACT_REDIRECT);
	assert_int_equal(frame_ipv6(&outcome.frame)->hop_limit, 63);
	spec.ttl = 2;
	outcome = send_out(&spec);
	assert_int_equal(frame_ipv6(&outcome.frame)->hop_limit, 1);
}

static void ttl_1_is_left_to_the_stack(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_ACK);
	struct outcome outcome;

	spec.ttl = 1;
	outcome = send_out(&spec);
	assert_verdict(outcome, TC_ACT_UNSPEC);
	assert_int_equal(frame_ipv4(&outcome.frame)->ttl, 1);
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_EGRESS), 1);
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_INGRESS), 0);
}

static void hop_limit_1_is_left_to_the_stack(void **state)
{
	struct spec spec = tcp(POD_B6, TCP_ACK);

	spec.ttl = 1;
	assert_verdict(send_out(&spec), TC_ACT_UNSPEC);
}

static void sums_carried_by_the_skb_stay_right(void **state)
{
	static const char *const destinations[] = {POD_B4, POD_B6};

	EVERY (i, destinations) {
		struct spec spec = tcp(destinations[i], TCP_ACK);
		struct frame frame = frame_build(&spec);

		run_with_sum(PROGRAM, DEVICE_A, &frame);
	}
}

static void ip_options_stay_where_they_are(void **state)
{
	for (int options = 4; options <= 40; options += 4) {
		struct spec spec = tcp(POD_B4, TCP_SYN);
		struct frame frame;
		struct outcome outcome;

		spec.options = options;
		spec.source_port = 40000 + options;
		frame = frame_build(&spec);
		outcome = run(PROGRAM, DEVICE_A, &frame);
		assert_verdict(outcome, TC_ACT_REDIRECT);
		assert_true(flow_exists(&spec));
		assert_bytes(outcome, ETH_HLEN + sizeof(struct iphdr), frame.bytes + ETH_HLEN + sizeof(struct iphdr),
		             options);
		assert_int_equal(frame_verify_ipv4(&outcome.frame), 0xffff);
	}
}

static void ipv6_extensions_are_passed_over(void **state)
{
	for (int extensions = 1; extensions <= 6; extensions++) {
		struct spec spec = tcp(POD_B6, TCP_SYN);

		spec.extensions = extensions;
		spec.source_port = 40000 + extensions;
		assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
		assert_true(flow_exists(&spec));
	}
}

static void to_the_host_is_left_to_the_stack(void **state)
{
	static const char *const hosts[] = {HOST4, HOST6};

	EVERY (i, hosts) {
		struct spec spec = tcp(hosts[i], TCP_SYN);
		struct frame frame = frame_build(&spec);
		struct outcome outcome = run(PROGRAM, DEVICE_A, &frame);

		assert_verdict(outcome, TC_ACT_UNSPEC);
		assert_int_equal(decision_of(&spec).action, FLOW_TO_STACK);
		/* The stack takes the hop and addresses the frame. */
		assert_bytes(outcome, 0, frame.bytes, frame.size);
	}
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_EGRESS), 2);
}

static void to_the_world_is_left_to_the_stack(void **state)
{
	struct spec spec = tcp(WORLD4, TCP_SYN);
	int direction;

	spec_key(&spec, &direction);
	assert_verdict(send_out(&spec), TC_ACT_UNSPEC);
	assert_int_equal(flow_of(&spec).identity[!direction], IDENTITY_WORLD);
	assert_int_equal(flow_of(&spec).identity[direction], IDENTITY_A);
}

static void the_host_has_the_hosts_identity(void **state)
{
	struct spec spec = tcp(HOST4, TCP_SYN);
	int direction;

	spec_key(&spec, &direction);
	send_out(&spec);
	assert_int_equal(flow_of(&spec).identity[!direction], IDENTITY_HOST);
}

/* What other nodes are told of a pod takes its time; this node knows its own. */
static void a_local_pod_is_known_before_the_ipcache_is(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_SYN);
	int direction;

	spec_key(&spec, &direction);
	assert_int_equal(forget_prefix(POD_B4), 0);
	maps_bump_epoch(rig.maps);
	assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
	assert_int_equal(flow_of(&spec).identity[!direction], IDENTITY_B);
}

static void to_itself_comes_back(void **state)
{
	struct spec spec = tcp(POD_A4, TCP_SYN);

	assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
	assert_int_equal(flow_count(), 1);
	assert_int_equal(flow_of(&spec).identity[0], IDENTITY_A);
	assert_int_equal(flow_of(&spec).identity[1], IDENTITY_A);
}

static void an_endpoint_that_is_gone_is_not_delivered_to(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_SYN);

	send_out(&spec);
	assert_int_equal(endpoint_map_clear(rig.maps, ID_B), 0);
	assert_dropped(send_out(&spec), DROP_NOT_LOCAL, METRIC_EGRESS);
}

static void an_id_used_again_takes_no_old_flows(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_SYN);
	struct outcome outcome;

	send_out(&spec);
	assert_int_equal(endpoint_map_clear(rig.maps, ID_B), 0);
	maps_bump_epoch(rig.maps);
	assert_int_equal(rig_set_endpoint(&rig, ID_B, DEVICE_NOBODY, "10.1.0.3", "fd00:1::3"), 0);
	maps_bump_epoch(rig.maps);
	outcome = send_out(&spec);
	assert_verdict(outcome, TC_ACT_UNSPEC); /* nobody has the old address: the stack may know */
	assert_int_equal(decision_of(&spec).action, FLOW_TO_STACK);
}

/* A new pod under an old id is not the old pod's sender either. */
static void an_id_used_again_sends_on_no_old_flows(void **state)
{
	struct spec spec = tcp(POD_B4, TCP_SYN);
	struct frame frame;

	send_out(&spec);
	assert_int_equal(endpoint_map_clear(rig.maps, ID_A), 0);
	maps_bump_epoch(rig.maps);
	assert_int_equal(rig_set_endpoint(&rig, ID_A, DEVICE_NOBODY, "10.1.0.3", "fd00:1::3"), 0);
	maps_bump_epoch(rig.maps);
	spec.source_mac = rig.pod_mac[DEVICE_NOBODY];
	frame = frame_build(&spec);
	assert_dropped(run(PROGRAM, DEVICE_NOBODY, &frame), DROP_INVALID_SOURCE_IP, METRIC_EGRESS);
}

static void fragments_follow_the_first(void **state)
{
	static const char *const destinations[] = {POD_B4, POD_B6};

	EVERY (i, destinations) {
		struct spec spec =
			from_a(destinations[i],
		               &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 99, .more_fragments = true});

		assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
		spec.fragment_offset = 5;
		assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
		spec.fragment_offset = 10;
		spec.more_fragments = false;
		assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
		assert_int_equal(traffic_of(&spec).packets, 3);
		assert_int_equal(flow_count(), i + 1);
	}
}

/* Where it goes is a matter of addresses: in a flow without ports. The others of its datagram join the first's. */
static void fragments_ahead_of_the_first_are_sent_on(void **state)
{
	static const char *const destinations[] = {POD_B4, POD_B6, POD_C4, POD_C6};

	EVERY (i, destinations) {
		struct spec spec = from_a(destinations[i], &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 99}),
			    portless = spec;

		portless.source_port = portless.destination_port = 0;
		spec.fragment_offset = 5;
		assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
		assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
		assert_int_equal(traffic_of(&portless).packets, 2);
		spec.fragment_offset = 0;
		spec.more_fragments = true;
		assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
		spec.fragment_offset = 10;
		assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
		assert_int_equal(traffic_of(&spec).packets, 2);
		assert_int_equal(traffic_of(&portless).packets, 2);
	}
	assert_int_equal(metric_drops(), 0);
}

static void a_fragment_ahead_of_the_first_is_told(void **state)
{
	struct spec spec =
		from_a(POD_B4, &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 99, .fragment_offset = 5});

	events_listen(1 << EVENT_TRACE);
	send_out(&spec);
	assert_int_equal(events_take(), 2);
	assert_true(events[0].story & STORY_AHEAD);
}

static void later_fragments_of_unknown_protocols_are_dropped(void **state)
{
	static const char *const destinations[] = {POD_B4, POD_B6};

	EVERY (i, destinations) {
		struct spec spec = from_a(destinations[i], &(struct spec){.protocol = 47, .fragment_offset = 5});

		assert_int_equal(rig_reset(&rig), 0);
		assert_dropped(send_out(&spec), DROP_UNKNOWN_L4, METRIC_EGRESS);
		assert_int_equal(flow_count(), 0);
	}
}

static void fragments_of_different_datagrams_do_not_mix(void **state)
{
	struct spec one = from_a(POD_B4,
	                         &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 1, .more_fragments = true}),
		    other = one;

	other.fragment_id = 2;
	other.destination_port = 81;
	send_out(&one);
	send_out(&other);
	one.fragment_offset = other.fragment_offset = 5;
	send_out(&one);
	send_out(&other);
	assert_int_equal(traffic_of(&one).packets, 2);
	assert_int_equal(traffic_of(&other).packets, 2);
}

/* RFC 8200, section 4.5: what follows the fragment header may begin with an extension, which later parts do not repeat.
 */
static void ipv6_fragments_with_extensions_follow_the_first(void **state)
{
	struct spec spec = from_a(
		POD_B6,
		&(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 99, .extensions = 1, .more_fragments = true});

	assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
	spec.fragment_offset = 5;
	assert_verdict(send_out(&spec), TC_ACT_REDIRECT);
	assert_int_equal(traffic_of(&spec).packets, 2);
}

static struct flow_decision way_back(const char *destination)
{
	struct spec spec = from_a(destination, &(struct spec){.protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN}), back;

	send_out(&spec);
	back = spec_reply(&spec);
	return decision_of(&back);
}

static void the_way_back_is_decided_with_the_way_there(void **state)
{
	struct flow_decision from_b = way_back(POD_B4), from_c = way_back(POD_C6), from_world = way_back(WORLD4);

	assert_int_equal(from_b.origin, FLOW_FROM_ENDPOINT);
	assert_int_equal(from_b.source, ID_B);
	assert_int_equal(from_b.action, FLOW_TO_ENDPOINT);
	assert_int_equal(from_b.target, ID_A);
	assert_int_equal(from_c.origin, FLOW_FROM_NODE);
	assert_int_equal(from_c.source, NODE_PEER);
	assert_int_equal(from_c.action, FLOW_TO_ENDPOINT);
	assert_int_equal(from_c.target, ID_A);
	assert_int_equal(from_world.action, FLOW_UNDECIDED);
}

static struct outcome send_error(const struct spec *about, uint8_t type)
{
	struct frame quote = frame_build(about);
	struct spec error = {.source_mac = rig.pod_mac[DEVICE_A],
	                     .source = about->destination,
	                     .destination = about->source,
	                     .protocol = strchr(about->source, ':') ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP,
	                     .type = type,
	                     .quote = &quote};

	return send_out(&error);
}

static void an_icmp_error_is_related_to_what_it_quotes(void **state)
{
	static const struct spec quoted[] = {
		{.destination = POD_B4, .protocol = PROTOCOL_UDP, .type = 3},
		{.destination = POD_B6, .protocol = PROTOCOL_UDP, .type = 1},
		{.destination = POD_B4, .protocol = PROTOCOL_TCP, .type = 3},
		{.destination = POD_B4, .protocol = PROTOCOL_TCP, .type = 11},
		{.destination = POD_B6, .protocol = PROTOCOL_TCP, .type = 2},
		{.destination = POD_B4, .protocol = PROTOCOL_ICMP, .type = 12},
	};

	EVERY (i, quoted) {
		/* b's packet to a, which a answers by an error. */
		struct spec to_b = from_a(quoted[i].destination, &(struct spec){.protocol = quoted[i].protocol}), about;
		uint32_t before;

		to_b.type = 8;
		about = spec_reply(&to_b);
		answer(&to_b);
		before = flow_count();
		events_listen(1 << EVENT_TRACE);
		assert_verdict(send_error(&about, quoted[i].type), TC_ACT_REDIRECT);
		assert_true(events_take() > 0);
		assert_int_equal(events[0].state, PACKET_RELATED);
		assert_int_equal(flow_count(), before);
		events_listen(0);
	}
}

static void an_icmp_error_about_no_flow_is_related_to_none(void **state)
{
	struct spec to_b = from_a(POD_B4, &(struct spec){.protocol = PROTOCOL_UDP}), about = spec_reply(&to_b);

	events_listen(1 << EVENT_TRACE);
	assert_verdict(send_error(&about, 3), TC_ACT_REDIRECT);
	assert_true(events_take() > 0);
	assert_int_equal(events[0].state, PACKET_UNKNOWN);
	assert_int_equal(flow_count(), 0);
}

static void flows_go_with_their_endpoint(void **state)
{
	struct spec to_b = tcp(POD_B4, TCP_ACK), to_world = tcp(WORLD4, TCP_ACK);
	const struct flow_timeouts timeouts = FLOW_TIMEOUTS_DEFAULT;
	uint32_t removed;

	send_out(&to_b);
	send_out(&to_world);
	assert_int_equal(flow_table_age(rig.maps, &timeouts, clock_now(), &removed, NULL), 0);
	assert_int_equal(removed, 0);
	assert_int_equal(endpoint_map_clear(rig.maps, ID_B), 0);
	assert_int_equal(flow_table_age(rig.maps, &timeouts, clock_now(), &removed, NULL), 0);
	assert_int_equal(removed, 1);
	assert_int_equal(rig_set_endpoint(&rig, ID_A, DEVICE_A, "10.1.0.3", "fd00:1::3"), 0);
	assert_int_equal(flow_table_age(rig.maps, &timeouts, clock_now(), &removed, NULL), 0);
	assert_int_equal(removed, 1);
	assert_int_equal(flow_count(), 0);
}

static void metrics_count_packets_and_bytes(void **state)
{
	struct spec local = tcp(POD_B4, TCP_ACK), world = tcp(WORLD4, TCP_ACK);
	struct frame frame = frame_build(&local);

	send_out(&local);
	send_out(&local);
	send_out(&world);
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_EGRESS), 3);
	assert_int_equal(metric_bytes(METRIC_FORWARDED, METRIC_EGRESS), 3 * frame.size);
	assert_int_equal(metric_packets(METRIC_FORWARDED, METRIC_INGRESS), 2);
	assert_int_equal(metric_bytes(METRIC_FORWARDED, METRIC_INGRESS), 2 * frame.size);
}

static const struct CMUnitTest tests[] = {
	PACKET_TEST(every_protocol_reaches_a_local_pod),
	PACKET_TEST(both_directions_share_one_flow),
	PACKET_TEST(the_way_back_is_decided_with_the_way_there),
	PACKET_TEST(an_established_packet_uses_the_decision),
	PACKET_TEST(the_decision_outlives_what_it_was_made_from),
	PACKET_TEST(a_new_epoch_decides_anew),
	PACKET_TEST(a_new_epoch_keeps_the_initiator),
	PACKET_TEST(the_opener_is_the_initiator),
	PACKET_TEST(tcp_opens_establishes_and_closes),
	PACKET_TEST(a_reset_closes),
	PACKET_TEST(a_syn_reopens_what_has_ended),
	PACKET_TEST(a_reopening_from_the_other_side_turns_the_flow),
	PACKET_TEST(a_syn_ack_reopens_nothing),
	PACKET_TEST(the_frame_is_addressed_to_the_pod),
	PACKET_TEST(a_hop_takes_one_from_the_ttl),
	PACKET_TEST(the_checksum_is_right_for_every_id),
	PACKET_TEST(a_hop_takes_one_from_the_hop_limit),
	PACKET_TEST(ttl_1_is_left_to_the_stack),
	PACKET_TEST(hop_limit_1_is_left_to_the_stack),
	PACKET_TEST(sums_carried_by_the_skb_stay_right),
	PACKET_TEST(ip_options_stay_where_they_are),
	PACKET_TEST(ipv6_extensions_are_passed_over),
	PACKET_TEST(to_the_host_is_left_to_the_stack),
	PACKET_TEST(to_the_world_is_left_to_the_stack),
	PACKET_TEST(the_host_has_the_hosts_identity),
	PACKET_TEST(a_local_pod_is_known_before_the_ipcache_is),
	PACKET_TEST(to_itself_comes_back),
	PACKET_TEST(an_endpoint_that_is_gone_is_not_delivered_to),
	PACKET_TEST(an_id_used_again_takes_no_old_flows),
	PACKET_TEST(an_id_used_again_sends_on_no_old_flows),
	PACKET_TEST(fragments_follow_the_first),
	PACKET_TEST(fragments_ahead_of_the_first_are_sent_on),
	PACKET_TEST(a_fragment_ahead_of_the_first_is_told),
	PACKET_TEST(later_fragments_of_unknown_protocols_are_dropped),
	PACKET_TEST(fragments_of_different_datagrams_do_not_mix),
	PACKET_TEST(ipv6_fragments_with_extensions_follow_the_first),
	PACKET_TEST(an_icmp_error_is_related_to_what_it_quotes),
	PACKET_TEST(an_icmp_error_about_no_flow_is_related_to_none),
	PACKET_TEST(flows_go_with_their_endpoint),
	PACKET_TEST(metrics_count_packets_and_bytes),
};

int main(void)
{
	return PACKET_TESTS("from_container", tests);
}
