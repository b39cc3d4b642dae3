/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the prefilter keeps in a folder of its own, over restarts and reboots: state.json with the revision and the
 * sets' slots, and the list of each set but the built in ones, ORIGIN/NAME.
 */
#ifndef PILUS_AGENT_PREFILTER_KEEP_H
#define PILUS_AGENT_PREFILTER_KEEP_H

#include "agent/prefilter/set.h"

/* Is a list kept of it? */
bool keep_has_list(const struct set *set);

/* Where; the caller frees it. */
char *keep_path(const char *folder, enum set_origin origin, const char *name);

/* Adds the sets that were there, still empty. Nothing kept is revision 1; what cannot be read, too, and logged. */
void keep_read(const char *folder, struct sets *ret_sets, uint64_t *ret_revision);

/* `changed`: whose lists are to be written; for the thread pool. */
int keep_write(const char *folder, const struct sets *sets, const bool changed[static PREFILTER_SETS_MAX],
               uint64_t revision, struct error *error);

/* The list of a set that is no more. */
void keep_forget(const char *folder, enum set_origin origin, const char *name);

#endif
