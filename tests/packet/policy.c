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
	uint32_t rule;
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
	struct policy_entry entry = {.verdict = line->effect, .rule = line->rule};

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

/* An error that a pod sends, which quotes the flow. */
static struct outcome send_error(const char *source, enum rig_device device, const char *destination,
                                 const struct spec *about)
{
	struct frame quote = frame_build(about);

	return send_from(device, &(struct spec){.source = source,
	                                        .destination = destination,
	                                        .destination_mac = rig.mac[device],
	                                        .protocol = strchr(source, ':') ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP,
	                                        .type = strchr(source, ':') ? 1 : 3,
	                                        .quote = &quote});
}

static void an_error_passes_with_its_connection_only(void **state)
{
	static const char *const a[] = {POD_A4, POD_A6}, *const b[] = {POD_B4, POD_B6}, *const c[] = {POD_C4, POD_C6};

	EVERY (i, a) {
		struct spec a_to_b = to(b[i], PROTOCOL_UDP, 53), a_to_c = to(c[i], PROTOCOL_UDP, 53);
		struct spec b_to_c = a_to_c, c_to_a = spec_reply(&a_to_c);

		rig_reset(&rig);
		b_to_c.source = b[i];
		send_from(DEVICE_A, &a_to_b);
		send_from(DEVICE_A, &a_to_c);
		send_from(DEVICE_B, &b_to_c);
		enforce(ID_A, SET_A, CLOSE(POLICY_INGRESS));
		enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS));
		/* Who was asked may tell who asked. */
		assert_verdict(send_error(b[i], DEVICE_B, a[i], &a_to_b), TC_ACT_REDIRECT);
		/* A flow of the sender's own is no way to somebody else, */
		assert_verdict(send_error(a[i], DEVICE_A, b[i], &a_to_c), TC_ACT_SHOT);
		assert_verdict(send_error(a[i], DEVICE_A, b[i], &c_to_a), TC_ACT_SHOT);
		/* and neither is one that the receiver has with others. */
		assert_verdict(send_error(a[i], DEVICE_A, b[i], &b_to_c), TC_ACT_SHOT);
		assert_int_equal(metric_packets(DROP_POLICY_DENIED, METRIC_EGRESS), 3);
	}
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

/* What one type may do opens nothing for another, nor for the other side. */
static void each_icmp_type_is_asked_for(void **state)
{
	static const struct {
		const char *destination;
		uint8_t protocol, request, reply, other, echo;
	} families[] = {{POD_B4, PROTOCOL_ICMP, 13, 14, 17, 8}, {POD_B6, PROTOCOL_ICMPV6, 139, 140, 144, 128}};

	enforce(ID_A, SET_A, CLOSE(POLICY_INGRESS));
	enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS));
	EVERY (i, families) {
		struct spec request = from_a(families[i].destination, &(struct spec){.protocol = families[i].protocol,
		                                                                     .type = families[i].request});
		struct spec reply = spec_reply(&request), other = request, echo = request, back = reply;

		reply.type = families[i].reply;
		other.type = families[i].other;
		echo.type = families[i].echo; /* its identifier is 0 */
		back.type = families[i].request;
		ALLOW(SET_B, IDENTITY_A, POLICY_INGRESS, families[i].protocol, families[i].request, 16);
		for (int round = 0; round < 2; round++) {
			assert_verdict(send_from(DEVICE_A, &request), TC_ACT_REDIRECT);
			assert_verdict(send_from(DEVICE_B, &reply), TC_ACT_REDIRECT);
			assert_verdict(send_from(DEVICE_A, &other), TC_ACT_SHOT);
			assert_verdict(send_from(DEVICE_A, &echo), TC_ACT_SHOT);
			assert_verdict(send_from(DEVICE_B, &back), TC_ACT_SHOT);
			maps_bump_epoch(rig.maps);
			assert_verdict(send_from(DEVICE_B, &reply), TC_ACT_REDIRECT);
		}
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

/* Verdicts as they are told. */

#define VERDICTS (1 << EVENT_POLICY_VERDICT)

static void assert_verdict_told(const struct event *event, uint16_t endpoint, enum policy_direction direction,
                                enum verdict_action action, enum policy_match match, uint32_t rule)
{
	assert_int_equal(event->type, EVENT_POLICY_VERDICT);
	assert_int_equal(event->verdict.endpoint, endpoint);
	assert_int_equal(event->verdict.direction, direction);
	assert_int_equal(event->verdict.action, action);
	assert_int_equal(event->verdict.match, match);
	assert_int_equal(event->verdict.rule, rule);
}

static void both_ends_are_told_once_for_a_flow(void **state)
{
	struct spec spec = to(POD_B4, PROTOCOL_TCP, 80), reply = spec_reply(&spec);
	struct frame frame;

	enforce(ID_A, SET_A, CLOSE(POLICY_EGRESS));
	enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS));
	ALLOW(SET_A, IDENTITY_B, POLICY_EGRESS, .rule = 7);
	ALLOW(SET_B, IDENTITY_A, POLICY_INGRESS, PROTOCOL_TCP, 80, 16, .rule = 8);
	events_listen(VERDICTS);
	assert_verdict(send_from(DEVICE_A, &spec), TC_ACT_REDIRECT);
	assert_int_equal(events_take(), 2);
	assert_verdict_told(&events[0], ID_A, POLICY_EGRESS, VERDICT_ALLOW, POLICY_MATCH_L3_ONLY, 7);
	assert_verdict_told(&events[1], ID_B, POLICY_INGRESS, VERDICT_ALLOW, POLICY_MATCH_L3_L4, 8);
	spec.source_mac = rig.pod_mac[DEVICE_A];
	frame = frame_build(&spec);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(events[i].source_identity, IDENTITY_A);
		assert_int_equal(events[i].destination_identity, IDENTITY_B);
		assert_int_equal(events[i].source_endpoint, ID_A);
		assert_int_equal(events[i].reason, 0);
		assert_int_equal(events[i].state, PACKET_NEW);
		assert_int_equal(events[i].captured, frame.size);
		assert_memory_equal(events[i].frame, frame.bytes, frame.size);
	}
	/* Its answer, and all that follows, also when it is decided anew. */
	reply.tcp_flags = TCP_SYN | TCP_ACK;
	assert_verdict(send_from(DEVICE_B, &reply), TC_ACT_REDIRECT);
	maps_bump_epoch(rig.maps);
	spec.tcp_flags = reply.tcp_flags = TCP_ACK;
	assert_verdict(send_from(DEVICE_A, &spec), TC_ACT_REDIRECT);
	assert_verdict(send_from(DEVICE_B, &reply), TC_ACT_REDIRECT);
	assert_int_equal(events_take(), 0);
}

