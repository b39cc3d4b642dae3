/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Programs for places that the user names: functions of programs and of the kernel, tracepoints, static probes. Which
 * of them is needed is known when the user has spoken (runtime/places.h); the others are not loaded.
 *
 * PLACE_PROGRAMS(, function) makes those for the beginnings of functions, PLACE_PROGRAMS(_return, function) those for
 * their ends, which are the same: the runtime attaches them there. `function` is called with the context and the
 * number of the place.
 */
#ifndef PILUS_TOOLS_PLACES_H
#define PILUS_TOOLS_PLACES_H

#include "tool.h"

/* Of a tool with --cpu. */
const volatile __s32 only_cpu = -1;

static __always_inline bool wanted_here(void)
{
	return (only_cpu < 0 || only_cpu == (__s32)bpf_get_smp_processor_id()) && wanted();
}

#define PLACE_PROGRAM(name, section, function)                         \
	SEC(section) int name(void *context)                           \
	{                                                              \
		__u64 place = bpf_get_attach_cookie(context);          \
                                                                       \
		return wanted_here() ? (function)(context, place) : 0; \
	}

#define PLACE_PROGRAMS(suffix, function)                             \
	PLACE_PROGRAM(user_many##suffix, "uprobe.multi", function)   \
	PLACE_PROGRAM(user_one##suffix, "uprobe", function)          \
	PLACE_PROGRAM(kernel_many##suffix, "kprobe.multi", function) \
	PLACE_PROGRAM(kernel_one##suffix, "kprobe", function)        \
	PLACE_PROGRAM(tracepoint_one##suffix, "tracepoint", function)

#endif
