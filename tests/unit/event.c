/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events told as lines, blocks, stories and JSON; the stream cut at every place and broken in every way.
 */
#include "cli/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/drop.h"
#include "abi/flow.h"
#include "base/clock.h"
#include "cli/bpf.h"
#include "cli/records.h"
#include "cli/show.h"
#include "unit.h"

/* An echo request from 10.101.62.62 to 10.101.92.31. */
static const uint8_t ECHO[] = {
	0xde, 0xa7, 0x32, 0x33, 0x9f, 0xbb, 0xb2, 0xab, 0x50, 0xde, 0x09, 0xff, 0x08, 0x00,
	0x45, 0x00, 0x00, 0x1c, 0x5c, 0x7c, 0x40, 0x00, 0x3f, 0x01, 0x30, 0x06, 0x0a, 0x65,
	0x3e, 0x3e, 0x0a, 0x65, 0x5c, 0x1f, 0x08, 0x00, 0x1e, 0x80, 0x68, 0x90, 0x00, 0x01,
};

static struct event sample(uint8_t type, uint8_t point)
{
	struct event event = {
		.time = 1,
		.type = type,
		.point = point,
		.state = PACKET_NEW,
		.source_identity = 4262,
		.destination_identity = IDENTITY_WORLD,
		.source_endpoint = 7,
		.destination_endpoint = 9,
		.cpu = 1,
		.hash = 0xabc,
		.length = 98,
		.captured = sizeof(ECHO),
	};

	memcpy(event.frame, ECHO, sizeof(ECHO));
	return event;
}

static struct directory known(void)
{
	json_auto_t *identities = json_pack("[{si s[ss]} {si s[s]}]", "id", 4262, "labels", "k8s:app=web", "k8s:tier=1",
	                                    "id", 2, "labels", "reserved:world");
	json_auto_t *nodes = json_pack("[{ss si ss}]", "name", "node-2", "id", 5, "ipv4", "10.99.0.2");
	struct directory directory = {};

	directory_fill(&directory, identities, nodes);
	directory.rules = json_pack("{s{ss ss ss ss}, s{sn sn sn ss}, sn}", "257", "kind", "NetworkPolicy", "namespace",
	                            "default", "name", "web", "rule", "spec.egress[0]", "1", "kind", "namespace",
	                            "name", "rule", "the host may reach its pods", "258");
	return directory;
}

static char *told(const struct event *event, enum event_detail detail)
{
	struct directory directory = known();
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	event_write(event, &directory, detail, out);
	fclose(out);
	directory_clear(&directory);
	return text;
}

static void assert_told(const struct event *event, enum event_detail detail, const char *expected)
{
	char *text = told(event, detail);

	assert_string_equal(text, expected);
	free(text);
}

