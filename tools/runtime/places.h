/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places in programs and in the kernel that the user names, as BCC's tools write them:
 *
 *	FUNCTION             functions of the kernel           vfs_*
 *	FILE:FUNCTION        functions of a program or library c:malloc, /usr/bin/bash:read*
 *	t:CATEGORY:EVENT     tracepoints                       t:sched:sched_*
 *	u:FILE:PROBE         static probes (USDT)              u:/usr/lib/libc.so.6:*
 *
 * with an optional p: before the first two. * and ? match as in a shell.
 */
#ifndef PILUS_TOOLS_RUNTIME_PLACES_H
#define PILUS_TOOLS_RUNTIME_PLACES_H

#include "runtime/tool.h"

#define PLACES_DESCRIPTION                                                                                \
	"A pattern is FUNCTION, of the kernel; FILE:FUNCTION, of a program or library, by path or name; " \
	"t:CATEGORY:EVENT, a tracepoint; or u:FILE:PROBE, a static probe (USDT); * and ? match as in a shell"

enum place_kind { PLACE_KERNEL, PLACE_USER, PLACE_TRACEPOINT };

struct place {
	char *name;
	uint64_t offset;    /* in the file */
	uint64_t semaphore; /* of a static probe */
	uint64_t number;    /* what its program is told: of the first place with this name */
};

struct places {
	enum place_kind kind;
	bool is_static; /* static probes of programs */
	char *file;
	struct place *list;
	size_t count;
};

/* Finds them, at least one; with `regex` FUNCTION is a regular expression. */
int places_find(const char *words, uint32_t pid, bool regex, struct places *ret, struct error *error);
void places_clear(struct places *places);

/* How the programs of PLACE_PROGRAMS are attached: many at once, or one by one where the kernel is older. */
extern const struct tool_way PLACES_WAYS[];

/* Between opening and loading: only the programs of these kinds (1 << PLACE_…), also of those with a suffix. */
void places_prepare(struct run *run, unsigned kinds);

/* Of a tool whose first argument is the pattern: finds its places, once for all ways, and prepares for them. */
int places_open(struct run *run, struct places *places, struct error *error);

/* Says to how many the tool has attached, as BCC's do. */
void places_tell(const struct run *run, const struct places *places);

/* The programs with this suffix ("" or "_return") at the beginnings, or the ends, of the functions. */
int places_attach(struct run *run, const struct places *places, const char *suffix, bool at_return,
                  struct error *error);

#endif
