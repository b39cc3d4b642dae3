/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/report.h"
#include "runtime/tool.h"

#include "offcputime.skel.h"

static const struct tool_option OPTIONS[] = {
	{'u', "user-threads-only", NULL, "no threads of the kernel", "user_threads"},
	{'k', "kernel-threads-only", NULL, "only threads of the kernel", "kernel_threads"},
	{'U', "user-stacks-only", NULL, "leave the kernel's part of the stacks out", "no_kernel_stacks"},
	{'K', "kernel-stacks-only", NULL, "leave the user's part of the stacks out", "no_user_stacks"},
	{'f', "folded", NULL, "one stack a line, as flame graphs are made of"},
	{'m', "min-block-time", "US", "only times of at least this (default 1)", "at_least_ns", 1000},
	{'M', "max-block-time", "US", "only times of at most this", "at_most_ns", 1000},
	{0, "state", "BITS", "only tasks in this state: 0 is runnable, 1 asleep, 2 asleep and deaf to signals",
         "only_state"},
	{'d', "delimited", NULL, "put a line between the kernel's part of the stacks and the user's"},
	{0, "stack-storage-size", "N", "room for this many different stacks (default 16384)"},
	{'t', "tid"},
	{},
};

static int report(struct run *run, struct error *error)
{
	return report_stacks(run, 1000, error);
}

static int prepare(struct run *run, struct error *error)
{
	bool by_state = run_given(run, "state");
	int r = stacks_prepare(run, error);

	return r < 0 ? r : run_set(run, "by_state", &by_state, sizeof(by_state), error);
}

const struct tool OFFCPUTIME_TOOL = {
	.name = "offcputime",
	.summary = "Where tasks leave the CPU, by stack, and for how many microseconds",
	.head = "Tracing off-CPU time (us) by stack... Hit Ctrl-C to end.",
	.arguments = "SECONDS",
	.arguments_max = 1,
	.seconds = true,
	.object = offcputime__elf_bytes,
	.options = OPTIONS,
	.prepare = prepare,
	.report = report,
};
