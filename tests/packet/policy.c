/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What endpoints' policies let pass. Pod a sends to b here and to c behind another node; the programs are asked what
 * the compiler of policies (tests/unit/policy_compile.c) has written for them.
 */
#include "packet_test.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>

#define SET_A 11
#define SET_B 12

struct line {
	uint32_t set, peer;
	enum policy_direction direction;
	uint8_t protocol;
	uint16_t port;
	uint8_t port_bits;
	enum policy_effect effect;
};

static struct policy_key key_of(const struct line *line)
{
	return (struct policy_key){
		.prefix_bits = line->protocol ? POLICY_PROTOCOL_BITS + line->port_bits : POLICY_PEER_BITS,
		.set = htonl(line->set),
		.peer = htonl(line->peer),
		.direction = line->direction,
		.protocol = line->protocol,
		.port = htons(line->port),
	};
}

static void write_line(const struct line *line)
{
	struct policy_key key = key_of(line);
	struct policy_entry entry = {.verdict = line->effect};

	assert_int_equal(policy_set(rig.maps, &key, &entry), 0);
}

#define ALLOW(...) write_line(&(struct line){__VA_ARGS__, .effect = POLICY_ALLOW})
#define DENY(...)  write_line(&(struct line){__VA_ARGS__, .effect = POLICY_DENY})

static void forget_line(const struct line *line)
{
	struct policy_key key = key_of(line);

	assert_int_equal(policy_delete(rig.maps, &key), 0);
	maps_bump_epoch(rig.maps);
}

static void block(uint32_t set, const char *text, uint32_t id)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	assert_int_equal(policy_cidr_set(rig.maps, set, &prefix, id), 0);
}

static void enforce(uint32_t id, uint32_t set, uint32_t flags)
{
	struct endpoint endpoint;

	read_endpoint(id, &endpoint);
	endpoint.policy = set;
	endpoint.flags = flags;
	assert_int_equal(bpf_map_update_elem(rig.maps->endpoints, &id, &endpoint, BPF_EXIST), 0);
	maps_bump_epoch(rig.maps);
}

#define CLOSE(direction) (ENDPOINT_ASKS(direction) | ENDPOINT_CLOSES(direction))

static struct outcome send_from(enum rig_device device, const struct spec *spec)
{
	struct spec own = *spec;
	struct frame frame;

	own.source_mac = rig.pod_mac[device];
	frame = frame_build(&own);
	return run("from_container", device, &frame);
}

static struct spec to(const char *destination, uint8_t protocol, uint16_t port)
{
	struct spec spec = from_a(destination, &(struct spec){.protocol = protocol});

	spec.destination_port = port;
	spec.tcp_flags = protocol == PROTOCOL_TCP ? TCP_SYN : 0;
	return spec;
}

static int verdict_to(const char *destination, uint8_t protocol, uint16_t port)
{
	struct spec spec = to(destination, protocol, port);

	return send_from(DEVICE_A, &spec).verdict;
}

#define assert_passes(destination, protocol, port) \
	assert_int_not_equal(verdict_to(destination, PROTOCOL_##protocol, port), TC_ACT_SHOT)
#define assert_denied(destination, protocol, port) \
	assert_int_equal(verdict_to(destination, PROTOCOL_##protocol, port), TC_ACT_SHOT)

static const char *const b_addresses[] = {POD_B4, POD_B6};

static void what_is_not_asked_passes(void **state)
{
	enforce(ID_B, SET_B, CLOSE(POLICY_EGRESS));
	assert_passes(POD_B4, TCP, 80);
	enforce(ID_B, SET_B, ENDPOINT_ASKS(POLICY_INGRESS));
	assert_passes(POD_B4, TCP, 81);
}

static void a_closed_receiver_denies_and_no_flow_is_left(void **state)
{
	enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS));
	EVERY (i, b_addresses) {
		struct spec spec = to(b_addresses[i], PROTOCOL_TCP, 80);

		assert_verdict(send_from(DEVICE_A, &spec), TC_ACT_SHOT);
		assert_false(flow_exists(&spec));
	}
	assert_int_equal(metric_packets(DROP_POLICY_DENIED, METRIC_EGRESS), 2);
	assert_int_equal(metric_drops(), 2);
}

static void a_line_allows_its_peer_protocol_and_port(void **state)
{
	enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS));
	ALLOW(SET_B, IDENTITY_A, POLICY_INGRESS, PROTOCOL_TCP, 80, 16);
	EVERY (i, b_addresses) {
		assert_passes(b_addresses[i], TCP, 80);
		assert_denied(b_addresses[i], TCP, 81);
		assert_denied(b_addresses[i], UDP, 80);
	}
	enforce(ID_A, SET_A, CLOSE(POLICY_EGRESS));
	assert_denied(POD_B4, TCP, 80);
	ALLOW(SET_A, IDENTITY_B, POLICY_EGRESS, PROTOCOL_TCP, 80, 16);
	assert_passes(POD_B4, TCP, 80);
}

