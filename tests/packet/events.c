/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told of packets: nothing while nobody listens, all of it to who does, and what did not fit is counted.
 */
#include "packet_test.h"

#include <bpf/bpf.h>
#include <time.h>

#include "base/clock.h"

#define TRACES (1 << EVENT_TRACE)
#define FLOWS  (1 << EVENT_FLOW)
#define DROPS  (1 << EVENT_DROP)

static struct frame to_b(uint16_t payload)
{
	struct spec spec = from_a(POD_B4, &(struct spec){.protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN});

	spec.payload = payload;
	return frame_build(&spec);
}

static struct frame spoofed(void)
{
	struct frame frame = to_b(32);

	frame_ipv4(&frame)->saddr ^= 1;
	return frame;
}

static struct outcome send_out(const struct frame *frame)
{
	return run("from_container", DEVICE_A, frame);
}

static void nobody_listening_costs_no_event(void **state)
{
	struct frame good = to_b(32), bad = spoofed();

	send_out(&good);
	send_out(&bad);
	assert_int_equal(events_take(), 0);
	assert_int_equal(metric_packets(METRIC_EVENTS_LOST, METRIC_INGRESS), 0);
}

static void who_listens_to_drops_hears_drops_only(void **state)
{
	struct frame good = to_b(32), bad = spoofed();

	events_listen(DROPS);
	send_out(&good);
	assert_int_equal(events_take(), 0);
	send_out(&bad);
	assert_int_equal(events_take(), 1);
	assert_int_equal(events[0].type, EVENT_DROP);
}

static void who_listens_to_traces_hears_traces_only(void **state)
{
	struct frame good = to_b(32), bad = spoofed();

	events_listen(TRACES);
	send_out(&bad);
	assert_int_equal(events_take(), 0);
	send_out(&good);
	assert_int_equal(events_take(), 2);
	assert_int_equal(events[0].type, EVENT_TRACE);
}

static struct frame segment(uint8_t tcp_flags)
{
	struct spec spec = from_a(POD_B4, &(struct spec){.protocol = PROTOCOL_TCP, .tcp_flags = tcp_flags});

	return frame_build(&spec);
}

/* Once each, where it leaves. */
static void who_listens_to_flows_hears_where_they_turn(void **state)
{
	static const struct {
		uint8_t tcp_flags;
		size_t told;
	} segments[] = {
		{TCP_SYN, 1},           {TCP_SYN, 0}, {TCP_ACK, 0}, {TCP_ACK, 0},
		{TCP_FIN | TCP_ACK, 1}, {TCP_ACK, 0}, {TCP_RST, 1},
	};

	events_listen(FLOWS);
	EVERY (i, segments) {
		struct frame frame = segment(segments[i].tcp_flags);

		send_out(&frame);
		assert_int_equal(events_take(), segments[i].told);
		if (segments[i].told) {
			assert_int_equal(events[0].type, EVENT_TRACE);
			assert_int_equal(events[0].point, TRACE_TO_ENDPOINT);
			assert_true(events[0].notable);
		}
	}
}

/* As of the programs' clock: a long silence, or a long stream. */
static void who_listens_to_flows_hears_of_them_now_and_then(void **state)
{
	struct frame frame = segment(TCP_ACK);
	struct flow_key key = {};
	struct flow flow;

	events_listen(FLOWS);
	send_out(&frame);
	assert_int_equal(events_take(), 1);
	assert_false(bpf_map_get_next_key(rig.maps->flows, NULL, &key));
	assert_false(bpf_map_lookup_elem(rig.maps->flows, &key, &flow));
	for (int i = 0; i < 2; i++)
		if (flow.traffic[i].last_seen)
			flow.traffic[i].last_seen -= 5 * NS_PER_SECOND;
	assert_false(bpf_map_update_elem(rig.maps->flows, &key, &flow, BPF_EXIST));
	send_out(&frame);
	assert_int_equal(events_take(), 1);
}

static void who_listens_to_all_hears_which_are_notable(void **state)
{
	struct frame first = segment(TCP_SYN), second = segment(TCP_ACK);

	events_listen(TRACES | FLOWS);
	send_out(&first);
	assert_int_equal(events_take(), 2);
	assert_false(events[0].notable); /* it comes back where it leaves */
	assert_true(events[1].notable);
	send_out(&second);
	assert_int_equal(events_take(), 2);
	assert_false(events[1].notable);
}

