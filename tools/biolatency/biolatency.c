/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/report.h"
#include "runtime/tool.h"

#include "biolatency.skel.h"

static int prepare(struct run *run, struct error *error)
{
	bpf_program__set_autoload(run_program(run, "inserted"), run_given(run, "queued"));
	return 0;
}

static int report(struct run *run, struct error *error)
{
	return report_histograms(run, run_given(run, "milliseconds") ? "msecs" : "usecs", "disk");
}

static const struct tool_option OPTIONS[] = {
	{'T', "timestamp", NULL, "show the time of each report"},
	{'Q', "queued", NULL, "with the time in the queue", "with_queue"},
	{'m', "milliseconds", NULL, "in milliseconds", "unit_ns", 1000000},
	{'D', "disks", NULL, "a histogram for each disk", "by_disk"},
	{},
};

const struct tool BIOLATENCY_TOOL = {
	.name = "biolatency",
	.summary = "How long disks take",
	.description = "Disks answer whoever asks: the filters by process have no meaning here",
	.head = "Tracing block device I/O... Hit Ctrl-C to end.",
	.arguments = "INTERVAL [COUNT]",
	.arguments_max = 2,
	.repeats = true,
	.object = biolatency__elf_bytes,
	.options = OPTIONS,
	.prepare = prepare,
	.report = report,
};
