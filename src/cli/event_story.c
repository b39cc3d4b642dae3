/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of a packet: the steps that the programs noted, in plain sentences and with the names of those concerned.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/event.h"
#include "cli/show.h"
#include "datapath/maps.h"

/* " node-2 (10.99.0.2)", or its number alone. */
static void write_node(const struct event *event, struct directory *directory, FILE *out)
{
	const json_t *node = directory_node(directory, event->node);

	if (!node)
		fprintf(out, " number %u", event->node);
	else
		fprintf(out, " %s (%s)", row_text(node, "name") ?: "?", row_text(node, "ipv4") ?: "no IPv4 address");
}

static void write_vni(const struct event *event, struct directory *directory, FILE *out)
{
	const char *reserved = reserved_identity_name(event->vni);
	const json_t *labels = directory_labels(directory, event->vni);
	json_t *label;
	size_t i;

	fprintf(out, ", VNI %u = identity", event->vni);
	if (reserved) {
		fprintf(out, " %s", reserved);
		return;
	}
	fprintf(out, " %u", event->vni);
	json_array_foreach (labels, i, label)
		fprintf(out, "%s%s", i ? " " : " (", json_string_value(label) ?: "?");
	if (json_array_size(labels))
		fputc(')', out);
}

/* What is known of a step beyond its words. */
static void write_details(const struct event *event, struct directory *directory, enum story_step step, FILE *out)
{
	switch (step) {
	case STORY_DECAPSULATED:
		fputs(": came from node", out);
		write_node(event, directory, out);
		write_vni(event, directory, out);
		break;
	case STORY_ENCAPSULATED:
		fputs(" to node", out);
		write_node(event, directory, out);
		write_vni(event, directory, out);
		break;
	case STORY_FLOW_HIT:
	case STORY_FLOW_STALE:
	case STORY_FLOW_CREATED:
		fprintf(out, ": 0x%x, packet is %s", event->hash, event_state_name(event));
		break;
	case STORY_LOCAL_DELIVERY:
		fprintf(out, " of endpoint %u", event->destination_endpoint);
		break;
	default:
		break;
	}
}

static const struct {
	enum story_step step;
	const char *text;
} STEPS[] = {
#define X(symbol, bit, text) {STORY_##symbol, text},
	STORY_STEPS(X)
#undef X
};

/* Memory streams fail for want of memory only. */
static FILE *open_sentence(char **text, size_t *size)
{
	FILE *out = open_memstream(text, size);

	if (!out)
		abort();
	return out;
}

static void tell_step(const struct event *event, struct directory *directory, size_t index,
                      void (*step)(void *userdata, const char *sentence), void *userdata)
{
	_cleanup_free_ char *sentence = NULL;
	size_t size;
	FILE *out = open_sentence(&sentence, &size);

	fputs(STEPS[index].text, out);
	write_details(event, directory, STEPS[index].step, out);
	fclose(out);
	step(userdata, sentence);
}

static void tell_drop(const struct event *event, void (*step)(void *userdata, const char *sentence), void *userdata)
{
	const char *reason = drop_reason_text(event->reason);
	char sentence[128];

	if (reason)
		snprintf(sentence, sizeof(sentence), "dropped: %s", reason);
	else
		snprintf(sentence, sizeof(sentence), "dropped: reason %u", event->reason);
	step(userdata, sentence);
}

static void tell_verdict(const struct event *event, struct directory *directory,
                         void (*step)(void *userdata, const char *sentence), void *userdata)
{
	_cleanup_free_ char *sentence = NULL;
	size_t size;
	FILE *out = open_sentence(&sentence, &size);

	fprintf(out, "policy of endpoint %u, %s: %s, match %s", event->verdict.endpoint, event_verdict_direction(event),
	        event_verdict_action(event), event_verdict_match(event));
	if (event->verdict.rule) {
		fputs(", ", out);
		event_verdict_write_rule(event, directory, out);
	}
	fclose(out);
	step(userdata, sentence);
}

void event_each_step(const struct event *event, struct directory *directory,
                     void (*step)(void *userdata, const char *sentence), void *userdata)
{
	for (size_t i = 0; i < ARRAY_SIZE(STEPS); i++)
		if (event->story & STEPS[i].step)
			tell_step(event, directory, i, step, userdata);
	if (event->type == EVENT_DROP)
		tell_drop(event, step, userdata);
	if (event->type == EVENT_POLICY_VERDICT)
		tell_verdict(event, directory, step, userdata);
}
