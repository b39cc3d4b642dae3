/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The masquerade: what pods send to the world leaves as the node's, byte for byte as the node would have sent it, and
 * what the world answers reaches the pod as if it had been asked.
 */
#include "services.h"
#include "world.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "datapath/nat_table.h"
#include "datapath/walk.h"

static const struct flow_timeouts timeouts = FLOW_TIMEOUTS_DEFAULT;

static int count_entry(const struct nat_key *key, const struct nat_entry *entry, void *userdata)
{
	++*(uint32_t *)userdata;
	return 0;
}

static uint32_t nat_count(void)
{
	uint32_t count = 0;

	assert_int_equal(nat_table_each(rig.maps, count_entry, &count), 0);
	return count;
}

static struct addr address(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* The key of the packet as it is where it is looked up. */
static struct nat_key key_of(const struct spec *spec)
{
	bool asks = spec->type == 8 || spec->type == 128;

	return (struct nat_key){
		.source = address(spec->source),
		.destination = address(spec->destination),
		.source_port = htons(!is_echo(spec) ? spec->source_port
	                             : asks         ? spec->id
	                                            : 0),
		.destination_port = htons(!is_echo(spec) ? spec->destination_port
	                                  : asks         ? 0
	                                                 : spec->id),
		.protocol = spec->protocol,
	};
}

static void forget(const struct spec *spec)
{
	struct nat_key key = key_of(spec);

	assert_int_equal(bpf_map_delete_elem(rig.maps->nat, &key), 0);
}

static void what_pods_send_leaves_as_the_nodes(void **state)
{
	EVERY (i, kinds) {
		struct spec spec = from_pod_a(&kinds[i]), expected = as_node(&spec, is_echo(&spec) ? 77 : 40000);
		struct outcome outcome = leave(&spec);

		assert_verdict(outcome, TC_ACT_UNSPEC);
		assert_packet(&outcome, &expected);
		assert_int_equal(decision_of(&spec).action, FLOW_TO_WORLD);
	}
	assert_int_equal(metric_drops(), 0);
}

static void what_the_world_answers_reaches_the_pod(void **state)
{
	EVERY (i, kinds) {
		struct spec spec = from_pod_a(&kinds[i]), translated = as_node(&spec, is_echo(&spec) ? 77 : 40000);
		struct spec answer = spec_reply(&spec), answer_to_node = spec_reply(&translated);
		struct outcome outcome;

		rig_reset(&rig);
		leave(&spec);
		for (int n = 1; n <= 2; n++) {
			outcome = arrive(&answer_to_node);
			assert_reached(&outcome, DEVICE_A, &answer);
			assert_int_equal(traffic_of(&answer).packets, n);
		}
		assert_int_equal(decision_of(&answer).origin, FLOW_FROM_WORLD);
		assert_int_equal(decision_of(&answer).target, ID_A);
		assert_int_equal(flow_count(), 1);
		assert_int_equal(nat_count(), 2);
	}
}

static void a_sum_over_the_packet_stays_right(void **state)
{
	EVERY (i, kinds) {
		struct spec spec = from_pod_a(&kinds[i]), other = from_pod_b(&kinds[i]), translated, answer;
		struct outcome outcome;
		struct frame frame;

		if (spec.protocol == PROTOCOL_SCTP)
			continue;
		leave(&spec);
		outcome = leave(&other); /* by another port */
		translated = as_node(&other, port_of(&other, &outcome));
		answer = spec_reply(&translated);
		frame = frame_from_world(&answer);
		run_with_sum("from_netdev", DEVICE_WIRE, &frame);
	}
}

static void a_port_in_use_for_the_remote_is_replaced(void **state)
{
	EVERY (i, kinds) {
		struct spec a = from_pod_a(&kinds[i]), b = from_pod_b(&kinds[i]), translated, answer, reply;
		struct outcome outcome;
		uint16_t port;

		if (a.protocol == PROTOCOL_SCTP)
			continue;
		rig_reset(&rig);
		leave(&a);
		outcome = leave(&b);
		port = port_of(&b, &outcome);
		assert_int_not_equal(port, is_echo(&b) ? b.id : b.source_port);
		assert_true(port >= 1024);
		translated = as_node(&b, port);
		assert_packet(&outcome, &translated);
		outcome = leave(&b);
		assert_int_equal(port_of(&b, &outcome), port);
		reply = spec_reply(&translated);
		answer = spec_reply(&b);
		outcome = arrive(&reply);
		assert_reached(&outcome, DEVICE_B, &answer);
		assert_int_equal(nat_count(), 4);
	}
}

static void the_same_port_serves_other_remotes(void **state)
{
	struct spec a = from_pod_a(&kinds[1]), b = from_pod_b(&kinds[1]), expected;
	struct outcome outcome;

	b.destination_port = 81;
	expected = as_node(&b, b.source_port);
	leave(&a);
	outcome = leave(&b);
	assert_packet(&outcome, &expected);
}

static void sctp_keeps_its_port_or_is_refused(void **state)
{
	struct spec a = from_pod_a(&kinds[4]), b = from_pod_b(&kinds[4]);

	leave(&a);
	assert_dropped(leave(&b), DROP_NO_NAT_MAPPING, METRIC_EGRESS);
}

/* Takes every port of the node for the remote of `spec`. */
static void exhaust(const struct spec *spec)
{
	struct spec translated = as_node(spec, 0);
	struct nat_entry entry = {.addr = address(POD_B4), .end = NAT_DESTINATION};

	for (uint32_t port = 1; port < 65536; port++) {
		struct spec reply;
		struct nat_key key;

		translated.source_port = translated.id = port;
		reply = spec_reply(&translated);
		key = key_of(&reply);
		entry.port = htons(port);
		assert_int_equal(bpf_map_update_elem(rig.maps->nat, &key, &entry, BPF_ANY), 0);
	}
}

static void no_port_left_is_a_drop(void **state)
{
	struct spec spec = from_pod_a(&kinds[1]), other = spec, expected;
	struct outcome outcome;

	exhaust(&spec);
	assert_dropped(leave(&spec), DROP_NO_NAT_MAPPING, METRIC_EGRESS);
	other.destination = "198.51.100.2";
	expected = as_node(&other, other.source_port);
	outcome = leave(&other);
	assert_packet(&outcome, &expected);
}

/* An answer to it would be taken for ICMP without an identifier. */
static void identifier_0_is_replaced(void **state)
{
	static const size_t echoes[] = {3, 9};

	EVERY (i, echoes) {
		struct spec spec = from_pod_a(&kinds[echoes[i]]), translated, answer, to_node;
		struct outcome outcome;

		spec.id = 0;
		outcome = leave(&spec);
		translated = as_node(&spec, port_of(&spec, &outcome));
		assert_int_not_equal(translated.id, 0);
		assert_packet(&outcome, &translated);
		to_node = spec_reply(&translated);
		answer = spec_reply(&spec);
		outcome = arrive(&to_node);
		assert_reached(&outcome, DEVICE_A, &answer);
	}
}

/* To another address of a node's, it would come from a node that is known. */
static void no_pod_speaks_in_the_overlay_as_the_node(void **state)
{
	EVERY (i, kinds) {
		struct spec spec = from_pod_a(&kinds[i]);

		if (spec.protocol != PROTOCOL_UDP)
			continue;
		rig_reset(&rig);
		spec.destination_port = VXLAN_PORT;
		assert_dropped(leave(&spec), DROP_NAT_UNSUPPORTED, METRIC_EGRESS);
	}
}

static void other_questions_by_icmp_are_refused(void **state)
{
	struct spec timestamp = from_pod_a(&kinds[3]);

	timestamp.type = 13;
	assert_dropped(leave(&timestamp), DROP_NAT_UNSUPPORTED, METRIC_EGRESS);
}

static int listen_on(int type, uint16_t port)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, type, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void a_port_of_the_hosts_own_is_replaced(void **state)
{
	int sockets[] = {listen_on(SOCK_STREAM, 40000), listen_on(SOCK_DGRAM, 40000)};

	EVERY (i, kinds) {
		struct spec spec = from_pod_a(&kinds[i]), expected;
		struct outcome outcome;

		if (spec.protocol != PROTOCOL_TCP && spec.protocol != PROTOCOL_UDP)
			continue;
		rig_reset(&rig);
		outcome = leave(&spec);
		assert_int_not_equal(port_of(&spec, &outcome), 40000);
		expected = as_node(&spec, port_of(&spec, &outcome));
		assert_packet(&outcome, &expected);
	}
	close(sockets[0]);
	close(sockets[1]);
}

static void excluded_destinations_see_the_pod(void **state)
{
	static const char *const kept[] = {"203.0.113.7", "2001:db8:1234::7", PEER4};

	EVERY (i, kept) {
		struct spec spec = from_a(kept[i], &(struct spec){.protocol = PROTOCOL_UDP});
		struct outcome outcome = leave(&spec);

		assert_untouched(&outcome, &spec);
		assert_int_equal(decision_of(&spec).action, FLOW_TO_STACK);
	}
	assert_int_equal(nat_count(), 0);
}

static void who_asked_the_pod_is_answered_by_the_pod(void **state)
{
	EVERY (i, kinds) {
		struct spec spec = from_pod_a(&kinds[i]), asked = spec_reply(&spec);
		struct frame frame;
		struct outcome outcome;

		if (is_echo(&spec)) { /* now the pod is who answers */
			spec.type = spec.type == 8 ? 0 : 129;
			asked = spec_reply(&spec);
		}
		frame = frame_build(&asked);
		assert_verdict(run("to_container", DEVICE_A, &frame), TC_ACT_UNSPEC);
		outcome = leave(&spec);
		assert_untouched(&outcome, &spec);
	}
	assert_int_equal(nat_count(), 0);
}

static void the_hosts_own_packets_are_left_alone(void **state)
{
	EVERY (i, kinds) {
		struct spec spec = from_pod_a(&kinds[i]), own = as_node(&spec, 40001), answer = spec_reply(&own);
		struct frame frame = frame_build(&own);
		struct outcome outcome;

		leave(&spec);
		outcome = leave_marked(&frame, 0);
		assert_untouched(&outcome, &own);
		outcome = arrive(&answer);
		assert_untouched(&outcome, &answer);
	}
}

static void the_hosts_own_connection_gives_way(void **state)
{
	EVERY (i, kinds) {
		struct spec spec = from_pod_a(&kinds[i]), own = as_node(&spec, is_echo(&spec) ? 77 : 40000), moved,
			    answer, expected = spec_reply(&spec), to_pod = spec_reply(&own);
		struct outcome outcome;

		if (spec.protocol == PROTOCOL_SCTP)
			continue;
		rig_reset(&rig);
		leave(&spec);
		outcome = leave_host(&own);
		moved = as_node(&own, port_of(&own, &outcome));
		assert_int_not_equal(port_of(&own, &outcome), is_echo(&own) ? own.id : own.source_port);
		assert_verdict(outcome, TC_ACT_UNSPEC);
		assert_packet(&outcome, &moved);
		outcome = arrive(&to_pod);
		assert_reached(&outcome, DEVICE_A, &expected);
		/* It stays so, whatever becomes of the pod's. */
		forget(&spec);
		forget(&to_pod);
		own.tcp_flags = moved.tcp_flags = spec.protocol == PROTOCOL_TCP ? TCP_ACK : 0;
		outcome = leave_host(&own);
		assert_packet(&outcome, &moved);
		answer = spec_reply(&moved);
		to_pod = spec_reply(&own);
		outcome = arrive(&answer);
		assert_untouched(&outcome, &to_pod);
	}
}

static void the_hosts_established_connections_are_left_alone(void **state)
{
	struct spec spec = from_pod_a(&kinds[0]), own = as_node(&spec, 40000);
	struct outcome outcome;

	leave(&spec);
	own.tcp_flags = TCP_ACK;
	outcome = leave_host(&own);
	assert_untouched(&outcome, &own);
}

/* A VLAN and the device below it, both uplinks. */
static void an_uplink_below_another_changes_nothing_more(void **state)
{
	struct spec spec = from_pod_a(&kinds[1]), own = as_node(&spec, 40000), moved;
	struct rig_run below = {.program = "to_netdev", .device = DEVICE_NOBODY};
	struct outcome outcome = leave(&spec);

	assert_int_equal(outcome.mark, 0);
	outcome = leave_host(&own);
	moved = as_node(&own, port_of(&own, &outcome));
	outcome = run_as(&below, &outcome.frame);
	assert_untouched(&outcome, &moved);
}

static void what_passes_through_the_host_is_left_alone(void **state)
{
	struct spec spec = from_pod_a(&kinds[1]), passing = as_node(&spec, 40000);
	struct frame frame = frame_build(&passing);
	struct outcome outcome;

	leave(&spec);
	outcome = run_as(
		&(struct rig_run){.program = "to_netdev", .device = DEVICE_WIRE, .came_by = rig.ifindex[DEVICE_B]},
		&frame);
	assert_untouched(&outcome, &passing);
}

static void the_hosts_mapping_is_aged_when_idle(void **state)
{
	struct spec spec = from_pod_a(&kinds[1]), own = as_node(&spec, 40000);
	struct flow_timeouts none = {};
	uint32_t removed;

	leave(&spec);
	leave_host(&own);
	assert_int_equal(nat_count(), 4);
	assert_int_equal(nat_table_age(rig.maps, &timeouts, false, clock_now(), &removed), 0);
	assert_int_equal(removed, 0);
	assert_int_equal(nat_table_age(rig.maps, &none, false, clock_now(), &removed), 0);
	assert_int_equal(removed, 2);
}

/* A full flow table may have lost a flow that is only quiet. */
static void a_quiet_mapping_is_kept_while_flows_are_lost(void **state)
{
	struct spec spec = from_pod_a(&kinds[0]);
	struct flow_timeouts none = {};
	uint32_t removed;

	leave(&spec);
	assert_int_equal(flow_table_flush(rig.maps, NULL), 0);
	assert_int_equal(nat_table_age(rig.maps, &timeouts, true, clock_now(), &removed), 0);
	assert_int_equal(removed, 0);
	assert_int_equal(nat_table_age(rig.maps, &none, true, clock_now(), &removed), 0);
	assert_int_equal(removed, 2);
}

static int count_any(const void *key, const void *value, void *userdata)
{
	++*(uint32_t *)userdata;
	return 0;
}

static uint32_t entries(int map)
{
	uint32_t count = 0;

	assert_int_equal(map_walk(map, sizeof(struct nat_key), sizeof(struct nat_entry), count_any, &count), 0);
	return count;
}

/* Who invents clients of a service fills the services' table, and no other. */
static void strangers_evict_no_mapping_of_a_pod(void **state)
{
	struct spec own = from_pod_a(&kinds[0]), answer, expected = spec_reply(&own);
	struct spec stranger = {.source = "198.51.100.7",
	                        .destination = HOST4,
	                        .protocol = PROTOCOL_TCP,
	                        .tcp_flags = TCP_SYN,
	                        .destination_port = 30080};
	struct outcome outcome;

	services_clear();
	SERVICE(.addr = "0.0.0.0", .port = 30080, .flags = SERVICE_EXTERNAL, .backends = {{POD_C4, 8080}});
	outcome = leave(&own);
	answer = as_node(&own, port_of(&own, &outcome));
	answer = spec_reply(&answer);
	for (stranger.source_port = 1024; stranger.source_port < 1124; stranger.source_port++)
		assert_verdict(arrive(&stranger), TC_ACT_REDIRECT);
	services_clear();
	assert_int_equal(entries(rig.maps->nat), 2);
	assert_int_equal(entries(rig.maps->service_nat), 400);
	outcome = arrive(&answer);
	assert_reached(&outcome, DEVICE_A, &expected);
}

static void who_pings_the_node_by_a_pods_identifier_reaches_the_node(void **state)
{
	static const size_t echoes[] = {3, 9};

	EVERY (i, echoes) {
		struct spec spec = from_pod_a(&kinds[echoes[i]]), ping = as_node(&spec, spec.id);
		struct outcome outcome;

		leave(&spec);
		ping = spec_reply(&ping);
		ping.type = spec.type;
		outcome = arrive(&ping);
		assert_untouched(&outcome, &ping);
	}
}

static void a_checksum_of_0_stays_0(void **state)
{
	struct spec a = from_pod_a(&kinds[1]), b = from_pod_b(&kinds[1]), expected;
	struct frame frame = frame_build(&b), wanted;
	struct outcome outcome;

	leave(&a);
	outcome = leave(&b);
	expected = as_node(&b, port_of(&b, &outcome));
	wanted = frame_build(&expected);
	memset(frame.bytes + frame.transport + 6, 0, 2);
	memset(wanted.bytes + wanted.transport + 6, 0, 2);
	outcome = leave_marked(&frame, MARK_MASQUERADE);
	assert_bytes(outcome, ETH_HLEN, wanted.bytes + ETH_HLEN, wanted.size - ETH_HLEN);
}

/* ── the life of a mapping ── */

/* As if the last look at the other half was long ago. */
static void make_old(const struct spec *spec)
{
	struct nat_key key = key_of(spec);
	struct nat_entry entry;

	assert_int_equal(bpf_map_lookup_elem(rig.maps->nat, &key, &entry), 0);
	entry.checked -= 2 * NAT_CHECK_NS;
	assert_int_equal(bpf_map_update_elem(rig.maps->nat, &key, &entry, BPF_ANY), 0);
}

static void a_lost_half_is_restored_by_the_other(void **state)
{
	EVERY (i, kinds) {
		struct spec other = from_pod_b(&kinds[i]), spec = from_pod_a(&kinds[i]), translated, answer;
		struct outcome outcome;

		rig_reset(&rig);
		if (spec.protocol != PROTOCOL_SCTP)
			leave(&other);
		outcome = leave(&spec);
		translated = as_node(&spec, port_of(&spec, &outcome));
		answer = spec_reply(&translated);
		forget(&answer);
		make_old(&spec);
		leave(&spec);
		assert_verdict(arrive(&answer), TC_ACT_REDIRECT);
		forget(&spec);
		make_old(&answer);
		assert_verdict(arrive(&answer), TC_ACT_REDIRECT);
		outcome = leave(&spec);
		assert_packet(&outcome, &translated);
	}
}

static void a_half_taken_by_another_is_given_up(void **state)
{
	struct spec a = from_pod_a(&kinds[1]), b = from_pod_b(&kinds[1]), translated = as_node(&a, 40000),
		    answer = spec_reply(&translated);
	struct outcome outcome;

	leave(&a);
	forget(&answer);
	leave(&b); /* takes a's port */
	make_old(&a);
	outcome = leave(&a);
	assert_int_not_equal(port_of(&a, &outcome), 40000);
	outcome = arrive(&answer);
	answer = spec_reply(&b);
	assert_reached(&outcome, DEVICE_B, &answer);
}

static void a_mapping_is_aged_with_its_flow(void **state)
{
	struct spec a = from_pod_a(&kinds[1]), b = from_pod_a(&kinds[6]), ping = from_pod_a(&kinds[3]);
	int direction;
	struct flow_key key = spec_key(&a, &direction);
	uint32_t removed = 0;

	leave(&a);
	leave(&b);
	leave(&ping);
	assert_int_equal(nat_table_age(rig.maps, &timeouts, false, clock_now(), &removed), 0);
	assert_int_equal(removed, 0);
	assert_int_equal(bpf_map_delete_elem(rig.maps->flows, &key), 0);
	assert_int_equal(nat_table_age(rig.maps, &timeouts, false, clock_now(), &removed), 0);
	assert_int_equal(removed, 2);
	assert_int_equal(nat_count(), 4);
}

static void a_mapping_ends_with_the_pod_and_with_the_nodes_address(void **state)
{
	static const char *const addresses[] = {POD_A4, HOST4};

	EVERY (i, addresses) {
		struct spec spec = from_pod_a(&kinds[1]);
		uint32_t removed = 0;

		rig_reset(&rig);
		leave(&spec);
		forget_address(addresses[i]);
		assert_int_equal(nat_table_age(rig.maps, &timeouts, false, clock_now(), &removed), 0);
		assert_int_equal(removed, 2);
	}
}

static void another_uplink_is_another_mapping(void **state)
{
	struct spec spec = from_pod_a(&kinds[1]), expected = as_node(&spec, 40000), answer;
	struct addr source = address("192.0.2.77");
	struct frame frame = frame_build(&spec);
	struct prefix all;
	struct outcome outcome;
	uint32_t removed;

	prefix_parse("0.0.0.0/0", &all);
	leave(&spec);
	assert_int_equal(masquerade_set(rig.maps, rig.ifindex[DEVICE_NOBODY], &all, &source), 0);
	assert_int_equal(local_map_set_host(rig.maps, &source), 0);
	outcome = run_as(&(struct rig_run){.program = "to_netdev", .device = DEVICE_NOBODY, .mark = MARK_MASQUERADE},
	                 &frame);
	expected.source = "192.0.2.77";
	assert_packet(&outcome, &expected);
	answer = spec_reply(&expected);
	assert_verdict(arrive(&answer), TC_ACT_REDIRECT);
	/* What nothing asks for any more goes. */
	assert_int_equal(nat_table_age(rig.maps, &timeouts, false, clock_now(), &removed), 0);
	assert_int_equal(removed, 1);
	masquerade_delete(rig.maps, rig.ifindex[DEVICE_NOBODY], &all);
}

static void what_leaves_by_no_uplink_of_ours_keeps_its_address(void **state)
{
	struct spec spec = from_pod_a(&kinds[1]);
	struct frame frame = frame_build(&spec);
	struct outcome outcome = run_as(
		&(struct rig_run){.program = "to_netdev", .device = DEVICE_NOBODY, .mark = MARK_MASQUERADE}, &frame);

	assert_untouched(&outcome, &spec);
}

static void the_nearest_prefix_says_the_source(void **state)
{
	struct spec spec = from_pod_a(&kinds[1]), expected = as_node(&spec, 40000);
	struct addr source = address("192.0.2.77");
	struct prefix near;
	struct outcome outcome;

	prefix_parse("198.51.100.0/24", &near);
	assert_int_equal(masquerade_set(rig.maps, rig.ifindex[DEVICE_WIRE], &near, &source), 0);
	expected.source = "192.0.2.77";
	outcome = leave(&spec);
	assert_packet(&outcome, &expected);
	masquerade_delete(rig.maps, rig.ifindex[DEVICE_WIRE], &near);
}

static void the_monitor_hears_of_it(void **state)
{
	struct spec spec = from_pod_a(&kinds[1]), translated = as_node(&spec, 40000), answer = spec_reply(&translated);
	struct addr pod = address(POD_A4);
	size_t count;

	events_listen(1 << EVENT_TRACE);
	leave(&spec);
	count = events_take();
	assert_int_equal(events[count - 1].point, TRACE_TO_NETWORK);
	assert_true(events[count - 1].story & STORY_MASQUERADED);
	assert_true(addr_equal(&events[count - 1].original, &pod));
	assert_int_equal(events[count - 1].source_identity, IDENTITY_A);
	assert_int_equal(events[count - 1].destination_identity, IDENTITY_WORLD);
	arrive(&answer);
	count = events_take();
	assert_true(events[count - 1].story & STORY_UNMASQUERADED);
	assert_int_equal(events[count - 1].point, TRACE_TO_ENDPOINT);
	events_listen(0);
}

static const struct CMUnitTest tests[] = {
	PACKET_TEST(what_pods_send_leaves_as_the_nodes),
	PACKET_TEST(what_the_world_answers_reaches_the_pod),
	PACKET_TEST(a_sum_over_the_packet_stays_right),
	PACKET_TEST(a_port_in_use_for_the_remote_is_replaced),
	PACKET_TEST(the_same_port_serves_other_remotes),
	PACKET_TEST(sctp_keeps_its_port_or_is_refused),
	PACKET_TEST(no_port_left_is_a_drop),
	PACKET_TEST(identifier_0_is_replaced),
	PACKET_TEST(other_questions_by_icmp_are_refused),
	PACKET_TEST(no_pod_speaks_in_the_overlay_as_the_node),
	PACKET_TEST(a_port_of_the_hosts_own_is_replaced),
	PACKET_TEST(excluded_destinations_see_the_pod),
	PACKET_TEST(who_asked_the_pod_is_answered_by_the_pod),
	PACKET_TEST(the_hosts_own_packets_are_left_alone),
	PACKET_TEST(the_hosts_own_connection_gives_way),
	PACKET_TEST(the_hosts_established_connections_are_left_alone),
	PACKET_TEST(an_uplink_below_another_changes_nothing_more),
	PACKET_TEST(what_passes_through_the_host_is_left_alone),
	PACKET_TEST(the_hosts_mapping_is_aged_when_idle),
	PACKET_TEST(a_quiet_mapping_is_kept_while_flows_are_lost),
	PACKET_TEST(strangers_evict_no_mapping_of_a_pod),
	PACKET_TEST(who_pings_the_node_by_a_pods_identifier_reaches_the_node),
	PACKET_TEST(a_checksum_of_0_stays_0),
	PACKET_TEST(a_lost_half_is_restored_by_the_other),
	PACKET_TEST(a_half_taken_by_another_is_given_up),
	PACKET_TEST(a_mapping_is_aged_with_its_flow),
	PACKET_TEST(a_mapping_ends_with_the_pod_and_with_the_nodes_address),
	PACKET_TEST(another_uplink_is_another_mapping),
	PACKET_TEST(what_leaves_by_no_uplink_of_ours_keeps_its_address),
	PACKET_TEST(the_nearest_prefix_says_the_source),
	PACKET_TEST(the_monitor_hears_of_it),
};

int main(void)
{
	return PACKET_TESTS("nat", tests);
}
