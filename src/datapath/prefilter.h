/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One revision of the prefilter, from a plan to a loaded program whose tables are full: abi/prefilter.h. Attaching it
 * is the datapath's (datapath_set_prefilter).
 */
#ifndef PILUS_DATAPATH_PREFILTER_H
#define PILUS_DATAPATH_PREFILTER_H

#include "abi/prefilter.h"
#include "datapath/datapath.h"

/* What a table is made of. 24 bytes, for there may be millions. */
struct prefilter_row {
	struct addr addr;
	uint16_t set;
	uint8_t bits; /* as struct prefix has it */
	uint8_t verdict;
};

/* Borrowed for the call. No prefix stands in a table twice. */
struct prefilter_plan {
	const struct prefilter_row *rows[PREFILTER_MATCHES];
	size_t count[PREFILTER_MATCHES];
	uint8_t refuse; /* enum prefilter_kind, or-ed */
	uint32_t rate;  /* packets per second of each source; 0: no limit */
};

/* Nothing is refused: it need not be attached. */
bool prefilter_plan_is_empty(const struct prefilter_plan *plan);

struct prefilter;

/*
 * Takes time where the tables are large: for the thread pool. *progress counts the rows that are in the kernel; NULL:
 * nobody asks. The options are those the datapath was opened with, whose pinned maps it shares. The caller frees *ret.
 */
int prefilter_load(const struct datapath_options *options, const struct prefilter_plan *plan, size_t *progress,
                   struct prefilter **ret, struct error *error);

/* Of a row: an entry whose verdict is PREFILTER_NONE says that there is none. */
struct prefilter_edit {
	struct prefix prefix;
	struct prefilter_entry before, after;
};

#define PREFILTER_EDITS_MAX 256

/*
 * Changes a few rows where they are, while packets meet them. Where no prefix of the edits lies in another, each packet
 * meets what was before or what comes after, for one row at most says something else to it. For the thread pool: it
 * waits until no packet that has begun before a step is still on its way.
 *
 * -ERANGE: it cannot be done, for the tables would have to be larger, smaller, or looked up otherwise. After any error
 * some rows may be edited and others not: the caller loads what shall be.
 */
int prefilter_edit(struct prefilter *prefilter, enum prefilter_match match, const struct prefilter_edit *edits,
                   size_t count);

/* That are in its tables. */
size_t prefilter_rows(const struct prefilter *prefilter);

/* What is attached stays. */
void prefilter_free(struct prefilter *prefilter);
DEFINE_CLEANUP(struct prefilter *, prefilter_free)

struct bpf_program *prefilter_program(const struct prefilter *prefilter);

/* Kernel memory of its tables. */
uint64_t prefilter_bytes(const struct prefilter *prefilter);

/* What each set has refused, summed over the CPUs. */
int prefilter_counters(const struct maps *maps, struct metric ret[static PREFILTER_SETS_MAX]);
int prefilter_counter_clear(const struct maps *maps, uint16_t set);

#endif
