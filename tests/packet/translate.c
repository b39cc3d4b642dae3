/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services, packet by packet, for pods: what pod a sends to one reaches a backend byte for byte as if it had been
 * sent there, and the answers reach a as if they came from the service.
 */
#include "services.h"
#include "world.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include "datapath/flow_table.h"
#include "datapath/nat_table.h"

#define VIP4 "10.96.0.1"
#define VIP6 "fd00:96::1"
#define PORT 80
#define BACK 8080

static int begin(void **state)
{
	int r = packet_test_begin(state);

	services_clear();
	return r;
}

/* What there is to a packet, in both families. SCTP's port has to stay. */
static const struct spec requests[] = {
	{.destination = VIP4, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN},
	{.destination = VIP4, .protocol = PROTOCOL_UDP},
	{.destination = VIP4, .protocol = PROTOCOL_UDP, .payload = 33, .options = 8},
	{.destination = VIP4, .protocol = PROTOCOL_SCTP},
	{.destination = VIP6, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN},
	{.destination = VIP6, .protocol = PROTOCOL_UDP, .payload = 33},
	{.destination = VIP6, .protocol = PROTOCOL_SCTP},
	{.destination = VIP6, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_SYN, .extensions = 2},
};

static uint16_t back_port(const struct spec *request)
{
	return request->protocol == PROTOCOL_SCTP ? PORT : BACK;
}

/* The service that is asked for, with one backend. */
static uint32_t serve(const struct spec *request, const char *v4, const char *v6, uint16_t flags)
{
	return SERVICE(.addr = request->destination, .port = PORT, .protocol = request->protocol, .flags = flags,
	               .backends = {{is_v6(request) ? v6 : v4, back_port(request)}});
}

static struct spec to_backend(const struct spec *spec, const char *v4, const char *v6)
{
	struct spec translated = *spec;

	translated.destination = is_v6(spec) ? v6 : v4;
	translated.destination_port = back_port(spec);
	return translated;
}

static struct outcome send_by_a(const struct spec *spec)
{
	struct frame frame = frame_build(spec);

	return run("from_container", DEVICE_A, &frame);
}

static struct outcome send_by_b(const struct spec *spec)
{
	struct spec sent = *spec;
	struct frame frame;

	sent.source_mac = rig.pod_mac[DEVICE_B];
	sent.destination_mac = rig.mac[DEVICE_B];
	frame = frame_build(&sent);
	return run("from_container", DEVICE_B, &frame);
}

static void a_pod_reaches_a_backend_here_and_is_answered_by_the_service(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_pod_a(&requests[i]), expected = to_backend(&spec, POD_B4, POD_B6);
		struct spec answer = spec_reply(&expected), expected_answer = spec_reply(&spec);
		struct outcome outcome;

		rig_reset(&rig);
		services_clear();
		serve(&spec, POD_B4, POD_B6, 0);
		for (int n = 1; n <= 2; n++) {
			outcome = send_by_a(&spec);
			assert_reached(&outcome, DEVICE_B, &expected);
			outcome = send_by_b(&answer);
			assert_reached(&outcome, DEVICE_A, &expected_answer);
			assert_int_equal(traffic_of(&expected).packets, n);
			assert_int_equal(traffic_of(&answer).packets, n);
		}
		assert_false(flow_exists(&spec));
	}
	assert_int_equal(metric_drops(), 0);
}

/* Whether the flow was forgotten, and opened anew by the backend, or the pod had asked that itself before. */
static void a_known_flow_is_answered_by_the_service_once_that_is_asked(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_pod_a(&requests[i]), expected = to_backend(&spec, POD_B4, POD_B6);
		struct spec answer = spec_reply(&expected), expected_answer = spec_reply(&spec);
		struct outcome outcome;

		for (int by_a = 0; by_a < 2; by_a++) {
			rig_reset(&rig);
			services_clear();
			serve(&spec, POD_B4, POD_B6, 0);
			if (by_a)
				send_by_a(&expected);
			else
				send_by_b(&answer);
			outcome = send_by_a(&spec);
			assert_reached(&outcome, DEVICE_B, &expected);
			outcome = send_by_b(&answer);
			assert_reached(&outcome, DEVICE_A, &expected_answer);
		}
	}
}