static void a_delivery_is_told_in_full(void **state)
{
	struct frame frame = to_b(32);
	uint64_t before = clock_now();

	events_listen(TRACES);
	send_out(&frame);
	assert_int_equal(events_take(), 2);
	for (int i = 0; i < 2; i++) {
		assert_in_range(events[i].time, before, clock_now());
		assert_int_equal(events[i].reason, 0);
		assert_int_equal(events[i].state, PACKET_NEW);
		assert_int_equal(events[i].source_identity, IDENTITY_A);
		assert_int_equal(events[i].destination_identity, IDENTITY_B);
		assert_int_equal(events[i].source_endpoint, ID_A);
		assert_int_equal(events[i].node, 0);
		assert_int_equal(events[i].vni, 0);
		assert_int_equal(events[i].length, frame.size);
		assert_int_equal(events[i].hash, events[0].hash);
		assert_int_not_equal(events[i].hash, 0);
	}
	assert_int_equal(events[0].point, TRACE_FROM_ENDPOINT);
	assert_int_equal(events[0].ifindex, rig.ifindex[DEVICE_A]);
	assert_int_equal(events[1].point, TRACE_TO_ENDPOINT);
	assert_int_equal(events[1].ifindex, rig.ifindex[DEVICE_B]);
	assert_int_equal(events[1].destination_endpoint, ID_B);
	assert_int_equal(events[1].story, STORY_FLOW_MISS | STORY_FLOW_CREATED | STORY_LOCAL_DELIVERY);
}

static void an_answer_is_a_reply(void **state)
{
	struct spec spec = from_a(POD_B4, &(struct spec){.protocol = PROTOCOL_UDP}), reply = spec_reply(&spec);
	struct frame frame = frame_build(&spec);
	uint32_t hash;

	events_listen(TRACES);
	send_out(&frame);
	events_take();
	hash = events[0].hash;
	reply.source_mac = rig.pod_mac[DEVICE_B];
	frame = frame_build(&reply);
	run("from_container", DEVICE_B, &frame);
	assert_int_equal(events_take(), 2);
	assert_int_equal(events[0].state, PACKET_REPLY);
	assert_int_equal(events[0].hash, hash);
	assert_int_equal(events[0].source_identity, IDENTITY_B);
}

static void encapsulation_is_told_in_full(void **state)
{
	struct spec spec = from_a(POD_C4, &(struct spec){.protocol = PROTOCOL_UDP});
	struct frame frame = frame_build(&spec);

	events_listen(TRACES);
	send_out(&frame);
	assert_int_equal(events_take(), 2);
	assert_int_equal(events[1].point, TRACE_TO_OVERLAY);
	assert_int_equal(events[1].node, NODE_PEER);
	assert_int_equal(events[1].vni, IDENTITY_A);
	assert_int_equal(events[1].destination_identity, IDENTITY_C);
	assert_int_equal(events[1].length, frame.size);
	assert_true(events[1].story & STORY_ENCAPSULATED);
	assert_memory_equal(events[1].frame, frame.bytes, events[1].captured);
}

static void decapsulation_is_told_in_full(void **state)
{
	struct spec out = from_a(POD_C4, &(struct spec){.protocol = PROTOCOL_UDP}), spec = spec_reply(&out);
	struct frame inner = frame_build(&spec), frame;

	frame = frame_encapsulate(&inner, &(struct tunnel){.source = PEER4,
	                                                   .destination = HOST4,
	                                                   .destination_mac = rig.mac[DEVICE_WIRE],
	                                                   .port = VXLAN_PORT,
	                                                   .vni = IDENTITY_C});
	events_listen(TRACES);
	run("from_netdev", DEVICE_WIRE, &frame);
	assert_int_equal(events_take(), 2);
	assert_int_equal(events[0].point, TRACE_FROM_OVERLAY);
	assert_int_equal(events[0].node, NODE_PEER);
	assert_int_equal(events[0].vni, IDENTITY_C);
	assert_int_equal(events[0].source_identity, IDENTITY_C);
	assert_int_equal(events[0].length, inner.size);
	assert_memory_equal(events[0].frame, inner.bytes, events[0].captured);
	assert_true(events[0].story & STORY_DECAPSULATED);
	assert_int_equal(events[1].point, TRACE_TO_ENDPOINT);
	assert_int_equal(events[1].length, inner.size);
	assert_memory_equal(events[1].frame, rig.pod_mac[DEVICE_A], ETH_ALEN);
}

