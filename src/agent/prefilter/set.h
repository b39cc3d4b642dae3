/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets: who is refused or allowed, by name. What a set does, its name says at the end: spamhaus.deny, office.allow,
 * honeypot.deny-to. A set's slot is where the programs count for it (abi/prefilter.h).
 */
#ifndef PILUS_AGENT_PREFILTER_SET_H
#define PILUS_AGENT_PREFILTER_SET_H

#include "abi/prefilter.h"
#include "base/cidrs.h"
#include "base/error.h"

enum set_origin {
	SET_LOCAL,  /* told by the API */
	SET_FILE,   /* of the folder of lists */
	SET_STORE,  /* the cluster's */
	SET_PRESET, /* built in, chosen by the configuration */
	SET_ORIGINS,
};
extern const char *const set_origins[SET_ORIGINS];

#define SET_NAME_MAX 64

struct set_kind {
	const char *suffix; /* ".deny" */
	enum prefilter_match match;
	enum prefilter_verdict verdict;
};

struct set {
	char *name;
	enum set_origin origin;
	uint16_t slot;
	const struct set_kind *kind;
	struct cidrs cidrs;
	bool told;     /* its source has, in this life */
	char *problem; /* why what it holds is not what it should; NULL: all is well */
};

/* By a name's end. NULL, with words: it is no set's name. */
const struct set_kind *set_kind_of(const char *name, struct error *error);

/* By slot; NULL where there is none. Zeroed: no sets. */
struct sets {
	struct set *at[PREFILTER_SETS_MAX];
};

struct set *sets_find(const struct sets *sets, enum set_origin origin, const char *name);

/* An empty one, in a free slot, or in the given one (-1: any). -ENOSPC, -EINVAL in words. */
int sets_add(struct sets *sets, enum set_origin origin, const char *name, int slot, struct set **ret,
             struct error *error);
void sets_remove(struct sets *sets, struct set *set);
void sets_clear(struct sets *sets);

/* What the configuration's presets name; NULL: none of that name. */
const char *const *preset_cidrs(const char *name);

/* Replaces the words of what is wrong; NULL: nothing. */
void set_problem(struct set *set, const char *problem);

#endif
