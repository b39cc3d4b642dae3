/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners and what they hear: the ring buffer is read only while somebody listens, and the programs are told which
 * types are wanted. Records go to every listener of their type; a listener too slow loses records, which are counted
 * and said. "Events lost" goes to a listener whatever types it asked for.
 */
#ifndef PILUS_AGENT_MONITOR_H
#define PILUS_AGENT_MONITOR_H

#include "datapath/datapath.h"
#include "http/server.h"

struct monitor;

struct monitor *monitor_new(uv_loop_t *loop, const struct maps *maps);
void monitor_free(struct monitor *monitor); /* after http_server_free: nobody may still listen */

/* Answers GET /v1/monitor?types=drop,flow,trace,policy-verdict,agent: makes the exchange a listener. */
void monitor_listen(struct monitor *monitor, struct http_exchange *exchange);

/* An agent event: `kind` from docs/api.md; `details` (stolen, may be NULL) become further members of the record. */
void monitor_agent_event(struct monitor *monitor, const char *kind, json_t *details, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The "monitor" part of GET /v1/status: a new reference. */
json_t *monitor_status(const struct monitor *monitor);

#endif
