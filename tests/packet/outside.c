/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services for clients outside, whose packets come by the uplink: to backends here, which see the client, and to those
 * elsewhere, which see this node and answer by it.
 */
#include "client.h"
#include "services.h"
#include "world.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include "base/addr.h"
#include "datapath/flow_table.h"
#include "datapath/nat_table.h"

static void a_client_reaches_a_backend_here_which_sees_it(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]), expected = to_backend(&spec, POD_A4, POD_A6);
		struct spec answer = spec_reply(&expected), expected_answer = spec_reply(&spec);
		struct outcome outcome;

		rig_reset(&rig);
		services_clear();
		serve(&spec, POD_A4, POD_A6, SERVICE_EXTERNAL);
		for (int n = 0; n < 2; n++) {
			outcome = arrive(&spec);
			assert_reached(&outcome, DEVICE_A, &expected);
			outcome = send_by_a(&answer);
			assert_untouched(&outcome, &answer); /* so that the stack finds the way */
			outcome = leave_marked(&outcome.frame, outcome.mark);
			assert_untouched(&outcome, &expected_answer);
		}
		assert_int_equal(metric_drops(), 0);
	}
}

static void a_client_reaches_a_backend_of_another_node_by_this_one(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]), translated = to_backend(&spec, POD_C4, POD_C6);
		struct spec expected = by_overlay(&translated), answer = spec_reply(&expected);
		struct spec expected_answer = spec_reply(&spec);
		struct outcome outcome;

		rig_reset(&rig);
		services_clear();
		serve(&spec, POD_C4, POD_C6, SERVICE_EXTERNAL);
		for (int n = 1; n <= 2; n++) {
			outcome = arrive(&spec);
			assert_inner(&outcome, &expected, IDENTITY_WORLD);
			assert_int_equal(traffic_of(&translated).packets, n);
			if (is_v6(&spec) && !rig.config.decap_v6)
				continue;
			outcome = arrive_from_c(&answer);
			assert_sent_on(&outcome, &expected_answer);
			answer.tcp_flags = expected_answer.tcp_flags = spec.tcp_flags = expected.tcp_flags = 0;
		}
		assert_int_equal(metric_drops(), 0);
	}
}

static void a_port_in_use_towards_the_backend_is_replaced(void **state)
{
	struct spec spec = from_client(&requests[1]), other = spec, translated = to_backend(&spec, POD_C4, POD_C6);
	struct spec expected = by_overlay(&translated), answer, expected_answer = spec_reply(&spec);
	struct outcome outcome, inner = {};

	serve(&spec, POD_C4, POD_C6, SERVICE_EXTERNAL);
	other.source = "198.51.100.7";
	arrive(&other);
	outcome = arrive(&spec);
	inner.frame = frame_inner(&outcome.frame);
	expected.source_port = port_of(&expected, &inner);
	assert_int_not_equal(expected.source_port, spec.source_port);
	assert_inner(&outcome, &expected, IDENTITY_WORLD);
	answer = spec_reply(&expected);
	outcome = arrive_from_c(&answer);
	assert_sent_on(&outcome, &expected_answer);
}

static void a_client_reaches_a_backend_in_the_world_by_this_node(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]);
		struct spec expected = to_backend(&spec, "203.0.113.9", "2001:db8:aaaa::9"), answer;
		struct spec expected_answer = spec_reply(&spec);
		struct outcome outcome;

		rig_reset(&rig);
		services_clear();
		serve(&spec, expected.destination, expected.destination, SERVICE_EXTERNAL);
		expected.source = is_v6(&spec) ? HOST6 : HOST4;
		answer = spec_reply(&expected);
		outcome = arrive(&spec);
		assert_sent_on(&outcome, &expected);
		outcome = arrive(&answer);
		assert_sent_on(&outcome, &expected_answer);
		assert_int_equal(metric_drops(), 0);
	}
}