static void a_trace_is_a_line(void **state)
{
	static const struct {
		enum trace_point point;
		const char *summary;
	} POINTS[] = {
		{TRACE_FROM_ENDPOINT, "<- endpoint 7"}, {TRACE_TO_ENDPOINT, "-> endpoint 9"},
		{TRACE_FROM_OVERLAY, "<- overlay"},     {TRACE_TO_OVERLAY, "-> overlay"},
		{TRACE_FROM_HOST, "<- host"},           {TRACE_TO_HOST, "-> host"},
		{TRACE_FROM_NETWORK, "<- network"},     {TRACE_TO_NETWORK, "-> network"},
		{TRACE_TO_STACK, "-> stack"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(POINTS); i++) {
		struct event event = sample(EVENT_TRACE, POINTS[i].point);
		char line[256];

		snprintf(line, sizeof(line),
		         "%s flow 0xabc , identity 4262->world state new ifindex 0 orig-ip 10.101.62.62: "
		         "10.101.62.62 -> 10.101.92.31 EchoRequest\n",
		         POINTS[i].summary);
		assert_told(&event, EVENT_LINE, line);
	}
}

static void a_masqueraded_packet_names_the_pod(void **state)
{
	struct event event = sample(EVENT_TRACE, TRACE_TO_NETWORK);

	addr_parse("10.1.0.7", &event.original);
	assert_told(&event, EVENT_LINE,
	            "-> network flow 0xabc , identity 4262->world state new ifindex 0 orig-ip 10.1.0.7: "
	            "10.101.62.62 -> 10.101.92.31 EchoRequest\n");
}

static void devices_have_names(void **state)
{
	struct event event = sample(EVENT_TRACE, TRACE_TO_STACK);
	struct directory directory = {};

	event.time = NS_PER_SECOND;
	for (int again = 0; again < 2; again++) {
		event.ifindex = 1;
		assert_string_equal(event_device(&event, &directory), "lo");
		event.ifindex = 0x7ffffffe;
		assert_string_equal(event_device(&event, &directory), "2147483646");
	}
}

/* Another device has the same place in the directory, or the same number a second later. */
static void a_device_is_not_taken_for_another(void **state)
{
	struct event event = sample(EVENT_TRACE, TRACE_TO_STACK);
	struct directory directory = {};

	directory.devices[1] = (struct device_name){.text = "old", .ifindex = 1, .asked = NS_PER_SECOND};
	event.ifindex = 1 + ARRAY_SIZE(directory.devices);
	event.time = NS_PER_SECOND + 1;
	assert_string_not_equal(event_device(&event, &directory), "old");
	directory.devices[1] = (struct device_name){.text = "old", .ifindex = 1, .asked = NS_PER_SECOND};
	event.ifindex = 1;
	assert_string_equal(event_device(&event, &directory), "old");
	event.time = 2 * NS_PER_SECOND;
	assert_string_equal(event_device(&event, &directory), "lo");
}

static void a_drop_is_a_line(void **state)
{
	struct event event = sample(EVENT_DROP, TRACE_FROM_ENDPOINT);

	event.reason = DROP_INVALID_SOURCE_IP;
	event.destination_identity = 0;
	assert_told(&event, EVENT_LINE,
	            "xx drop (Invalid source ip) flow 0xabc to endpoint 9, ifindex 0, identity 4262->unknown: "
	            "10.101.62.62 -> 10.101.92.31 EchoRequest\n");
	event.reason = 77;
	event.captured = 20;
	assert_told(&event, EVENT_LINE,
	            "xx drop (77) flow 0xabc to endpoint 9, ifindex 0, identity 4262->unknown: [unknown]\n");
}

static struct event verdict(enum verdict_action action, enum policy_match match, uint32_t rule)
{
	struct event event = sample(EVENT_POLICY_VERDICT, TRACE_FROM_ENDPOINT);

	event.verdict = (struct event_verdict){
		.rule = rule, .endpoint = 7, .action = action, .match = match, .direction = POLICY_EGRESS};
	return event;
}

static void a_verdict_is_a_line(void **state)
{
	struct event event = verdict(VERDICT_ALLOW, POLICY_MATCH_L3_L4, 3);

	assert_told(&event, EVENT_LINE,
	            "Policy verdict log: flow 0xabc local EP ID 7, remote ID world, proto 1, egress, action allow, "
	            "match L3-L4, 10.101.62.62 -> 10.101.92.31 EchoRequest by rule 3\n");
	event = verdict(VERDICT_DENY, POLICY_MATCH_NONE, 0);
	event.verdict.endpoint = 9;
	event.verdict.direction = POLICY_INGRESS;
	assert_told(&event, EVENT_LINE,
	            "Policy verdict log: flow 0xabc local EP ID 9, remote ID 4262, proto 1, ingress, action deny, "
	            "match none, 10.101.62.62 -> 10.101.92.31 EchoRequest\n");
}

static void a_verdict_names_the_policy(void **state)
{
	struct event event = verdict(VERDICT_ALLOW, POLICY_MATCH_L3_L4, 257);
	static const struct {
		uint32_t rule;
		const char *said;
	} rules[] = {{257, " by spec.egress[0] of NetworkPolicy default/web\n"},
	             {1, " by the host may reach its pods\n"},
	             {258, " by rule 258\n"}};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		char *text;

		event.verdict.rule = rules[i].rule;
		text = told(&event, EVENT_LINE);
		assert_non_null(strstr(text, rules[i].said));
		free(text);
	}
}

static void a_verdict_is_a_story_and_json(void **state)
{
	struct event event = verdict(VERDICT_AUDIT, POLICY_MATCH_L3_ONLY, 3);
	char *text = told(&event, EVENT_STORY);
	struct directory directory = {};
	json_auto_t *json = event_to_json(&event, &directory);

	assert_non_null(strstr(text, "CPU 01: MARK 0x0 FROM 7 POLICY VERDICT of 7: 98 bytes (42 captured), egress, "
	                             "action audit, match L3-Only, after from-endpoint, state new, identity "
	                             "4262->world, orig-ip 10.101.62.62, to endpoint 9\n"));
	assert_non_null(strstr(text, "    1. policy of endpoint 7, egress: audit, match L3-Only, rule 3\n"));
	free(text);
	assert_string_equal(row_text(json, "type"), "policy-verdict");
	assert_string_equal(row_text(json, "traceSummary"), "Policy verdict (audit)");
	assert_string_equal(row_text(json, "verdict"), "audit");
	assert_string_equal(row_text(json, "direction"), "egress");
	assert_string_equal(row_text(json, "match"), "L3-Only");
	assert_int_equal(row_number(json, "endpoint"), 7);
	assert_int_equal(row_number(json, "remoteID"), IDENTITY_WORLD);
	assert_int_equal(row_number(json, "rule"), 3);
}

