/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is put to the programs, and what would allow what policies refuse: the packet is a right one, and the policy is
 * read as any other, allows what was asked for, and nothing beside it.
 */
#include "agent/why/internal.h"

#include <string.h>

#include "abi/flow.h"
#include "base/memory.h"
#include "cli/dissect.h"
#include "policy/parse.h"
#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ── packets ── */

static struct addr address(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct dry_packet packet_of(const char *source, const char *destination, uint8_t protocol, uint16_t port)
{
	static const uint8_t here[6] = {2, 0, 0, 0, 0, 1}, there[6] = {2, 0, 0, 0, 0, 2};
	struct addr from = address(source), to = address(destination);
	const struct packet_spec spec = {.source = &from,
	                                 .destination = &to,
	                                 .source_mac = here,
	                                 .destination_mac = there,
	                                 .protocol = protocol,
	                                 .port = port};
	struct dry_packet packet;

	packet_build(&spec, &packet);
	return packet;
}

static void assert_summary(const struct dry_packet *packet, size_t offset, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	struct dissection dissection;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	dissect(packet->bytes + offset, packet->size - offset, &dissection);
	assert_string_equal(dissection.failure, "");
	dissection_write_summary(&dissection, out);
	fclose(out);
	assert_string_equal(text, expected);
}

static void packets_are_what_would_open_a_connection(void **state)
{
	static const struct {
		const char *source, *destination;
		uint8_t protocol;
		uint16_t port;
		const char *summary;
	} cases[] = {
		{"10.1.0.1", "10.1.0.2", PROTOCOL_TCP, 80, "10.1.0.1:49152 -> 10.1.0.2:80 tcp SYN"},
		{"10.1.0.1", "10.1.0.2", PROTOCOL_UDP, 53, "10.1.0.1:49152 -> 10.1.0.2:53 udp"},
		{"10.1.0.1", "10.1.0.2", PROTOCOL_ICMP, 8, "10.1.0.1 -> 10.1.0.2 EchoRequest"},
		{"fd00::1", "fd00::2", PROTOCOL_SCTP, 65535, "[fd00::1]:49152 -> [fd00::2]:65535 sctp"},
		{"fd00::1", "fd00::2", PROTOCOL_ICMPV6, 128, "fd00::1 -> fd00::2 EchoRequest"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dry_packet packet =
			packet_of(cases[i].source, cases[i].destination, cases[i].protocol, cases[i].port);
		struct addr source, destination;
		uint16_t port;

		assert_summary(&packet, 0, cases[i].summary);
		assert_true(packet_source(&packet, &source));
		assert_true(packet_destination(packet.bytes, packet.size, &destination, &port));
		assert_int_equal(port, strstr(cases[i].summary, "Echo") ? 0 : cases[i].port);
		assert_memory_equal(&destination, &(struct addr[]){address(cases[i].destination)}, sizeof(destination));
		assert_memory_equal(&source, &(struct addr[]){address(cases[i].source)}, sizeof(source));
	}
}

static void an_overlay_goes_around_the_packet(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct dry_packet packet = packet_of("10.1.0.1", "10.2.0.2", PROTOCOL_TCP, 80);
	size_t inner = packet.size;

	packet_encapsulate(&packet, &(struct packet_overlay){.source = address("192.0.2.1"),
	                                                     .destination = address("192.0.2.2"),
	                                                     .destination_mac = mac,
	                                                     .port = 8472,
	                                                     .vni = 0x123456});
	assert_int_equal(packet.size, inner + 50);
	assert_summary(&packet, 0, "192.0.2.1:49152 -> 192.0.2.2:8472 udp");
	assert_summary(&packet, 50, "10.1.0.1:49152 -> 10.2.0.2:80 tcp SYN");
	assert_memory_equal(packet.bytes, mac, sizeof(mac));
	assert_memory_equal(packet.bytes + 42, ((const uint8_t[]){8, 0, 0, 0, 0x12, 0x34, 0x56, 0}), 8);
}

/* ── remedies ── */

static struct party party(enum party_kind kind, const char *name, const char *addr, uint32_t identity,
                          const char *labels)
{
	struct party party = {.kind = kind,
	                      .name = xstrdup(name),
	                      .addr = address(addr),
	                      .identity = identity,
	                      .labels = json_loads(labels, 0, NULL)};

	assert_non_null(party.labels);
	assert_int_equal(label_set_read(party.labels, &party.label_set, NULL), 0);
	return party;
}

static struct party web(void)
{
	return party(PARTY_POD, "default/web", "10.1.0.1", 1001,
	             "[\"k8s:app=web\", \"k8s:tier=true\", \"k8s:io.kubernetes.pod.namespace=default\"]");
}

static struct policy_party asked(const struct party *party)
{
	return (struct policy_party){.labels = &party->label_set, .identity = party->identity, .addr = party->addr};
}

static enum policy_verdict evaluate(const char *text, const struct walk *walk, enum party_end end, uint8_t protocol,
                                    uint16_t port)
{
	_cleanup_(policy_list_clear) struct policy_list list = {};
	_cleanup_(problems_clear) struct problems problems = {};
	struct policy_question question = {
		.direction = end == END_SOURCE ? POLICY_EGRESS : POLICY_INGRESS,
		.subject = asked(end == END_SOURCE ? walk->source : walk->destination),
		.peer = asked(end == END_SOURCE ? walk->destination : walk->source),
		.protocol = protocol,
		.port = port,
	};

	if (policy_parse("remedy", text, strlen(text), &list, &problems))
		fail_msg("%s\n%s", problems.texts[0], text);
	return policy_evaluate(&list, &question).verdict;
}

static json_t *refused(const char *direction, const char *match)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "kind", "policy", "direction", direction, "verdict", "deny", "match",
	                 match);
}