static void a_client_reaches_a_backend_that_is_the_host(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]), expected = to_backend(&spec, HOST4, HOST6);
		struct spec answer = spec_reply(&expected), expected_answer = spec_reply(&spec);
		struct outcome outcome;

		if (spec.protocol == PROTOCOL_SCTP)
			continue; /* the same port: nothing to translate */
		rig_reset(&rig);
		services_clear();
		serve(&spec, HOST4, HOST6, SERVICE_EXTERNAL);
		outcome = arrive(&spec);
		assert_untouched(&outcome, &expected);
		outcome = leave_host(&answer);
		assert_untouched(&outcome, &expected_answer);
	}
}

static void a_service_may_have_an_address_of_its_own(void **state)
{
	struct spec spec = from_client(&requests[0]), expected, answer, expected_answer;
	struct outcome outcome;

	spec.destination = "203.0.113.1";
	spec.destination_port = 80;
	SERVICE(.addr = spec.destination, .port = 80, .flags = SERVICE_EXTERNAL, .backends = {{POD_A4, BACK}});
	expected = to_backend(&spec, POD_A4, POD_A6);
	outcome = arrive(&spec);
	assert_reached(&outcome, DEVICE_A, &expected);
	answer = spec_reply(&expected);
	expected_answer = spec_reply(&spec);
	outcome = send_by_a(&answer);
	outcome = leave_marked(&outcome.frame, outcome.mark);
	assert_untouched(&outcome, &expected_answer);
}

static void what_is_not_for_outside_is_left_alone(void **state)
{
	struct spec spec = from_client(&requests[0]), other = spec;
	struct outcome outcome;

	serve(&spec, POD_A4, POD_A6, 0);
	outcome = arrive(&spec);
	assert_untouched(&outcome, &spec);
	services_clear();
	serve(&spec, POD_A4, POD_A6, SERVICE_EXTERNAL);
	other.destination_port++;
	outcome = arrive(&other);
	assert_untouched(&outcome, &other);
	/* A node port of another node is not served here. */
	other = spec;
	other.destination = PEER4;
	outcome = arrive(&other);
	assert_untouched(&outcome, &other);
}

