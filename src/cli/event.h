/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event of the monitor told: as one line, as a block with its packet taken apart, with its story, or as JSON. Shapes
 * and words are those of `cilium monitor` where it has the same.
 */
#ifndef PILUS_CLI_EVENT_H
#define PILUS_CLI_EVENT_H

#include "abi/event.h"
#include "abi/policy.h"
#include "cli/directory.h"

enum event_detail {
	EVENT_LINE,
	EVENT_DISSECTED, /* -v */
	EVENT_STORY,     /* -vv */
};

/* event->captured bytes of the frame may be read. */
void event_write(const struct event *event, struct directory *directory, enum event_detail detail, FILE *out);

/* A new reference. */
json_t *event_to_json(const struct event *event, struct directory *directory);

/* Shared by text and JSON. */

const char *event_device(const struct event *event, struct directory *directory); /* as directory_device */
const char *event_point_name(const struct event *event);
const char *event_state_name(const struct event *event);

/* "allow", "L3-L4", "ingress"; of an EVENT_POLICY_VERDICT. */
const char *event_verdict_action(const struct event *event);
const char *event_verdict_match(const struct event *event);
const char *event_verdict_direction(const struct event *event);
/* "spec.ingress[0] of NetworkPolicy default/web", or "rule 3"; nothing without a rule. */
void event_verdict_write_rule(const struct event *event, struct directory *directory, FILE *out);
uint32_t event_verdict_peer(const struct event *event); /* the identity of who is at the other end */

/* "-> endpoint 7", "Policy verdict (deny)", "xx drop (Policy denied)"; without newline. */
void event_write_summary(const struct event *event, FILE *out);

/* Each step that was taken, in order: a sentence without newline. Drops end with why. */
void event_each_step(const struct event *event, struct directory *directory,
                     void (*step)(void *userdata, const char *sentence), void *userdata);

/* Of an EVENT_AGENT; a new reference, NULL when it is not what docs/api.md says. */
json_t *event_agent_message(const struct event *event);

#endif