static void prefixes_of_ports_and_whole_protocols(void **state)
{
	enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS));
	ALLOW(SET_B, IDENTITY_A, POLICY_INGRESS, PROTOCOL_TCP, 8192, 3);
	ALLOW(SET_B, IDENTITY_A, POLICY_INGRESS, PROTOCOL_UDP, 0, 0);
	assert_denied(POD_B4, TCP, 8191);
	assert_passes(POD_B4, TCP, 8192);
	assert_passes(POD_B4, TCP, 16383);
	assert_denied(POD_B4, TCP, 16384);
	assert_passes(POD_B4, UDP, 1);
	assert_denied(POD_B4, SCTP, 1);
	ALLOW(SET_B, POLICY_ANYBODY, POLICY_INGRESS);
	assert_passes(POD_B4, SCTP, 1);
}

static void a_denial_is_the_last_word(void **state)
{
	enforce(ID_B, SET_B, ENDPOINT_ASKS(POLICY_INGRESS));
	ALLOW(SET_B, IDENTITY_A, POLICY_INGRESS);
	DENY(SET_B, POLICY_ANYBODY, POLICY_INGRESS, PROTOCOL_TCP, 80, 16);
	assert_denied(POD_B4, TCP, 80);
	assert_passes(POD_B4, TCP, 81);
	assert_int_equal(metric_packets(DROP_POLICY_DENY, METRIC_EGRESS), 1);
}

static void blocks_are_of_everybody_or_of_the_world(void **state)
{
	block(SET_A, "10.1.0.0/16", 1);
	block(SET_A, "198.51.100.0/24", 2);
	enforce(ID_A, SET_A, CLOSE(POLICY_EGRESS));
	ALLOW(SET_A, POLICY_WORLD_BLOCK | 1, POLICY_EGRESS);
	ALLOW(SET_A, POLICY_WORLD_BLOCK | 2, POLICY_EGRESS, PROTOCOL_TCP, 80, 16);
	assert_denied(POD_B4, TCP, 80);
	assert_passes(WORLD4, TCP, 80);
	assert_denied(WORLD4, TCP, 81);
	ALLOW(SET_A, POLICY_BLOCK | 1, POLICY_EGRESS);
	assert_passes(POD_B4, TCP, 80);
	/* The smallest block that it lies in answers alone. */
	block(SET_A, POD_B4 "/32", 3);
	assert_denied(POD_B4, TCP, 82);
}

static void everybody_that_a_pod_reaches_is_asked_for(void **state)
{
	static const struct {
		const char *destination;
		uint32_t identity;
	} peers[] = {{POD_C4, IDENTITY_C},   {POD_C6, IDENTITY_C},     {HOST4, IDENTITY_HOST},
	             {HOST6, IDENTITY_HOST}, {WORLD4, IDENTITY_WORLD}, {WORLD6, IDENTITY_WORLD}};

	enforce(ID_A, SET_A, CLOSE(POLICY_EGRESS));
	EVERY (i, peers)
		assert_denied(peers[i].destination, TCP, 80);
	EVERY (i, peers)
		ALLOW(SET_A, peers[i].identity, POLICY_EGRESS, PROTOCOL_TCP, 80, 16);
	EVERY (i, peers) {
		assert_passes(peers[i].destination, TCP, 80);
		assert_denied(peers[i].destination, TCP, 81);
	}
}

