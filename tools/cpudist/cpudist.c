/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/report.h"
#include "runtime/tool.h"

#include "cpudist.skel.h"

static const struct tool_option OPTIONS[] = {
	{'O', "offcpu", NULL, "the time off the CPU instead", "off_cpu"},
	{'T', "timestamp", NULL, "show the time of each report"},
	{'m', "milliseconds", NULL, "in milliseconds", "unit_ns", 1000000},
	{'I', "include-idle", NULL, "idle CPUs, too", "include_idle"},
	{'P', "pids", NULL, "a histogram for each process", "by_process"},
	{'L', "tids", NULL, "a histogram for each thread", "by_thread"},
	{'e', "extension", NULL, "the average, the sum and the number of values, too", "with_total"},
	{},
};

static int report(struct run *run, struct error *error)
{
	return report_histograms(run, run_given(run, "milliseconds") ? "msecs" : "usecs",
	                         run_given(run, "tids") ? "tid" : "pid");
}

const struct tool CPUDIST_TOOL = {
	.name = "cpudist",
	.summary = "How long tasks run before they leave the CPU",
	.head = "Tracing on-CPU time... Hit Ctrl-C to end.",
	.arguments = "INTERVAL [COUNT]",
	.arguments_max = 2,
	.repeats = true,
	.object = cpudist__elf_bytes,
	.options = OPTIONS,
	.report = report,
};
