/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what sets there are, and changes of them, to the next revision in the kernel: a few rows are edited in the
 * tables in force, if each packet meets one revision whole then, too (prefilter_edit); all else is loaded anew, ready
 * to be attached. Runs on the thread pool and only reads what the loop owns, which leaves it alone meanwhile.
 */
#ifndef PILUS_AGENT_PREFILTER_JOB_H
#define PILUS_AGENT_PREFILTER_JOB_H

#include "agent/prefilter/protect.h"
#include "agent/prefilter/set.h"
#include "datapath/prefilter.h"

enum change_verb { CHANGE_ADD, CHANGE_DELETE, CHANGE_REPLACE };

/* Of one set. */
struct change {
	char *name;
	enum set_origin origin;
	enum change_verb verb;
	char *path;         /* the file to read what it is replaced by; NULL: cidrs has it */
	char *otherwise;    /* the one to read where that is wrong; NULL: none */
	struct cidrs cidrs; /* need not be sorted; afterwards, where they are few, those that may make a difference */
	bool gone;          /* the set goes, whole */
	struct set *set;    /* that is changed; there is one while the job runs */
	struct cidrs result;
	char *problem; /* why `otherwise` was read */
	size_t count;  /* of entries that are new, or gone */
	struct change *prev, *next;
};

void change_free(struct change *change);

struct job {
	/* in; borrowed */
	const struct datapath_options *options;
	const struct sets *sets;
	const char *store_url;
	struct change *changes;     /* of different sets */
	struct prefilter *in_force; /* NULL: none */
	bool always;                /* also when nothing changes */
	bool force;                 /* whoever is locked out */
	bool accelerate;            /* the program is wanted for services, too */
	uint8_t refuse;
	uint32_t rate;
	struct protected protected; /* by the request */

	bool refuses; /* somebody: in, and out */

	/* out; the first change that failed has its words */
	int result;
	struct error error;
	struct change *failed;       /* NULL: it was none of them */
	bool unchanged;              /* there is nothing to attach */
	bool edited;                 /* so is this: what is in force has been changed */
	struct prefilter *prefilter; /* else: to be attached; NULL: there would be nothing for it to do */
	size_t rows, progress;
};

void job_run(struct job *job);

#endif