static struct outcome arrive_from_c(const struct spec *spec)
{
	struct frame inner = frame_build(spec);
	struct frame frame = frame_encapsulate(&inner, &(struct tunnel){.source_mac = rig.pod_mac[DEVICE_WIRE],
	                                                                .destination_mac = rig.mac[DEVICE_WIRE],
	                                                                .source = PEER4,
	                                                                .destination = HOST4,
	                                                                .port = VXLAN_PORT,
	                                                                .vni = IDENTITY_C});

	return run("from_netdev", DEVICE_WIRE, &frame);
}

static void a_pod_reaches_a_backend_of_another_node(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_pod_a(&requests[i]), expected = to_backend(&spec, POD_C4, POD_C6);
		struct spec answer = spec_reply(&expected), expected_answer = spec_reply(&spec);
		struct outcome outcome, inner = {};

		services_clear();
		serve(&spec, POD_C4, POD_C6, 0);
		outcome = send_by_a(&spec);
		assert_verdict(outcome, TC_ACT_REDIRECT);
		inner.frame = frame_inner(&outcome.frame);
		assert_packet(&inner, &expected);
		if (is_v6(&spec) && !rig.config.decap_v6)
			continue;
		outcome = arrive_from_c(&answer);
		assert_reached(&outcome, DEVICE_A, &expected_answer);
	}
	assert_int_equal(metric_drops(), 0);
}

static void a_pod_reaches_a_backend_in_the_world(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_pod_a(&requests[i]), sent = to_backend(&spec, WORLD4, WORLD6);
		struct spec expected = as_node(&sent, 40000), answer = spec_reply(&expected);
		struct spec expected_answer = spec_reply(&spec);
		struct outcome outcome;

		services_clear();
		serve(&spec, WORLD4, WORLD6, 0);
		outcome = send_by_a(&spec);
		assert_verdict(outcome, TC_ACT_UNSPEC);
		assert_packet(&outcome, &sent);
		outcome = leave_marked(&outcome.frame, outcome.mark);
		assert_packet(&outcome, &expected);
		outcome = arrive(&answer);
		assert_reached(&outcome, DEVICE_A, &expected_answer);
	}
	assert_int_equal(metric_drops(), 0);
}

static void a_pod_reaches_a_backend_that_is_the_host(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_pod_a(&requests[i]), expected = to_backend(&spec, HOST4, HOST6);
		struct spec answer = spec_reply(&expected), expected_answer = spec_reply(&spec);
		struct frame frame = frame_build(&answer);
		struct outcome outcome;

		services_clear();
		serve(&spec, HOST4, HOST6, 0);
		outcome = send_by_a(&spec);
		assert_verdict(outcome, TC_ACT_UNSPEC);
		assert_packet(&outcome, &expected);
		outcome = run("to_container", DEVICE_A, &frame);
		assert_verdict(outcome, TC_ACT_UNSPEC);
		assert_packet(&outcome, &expected_answer);
	}
	assert_int_equal(metric_drops(), 0);
}

/* Its answer to itself would not come out of the pod. */
static void a_pod_that_is_its_own_backend_is_asked_by_its_gateway(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_pod_a(&requests[i]), expected = to_backend(&spec, POD_A4, POD_A6), answer;
		struct spec expected_answer = spec_reply(&spec);
		struct outcome outcome;

		services_clear();
		serve(&spec, POD_A4, POD_A6, 0);
		expected.source = is_v6(&spec) ? "fe80::1" : "169.254.1.1";
		answer = spec_reply(&expected);
		answer.source_mac = spec.source_mac;
		answer.destination_mac = spec.destination_mac;
		for (int n = 0; n < 2; n++) {
			outcome = send_by_a(&spec);
			assert_reached(&outcome, DEVICE_A, &expected);
			outcome = send_by_a(&answer);
			assert_reached(&outcome, DEVICE_A, &expected_answer);
		}
	}
	assert_int_equal(metric_drops(), 0);
}