static struct prefix range(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static void clients_out_of_the_source_ranges_are_not_served(void **state)
{
	struct spec spec = from_client(&requests[0]), expected = to_backend(&spec, POD_A4, POD_A6);
	uint32_t number = serve(&spec, POD_A4, POD_A6, SERVICE_EXTERNAL | SERVICE_SOURCE_RANGES);
	const struct prefix others = range("198.51.100.128/25"), clients = range("198.51.100.0/25");
	struct outcome outcome;

	assert_int_equal(source_range_set(rig.maps, number, &others), 0);
	assert_dropped(arrive(&spec), DROP_SOURCE_RANGE_DENIED, METRIC_INGRESS);
	assert_int_equal(source_range_set(rig.maps, number, &clients), 0);
	outcome = arrive(&spec);
	assert_reached(&outcome, DEVICE_A, &expected);
}

/* From a port whose mapping is still there; what was open goes on. */
static void a_client_that_is_served_no_more_opens_nothing(void **state)
{
	struct spec spec = from_client(&requests[0]), expected = to_backend(&spec, POD_A4, POD_A6);
	uint32_t number = serve(&spec, POD_A4, POD_A6, SERVICE_EXTERNAL | SERVICE_SOURCE_RANGES);
	const struct prefix clients = range("198.51.100.0/25");
	struct outcome outcome;

	assert_int_equal(source_range_set(rig.maps, number, &clients), 0);
	for (int n = 0; n < 2; n++) {
		outcome = arrive(&spec);
		assert_reached(&outcome, DEVICE_A, &expected);
	}
	assert_int_equal(source_range_delete(rig.maps, number, &clients), 0);
	spec.tcp_flags = expected.tcp_flags = TCP_ACK;
	outcome = arrive(&spec);
	assert_reached(&outcome, DEVICE_A, &expected);
	spec.tcp_flags = TCP_SYN;
	assert_dropped(arrive(&spec), DROP_SOURCE_RANGE_DENIED, METRIC_INGRESS);
}

static void each_side_has_backends_of_its_own(void **state)
{
	struct spec spec = from_client(&requests[0]);
	struct service_key key = {.addr = addr_from_v4(0), .port = htons(NODE_PORT), .protocol = PROTOCOL_TCP};
	struct service service;

	serve(&spec, POD_A4, POD_A6, SERVICE_EXTERNAL | SERVICE_DROPS);
	assert_int_equal(service_map_get(rig.maps, &key, &service), 0);
	service.side[SERVICE_OUTSIDE].count = 0;
	assert_int_equal(service_map_set(rig.maps, &key, &service), 0);
	assert_dropped(arrive(&spec), DROP_NO_SERVICE_BACKEND, METRIC_INGRESS);
}

static void without_backends_a_client_is_reset(void **state)
{
	struct spec spec = from_client(&requests[0]);
	struct outcome outcome;

	SERVICE(.addr = "0.0.0.0", .port = NODE_PORT, .flags = SERVICE_EXTERNAL);
	outcome = arrive(&spec);
	assert_verdict(outcome, TC_ACT_REDIRECT);
	assert_bytes(outcome, 0, rig.pod_mac[DEVICE_WIRE], ETH_ALEN);
	assert_int_equal(outcome.frame.bytes[ETH_HLEN + 20 + 13], TCP_RST | TCP_ACK);
}

static void what_is_answered_directly_is_sent_on_as_it_is(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]), at_c = to_backend(&spec, POD_C4, POD_C6);
		uint8_t destination[ETH_ALEN], source[ETH_ALEN];
		struct outcome outcome;

		rig_reset(&rig);
		services_clear();
		serve(&spec, POD_C4, POD_C6, SERVICE_EXTERNAL | SERVICE_DSR);
		tell(&at_c, destination, source);
		for (int n = 1; n <= 2; n++) {
			outcome = arrive(&spec);
			assert_inner(&outcome, &spec, IDENTITY_WORLD);
			assert_bytes(outcome, OVERLAY_ROOM, destination, ETH_ALEN);
			assert_bytes(outcome, OVERLAY_ROOM + ETH_ALEN, source, ETH_ALEN);
			assert_int_equal(traffic_of(&at_c).packets, n);
		}
		assert_int_equal(metric_drops(), 0);
	}
}

/* A backend here has nothing to be told. */
static void a_backend_here_is_asked_as_ever(void **state)
{
	struct spec spec = from_client(&requests[0]), expected = to_backend(&spec, POD_A4, POD_A6);
	struct outcome outcome;

	serve(&spec, POD_A4, POD_A6, SERVICE_EXTERNAL | SERVICE_DSR);
	outcome = arrive(&spec);
	assert_reached(&outcome, DEVICE_A, &expected);
}

static void what_is_told_is_translated_here_and_answered_directly(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]), at_a, answer, expected_answer, error, expected;
		struct frame answered, heard;
		struct outcome outcome;

		if (is_v6(&spec) && !rig.config.decap_v6)
			continue;
		rig_reset(&rig);
		services_clear();
		spec.destination = is_v6(&spec) ? "2001:db8:0:2::2" : PEER4;
		at_a = to_backend(&spec, POD_A4, POD_A6);
		answer = spec_reply(&at_a);
		expected_answer = spec_reply(&spec);
		for (int n = 0; n < 2; n++) {
			outcome = arrive_directly(&spec, &at_a, PEER4, IDENTITY_WORLD);
			assert_reached(&outcome, DEVICE_A, &at_a);
			outcome = send_by_a(&answer);
			assert_untouched(&outcome, &answer);
			outcome = leave_marked(&outcome.frame, outcome.mark);
			assert_untouched(&outcome, &expected_answer);
		}
		answered = frame_build(&answer);
		heard = frame_build(&expected_answer);
		error = error_about(&expected_answer, &heard, is_v6(&spec) ? ROUTER6 : ROUTER4);
		expected = error_about(&answer, &answered, error.source);
		outcome = arrive_directly(&error, &at_a, PEER4, IDENTITY_WORLD);
		assert_reached(&outcome, DEVICE_A, &expected);
		assert_int_equal(metric_drops(), 0);
	}
}