static void unknown_codes_are_survived(void **state)
{
	struct event event = sample(EVENT_TRACE, 200);

	event.state = 200;
	assert_told(&event, EVENT_LINE,
	            "-- unknown flow 0xabc , identity 4262->world state unknown ifindex 0 orig-ip 10.101.62.62: "
	            "10.101.62.62 -> 10.101.92.31 EchoRequest\n");
	event = verdict(200, 200, 0);
	assert_told(&event, EVENT_LINE,
	            "Policy verdict log: flow 0xabc local EP ID 7, remote ID world, proto 1, egress, action unknown, "
	            "match unknown, 10.101.62.62 -> 10.101.92.31 EchoRequest\n");
}

#define RULE "------------------------------------------------------------------------------\n"
#define LAYERS                                                                                                     \
	"Ethernet\t{Contents=[..14..] Payload=[..28..] SrcMAC=b2:ab:50:de:09:ff DstMAC=de:a7:32:33:9f:bb "         \
	"EthernetType=IPv4 Length=0}\n"                                                                            \
	"IPv4\t{Contents=[..20..] Payload=[..8..] Version=4 IHL=5 TOS=0 Length=28 Id=23676 Flags=DF FragOffset=0 " \
	"TTL=63 Protocol=ICMPv4 Checksum=12294 SrcIP=10.101.62.62 DstIP=10.101.92.31 Options=[] Padding=[]}\n"     \
	"ICMPv4\t{Contents=[..8..] Payload=[] TypeCode=EchoRequest Checksum=7808 Id=26768 Seq=1}\n"

static void verbose_takes_apart(void **state)
{
	struct event event = sample(EVENT_TRACE, TRACE_TO_ENDPOINT);

	event.ifindex = 1;
	assert_told(&event, EVENT_DISSECTED,
	            RULE LAYERS
	            "CPU 01: MARK 0x0 FROM 7 to-endpoint: 98 bytes (42 captured), state new, interface lo, identity "
	            "4262->world, orig-ip 10.101.62.62, to endpoint 9\n"
	            "  Identity 4262: k8s:app=web k8s:tier=1\n"
	            "  Identity 2: reserved:world\n");
}

static void verbose_says_where_it_was_cut(void **state)
{
	struct event event = sample(EVENT_DROP, TRACE_FROM_ENDPOINT);
	char *text;

	event.reason = DROP_TRUNCATED_HEADER;
	event.captured = 38;
	text = told(&event, EVENT_DISSECTED);
	assert_non_null(strstr(text, "  Failed to decode layer: ICMPv4: 4 of 8 bytes are there\n"));
	assert_non_null(strstr(text, "CPU 01: MARK 0x0 FROM 7 DROP: 98 bytes (38 captured), reason CT: Truncated or "
	                             "invalid header, after from-endpoint, state new, identity 4262->world"));
	free(text);
}

static void very_verbose_tells_the_story(void **state)
{
	struct event event = sample(EVENT_TRACE, TRACE_TO_OVERLAY);

	event.destination_endpoint = 0;
	event.node = 5;
	event.vni = 4262;
	event.story = STORY_FLOW_MISS | STORY_FLOW_CREATED | STORY_ENCAPSULATED | STORY_NEIGHBOUR_LOOKUP;
	assert_told(
		&event, EVENT_STORY,
		RULE LAYERS
		"CPU 01: MARK 0x0 FROM 7 to-overlay: 98 bytes (42 captured), state new, identity 4262->world, orig-ip "
		"10.101.62.62\n"
		"  Identity 4262: k8s:app=web k8s:tier=1\n"
		"  Identity 2: reserved:world\n"
		"  Story:\n"
		"    1. no flow yet\n"
		"    2. flow created: 0xabc, packet is new\n"
		"    3. encapsulated to node node-2 (10.99.0.2), VNI 4262 = identity 4262 (k8s:app=web k8s:tier=1)\n"
		"    4. next hop looked up by the kernel\n"
		"00000000  de a7 32 33 9f bb b2 ab  50 de 09 ff 08 00 45 00  |..23....P.....E.|\n"
		"00000010  00 1c 5c 7c 40 00 3f 01  30 06 0a 65 3e 3e 0a 65  |..\\|@.?.0..e>>.e|\n"
		"00000020  5c 1f 08 00 1e 80 68 90  00 01                    |\\.....h...|\n");
}