static void a_sum_over_the_packet_stays_right(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_pod_a(&requests[i]), answer = to_backend(&spec, POD_B4, POD_B6);
		struct frame frame = frame_build(&spec);

		if (spec.protocol == PROTOCOL_SCTP)
			continue;
		services_clear();
		serve(&spec, POD_B4, POD_B6, 0);
		run_with_sum("from_container", DEVICE_A, &frame);
		answer = spec_reply(&answer);
		answer.source_mac = rig.pod_mac[DEVICE_B];
		answer.destination_mac = rig.mac[DEVICE_B];
		frame = frame_build(&answer);
		run_with_sum("from_container", DEVICE_B, &frame);
	}
}

/* UDP: none is none. */
static void a_datagram_without_a_checksum_keeps_none(void **state)
{
	struct spec spec = from_pod_a(&requests[1]), expected = to_backend(&spec, POD_B4, POD_B6);
	struct frame frame = frame_build(&spec);
	struct outcome outcome;

	serve(&spec, POD_B4, POD_B6, 0);
	memset(frame.bytes + frame.transport + 6, 0, 2);
	outcome = run("from_container", DEVICE_A, &frame);
	assert_verdict(outcome, TC_ACT_REDIRECT);
	frame = frame_build(&expected);
	memset(frame.bytes + frame.transport + 6, 0, 2);
	assert_bytes(outcome, frame.transport, frame.bytes + frame.transport, frame.size - frame.transport);
}

static void other_ports_and_protocols_are_left_alone(void **state)
{
	struct spec spec = from_pod_a(&requests[0]), other = spec;
	struct outcome outcome;

	serve(&spec, POD_B4, POD_B6, 0);
	other.destination_port = 81;
	outcome = send_by_a(&other);
	assert_untouched(&outcome, &other);
	other = spec;
	other.protocol = PROTOCOL_UDP;
	outcome = send_by_a(&other);
	assert_untouched(&outcome, &other);
}

static void sctp_keeps_its_port_or_is_refused(void **state)
{
	struct spec spec = from_pod_a(&requests[3]);

	SERVICE(.addr = VIP4, .port = PORT, .protocol = PROTOCOL_SCTP, .backends = {{POD_B4, PORT + 1}});
	assert_dropped(send_by_a(&spec), DROP_NAT_UNSUPPORTED, METRIC_EGRESS);
}

static int count_mapping(const struct nat_key *key, const struct nat_entry *entry, void *userdata)
{
	++*(int *)userdata;
	return 0;
}

static int mapping_count(void)
{
	int count = 0;

	assert_int_equal(nat_table_each(rig.maps, count_mapping, &count), 0);
	return count;
}

static void who_speaks_as_another_gets_no_mapping(void **state)
{
	struct spec spec = from_pod_a(&requests[0]), spoofed = spec;

	serve(&spec, POD_B4, POD_B6, 0);
	spoofed.source = POD_B4;
	assert_dropped(send_by_a(&spoofed), DROP_INVALID_SOURCE_IP, METRIC_EGRESS);
	assert_int_equal(mapping_count(), 0);
}

static void who_speaks_as_another_has_no_part_in_its_mapping(void **state)
{
	struct spec spec = from_pod_a(&requests[0]), spoofed;

	serve(&spec, POD_C4, POD_C6, 0);
	send_by_a(&spec);
	spoofed = spec;
	assert_dropped(send_by_b(&spoofed), DROP_INVALID_SOURCE_IP, METRIC_EGRESS);
}

/* A reset that acknowledges the SYN, whose number is 0. */
static struct frame frame_of_reset(const struct spec *asked)
{
	struct spec reset = spec_reply(asked);
	struct frame frame;
	uint16_t checksum;

	reset.tcp_flags = TCP_RST | TCP_ACK;
	reset.payload = 0;
	frame = frame_build(&reset);
	frame.bytes[frame.transport + 11] = 1;
	memcpy(&checksum, frame.bytes + frame.transport + 16, sizeof(checksum));
	checksum = htons(ntohs(checksum) - 1 - (checksum == 0));
	memcpy(frame.bytes + frame.transport + 16, &checksum, sizeof(checksum));
	return frame;
}

static struct frame frame_of_unreachable(const struct spec *asked)
{
	bool v6 = is_v6(asked);
	struct frame quote = frame_build(asked);

