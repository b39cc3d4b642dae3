/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports of what the programs have gathered: histograms, and stacks.
 */
#ifndef PILUS_TOOLS_RUNTIME_REPORT_H
#define PILUS_TOOLS_RUNTIME_REPORT_H

#include "runtime/tool.h"

/*
 * Prints the histograms of the map of that name and takes them out of it. `unit` is "usecs" or the like; `whose` says
 * what the keys are, as in "pid = 7 bash". With the option --timestamp the time comes first.
 */
int report_histograms(struct run *run, const char *unit, const char *whose);

/* The same with names instead of the keys' numbers. */
int report_histograms_named(struct run *run, const char *unit, const char *whose, const char *(*name_of)(uint64_t id));

/* Before loading, of a tool with the option --stack-storage-size: how many different stacks there is room for. */
int stacks_prepare(struct run *run, struct error *error);

/*
 * Prints the stacks with their numbers (divided by `scale`), the highest last, and takes them out of the map: one frame
 * a line, or with the option --folded one stack a line, as flame graphs are made of. Frames have what --offset and
 * --annotations ask for, and with --verbose their addresses. What they mean is looked up now, so of processes that are
 * still there.
 */
int report_stacks(struct run *run, uint64_t scale, struct error *error);

/* What addresses mean. */
struct stack_names *stack_names_new(void);
void stack_names_free(struct stack_names *names);
DEFINE_CLEANUP(struct stack_names *, stack_names_free)

/* Of a process, the innermost frame first. */
struct stack {
	uint32_t pid;
	const __u64 *kernel, *user;
	size_t kernel_count, user_count;
};

/* One stack, a frame a line, or as members of a JSON object. */
void stack_write(const struct run *run, const struct stack_names *names, const struct stack *stack, json_t *object);

#endif