static struct outcome arrive_from_c(const struct spec *spec)
{
	struct frame inner = frame_build(spec);
	struct frame frame = frame_encapsulate(&inner, &(struct tunnel){.source = PEER4,
	                                                                .destination = HOST4,
	                                                                .destination_mac = rig.mac[DEVICE_WIRE],
	                                                                .port = VXLAN_PORT,
	                                                                .vni = IDENTITY_C});

	return run("from_netdev", DEVICE_WIRE, &frame);
}

static void what_arrives_from_another_node_is_asked_for(void **state)
{
	struct spec out = to(POD_C4, PROTOCOL_TCP, 80), in = spec_reply(&out);

	in.tcp_flags = TCP_SYN;
	in.source_port = 40000;
	in.destination_port = 80;
	enforce(ID_A, SET_A, CLOSE(POLICY_INGRESS));
	assert_verdict(arrive_from_c(&in), TC_ACT_SHOT);
	assert_int_equal(metric_packets(DROP_POLICY_DENIED, METRIC_INGRESS), 1);
	ALLOW(SET_A, IDENTITY_C, POLICY_INGRESS, PROTOCOL_TCP, 80, 16);
	assert_verdict(arrive_from_c(&in), TC_ACT_REDIRECT);
}

static void what_the_host_sends_is_asked_for(void **state)
{
	struct spec out = to(HOST4, PROTOCOL_UDP, 53), in = spec_reply(&out);
	struct frame frame = frame_build(&in);

	enforce(ID_A, SET_A, CLOSE(POLICY_INGRESS));
	assert_verdict(run("to_container", DEVICE_A, &frame), TC_ACT_SHOT);
	ALLOW(SET_A, IDENTITY_HOST, POLICY_INGRESS);
	assert_verdict(run("to_container", DEVICE_A, &frame), TC_ACT_UNSPEC);
}

/* The receiver may send nothing of its own. */
static void answers_pass_with_their_connection(void **state)
{
	struct spec spec = to(POD_B4, PROTOCOL_TCP, 80), reply = spec_reply(&spec);

	enforce(ID_A, SET_A, CLOSE(POLICY_INGRESS));
	enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS) | CLOSE(POLICY_EGRESS));
	ALLOW(SET_B, IDENTITY_A, POLICY_INGRESS, PROTOCOL_TCP, 80, 16);
	reply.tcp_flags = TCP_SYN | TCP_ACK;
	assert_verdict(send_from(DEVICE_A, &spec), TC_ACT_REDIRECT);
	assert_verdict(send_from(DEVICE_B, &reply), TC_ACT_REDIRECT);
	/* Also when everything is decided anew. */
	maps_bump_epoch(rig.maps);
	assert_verdict(send_from(DEVICE_B, &reply), TC_ACT_REDIRECT);
	reply.tcp_flags = TCP_SYN;
	reply.source_port = 4711;
	assert_verdict(send_from(DEVICE_B, &reply), TC_ACT_SHOT);
}

static void an_open_connection_ends_with_its_permission(void **state)
{
	const struct line line = {SET_B, IDENTITY_A, POLICY_INGRESS, PROTOCOL_TCP, 80, 16};
	struct spec spec = to(POD_B4, PROTOCOL_TCP, 80), reply = spec_reply(&spec);

	enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS));
	ALLOW(SET_B, IDENTITY_A, POLICY_INGRESS, PROTOCOL_TCP, 80, 16);
	reply.tcp_flags = TCP_SYN | TCP_ACK;
	assert_verdict(send_from(DEVICE_A, &spec), TC_ACT_REDIRECT);
	assert_verdict(send_from(DEVICE_B, &reply), TC_ACT_REDIRECT);
	forget_line(&line);
	spec.tcp_flags = reply.tcp_flags = TCP_ACK;
	for (int i = 0; i < 2; i++) {
		assert_verdict(send_from(DEVICE_A, &spec), TC_ACT_SHOT);
		assert_verdict(send_from(DEVICE_B, &reply), TC_ACT_SHOT);
	}
	/* Permitted again, it goes on. */
	ALLOW(SET_B, IDENTITY_A, POLICY_INGRESS, PROTOCOL_TCP, 80, 16);
	maps_bump_epoch(rig.maps);
	assert_verdict(send_from(DEVICE_A, &spec), TC_ACT_REDIRECT);
	assert_verdict(send_from(DEVICE_B, &reply), TC_ACT_REDIRECT);
}

