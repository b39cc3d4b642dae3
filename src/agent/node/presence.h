/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the other nodes are there. A node is while its agent says so ("alive/NAME", under a lease); when that falls
 * silent, the node is there as long as its host answers pings: then only the agent is away, and what it wired goes on.
 * One that does neither is gone until it does again, and forgotten after long.
 */
#ifndef PILUS_AGENT_NODE_PRESENCE_H
#define PILUS_AGENT_NODE_PRESENCE_H

#include "agent/node/node.h"

struct presence;

struct presence_events {
	void (*here)(void *userdata, const struct node_info *info); /* came, came back, or differs */
	void (*gone)(void *userdata, const char *name);
	void (*forgotten)(void *userdata, const char *name); /* gone for so long that nobody waits for it */
};

/* Says of this node that it is alive. store and config are borrowed. */
struct presence *presence_new(uv_loop_t *loop, struct store *store, const struct config *config,
                              const struct presence_events *events, void *userdata);
void presence_free(struct presence *presence);

/* A node as the store has it now (all is copied), and that the store has it no more: that one is gone at once. */
void presence_set(struct presence *presence, const struct node_info *info);
void presence_remove(struct presence *presence, const char *name);

/* One of those that are alive does what has to be done once: the first by name. Is it this one? */
bool presence_is_first(const struct presence *presence);

/* Does the agent of a node that is there say nothing? */
bool presence_is_silent(const struct presence *presence, const char *name);

#endif
