/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the prefilter keeps in the state folder over restarts: prefilter/state.json with the revision and the sets'
 * slots, and for each set that came from elsewhere than a file its list, prefilter/ORIGIN/NAME.
 */
#ifndef PILUS_AGENT_PREFILTER_KEEP_H
#define PILUS_AGENT_PREFILTER_KEEP_H

#include "agent/prefilter/set.h"

/* Is a list kept of it? */
bool keep_has_list(const struct set *set);

/* Where; the caller frees it. */
char *keep_path(const char *state_dir, enum set_origin origin, const char *name);

/* Adds the sets that were there, still empty. Nothing kept is revision 1; what cannot be read, too, and logged. */
void keep_read(const char *state_dir, struct sets *ret_sets, uint64_t *ret_revision);

/* `changed`: whose lists are to be written; for the thread pool. */
int keep_write(const char *state_dir, const struct sets *sets, const bool changed[static PREFILTER_SETS_MAX],
               uint64_t revision, struct error *error);

/* The list of a set that is no more. */
void keep_forget(const char *state_dir, enum set_origin origin, const char *name);

#endif