static void pings_are_asked_for_by_their_type(void **state)
{
	static const struct {
		const char *destination;
		uint8_t protocol, request, reply;
	} families[] = {{POD_B4, PROTOCOL_ICMP, 8, 0}, {POD_B6, PROTOCOL_ICMPV6, 128, 129}};

	enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS) | CLOSE(POLICY_EGRESS));
	EVERY (i, families) {
		struct spec request =
			from_a(families[i].destination,
		               &(struct spec){.protocol = families[i].protocol, .type = families[i].request, .id = 77});
		struct spec reply = spec_reply(&request);

		reply.type = families[i].reply;
		assert_verdict(send_from(DEVICE_A, &request), TC_ACT_SHOT);
		ALLOW(SET_B, IDENTITY_A, POLICY_INGRESS, families[i].protocol, families[i].request, 16);
		assert_verdict(send_from(DEVICE_A, &request), TC_ACT_REDIRECT);
		assert_verdict(send_from(DEVICE_B, &reply), TC_ACT_REDIRECT);
		maps_bump_epoch(rig.maps);
		assert_verdict(send_from(DEVICE_B, &reply), TC_ACT_REDIRECT);
	}
}

/* It has no ports to ask with. */
static void a_fragment_ahead_of_its_first_is_refused_where_policy_asks(void **state)
{
	struct spec later =
		from_a(POD_B4, &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 5, .fragment_offset = 10});

	assert_verdict(send_from(DEVICE_A, &later), TC_ACT_REDIRECT);
	enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS));
	ALLOW(SET_B, IDENTITY_A, POLICY_INGRESS, PROTOCOL_UDP, 0, 0);
	assert_verdict(send_from(DEVICE_A, &later), TC_ACT_SHOT);
	assert_int_equal(metric_packets(DROP_FIRST_FRAGMENT_NOT_FOUND, METRIC_EGRESS), 1);
}

static void questions_are_counted(void **state)
{
	const struct line line = {SET_B, IDENTITY_A, POLICY_INGRESS, PROTOCOL_TCP, 80, 16};
	struct spec spec = to(POD_B4, PROTOCOL_TCP, 80);
	struct policy_key key = key_of(&line);
	struct policy_entry entry;

	enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS));
	ALLOW(SET_B, IDENTITY_A, POLICY_INGRESS, PROTOCOL_TCP, 80, 16);
	for (int i = 0; i < 3; i++)
		send_from(DEVICE_A, &spec);
	assert_int_equal(bpf_map_lookup_elem(rig.maps->policy, &key, &entry), 0);
	assert_int_equal(entry.packets, 1); /* the others knew */
	assert_int_equal(entry.bytes, frame_build(&spec).size);
}

static const struct CMUnitTest tests[] = {
	PACKET_TEST(what_is_not_asked_passes),
	PACKET_TEST(a_closed_receiver_denies_and_no_flow_is_left),
	PACKET_TEST(a_line_allows_its_peer_protocol_and_port),
	PACKET_TEST(prefixes_of_ports_and_whole_protocols),
	PACKET_TEST(a_denial_is_the_last_word),
	PACKET_TEST(blocks_are_of_everybody_or_of_the_world),
	PACKET_TEST(everybody_that_a_pod_reaches_is_asked_for),
	PACKET_TEST(what_arrives_from_another_node_is_asked_for),
	PACKET_TEST(what_the_host_sends_is_asked_for),
	PACKET_TEST(answers_pass_with_their_connection),
	PACKET_TEST(an_open_connection_ends_with_its_permission),
	PACKET_TEST(pings_are_asked_for_by_their_type),
	PACKET_TEST(a_fragment_ahead_of_its_first_is_refused_where_policy_asks),
	PACKET_TEST(questions_are_counted),
};

int main(void)
{
	return PACKET_TESTS("policy", tests);
}