static void stories_of_arrival_and_of_drops(void **state)
{
	struct event event = sample(EVENT_TRACE, TRACE_TO_ENDPOINT);
	char *text;

	event.node = 6;
	event.vni = 6;
	event.state = PACKET_REPLY;
	event.story = STORY_DECAPSULATED | STORY_FLOW_HIT | STORY_LOCAL_DELIVERY;
	text = told(&event, EVENT_STORY);
	assert_non_null(strstr(text, "    1. decapsulated: came from node number 6, VNI 6 = identity remote-node\n"
	                             "    2. flow found, decision valid: 0xabc, packet is reply\n"
	                             "    3. delivered into the pod of endpoint 9\n"
	                             "00000000"));
	free(text);
	event.type = EVENT_DROP;
	event.reason = DROP_NOT_LOCAL;
	event.story = STORY_FLOW_MISS;
	text = told(&event, EVENT_STORY);
	assert_non_null(strstr(text, "    1. no flow yet\n    2. dropped: Stale or unroutable IP\n00000000"));
	free(text);
}

static void a_trace_is_json(void **state)
{
	struct event event = sample(EVENT_TRACE, TRACE_TO_OVERLAY);
	struct directory directory = known();
	json_auto_t *json = NULL, *expected = NULL;
	const json_t *summary;

	event.node = 5;
	event.vni = 4262;
	event.story = STORY_FLOW_HIT;
	json = event_to_json(&event, &directory);
	directory_clear(&directory);
	summary = json_object_get(json, "summary");
	assert_non_null(strstr(row_text(summary, "icmpv4"), "TypeCode=EchoRequest"));
	assert_string_equal(row_text(json_object_get(summary, "l2"), "src"), "b2:ab:50:de:09:ff");
	assert_string_equal(row_text(json_object_get(summary, "l3"), "dst"), "10.101.92.31");
	assert_int_equal(strlen(row_text(json, "time")), strlen("2026-11-22T11:09:06.123456Z"));
	json_object_del(json, "time");
	json_object_del(json, "summary");
	expected = json_loads("{\"cpu\":\"CPU 01:\",\"type\":\"trace\",\"mark\":\"0x0\",\"flow\":\"0xabc\","
	                      "\"ifindex\":\"0\",\"state\":\"new\",\"observationPoint\":\"to-overlay\","
	                      "\"traceSummary\":\"-> overlay\",\"source\":7,\"bytes\":98,\"captured\":42,"
	                      "\"srcLabel\":4262,\"dstLabel\":2,\"dstID\":9,\"vni\":4262,"
	                      "\"node\":{\"id\":5,\"name\":\"node-2\",\"ipv4\":\"10.99.0.2\"},"
	                      "\"story\":[\"flow found, decision valid: 0xabc, packet is new\"]}",
	                      0, NULL);
	assert_non_null(expected);
	assert_true(json_equal(json, expected));
}

static void a_drop_is_json(void **state)
{
	struct event event = sample(EVENT_DROP, TRACE_FROM_ENDPOINT);
	struct directory directory = {};
	json_auto_t *json = NULL;

	event.reason = DROP_POLICY_DENIED;
	json = event_to_json(&event, &directory);
	assert_string_equal(row_text(json, "type"), "drop");
	assert_string_equal(row_text(json, "reason"), "Policy denied");
}

/* An agent's event may be longer than a struct event: its memory is its own. */
static struct event *agent_event(const char *json)
{
	size_t length = strlen(json);
	struct event *event = calloc(1, sizeof(*event) + length);

	assert_non_null(event);
	event->type = EVENT_AGENT;
	event->captured = length;
	for (size_t i = 0; i < length; i++)
		((char *)event)[EVENT_SIZE(i)] = json[i];
	return event;
}

