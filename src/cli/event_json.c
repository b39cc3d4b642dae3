/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/dissect.h"
#include "cli/event.h"
#include "cli/show.h"
#include "datapath/maps.h"

json_t *event_agent_message(const struct event *event)
{
	json_t *message = json_loadb((const char *)event->frame, event->captured, 0, NULL);

	if (json_is_object(message))
		return message;
	json_decref(message);
	return NULL;
}

static json_t *agent_to_json(const struct event *event)
{
	json_auto_t *message = event_agent_message(event);

	return json_pack("{ss ss? sO?}", "type", "agent", "subtype", row_text(message, "kind"), "message", message);
}

/* What a writer writes, as JSON text. */
static json_t *text_of(void (*write)(const void *what, FILE *out), const void *what)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return json_null();
	write(what, out);
	fclose(out);
	return json_stringn(text, size);
}

static void write_layer(const void *layer, FILE *out)
{
	layer_write(layer, out);
}

static void write_summary(const void *event, FILE *out)
{
	event_write_summary(event, out);
}

static json_t *link_pair(const struct layer *ethernet)
{
	char source[MAC_TEXT_MAX], destination[MAC_TEXT_MAX];

	return json_pack("{ss ss}", "src", mac_format(ethernet->header + 6, source), "dst",
	                 mac_format(ethernet->header, destination));
}

static json_t *address_pair(const struct dissection *packet)
{
	char source[ADDR_TEXT_MAX], destination[ADDR_TEXT_MAX];

	return json_pack("{ss ss}", "src", addr_format(&packet->source, source), "dst",
	                 addr_format(&packet->destination, destination));
}

static json_t *port_pair(uint16_t source, uint16_t destination)
{
	char source_text[8], destination_text[8];

	snprintf(source_text, sizeof(source_text), "%u", source);
	snprintf(destination_text, sizeof(destination_text), "%u", destination);
	return json_pack("{ss ss}", "src", source_text, "dst", destination_text);
}

static json_t *packet_to_json(const struct dissection *packet)
{
	const struct layer *ethernet = dissection_find(packet, LAYER_ETHERNET);
	json_t *summary = json_object();
	uint16_t source, destination;

	for (size_t i = 0; i < packet->count; i++)
		json_object_set_new(summary, layer_key(packet->layers[i].kind),
		                    text_of(write_layer, &packet->layers[i]));
	if (packet->failure[0])
		json_object_set_new(summary, "failure", json_string(packet->failure));
	if (ethernet)
		json_object_set_new(summary, "l2", link_pair(ethernet));
	if (packet->has_addresses)
		json_object_set_new(summary, "l3", address_pair(packet));
	if (packet->count && layer_ports(&packet->layers[packet->count - 1], &source, &destination))
		json_object_set_new(summary, "l4", port_pair(source, destination));
	return summary;
}

/* RFC 3339 with microseconds, of a time on the monotonic clock. */
static json_t *time_to_json(uint64_t monotonic)
{
	struct timespec real;
	char seconds[CLOCK_TEXT_MAX], text[CLOCK_TEXT_MAX + 8];
	uint64_t now;

	clock_gettime(CLOCK_REALTIME, &real);
	now = (uint64_t)real.tv_sec * NS_PER_SECOND + real.tv_nsec + monotonic - clock_now();
	clock_format((time_t)(now / NS_PER_SECOND), seconds);
	snprintf(text, sizeof(text), "%.19s.%06uZ", seconds, (unsigned)(now % NS_PER_SECOND / 1000));
	return json_string(text);
}

static void append_step(void *userdata, const char *sentence)
{
	json_array_append_new(userdata, json_string(sentence));
}

static void add_overlay(json_t *json, const struct event *event, struct directory *directory)
{
	const json_t *node = directory_node(directory, event->node);

	if (event->vni)
		json_object_set_new(json, "vni", json_integer(event->vni));
	if (event->node)
		json_object_set_new(json, "node",
		                    json_pack("{si ss? ss?}", "id", event->node, "name", row_text(node, "name"), "ipv4",
		                              row_text(node, "ipv4")));
}

static const char *type_name(uint8_t type)
{
	return type == EVENT_DROP ? "drop" : type == EVENT_POLICY_VERDICT ? "policy-verdict" : "trace";
}

static json_t *head_to_json(const struct event *event, struct directory *directory)
{
	char cpu[12], mark[12], flow[12];

	snprintf(cpu, sizeof(cpu), "CPU %02u:", event->cpu);
	snprintf(mark, sizeof(mark), "0x%x", event->mark);
	snprintf(flow, sizeof(flow), "0x%x", event->hash);
	return json_pack("{so ss ss ss ss ss ss}", "time", time_to_json(event->time), "cpu", cpu, "type",
	                 type_name(event->type), "mark", mark, "flow", flow, "ifindex", event_device(event, directory),
	                 "state", event_state_name(event));
}

static void add_reason(json_t *json, const struct event *event)
{
	const char *text = drop_reason_text(event->reason);
	char number[8];

	snprintf(number, sizeof(number), "%u", event->reason);
	json_object_set_new(json, "reason", json_string(text ? text : number));
}

static void add_verdict(json_t *json, const struct event *event, struct directory *directory)
{
	const json_t *rule = directory_rule(directory, event->verdict.rule);

	json_object_set_new(json, "policy", rule ? json_deep_copy(rule) : json_null());
	json_object_update_new(json,
	                       json_pack("{si sI ss ss ss sI}", "endpoint", event->verdict.endpoint, "remoteID",
	                                 (json_int_t)event_verdict_peer(event), "direction",
	                                 event_verdict_direction(event), "verdict", event_verdict_action(event),
	                                 "match", event_verdict_match(event), "rule", (json_int_t)event->verdict.rule));
}

json_t *event_to_json(const struct event *event, struct directory *directory)
{
	struct dissection packet;
	json_t *json, *story;

	if (event->type == EVENT_AGENT)
		return agent_to_json(event);
	dissect(event->frame, event->captured, &packet);
	json = head_to_json(event, directory);
	story = json_array();
	event_each_step(event, directory, append_step, story);
	if (event->type == EVENT_DROP)
		add_reason(json, event);
	if (event->type == EVENT_POLICY_VERDICT)
		add_verdict(json, event, directory);
	json_object_update_new(json, json_pack("{ss so si si si sI sI si}", "observationPoint", event_point_name(event),
	                                       "traceSummary", text_of(write_summary, event), "source",
	                                       event->source_endpoint, "bytes", (int)event->length, "captured",
	                                       event->captured, "srcLabel", (json_int_t)event->source_identity,
	                                       "dstLabel", (json_int_t)event->destination_identity, "dstID",
	                                       event->destination_endpoint));
	add_overlay(json, event, directory);
	json_object_set_new(json, "story", story);
	json_object_set_new(json, "summary", packet_to_json(&packet));
	return json;
}
