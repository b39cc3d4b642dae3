/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "abi/flow.h"
#include "base/addr.h"
#include "cli/dissect.h"
#include "cli/event.h"
#include "cli/show.h"
#include "datapath/maps.h"

#define RULE "------------------------------------------------------------------------------\n"

const char *event_device(const struct event *event, struct directory *directory)
{
	return directory_device(directory, event->ifindex, event->time);
}

static const struct {
	const char *name, *summary;
} POINTS[] = {
#define X(symbol, code, name_, summary_) [code] = {name_, summary_},
	TRACE_POINTS(X)
#undef X
};

const char *event_point_name(const struct event *event)
{
	const char *name = event->point < ARRAY_SIZE(POINTS) ? POINTS[event->point].name : NULL;

	return name ? name : "unknown";
}

const char *event_state_name(const struct event *event)
{
	static const char *const NAMES[] = PACKET_STATE_NAMES;

	return event->state < ARRAY_SIZE(NAMES) ? NAMES[event->state] : "unknown";
}

static void write_reason(const struct event *event, FILE *out)
{
	const char *text = drop_reason_text(event->reason);

	if (text)
		fputs(text, out);
	else
		fprintf(out, "%u", event->reason);
}

const char *event_verdict_action(const struct event *event)
{
	static const char *const NAMES[] = {
		[VERDICT_ALLOW] = "allow", [VERDICT_DENY] = "deny", [VERDICT_AUDIT] = "audit"};
	uint8_t action = event->verdict.action;

	return (action < ARRAY_SIZE(NAMES) ? NAMES[action] : NULL) ?: "unknown";
}

const char *event_verdict_match(const struct event *event)
{
	static const char *const NAMES[] = {
#define X(symbol, code, name) [code] = name,
		POLICY_MATCHES(X)
#undef X
	};

	return event->verdict.match < ARRAY_SIZE(NAMES) ? NAMES[event->verdict.match] : "unknown";
}

const char *event_verdict_direction(const struct event *event)
{
	return event->verdict.direction == POLICY_INGRESS ? "ingress" : "egress";
}

uint32_t event_verdict_peer(const struct event *event)
{
	return event->verdict.endpoint == event->source_endpoint ? event->destination_identity : event->source_identity;
}

void event_write_summary(const struct event *event, FILE *out)
{
	const char *summary = event->point < ARRAY_SIZE(POINTS) ? POINTS[event->point].summary : NULL;

	if (event->type == EVENT_DROP) {
		fputs("xx drop (", out);
		write_reason(event, out);
		fputc(')', out);
		return;
	}
	if (event->type == EVENT_POLICY_VERDICT) {
		fprintf(out, "Policy verdict (%s)", event_verdict_action(event));
		return;
	}
	fputs(summary ? summary : "-- unknown", out);
	if (event->point == TRACE_TO_ENDPOINT)
		fprintf(out, " %u", event->destination_endpoint);
	if (event->point == TRACE_FROM_ENDPOINT)
		fprintf(out, " %u", event->source_endpoint);
}

static void write_identity(uint32_t identity, FILE *out)
{
	const char *name = reserved_identity_name(identity);

	if (name)
		fputs(name, out);
	else
		fprintf(out, "%u", identity);
}

static void write_identities(const struct event *event, FILE *out)
{
	fputs("identity ", out);
	write_identity(event->source_identity, out);
	fputs("->", out);
	write_identity(event->destination_identity, out);
}

/* Who sent the packet, whatever its source says by now. */
static void write_original_ip(const struct event *event, const struct dissection *packet, FILE *out)
{
	bool changed = event->type != EVENT_POLICY_VERDICT && !addr_is_zero(&event->original);
	const struct addr *original = changed ? &event->original : &packet->source;
	char text[ADDR_TEXT_MAX];

	fprintf(out, "orig-ip %s", packet->has_addresses ? addr_format(original, text) : "0.0.0.0");
}

static void write_verdict(const struct event *event, FILE *out)
{
	fprintf(out, "%s, action %s, match %s", event_verdict_direction(event), event_verdict_action(event),
	        event_verdict_match(event));
}

void event_verdict_write_rule(const struct event *event, struct directory *directory, FILE *out)
{
	const json_t *rule = directory_rule(directory, event->verdict.rule);
	const char *kind = row_text(rule, "kind"), *space = row_text(rule, "namespace");

	if (!rule)
		fprintf(out, "rule %u", event->verdict.rule);
	else if (!kind)
		fputs(row_text(rule, "rule") ?: "?", out);
	else
		fprintf(out, "%s of %s %s%s%s", row_text(rule, "rule") ?: "?", kind, space ?: "", space ? "/" : "",
		        row_text(rule, "name") ?: "?");
}

static void write_verdict_line(const struct event *event, const struct dissection *packet, struct directory *directory,
                               FILE *out)
{
	fprintf(out, "Policy verdict log: flow 0x%x local EP ID %u, remote ID ", event->hash, event->verdict.endpoint);
	write_identity(event_verdict_peer(event), out);
	fprintf(out, ", proto %u, ", packet->protocol);
	write_verdict(event, out);
	fputs(", ", out);
	dissection_write_summary(packet, out);
	if (event->verdict.rule) {
		fputs(" by ", out);
		event_verdict_write_rule(event, directory, out);
	}
	fputc('\n', out);
}