static void assert_remedy(struct party *peer, enum party_end end, uint8_t protocol, uint16_t port)
{
	json_auto_t *decisions = json_array();
	struct why_question question = {.protocol = protocol, .port = port};
	struct party pod = web(), stranger = party(PARTY_POD, "default/other", "10.1.0.77", 1077,
	                                           "[\"k8s:app=other\", \"k8s:io.kubernetes.pod.namespace=default\"]");
	struct walk walk = {.question = &question,
	                    .port = port,
	                    .source = end == END_SOURCE ? &pod : peer,
	                    .destination = end == END_SOURCE ? peer : &pod,
	                    .decisions = decisions},
		    other = walk;
	_cleanup_free_ char *text = NULL;

	json_array_append_new(decisions, refused(end == END_SOURCE ? "egress" : "ingress", "none"));
	text = remedy_write(&walk);
	assert_non_null(text);
	assert_int_equal(evaluate(text, &walk, end, protocol, port), POLICY_ALLOWED);
	assert_int_equal(evaluate(text, &walk, end, protocol, port + 1), POLICY_NOT_ALLOWED);
	if (end == END_SOURCE)
		other.destination = &stranger;
	else
		other.source = &stranger;
	assert_int_equal(evaluate(text, &other, end, protocol, port), POLICY_NOT_ALLOWED);
	party_clear(&pod);
	party_clear(&stranger);
	party_clear(peer);
}

static void a_remedy_allows_what_was_refused_and_no_more(void **state)
{
	static const struct {
		uint8_t protocol;
		uint16_t port;
	} ports[] = {{PROTOCOL_TCP, 80}, {PROTOCOL_UDP, 53}, {PROTOCOL_SCTP, 9}, {PROTOCOL_ICMP, 8}};

	for (size_t i = 0; i < COUNT(ports); i++) {
		for (enum party_end end = END_SOURCE; end <= END_DESTINATION; end++) {
			struct party peers[] = {
				party(PARTY_REMOTE_POD,
			              "away/a-name.that-is:much-too-long-for-any-object-of-kubernetes", "10.2.0.9",
			              2001, "[\"k8s:app=far\", \"k8s:io.kubernetes.pod.namespace=away\"]"),
				party(PARTY_REMOTE_POD, "away/bare", "10.2.0.8", 2002,
			              "[\"k8s:io.kubernetes.pod.namespace=away\"]"),
				party(PARTY_HOST, "node-1", "192.0.2.1", IDENTITY_HOST, "[\"reserved:host\"]"),
				party(PARTY_REMOTE_NODE, "node-2", "192.0.2.2", IDENTITY_REMOTE_NODE,
			              "[\"reserved:remote-node\"]"),
				party(PARTY_WORLD, "198.51.100.1", "198.51.100.1", IDENTITY_WORLD,
			              "[\"reserved:world\"]"),
				party(PARTY_WORLD, "world", "203.0.113.1", IDENTITY_WORLD, "[\"reserved:world\"]"),
			};

			peers[5].example = true;
			for (size_t p = 0; p < COUNT(peers); p++)
				assert_remedy(&peers[p], end, ports[i].protocol, ports[i].port);
		}
	}
}

static void both_ends_may_need_one(void **state)
{
	json_auto_t *decisions = json_pack("[oo]", refused("egress", "none"), refused("ingress", "none"));
	struct why_question question = {.protocol = PROTOCOL_TCP, .port = 80};
	struct party pod = web(), peer = party(PARTY_POD, "default/db", "10.1.0.2", 1002,
	                                       "[\"k8s:app=db\", \"k8s:io.kubernetes.pod.namespace=default\"]");
	struct walk walk = {
		.question = &question, .port = 80, .source = &pod, .destination = &peer, .decisions = decisions};
	_cleanup_free_ char *text = remedy_write(&walk);

	assert_non_null(text);
	assert_int_equal(evaluate(text, &walk, END_SOURCE, PROTOCOL_TCP, 80), POLICY_ALLOWED);
	assert_int_equal(evaluate(text, &walk, END_DESTINATION, PROTOCOL_TCP, 80), POLICY_ALLOWED);
	party_clear(&pod);
	party_clear(&peer);
}

static void what_a_rule_denies_has_no_remedy(void **state)
{
	json_auto_t *decisions = json_pack("[o]", refused("egress", "L3-L4"));
	struct why_question question = {.protocol = PROTOCOL_TCP, .port = 80};
	struct party pod = web(), peer = web();
	struct walk walk = {
		.question = &question, .port = 80, .source = &pod, .destination = &peer, .decisions = decisions};

	assert_null(remedy_write(&walk));
	party_clear(&pod);
	party_clear(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_what_would_open_a_connection),
		cmocka_unit_test(an_overlay_goes_around_the_packet),
		cmocka_unit_test(a_remedy_allows_what_was_refused_and_no_more),
		cmocka_unit_test(both_ends_may_need_one),
		cmocka_unit_test(what_a_rule_denies_has_no_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
