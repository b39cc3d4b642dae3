/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the prefilter's keeper share. Nobody else includes this.
 */
#ifndef PILUS_AGENT_PREFILTER_KEEPER_H
#define PILUS_AGENT_PREFILTER_KEEPER_H

#include <uv.h>

#include "agent/prefilter/folder.h"
#include "agent/prefilter/prefilter.h"
#include "agent/prefilter/upload.h"

/* A change that waits for its turn, or has it. Those that nobody waits for are made several at once. */
struct task {
	struct change *change;
	struct protected protected;
	bool force, alone;
	uint64_t revision;
	prefilter_done done; /* NULL: nobody waits */
	void *userdata;
	struct task *prev, *next;
};

struct prefilter_keeper {
	struct prefilter_services services;
	struct sets sets;
	uint64_t revision;
	struct prefilter *prefilter; /* in force; NULL: none is needed */
	bool refuses;                /* somebody */
	struct task *waiting, *current;
	struct job job; /* of the current tasks */
	uv_work_t work;
	bool begun, working, closed;
	bool changed[PREFILTER_SETS_MAX]; /* lists to be written */
	struct error trouble;             /* why what is wanted is not in force, or not kept; code 0: it is */
	struct folder *folder;
	struct store_watch *watch;
	struct uploads *uploads;
};

/* Of a local set. */
struct prefilter_request {
	const char *set;
	enum change_verb verb;
	struct cidrs cidrs;         /* taken */
	struct protected protected; /* taken: whom else not to lock out */
	bool force;
	uint64_t revision; /* only if this is in force; 0: whichever is */
};
void prefilter_request(struct prefilter_keeper *keeper, struct prefilter_request *request, prefilter_done done,
                       void *userdata);

/* Takes the cidrs. Creates the set when it is not there; what cannot be is logged. */
void keeper_replace(struct prefilter_keeper *keeper, enum set_origin origin, const char *name, const char *path,
                    struct cidrs *cidrs);
void keeper_drop(struct prefilter_keeper *keeper, struct set *set);

/* Goes on with what waits. */
void keeper_next(struct prefilter_keeper *keeper);

/* The sources: sources.c. */
void sources_open(struct prefilter_keeper *keeper);
void sources_close(struct prefilter_keeper *keeper);

#endif
