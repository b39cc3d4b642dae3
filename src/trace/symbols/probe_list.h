/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be probed on this machine, in the words in which programs are attached (pilus.h): KIND:TARGET.
 */
#ifndef PILUS_TRACE_SYMBOLS_PROBE_LIST_H
#define PILUS_TRACE_SYMBOLS_PROBE_LIST_H

#include <stdbool.h>

#include "base/error.h"

struct probe_facts {
	const char *name; /* "tracepoint:sched:sched_switch" */
	const char *const
		*arguments; /* declarations in C, "const char *filename"; NULL ends them; NULL: not asked, not known */
};

/*
 * Calls `each` for every probe that matches: * and ? as in a shell; without any of them, what has the pattern in it.
 * Kinds that this kernel cannot do are left out. Functions and static probes of programs are listed when the pattern
 * names the file: uprobe:/bin/bash:read*. Returns 0, or −errno with words.
 */
int probe_list(const char *pattern, bool with_arguments, void (*each)(void *userdata, const struct probe_facts *probe),
               void *userdata, struct error *error);

#endif