static void write_line(const struct event *event, const struct dissection *packet, struct directory *directory,
                       FILE *out)
{
	if (event->type == EVENT_POLICY_VERDICT) {
		write_verdict_line(event, packet, directory, out);
		return;
	}
	event_write_summary(event, out);
	if (event->type == EVENT_DROP) {
		fprintf(out, " flow 0x%x to endpoint %u, ifindex %s, ", event->hash, event->destination_endpoint,
		        event_device(event, directory));
		write_identities(event, out);
	} else {
		fprintf(out, " flow 0x%x , ", event->hash);
		write_identities(event, out);
		fprintf(out, " state %s ifindex %s ", event_state_name(event), event_device(event, directory));
		write_original_ip(event, packet, out);
	}
	fputs(": ", out);
	dissection_write_summary(packet, out);
	fputc('\n', out);
}

static void write_layers(const struct dissection *packet, FILE *out)
{
	for (size_t i = 0; i < packet->count; i++) {
		layer_write(&packet->layers[i], out);
		fputc('\n', out);
	}
	if (packet->failure[0])
		fprintf(out, "  Failed to decode layer: %s\n", packet->failure);
}

static void write_cpu_line(const struct event *event, const struct dissection *packet, struct directory *directory,
                           FILE *out)
{
	fprintf(out, "CPU %02u: MARK 0x%x FROM %u ", event->cpu, event->mark, event->source_endpoint);
	if (event->type == EVENT_DROP) {
		fprintf(out, "DROP: %u bytes (%u captured), reason ", event->length, event->captured);
		write_reason(event, out);
		fprintf(out, ", after %s", event_point_name(event));
	} else if (event->type == EVENT_POLICY_VERDICT) {
		fprintf(out, "POLICY VERDICT of %u: %u bytes (%u captured), ", event->verdict.endpoint, event->length,
		        event->captured);
		write_verdict(event, out);
		fprintf(out, ", after %s", event_point_name(event));
	} else {
		fprintf(out, "%s: %u bytes (%u captured)", event_point_name(event), event->length, event->captured);
	}
	fprintf(out, ", state %s", event_state_name(event));
	if (event->ifindex)
		fprintf(out, ", interface %s", event_device(event, directory));
	fputs(", ", out);
	write_identities(event, out);
	fputs(", ", out);
	write_original_ip(event, packet, out);
	if (event->destination_endpoint)
		fprintf(out, ", to endpoint %u", event->destination_endpoint);
	fputc('\n', out);
}

static void write_labels(const struct event *event, struct directory *directory, FILE *out)
{
	uint32_t identities[] = {event->source_identity, event->destination_identity};
	bool same = event->source_identity == event->destination_identity;
	json_t *label;
	size_t i;

	for (size_t n = 0; n < (same ? 1 : 2); n++) {
		const json_t *labels = directory_labels(directory, identities[n]);

		if (!labels)
			continue;
		fprintf(out, "  Identity %u:", identities[n]);
		json_array_foreach (labels, i, label)
			fprintf(out, " %s", json_string_value(label) ?: "?");
		fputc('\n', out);
	}
}

struct numbered_steps {
	unsigned count;
	FILE *out;
};

static void write_step(void *userdata, const char *sentence)
{
	struct numbered_steps *steps = userdata;

	if (!steps->count++)
		fputs("  Story:\n", steps->out);
	fprintf(steps->out, "  %3u. %s\n", steps->count, sentence);
}

static void write_story(const struct event *event, struct directory *directory, FILE *out)
{
	struct numbered_steps steps = {.out = out};

	event_each_step(event, directory, write_step, &steps);
}

static void write_hex_line(const uint8_t *bytes, size_t offset, size_t count, FILE *out)
{
	fprintf(out, "%08zx ", offset);
	for (size_t i = 0; i < 16; i++) {
		if (i % 8 == 0)
			fputc(' ', out);
		fprintf(out, i < count ? "%02x " : "   ", i < count ? bytes[i] : 0);
	}
	fputs(" |", out);
	for (size_t i = 0; i < count; i++)
		fputc(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.', out);
	fputs("|\n", out);
}

static void write_hex(const uint8_t *bytes, size_t size, FILE *out)
{
	for (size_t offset = 0; offset < size; offset += 16)
		write_hex_line(bytes + offset, offset, size - offset < 16 ? size - offset : 16, out);
}

static void write_agent_event(const struct event *event, FILE *out)
{
	json_auto_t *message = event_agent_message(event);
	const char *kind = row_text(message, "kind") ?: "Unreadable event of the agent";

	if (!strcmp(kind, "Events lost"))
		fprintf(out, "Events lost: %" JSON_INTEGER_FORMAT "\n", row_number(message, "count"));
	else
		fprintf(out, ">> %s: %s\n", kind, row_text(message, "message") ?: "");
}

void event_write(const struct event *event, struct directory *directory, enum event_detail detail, FILE *out)
{
	struct dissection packet;

	if (event->type == EVENT_AGENT) {
		write_agent_event(event, out);
		return;
	}
	dissect(event->frame, event->captured, &packet);
	if (detail == EVENT_LINE) {
		write_line(event, &packet, directory, out);
		return;
	}
	fputs(RULE, out);
	write_layers(&packet, out);
	write_cpu_line(event, &packet, directory, out);
	write_labels(event, directory, out);
	if (detail != EVENT_STORY)
		return;
	write_story(event, directory, out);
	write_hex(event->frame, event->captured, out);
}
