/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prefilter's sets, where they come from, and the revision in force: what the API, the folder of lists, the store
 * and the configuration say becomes changes, which are made one after the other. A change is made whole or not at all,
 * and the uplinks have one revision or the next (datapath/prefilter.h).
 *
 * While nothing is refused nothing is attached, so that who does not use it does not pay for it; unless services are to
 * be accelerated, which the same program does (bpf/prefilter.bpf.c).
 */
#ifndef PILUS_AGENT_PREFILTER_H
#define PILUS_AGENT_PREFILTER_H

#include "agent/config/config.h"
#include "agent/prefilter/job.h"
#include "store/store.h"

/* Borrowed. The datapath is not waiting. */
struct prefilter_services {
	uv_loop_t *loop;
	const struct config *config;
	struct datapath *datapath;
	struct store *store;
};

struct prefilter_keeper;

/* Begins with what was there before. */
struct prefilter_keeper *prefilter_keeper_new(const struct prefilter_services *services);

/* What is attached stays. Who waits for a change hears no more. */
void prefilter_keeper_free(struct prefilter_keeper *keeper);

/*
 * Changes a local set as the body of PATCH /v1/prefilter says (docs/api.md). count: of entries that are new, or gone.
 * Result −errno in words; -EEXIST: another revision is in force; -EPERM: somebody would be locked out.
 */
typedef void (*prefilter_done)(void *userdata, int result, size_t count, uint64_t revision, const struct error *error);
void prefilter_change(struct prefilter_keeper *keeper, json_t *body, prefilter_done done, void *userdata);

/*
 * A part of a long list, POST /v1/prefilter/uploads. `upload`: which one it goes on with, NULL begins one. *ret is the
 * answer, a new reference.
 */
int prefilter_upload(struct prefilter_keeper *keeper, const char *upload, json_t *body, json_t **ret,
                     struct error *error);

uint64_t prefilter_revision(const struct prefilter_keeper *keeper);
const struct sets *prefilter_sets(const struct prefilter_keeper *keeper);

/* For GET /v1/prefilter, a page of its entries, and its part of the status: new references. */
json_t *prefilter_to_json(const struct prefilter_keeper *keeper);
json_t *prefilter_entries_to_json(const struct prefilter_keeper *keeper, size_t from);
json_t *prefilter_status(const struct prefilter_keeper *keeper);

/* Appends what somebody should know. */
void prefilter_warnings(const struct prefilter_keeper *keeper, json_t *list);

#endif
