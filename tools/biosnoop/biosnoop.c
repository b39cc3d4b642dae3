/* SPDX-License-Identifier: Apache-2.0 */
#include "biosnoop.h"
#include "runtime/disk.h"
#include "runtime/tool.h"

#include "biosnoop.skel.h"

static void operation_cell(const struct run *run, const void *event, FILE *out)
{
	fputc(((const struct disk_event *)event)->operation & 1 ? 'W' : 'R', out);
}

static void pattern_cell(const struct run *run, const void *event, FILE *out)
{
	fputc(((const struct disk_event *)event)->pattern, out);
}

static const struct column COLUMNS[] = {
	COLUMN("COMM", -14, TEXT, struct disk_event, who.comm),
	COLUMN("PID", -7, NUMBER, struct disk_event, who.pid),
	COLUMN("DISK", -9, TEXT, struct disk_event, disk),
	COLUMN_WRITTEN("T", -1, operation_cell),
	COLUMN("SECTOR", -10, NUMBER, struct disk_event, sector),
	COLUMN("BYTES", -7, NUMBER, struct disk_event, bytes),
	COLUMN_WRITTEN("P", -1, pattern_cell, .option = "pattern"),
	COLUMN("QUE(ms)", 7, MS, struct disk_event, queued, .option = "queue"),
	COLUMN("LAT(ms)", 7, MS, struct disk_event, took),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'d', "disk", "DISK", "only this disk, as sda"},
	{'Q', "queue", NULL, "show the time in the queue, too"},
	{'P', "pattern", NULL, "show whether a request begins where the one before it ended (S) or elsewhere (R)",
         "with_pattern"},
	{},
};

static const struct tool_way WAYS[] = {
	{"started issued", "the tracepoint block:block_io_start (kernel 6.5)"},
	{"inserted issued_or_begun", "the tracepoints block:block_rq_insert and block_rq_issue"},
	{},
};

const struct tool BIOSNOOP_TOOL = {
	.name = "biosnoop",
	.summary = "Requests to disks, by whom, and how long they take",
	.object = biosnoop__elf_bytes,
	.options = OPTIONS,
	.ways = WAYS,
	.columns = COLUMNS,
	.prepare = disk_choose,
	.shows_timestamp = true,
};