static void who_is_not_asked_is_not_told_of(void **state)
{
	struct frame bad;

	events_listen(VERDICTS);
	assert_passes(POD_B4, TCP, 80);
	assert_int_equal(events_take(), 0);
	/* Nor is anybody else's drop or trace. */
	bad = frame_build(&(struct spec){.source = POD_B4, .destination = POD_A4, .protocol = PROTOCOL_UDP});
	run("from_container", DEVICE_A, &bad);
	assert_int_equal(events_take(), 0);
	enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS));
	events_listen(0);
	assert_denied(POD_B4, TCP, 81);
	assert_int_equal(events_take(), 0);
}

/* What decided: of those that say the same, the one that names the peer most closely. */
static void a_verdict_says_what_matched(void **state)
{
	static const struct {
		struct line line;
		enum policy_match match;
		enum verdict_action action;
	} steps[] = {
		{{SET_A, POLICY_ANYBODY, POLICY_EGRESS, .rule = 1}, POLICY_MATCH_ALL, VERDICT_ALLOW},
		{{SET_A, POLICY_ANYBODY, POLICY_EGRESS, PROTOCOL_TCP, 80, 16, 2}, POLICY_MATCH_L4_ONLY, VERDICT_ALLOW},
		{{SET_A, POLICY_WORLD_BLOCK | 1, POLICY_EGRESS, PROTOCOL_TCP, 0, 0, 3},
	         POLICY_MATCH_L3_L4,
	         VERDICT_ALLOW},
		{{SET_A, POLICY_BLOCK | 1, POLICY_EGRESS, .rule = 4}, POLICY_MATCH_L3_ONLY, VERDICT_ALLOW},
		{{SET_A, IDENTITY_WORLD, POLICY_EGRESS, PROTOCOL_TCP, 80, 12, 5}, POLICY_MATCH_L3_L4, VERDICT_ALLOW},
		{{SET_A, POLICY_ANYBODY, POLICY_EGRESS, PROTOCOL_TCP, 80, 16, 6, POLICY_DENY},
	         POLICY_MATCH_L4_ONLY,
	         VERDICT_DENY},
		{{SET_A, IDENTITY_WORLD, POLICY_EGRESS, PROTOCOL_TCP, 80, 16, 7, POLICY_DENY},
	         POLICY_MATCH_L3_L4,
	         VERDICT_DENY},
	};
	struct spec spec = to(WORLD4, PROTOCOL_TCP, 80);

	block(SET_A, "198.51.100.0/24", 1);
	enforce(ID_A, SET_A, CLOSE(POLICY_EGRESS));
	events_listen(VERDICTS);
	assert_verdict(send_from(DEVICE_A, &spec), TC_ACT_SHOT);
	assert_int_equal(events_take(), 1);
	assert_verdict_told(&events[0], ID_A, POLICY_EGRESS, VERDICT_DENY, POLICY_MATCH_NONE, 0);
	assert_int_equal(events[0].reason, DROP_POLICY_DENIED);
	EVERY (i, steps) {
		struct line line = steps[i].line;

		line.effect = line.effect ?: POLICY_ALLOW;
		write_line(&line);
		spec.source_port++;
		send_from(DEVICE_A, &spec);
		assert_int_equal(events_take(), 1);
		assert_verdict_told(&events[0], ID_A, POLICY_EGRESS, steps[i].action, steps[i].match, line.rule);
		assert_int_equal(events[0].reason, steps[i].action == VERDICT_DENY ? DROP_POLICY_DENY : 0);
	}
}