static void agent_events_are_told(void **state)
{
	static const char *const CASES[][2] = {
		{"{\"kind\":\"Endpoint created\",\"message\":\"endpoint 7\"}", ">> Endpoint created: endpoint 7\n"},
		{"{\"kind\":\"Events lost\",\"count\":42}", "Events lost: 42\n"},
		{"[nonsense", ">> Unreadable event of the agent: \n"},
		{"", ">> Unreadable event of the agent: \n"},
	};
	struct directory directory = {};

	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		struct event *event = agent_event(CASES[i][0]);
		json_auto_t *json = event_to_json(event, &directory);

		assert_told(event, EVENT_STORY, CASES[i][1]);
		assert_string_equal(row_text(json, "type"), "agent");
		free(event);
	}
}

/* The stream. */

static size_t append_record(uint8_t *stream, size_t at, const struct event *event)
{
	uint32_t length = EVENT_SIZE(event->captured);

	memcpy(stream + at, &length, sizeof(length));
	memcpy(stream + at + sizeof(length), event, length);
	return at + sizeof(length) + length;
}

struct seen {
	unsigned count;
	uint32_t hashes;
	unsigned stop_at;
};

static int see(void *userdata, const struct event *event)
{
	struct seen *seen = userdata;

	assert_int_equal((uintptr_t)event % _Alignof(struct event), 0);
	assert_memory_equal(event->frame, ECHO, event->captured);
	seen->hashes = seen->hashes * 10 + event->hash;
	return ++seen->count == seen->stop_at ? 77 : 0;
}

static size_t three_records(uint8_t *stream)
{
	size_t size = 0;

	for (uint32_t i = 1; i <= 3; i++) {
		struct event event = sample(EVENT_TRACE, TRACE_TO_STACK);

		event.hash = i;
		event.captured = 14 * i;
		size = append_record(stream, size, &event);
	}
	return size;
}

static void pieces_of_any_size_make_records(void **state)
{
	uint8_t stream[1024];
	size_t size = three_records(stream);

	for (size_t piece = 1; piece <= size; piece++) {
		struct records records = {};
		struct seen seen = {};

		for (size_t at = 0; at < size; at += piece)
			assert_int_equal(
				records_feed(&records, stream + at, size - at < piece ? size - at : piece, see, &seen),
				0);
		assert_int_equal(seen.hashes, 123);
		records_clear(&records);
	}
}

static void a_reader_may_stop(void **state)
{
	uint8_t stream[1024];
	struct records records = {};
	struct seen seen = {.stop_at = 2};

	assert_int_equal(records_feed(&records, stream, three_records(stream), see, &seen), 77);
	assert_int_equal(seen.count, 2);
	records_clear(&records);
}

static void broken_streams_are_refused(void **state)
{
	static const uint32_t LENGTHS[] = {0, EVENT_SIZE(0) - 1, RECORD_MAX + 1, UINT32_MAX};
	struct event event = sample(EVENT_TRACE, TRACE_TO_STACK);
	struct records records = {};
	struct seen seen = {};
	uint8_t stream[1024];

	for (size_t i = 0; i < ARRAY_SIZE(LENGTHS); i++) {
		assert_int_equal(records_feed(&records, &LENGTHS[i], sizeof(LENGTHS[i]), see, &seen), -EPROTO);
		records_clear(&records);
	}
	/* A capture that is longer than the record. */
	append_record(stream, 0, &event);
	event.captured++;
	memcpy(stream + 4, &event, EVENT_SIZE(0));
	assert_int_equal(records_feed(&records, stream, 4 + EVENT_SIZE(sizeof(ECHO)), see, &seen), -EPROTO);
	assert_int_equal(seen.count, 0);
	records_clear(&records);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trace_is_a_line),
		cmocka_unit_test(a_masqueraded_packet_names_the_pod),
		cmocka_unit_test(devices_have_names),
		cmocka_unit_test(a_device_is_not_taken_for_another),
		cmocka_unit_test(a_drop_is_a_line),
		cmocka_unit_test(a_verdict_is_a_line),
		cmocka_unit_test(a_verdict_names_the_policy),
		cmocka_unit_test(a_verdict_is_a_story_and_json),
		cmocka_unit_test(unknown_codes_are_survived),
		cmocka_unit_test(verbose_takes_apart),
		cmocka_unit_test(verbose_says_where_it_was_cut),
		cmocka_unit_test(very_verbose_tells_the_story),
		cmocka_unit_test(stories_of_arrival_and_of_drops),
		cmocka_unit_test(a_trace_is_json),
		cmocka_unit_test(a_drop_is_json),
		cmocka_unit_test(agent_events_are_told),
		cmocka_unit_test(pieces_of_any_size_make_records),
		cmocka_unit_test(a_reader_may_stop),
		cmocka_unit_test(broken_streams_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