	quote.size = quote.transport + 8;
	return FRAME(.source_mac = asked->destination_mac, .destination_mac = asked->source_mac,
	             .source = asked->destination, .destination = asked->source,
	             .protocol = v6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP, .type = v6 ? 1 : 3, .code = v6 ? 4 : 3,
	             .quote = &quote);
}

static void assert_rejected(const struct outcome *outcome, const struct spec *asked)
{
	struct frame expected = asked->protocol == PROTOCOL_TCP ? frame_of_reset(asked) : frame_of_unreachable(asked);

	assert_verdict(*outcome, TC_ACT_REDIRECT);
	assert_int_equal(outcome->frame.size, expected.size);
	assert_bytes(*outcome, 0, expected.bytes, expected.size);
}

static void without_backends_a_client_is_told_at_once(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_pod_a(&requests[i]);
		struct outcome outcome;

		if (spec.options || spec.extensions)
			continue;
		services_clear();
		SERVICE(.addr = spec.destination, .port = PORT, .protocol = spec.protocol);
		outcome = send_by_a(&spec);
		assert_rejected(&outcome, &spec);
		assert_int_equal(mapping_count(), 0);
	}
	assert_int_equal(metric_drops(), metric_packets(DROP_NO_SERVICE_BACKEND, METRIC_EGRESS));
}

static void without_backends_a_client_may_be_left_waiting(void **state)
{
	struct spec spec = from_pod_a(&requests[0]);

	SERVICE(.addr = VIP4, .port = PORT, .flags = SERVICE_DROPS);
	assert_dropped(send_by_a(&spec), DROP_NO_SERVICE_BACKEND, METRIC_EGRESS);
}

/* Of so many in a second, on one CPU or several, few are told; all are counted. */
static void a_flood_is_not_answered(void **state)
{
	enum { FLOOD = 20000, MOST = FLOOD / 2 };
	struct spec spec = from_pod_a(&requests[0]);
	int told = 0;

	SERVICE(.addr = VIP4, .port = PORT);
	for (int i = 0; i < FLOOD; i++)
		told += send_by_a(&spec).verdict == TC_ACT_REDIRECT;
	assert_in_range(told, 1, MOST);
	assert_int_equal(metric_drops(), FLOOD);
}

static void a_reset_is_not_answered(void **state)
{
	struct spec spec = from_pod_a(&requests[0]);

	spec.tcp_flags = TCP_RST;
	SERVICE(.addr = VIP4, .port = PORT);
	assert_dropped(send_by_a(&spec), DROP_NO_SERVICE_BACKEND, METRIC_EGRESS);
}

static void a_backend_that_is_gone_ends_its_tcp_and_moves_the_rest(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_pod_a(&requests[i]), expected = to_backend(&spec, POD_B4, POD_B6);
		struct outcome outcome;
		uint32_t number;

		if (spec.options || spec.extensions)
			continue;
		services_clear();
		number = serve(&spec, POD_C4, POD_C6, 0);
		send_by_a(&spec);
		backend_map_delete(rig.maps, SCENE_ID(number, 0));
		serve(&spec, POD_B4, POD_B6, 0);
		spec.tcp_flags &= TCP_ACK;
		if (spec.protocol == PROTOCOL_TCP)
			spec.tcp_flags = TCP_ACK;
		outcome = send_by_a(&spec);
		if (spec.protocol == PROTOCOL_TCP)
			assert_int_equal(outcome.frame.bytes[frame_build(&spec).transport + 13], TCP_RST);
		else
			assert_reached(&outcome, DEVICE_B, &expected);
	}
}

static void a_backend_that_is_leaving_keeps_its_connections(void **state)
{
	struct spec spec = from_pod_a(&requests[0]), expected = to_backend(&spec, POD_B4, POD_B6);
	struct outcome outcome;
	struct backend backend;
	uint32_t number = serve(&spec, POD_B4, POD_B6, 0), id = SCENE_ID(number, 0);

	send_by_a(&spec);
	assert_int_equal(backend_map_get(rig.maps, id, &backend), 0);
	backend.serves = 0;
	assert_int_equal(backend_map_set(rig.maps, id, &backend), 0);
	SERVICE(.addr = VIP4, .port = PORT, .backends = {{POD_C4, PORT}});
	spec.tcp_flags = expected.tcp_flags = TCP_ACK;
	outcome = send_by_a(&spec);
	assert_reached(&outcome, DEVICE_B, &expected);
	spec.tcp_flags = TCP_SYN;
	outcome = send_by_a(&spec);
	assert_int_equal(outcome.frame.size, frame_build(&spec).size + OVERLAY_ROOM);
}