/* Every packet of it: there is no flow to remember that it was told. */
static void what_is_denied_is_told_until_it_ends(void **state)
{
	const struct line line = {SET_B, IDENTITY_A, POLICY_INGRESS, PROTOCOL_TCP, 80, 16, 3};
	struct spec spec = to(POD_B4, PROTOCOL_TCP, 80);

	enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS));
	ALLOW(SET_B, IDENTITY_A, POLICY_INGRESS, PROTOCOL_TCP, 80, 16, 3);
	send_from(DEVICE_A, &spec);
	forget_line(&line);
	spec.tcp_flags = TCP_ACK;
	events_listen(VERDICTS | 1 << EVENT_DROP);
	for (int i = 0; i < 2; i++) {
		assert_verdict(send_from(DEVICE_A, &spec), TC_ACT_SHOT);
		assert_int_equal(events_take(), 2);
		assert_verdict_told(&events[0], ID_B, POLICY_INGRESS, VERDICT_DENY, POLICY_MATCH_NONE, 0);
		assert_int_equal(events[0].state, PACKET_ESTABLISHED);
		assert_int_equal(events[1].type, EVENT_DROP);
		assert_int_equal(events[1].reason, DROP_POLICY_DENIED);
		assert_int_equal(events[1].source_identity, IDENTITY_A);
		assert_int_equal(events[1].destination_identity, IDENTITY_B);
	}
}

static void an_audited_denial_passes_and_is_told(void **state)
{
	struct spec spec = to(POD_B4, PROTOCOL_TCP, 80);

	enforce(ID_B, SET_B, CLOSE(POLICY_INGRESS) | ENDPOINT_AUDITS);
	events_listen(VERDICTS);
	assert_verdict(send_from(DEVICE_A, &spec), TC_ACT_REDIRECT);
	assert_int_equal(events_take(), 1);
	assert_verdict_told(&events[0], ID_B, POLICY_INGRESS, VERDICT_AUDIT, POLICY_MATCH_NONE, 0);
	DENY(SET_B, IDENTITY_A, POLICY_INGRESS, .rule = 9);
	spec.source_port++;
	assert_verdict(send_from(DEVICE_A, &spec), TC_ACT_REDIRECT);
	assert_int_equal(events_take(), 1);
	assert_verdict_told(&events[0], ID_B, POLICY_INGRESS, VERDICT_AUDIT, POLICY_MATCH_L3_ONLY, 9);
	assert_int_equal(metric_drops(), 0);
	/* A fragment ahead of its first, of which nothing can be said. */
	spec = from_a(POD_B4, &(struct spec){.protocol = PROTOCOL_UDP, .fragment_id = 5, .fragment_offset = 10});
	assert_verdict(send_from(DEVICE_A, &spec), TC_ACT_REDIRECT);
	assert_int_equal(events_take(), 0);
}

static void arrivals_are_told_by_every_door(void **state)
{
	struct spec out = to(POD_C4, PROTOCOL_TCP, 80), in = spec_reply(&out);
	struct frame frame;

	enforce(ID_A, SET_A, CLOSE(POLICY_INGRESS));
	in.tcp_flags = TCP_SYN;
	events_listen(VERDICTS);
	assert_verdict(arrive_from_c(&in), TC_ACT_SHOT);
	assert_int_equal(events_take(), 1);
	assert_verdict_told(&events[0], ID_A, POLICY_INGRESS, VERDICT_DENY, POLICY_MATCH_NONE, 0);
	assert_int_equal(events[0].source_identity, IDENTITY_C);
	assert_int_equal(events[0].destination_identity, IDENTITY_A);
	out = to(HOST4, PROTOCOL_TCP, 53);
	in = spec_reply(&out);
	in.tcp_flags = TCP_SYN;
	frame = frame_build(&in);
	assert_verdict(run("to_container", DEVICE_A, &frame), TC_ACT_SHOT);
	assert_int_equal(events_take(), 1);
	assert_verdict_told(&events[0], ID_A, POLICY_INGRESS, VERDICT_DENY, POLICY_MATCH_NONE, 0);
	assert_int_equal(events[0].source_identity, IDENTITY_HOST);
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
	PACKET_TEST(an_error_passes_with_its_connection_only),
	PACKET_TEST(an_open_connection_ends_with_its_permission),
	PACKET_TEST(pings_are_asked_for_by_their_type),
	PACKET_TEST(each_icmp_type_is_asked_for),
	PACKET_TEST(a_fragment_ahead_of_its_first_is_refused_where_policy_asks),
	PACKET_TEST(questions_are_counted),
	PACKET_TEST(both_ends_are_told_once_for_a_flow),
	PACKET_TEST(who_is_not_asked_is_not_told_of),
	PACKET_TEST(a_verdict_says_what_matched),
	PACKET_TEST(what_is_denied_is_told_until_it_ends),
	PACKET_TEST(an_audited_denial_passes_and_is_told),
	PACKET_TEST(arrivals_are_told_by_every_door),
};

int main(void)
{
	return PACKET_TESTS("policy", tests);
}
