/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would become of a connection, and why: a packet that would open it goes through the programs as they are loaded,
 * without being sent (datapath/dry_run.h), and each decision is told. What is decided on another node is answered from
 * the policies instead, and said so.
 *
 * The programs for it are loaded when somebody asks, and go a few seconds after the last question.
 */
#ifndef PILUS_AGENT_WHY_H
#define PILUS_AGENT_WHY_H

#include "agent/endpoint/endpoint.h"
#include "agent/ipcache/ipcache.h"
#include "agent/node/node.h"
#include "agent/policy/policies.h"
#include "datapath/datapath.h"
#include "http/server.h"

struct why;

/* What it stands on; borrowed for its lifetime. */
struct why_services {
	uv_loop_t *loop;
	const struct config *config;
	struct netlink *netlink;
	const struct datapath *datapath;
	const struct underlay *underlay;
	const struct nodes *nodes;
	const struct ipcache *ipcache;
	const struct endpoints *endpoints;
	const struct policies *policies;
};

struct why *why_new(const struct why_services *services);
void why_free(struct why *why); /* questions under way are not answered any more */

/*
 * Who wants to reach whom. Both are a pod (NAME or NAMESPACE/NAME), an endpoint's id, an address, a node, "host" or
 * "world".
 */
struct why_question {
	const char *source, *destination;
	const char *sends_as; /* an address that the source writes into its packets; NULL: its own */
	uint8_t protocol;
	uint16_t port;  /* of ICMP the type */
	uint8_t family; /* 4, 6; 0: whichever both have */
};

/* As GET /v1/why has it in its query. -EINVAL with words. The texts are the exchange's. */
int why_question_read(const struct http_exchange *exchange, struct why_question *ret, struct error *error);

/*
 * Answers from the loop, once: `answer` (a new reference) as in docs/api.md, or NULL with words. -EINVAL: the question
 * makes no sense; -ENOENT: somebody in it is not known.
 */
typedef void (*why_answered)(void *userdata, json_t *answer, int result, const struct error *error);
void why_ask(struct why *why, const struct why_question *question, why_answered answered, void *userdata);

#endif