static void affinity_keeps_a_client_at_its_backend(void **state)
{
	struct spec spec = from_pod_a(&requests[1]);
	struct spec at_b = to_backend(&spec, POD_B4, POD_B6);
	bool here;

	SERVICE(.addr = VIP4, .port = PORT, .protocol = PROTOCOL_UDP, .affinity = 100,
	        .backends = {{POD_B4, BACK}, {POD_C4, BACK}});
	send_by_a(&spec);
	here = flow_exists(&at_b);
	for (uint16_t port = 1000; port < 1030; port++) {
		spec.source_port = at_b.source_port = port;
		send_by_a(&spec);
		assert_int_equal(flow_exists(&at_b), here);
	}
}

static void maglev_keeps_a_connection_at_its_slot(void **state)
{
	struct spec spec = from_pod_a(&requests[1]), at_b = to_backend(&spec, POD_B4, POD_B6);
	int here = 0;

	SERVICE(.addr = VIP4, .port = PORT, .protocol = PROTOCOL_UDP, .flags = SERVICE_MAGLEV,
	        .backends = {{POD_B4, BACK}, {POD_C4, BACK}});
	for (uint16_t port = 1000; port < 1064; port++) {
		bool first;

		spec.source_port = at_b.source_port = port;
		send_by_a(&spec);
		first = flow_exists(&at_b);
		here += first;
		for (int n = 0; n < 3; n++) {
			flow_table_flush(rig.maps, NULL);
			nat_table_flush(rig.maps, NULL);
			send_by_a(&spec);
			assert_int_equal(flow_exists(&at_b), first);
		}
	}
	assert_in_range(here, 10, 54);
}

static void every_fragment_goes_to_the_backend(void **state)
{
	static const char *const vips[] = {VIP4, VIP6};

	EVERY (i, vips) {
		struct spec request = {
			.destination = vips[i], .protocol = PROTOCOL_UDP, .fragment_id = 7, .more_fragments = true};
		struct spec first = from_pod_a(&request), later, expected, answer, expected_answer;
		struct outcome outcome;

		services_clear();
		serve(&request, POD_B4, POD_B6, 0);
		later = first;
		later.fragment_offset = 5;
		expected = to_backend(&first, POD_B4, POD_B6);
		outcome = send_by_a(&first);
		assert_reached(&outcome, DEVICE_B, &expected);
		answer = spec_reply(&expected);
		expected = to_backend(&later, POD_B4, POD_B6);
		outcome = send_by_a(&later);
		assert_reached(&outcome, DEVICE_B, &expected);
		expected_answer = spec_reply(&first);
		outcome = send_by_b(&answer);
		assert_reached(&outcome, DEVICE_A, &expected_answer);
		answer.fragment_offset = expected_answer.fragment_offset = 5;
		outcome = send_by_b(&answer);
		assert_reached(&outcome, DEVICE_A, &expected_answer);
	}
}

static void an_error_quotes_what_its_reader_sent(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_pod_a(&requests[i]), translated = to_backend(&spec, POD_B4, POD_B6);
		struct spec answer = spec_reply(&translated), answer_of_service = spec_reply(&spec), error, expected;
		struct frame sent = frame_build(&spec), received = frame_build(&translated);
		struct frame answered = frame_build(&answer), heard = frame_build(&answer_of_service);
		struct outcome outcome;

		services_clear();
		serve(&spec, POD_B4, POD_B6, 0);
		send_by_a(&spec);
		send_by_b(&answer);
		/* The backend's about what it got, and the client's about what it heard. */
		error = error_about(&translated, &received, translated.destination);
		expected = error_about(&spec, &sent, spec.destination);
		outcome = send_by_b(&error);
		assert_reached(&outcome, DEVICE_A, &expected);
		error = error_about(&answer_of_service, &heard, spec.source);
		error.source_mac = spec.source_mac;
		error.destination_mac = spec.destination_mac;
		expected = error_about(&answer, &answered, spec.source);
		outcome = send_by_a(&error);
		assert_reached(&outcome, DEVICE_B, &expected);
	}
	assert_int_equal(metric_drops(), 0);
}