/* What is told to another node, and what only looks so: the device's own address, which is any. */
static void only_what_is_told_here_is_translated(void **state)
{
	struct spec spec = from_client(&requests[0]), at_a = to_backend(&spec, POD_A4, POD_A6);
	uint8_t destination[ETH_ALEN], source[ETH_ALEN], device[ETH_ALEN] = {6, 1, 2, 3, 4, 5};
	struct tunnel tunnel = {.source_mac = rig.pod_mac[DEVICE_WIRE],
	                        .destination_mac = rig.mac[DEVICE_WIRE],
	                        .source = PEER4,
	                        .destination = STRANGER4,
	                        .port = VXLAN_PORT,
	                        .vni = IDENTITY_WORLD};
	struct spec from_c = {.source_mac = device,
	                      .destination_mac = device,
	                      .source = POD_C4,
	                      .destination = POD_A4,
	                      .protocol = PROTOCOL_UDP};
	struct frame inner, frame;
	struct outcome outcome;

	tell(&at_a, destination, source);
	spec.destination = PEER4;
	spec.destination_mac = destination;
	spec.source_mac = source;
	inner = frame_build(&spec);
	frame = frame_encapsulate(&inner, &tunnel);
	outcome = run("from_netdev", DEVICE_WIRE, &frame);
	assert_verdict(outcome, TC_ACT_UNSPEC);
	assert_bytes(outcome, 0, frame.bytes, frame.size);
	outcome = arrive_from_c(&from_c);
	assert_reached(&outcome, DEVICE_A, &from_c);
	assert_int_equal(metric_drops(), 0);
}

/* The node's own addresses would look like one. */
static void a_large_detour_tells_nothing(void **state)
{
	struct spec spec = from_client(&requests[1]), translated = to_backend(&spec, POD_C4, POD_C6), expected;
	static const uint8_t addresses[2 * ETH_ALEN] = {2, 0, 0, 0, 0, 0, 2};
	struct outcome outcome;

	spec.payload = translated.payload = 1472;
	serve(&spec, POD_C4, POD_C6, SERVICE_EXTERNAL);
	expected = by_overlay(&translated);
	outcome = arrive(&spec);
	assert_verdict(outcome, TC_ACT_REDIRECT);
	assert_packet(&outcome, &expected);
	assert_bytes(outcome, 0, addresses, sizeof(addresses));
}

/* With an overlay, what other nodes' pods send comes by it. */
static void nobody_asks_as_another_nodes_pod(void **state)
{
	static const char *const backends4[] = {POD_A4, POD_C4}, *const backends6[] = {POD_A6, POD_C6};

	EVERY (i, backends4) {
		struct spec spec = from_client(&requests[0]), spec6 = from_client(&requests[4]);

		rig_reset(&rig);
		services_clear();
		serve(&spec, backends4[i], NULL, SERVICE_EXTERNAL);
		serve(&spec6, NULL, backends6[i], SERVICE_EXTERNAL);
		spec.source = POD_C4;
		assert_dropped(arrive(&spec), DROP_INVALID_SOURCE_IP, METRIC_INGRESS);
		rig_reset(&rig);
		spec6.source = POD_C6;
		assert_dropped(arrive(&spec6), DROP_INVALID_SOURCE_IP, METRIC_INGRESS);
	}
}

