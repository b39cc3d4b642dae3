/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/report.h"
#include "runtime/tool.h"

#include "runqlat.skel.h"

static const struct tool_option OPTIONS[] = {
	{'T', "timestamp", NULL, "show the time of each report"},
	{'m', "milliseconds", NULL, "in milliseconds", "unit_ns", 1000000},
	{'P', "pids", NULL, "a histogram for each process", "by_process"},
	{'L', "tids", NULL, "a histogram for each thread", "by_thread"},
	{0, "pidnss", NULL, "a histogram for each namespace of processes", "by_namespace"},
	{},
};

static int report(struct run *run, struct error *error)
{
	return report_histograms(run, run_given(run, "milliseconds") ? "msecs" : "usecs",
	                         run_given(run, "tids")     ? "tid"
	                         : run_given(run, "pidnss") ? "pidns"
	                                                    : "pid");
}

const struct tool RUNQLAT_TOOL = {
	.name = "runqlat",
	.summary = "How long tasks wait for a CPU",
	.head = "Tracing run queue latency... Hit Ctrl-C to end.",
	.arguments = "INTERVAL [COUNT]",
	.arguments_max = 2,
	.repeats = true,
	.object = runqlat__elf_bytes,
	.options = OPTIONS,
	.report = report,
};