static void a_mapping_is_kept_as_long_as_its_flow(void **state)
{
	const struct flow_timeouts timeouts = FLOW_TIMEOUTS_DEFAULT;
	struct spec spec = from_pod_a(&requests[0]);
	uint32_t removed = 0;

	serve(&spec, POD_C4, POD_C6, 0);
	send_by_a(&spec);
	assert_int_equal(mapping_count(), 2);
	assert_int_equal(nat_table_age(rig.maps, &timeouts, false, 0, &removed), 0);
	assert_int_equal(mapping_count(), 2);
	assert_int_equal(flow_table_flush(rig.maps, NULL), 0);
	assert_int_equal(nat_table_age(rig.maps, &timeouts, false, 0, &removed), 0);
	assert_int_equal(mapping_count(), 0);
}

static void the_story_tells_of_the_translation(void **state)
{
	struct spec spec = from_pod_a(&requests[0]), answer = to_backend(&spec, POD_B4, POD_B6);

	serve(&spec, POD_B4, POD_B6, 0);
	events_listen(1 << EVENT_TRACE);
	send_by_a(&spec);
	assert_int_equal(events_take(), 2);
	assert_true(events[1].story & STORY_SERVICE);
	assert_int_equal(events[1].destination_identity, IDENTITY_B);
	answer = spec_reply(&answer);
	send_by_b(&answer);
	assert_int_equal(events_take(), 2);
	assert_true(events[1].story & STORY_FROM_SERVICE);
}

#define TRANSLATE_TEST(function) cmocka_unit_test_setup(function, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRANSLATE_TEST(a_pod_reaches_a_backend_here_and_is_answered_by_the_service),
		TRANSLATE_TEST(a_known_flow_is_answered_by_the_service_once_that_is_asked),
		TRANSLATE_TEST(a_pod_reaches_a_backend_of_another_node),
		TRANSLATE_TEST(a_pod_reaches_a_backend_in_the_world),
		TRANSLATE_TEST(a_pod_reaches_a_backend_that_is_the_host),
		TRANSLATE_TEST(a_pod_that_is_its_own_backend_is_asked_by_its_gateway),
		TRANSLATE_TEST(a_sum_over_the_packet_stays_right),
		TRANSLATE_TEST(a_datagram_without_a_checksum_keeps_none),
		TRANSLATE_TEST(other_ports_and_protocols_are_left_alone),
		TRANSLATE_TEST(sctp_keeps_its_port_or_is_refused),
		TRANSLATE_TEST(who_speaks_as_another_gets_no_mapping),
		TRANSLATE_TEST(who_speaks_as_another_has_no_part_in_its_mapping),
		TRANSLATE_TEST(without_backends_a_client_is_told_at_once),
		TRANSLATE_TEST(without_backends_a_client_may_be_left_waiting),
		TRANSLATE_TEST(a_reset_is_not_answered),
		TRANSLATE_TEST(a_backend_that_is_gone_ends_its_tcp_and_moves_the_rest),
		TRANSLATE_TEST(a_backend_that_is_leaving_keeps_its_connections),
		TRANSLATE_TEST(affinity_keeps_a_client_at_its_backend),
		TRANSLATE_TEST(maglev_keeps_a_connection_at_its_slot),
		TRANSLATE_TEST(every_fragment_goes_to_the_backend),
		TRANSLATE_TEST(an_error_quotes_what_its_reader_sent),
		TRANSLATE_TEST(a_mapping_is_kept_as_long_as_its_flow),
		TRANSLATE_TEST(the_story_tells_of_the_translation),
		TRANSLATE_TEST(a_flood_is_not_answered), /* the last: for a second, nobody is */
	};

	return PACKET_TESTS("translate", tests);
}