/* The routers before the nodes have changed their minds. */
static void what_another_node_told_of_goes_on_by_this_one(void **state)
{
	struct spec spec = from_client(&requests[0]), at_a;
	struct outcome outcome;

	spec.destination = "203.0.113.1";
	spec.destination_port = 80;
	at_a = to_backend(&spec, POD_A4, POD_A6);
	SERVICE(.addr = spec.destination, .port = 80, .flags = SERVICE_EXTERNAL | SERVICE_DSR,
	        .backends = {{POD_B4, BACK}});
	outcome = arrive_directly(&spec, &at_a, PEER4, IDENTITY_WORLD);
	assert_reached(&outcome, DEVICE_A, &at_a);
	spec.tcp_flags = at_a.tcp_flags = TCP_ACK;
	outcome = arrive(&spec);
	assert_reached(&outcome, DEVICE_A, &at_a);
}

/* A node that does not know the service itself comes by the uplink, and would not know its own connection elsewhere. */
static void a_node_that_asks_by_the_uplink_is_answered_there(void **state)
{
	struct spec spec = from_client(&requests[0]), expected, answer, expected_answer;
	struct outcome outcome;

	spec.source = PEER4;
	know_client(PEER4, IDENTITY_REMOTE_NODE, NODE_PEER);
	serve(&spec, POD_A4, POD_A6, SERVICE_EXTERNAL);
	expected = to_backend(&spec, POD_A4, POD_A6);
	outcome = arrive(&spec);
	assert_reached(&outcome, DEVICE_A, &expected);
	answer = spec_reply(&expected);
	expected_answer = spec_reply(&spec);
	outcome = send_by_a(&answer);
	assert_untouched(&outcome, &answer);
	outcome = leave_marked(&outcome.frame, outcome.mark);
	assert_untouched(&outcome, &expected_answer);
}

/* The backend's node believes it of the world's clients only. */
static void clients_that_are_known_are_answered_all_the_same(void **state)
{
	struct spec spec = from_client(&requests[0]), at_c = to_backend(&spec, POD_C4, POD_C6), expected;
	uint8_t destination[ETH_ALEN], source[ETH_ALEN];
	struct outcome outcome;

	serve(&spec, POD_C4, POD_C6, SERVICE_EXTERNAL | SERVICE_DSR);
	tell(&at_c, destination, source);
	know_client(WORLD4, IDENTITY_KUBE_APISERVER, 0);
	outcome = arrive(&spec);
	assert_inner(&outcome, &spec, IDENTITY_WORLD);
	assert_bytes(outcome, OVERLAY_ROOM, destination, ETH_ALEN);
	spec.source = PEER4;
	know_client(PEER4, IDENTITY_REMOTE_NODE, NODE_PEER);
	expected = to_backend(&spec, POD_C4, POD_C6);
	expected = by_overlay(&expected);
	outcome = arrive(&spec);
	assert_inner(&outcome, &expected, IDENTITY_REMOTE_NODE);
}

static void what_is_told_is_not_believed_of_everybody(void **state)
{
	struct spec spec = from_client(&requests[0]), at_a = to_backend(&spec, POD_A4, POD_A6);
	static const struct {
		const char *source, *backend, *node;
		uint32_t vni;
		uint8_t reason;
	} cases[] = {
		{WORLD4, POD_A4, STRANGER4, IDENTITY_WORLD, DROP_UNKNOWN_SENDER},
		{WORLD4, POD_A4, PEER4, IDENTITY_C, DROP_UNKNOWN_SENDER},
		{POD_C4, POD_A4, PEER4, IDENTITY_WORLD, DROP_INVALID_SOURCE_IP},
		{POD_B4, POD_A4, PEER4, IDENTITY_WORLD, DROP_INVALID_SOURCE_IP},
		{WORLD4, POD_C4, PEER4, IDENTITY_WORLD, DROP_NO_SERVICE_BACKEND},
		{WORLD4, HOST4, PEER4, IDENTITY_WORLD, DROP_NO_SERVICE_BACKEND},
	};

	EVERY (i, cases) {
		rig_reset(&rig);
		spec.source = cases[i].source;
		spec.destination = PEER4;
		at_a.destination = cases[i].backend;
		assert_dropped(arrive_directly(&spec, &at_a, cases[i].node, cases[i].vni), cases[i].reason,
		               METRIC_INGRESS);
	}
}

