/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists too long for one request: they come in pieces, and are named by a number in the request that means them. What
 * nobody goes on with is forgotten.
 */
#ifndef PILUS_AGENT_PREFILTER_UPLOAD_H
#define PILUS_AGENT_PREFILTER_UPLOAD_H

#include <uv.h>

#include "base/cidrs.h"
#include "base/error.h"

struct uploads;

struct uploads *uploads_new(uv_loop_t *loop);
void uploads_free(struct uploads *uploads);

/* Appends to an upload, or to a new one (*id 0), whose number is then in *id. -ENOENT: no such; -ENOSPC: too much. */
int upload_add(struct uploads *uploads, uint32_t *id, const struct cidrs *cidrs, size_t *ret_count,
               struct error *error);

/* Hands it over, and forgets it. */
int upload_take(struct uploads *uploads, uint32_t id, struct cidrs *ret, struct error *error);

#endif
