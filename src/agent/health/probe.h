/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One probe of one address: ICMP echo, said again where it was lost, or an HTTP GET /hello. Knows nothing of nodes. The
 * loop's thread only.
 */
#ifndef PILUS_AGENT_HEALTH_PROBE_H
#define PILUS_AGENT_HEALTH_PROBE_H

#include <uv.h>

#include "base/addr.h"
#include "base/error.h"

#define PROBE_ATTEMPTS   3    /* of an echo, a second apart */
#define PROBE_TIMEOUT_MS 3000 /* for the whole probe */

enum probe_kind { PROBE_ICMP, PROBE_HTTP, PROBE_KINDS };

struct probe_answer {
	uint64_t rtt;       /* ns, when error.code is 0 */
	unsigned lost;      /* echoes without an answer */
	struct error error; /* as people are told: "Connection refused" */
};

/* Borrowed for the call of probe_start only. */
struct probe_target {
	enum probe_kind kind;
	struct addr addr;
	uint16_t port; /* of HTTP */
};

/* `done` is called once, from the loop and never from inside; the probe is gone then. */
struct probe;
struct probe *probe_start(uv_loop_t *loop, const struct probe_target *target,
                          void (*done)(void *userdata, const struct probe_answer *answer), void *userdata);
void probe_cancel(struct probe *probe); /* says nothing any more; NULL: nothing */

#endif
