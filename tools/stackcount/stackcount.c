/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/places.h"
#include "runtime/report.h"
#include "runtime/tool.h"

#include "stackcount.skel.h"

static struct places places;

/* Of programs the user's stack is of interest, which only the process can explain; of the kernel, the kernel's. */
static int choose_stacks(struct run *run, struct error *error)
{
	bool user = places.kind == PLACE_USER, yes = true;
	int r = 0;

	if (user)
		r = run_set(run, "by_process", &yes, sizeof(yes), error);
	if (!r && !run_given(run, "user-stacks-only") && !run_given(run, "kernel-stacks-only"))
		r = run_set(run, user ? "no_kernel_stacks" : "no_user_stacks", &yes, sizeof(yes), error);
	return r;
}

static int prepare(struct run *run, struct error *error)
{
	int r = places_open(run, &places, error);

	return r < 0 ? r : choose_stacks(run, error);
}

static int attach(struct run *run, struct error *error)
{
	int r = places_attach(run, &places, "", false, error);

	if (!r)
		places_tell(run, &places);
	return r;
}

static int report(struct run *run, struct error *error)
{
	return report_stacks(run, 1, error);
}

static const struct tool_option OPTIONS[] = {
	{'r', "regexp", NULL, "the pattern is a regular expression"},
	{'i', "interval", "SECONDS", "report at this interval"},
	{'P', "perpid", NULL, "count by process, too", "by_process"},
	{'U', "user-stacks-only", NULL, "the user's part of the stacks", "no_kernel_stacks"},
	{'K', "kernel-stacks-only", NULL, "the kernel's part of the stacks", "no_user_stacks"},
	{'c', "cpu", "CPU", "only on this CPU", "only_cpu"},
	{'s', "offset", NULL, "show how far into its function a frame is"},
	{'T', "timestamp", NULL, "show the time of each report"},
	{'d', "delimited", NULL, "put a line between the kernel's part of the stacks and the user's"},
	{'f', "folded", NULL, "one stack a line, as flame graphs are made of"},
	{'D', "duration"},
	{},
};

const struct tool STACKCOUNT_TOOL = {
	.name = "stackcount",
	.summary = "By which stacks functions, tracepoints or static probes are reached",
	.description = PLACES_DESCRIPTION "; with -v frames have their addresses",
	.arguments = "PATTERN",
	.arguments_min = 1,
	.arguments_max = 1,
	.object = stackcount__elf_bytes,
	.options = OPTIONS,
	.ways = PLACES_WAYS,
	.prepare = prepare,
	.attach = attach,
	.report = report,
};
