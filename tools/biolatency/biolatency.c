/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/disk.h"
#include "runtime/report.h"
#include "runtime/tool.h"

#include "biolatency.skel.h"

static int prepare(struct run *run, struct error *error)
{
	bpf_program__set_autoload(run_program(run, "inserted"), run_given(run, "queued"));
	return disk_choose(run, error);
}

/* The operation, and what the kernel's include/linux/blk_types.h calls the bits above it. */
static const char *flags_name(uint64_t id)
{
	static const char *const OPERATIONS[] = {"Read",        "Write", "Flush", "Discard", NULL,
	                                         "SecureErase", NULL,    NULL,    NULL,      "WriteZeroes"};
	static const struct {
		unsigned bit;
		const char *name;
	} FLAGS[] = {
		{11, "Sync"},      {12, "Metadata"},         {13, "Priority"}, {14, "NoMerge"},   {15, "Idle"},
		{16, "Integrity"}, {17, "ForcedUnitAccess"}, {18, "PreFlush"}, {19, "ReadAhead"}, {20, "Background"},
		{21, "NoWait"}};
	static char text[128];
	uint64_t flags = id - 1;
	const char *operation = (flags & 0xff) < ARRAY_SIZE(OPERATIONS) ? OPERATIONS[flags & 0xff] : NULL;

	text[0] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(FLAGS); i++)
		if (flags >> FLAGS[i].bit & 1)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s-", FLAGS[i].name);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", operation ?: "Unknown");
	return text;
}

static int report(struct run *run, struct error *error)
{
	const char *unit = run_given(run, "milliseconds") ? "msecs" : "usecs";

	if (run_given(run, "flags"))
		return report_histograms_named(run, unit, "flags", flags_name);
	return report_histograms(run, unit, "disk");
}

static const struct tool_option OPTIONS[] = {
	{'T', "timestamp", NULL, "show the time of each report"},
	{'Q', "queued", NULL, "with the time in the queue", "with_queue"},
	{'m', "milliseconds", NULL, "in milliseconds", "unit_ns", 1000000},
	{'d', "disk", "DISK", "only this disk, as sda"},
	{'F', "flags", NULL, "a histogram for each set of flags", "by_flags"},
	{'D', "disks", NULL, "a histogram for each disk", "by_disk"},
	{'j', "json", NULL, "as --output json"},
	{'e', "extension", NULL, "the average, the sum and the number of values, too", "with_total"},
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
