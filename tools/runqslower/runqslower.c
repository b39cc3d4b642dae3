/* SPDX-License-Identifier: Apache-2.0 */
#include "runqslower.h"
#include "runtime/tool.h"

#include "runqslower.skel.h"

static int prepare(struct run *run, struct error *error)
{
	uint32_t us = 0;
	uint64_t ns;
	int r;

	if (!run->cli->argument_count)
		return 0;
	r = cli_number(run->cli->arguments[0], UINT32_MAX, "MIN_US", &us, error);
	ns = (uint64_t)us * 1000;
	return r < 0 ? r : run_set(run, "slow_ns", &ns, sizeof(ns), error);
}

static const struct column COLUMNS[] = {
	COLUMN("COMM", -16, TEXT, struct slow_event, who.comm),
	COLUMN("TID", -7, NUMBER, struct slow_event, who.tid),
	COLUMN("LAT(us)", 14, US, struct slow_event, waited),
	COLUMN("PREV COMM", -16, TEXT, struct slow_event, previous_comm, .option = "previous"),
	COLUMN("PREV TID", -8, NUMBER, struct slow_event, previous, .option = "previous"),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'P', "previous", NULL, "show who had the CPU"},
	{'t', "tid"},
	{},
};

const struct tool RUNQSLOWER_TOOL = {
	.name = "runqslower",
	.summary = "Tasks that wait for a CPU for longer than MIN_US (default 10000)",
	.arguments = "MIN_US",
	.arguments_max = 1,
	.object = runqslower__elf_bytes,
	.options = OPTIONS,
	.columns = COLUMNS,
	.shows_time = true,
	.prepare = prepare,
};