static void a_drop_names_reason_and_pod(void **state)
{
	struct frame frame = spoofed();

	events_listen(DROPS);
	send_out(&frame);
	assert_int_equal(events_take(), 1);
	assert_int_equal(events[0].reason, DROP_INVALID_SOURCE_IP);
	assert_int_equal(events[0].point, TRACE_FROM_ENDPOINT);
	assert_int_equal(events[0].source_endpoint, ID_A);
	assert_int_equal(events[0].source_identity, IDENTITY_A);
	assert_int_equal(events[0].length, frame.size);
	assert_memory_equal(events[0].frame, frame.bytes, events[0].captured);
}

static void a_drop_before_verification_names_the_pod_too(void **state)
{
	struct frame multicast = FRAME(.source = "fe80::2", .destination = "ff02::2", .protocol = PROTOCOL_ICMPV6,
	                               .type = 133),
		     malformed = to_b(32);

	malformed.bytes[ETH_HLEN] = 0x41;
	events_listen(DROPS);
	send_out(&multicast);
	send_out(&malformed);
	assert_int_equal(events_take(), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(events[i].source_endpoint, ID_A);
		assert_int_equal(events[i].source_identity, IDENTITY_A);
	}
	assert_int_equal(events[1].length, malformed.size);
}

static void a_record_is_as_long_as_its_capture(void **state)
{
	static const uint16_t payloads[] = {0, 1, 73, 74, 75, 76, 500};

	EVERY (i, payloads) {
		struct frame frame = to_b(payloads[i]);
		size_t wanted = frame.size < EVENT_CAPTURE_MAX ? frame.size : EVENT_CAPTURE_MAX;

		events_listen(TRACES);
		send_out(&frame);
		assert_int_equal(events_take(), 2);
		assert_int_equal(events[0].captured, wanted);
		assert_int_equal(event_sizes[0], EVENT_SIZE(wanted));
		assert_memory_equal(events[0].frame, frame.bytes, wanted);
		assert_int_equal(events[0].length, frame.size);
	}
}

static void what_finds_the_ring_full_is_counted(void **state)
{
	struct frame frame = to_b(32);
	const unsigned sent = 3000;
	size_t taken;
	uint64_t lost;

	events_listen(TRACES);
	for (unsigned i = 0; i < sent; i++)
		assert_verdict(send_out(&frame), TC_ACT_REDIRECT); /* goes on all the same */
	lost = metric_packets(METRIC_EVENTS_LOST, METRIC_INGRESS);
	taken = events_take();
	assert_true(lost > 0);
	assert_true(taken < EVENTS_MAX);
	assert_int_equal(taken + lost, 2 * sent);
	/* There is room again. */
	send_out(&frame);
	assert_int_equal(events_take(), 2);
}

static const struct CMUnitTest tests[] = {
	PACKET_TEST(nobody_listening_costs_no_event),
	PACKET_TEST(who_listens_to_drops_hears_drops_only),
	PACKET_TEST(who_listens_to_traces_hears_traces_only),
	PACKET_TEST(who_listens_to_flows_hears_where_they_turn),
	PACKET_TEST(who_listens_to_flows_hears_of_them_now_and_then),
	PACKET_TEST(who_listens_to_all_hears_which_are_notable),
	PACKET_TEST(a_delivery_is_told_in_full),
	PACKET_TEST(an_answer_is_a_reply),
	PACKET_TEST(encapsulation_is_told_in_full),
	PACKET_TEST(decapsulation_is_told_in_full),
	PACKET_TEST(a_drop_names_reason_and_pod),
	PACKET_TEST(a_drop_before_verification_names_the_pod_too),
	PACKET_TEST(a_record_is_as_long_as_its_capture),
	PACKET_TEST(what_finds_the_ring_full_is_counted),
};

int main(void)
{
	return PACKET_TESTS("events", tests);
}