static void a_sum_over_the_packet_stays_right(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]);
		struct frame frame = frame_build(&spec);

		if (spec.protocol == PROTOCOL_SCTP)
			continue;
		rig_reset(&rig);
		services_clear();
		serve(&spec, POD_A4, POD_A6, SERVICE_EXTERNAL);
		run_with_sum("from_netdev", DEVICE_WIRE, &frame);
	}
}

static int count_mapping(const struct nat_key *key, const struct nat_entry *entry, void *userdata)
{
	++*(int *)userdata;
	return 0;
}

static void a_detour_is_kept_as_long_as_its_flow(void **state)
{
	const struct flow_timeouts timeouts = FLOW_TIMEOUTS_DEFAULT;
	struct spec spec = from_client(&requests[0]);
	int count = 0;

	serve(&spec, POD_C4, POD_C6, SERVICE_EXTERNAL);
	arrive(&spec);
	assert_int_equal(nat_table_age(rig.maps, &timeouts, false, 0, NULL), 0);
	assert_int_equal(nat_table_each(rig.maps, count_mapping, &count), 0);
	assert_int_equal(count, 4);
	assert_int_equal(flow_table_flush(rig.maps, NULL), 0);
	assert_int_equal(nat_table_age(rig.maps, &timeouts, false, 0, NULL), 0);
	count = 0;
	assert_int_equal(nat_table_each(rig.maps, count_mapping, &count), 0);
	assert_int_equal(count, 0);
}

#define OUTSIDE_TEST(function) cmocka_unit_test_setup(function, client_begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OUTSIDE_TEST(a_client_reaches_a_backend_here_which_sees_it),
		OUTSIDE_TEST(a_client_reaches_a_backend_of_another_node_by_this_one),
		OUTSIDE_TEST(a_port_in_use_towards_the_backend_is_replaced),
		OUTSIDE_TEST(a_client_reaches_a_backend_in_the_world_by_this_node),
		OUTSIDE_TEST(a_client_reaches_a_backend_that_is_the_host),
		OUTSIDE_TEST(a_service_may_have_an_address_of_its_own),
		OUTSIDE_TEST(what_is_not_for_outside_is_left_alone),
		OUTSIDE_TEST(clients_out_of_the_source_ranges_are_not_served),
		OUTSIDE_TEST(a_client_that_is_served_no_more_opens_nothing),
		OUTSIDE_TEST(each_side_has_backends_of_its_own),
		OUTSIDE_TEST(without_backends_a_client_is_reset),
		OUTSIDE_TEST(what_is_answered_directly_is_sent_on_as_it_is),
		OUTSIDE_TEST(a_backend_here_is_asked_as_ever),
		OUTSIDE_TEST(what_is_told_is_translated_here_and_answered_directly),
		OUTSIDE_TEST(only_what_is_told_here_is_translated),
		OUTSIDE_TEST(a_large_detour_tells_nothing),
		OUTSIDE_TEST(nobody_asks_as_another_nodes_pod),
		OUTSIDE_TEST(what_another_node_told_of_goes_on_by_this_one),
		OUTSIDE_TEST(a_node_that_asks_by_the_uplink_is_answered_there),
		OUTSIDE_TEST(clients_that_are_known_are_answered_all_the_same),
		OUTSIDE_TEST(what_is_told_is_not_believed_of_everybody),
		OUTSIDE_TEST(a_sum_over_the_packet_stays_right),
		OUTSIDE_TEST(a_detour_is_kept_as_long_as_its_flow),
	};

	return PACKET_TESTS("outside", tests);
}
