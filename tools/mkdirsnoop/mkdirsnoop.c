/* SPDX-License-Identifier: Apache-2.0 */
#include "mkdirsnoop.h"
#include "runtime/tool.h"

#include "mkdirsnoop.skel.h"

static void mode_cell(const struct run *run, const void *event, FILE *out)
{
	fprintf(out, "%04o", ((const struct mkdir_event *)event)->mode & 07777);
}

static const struct column COLUMNS[] = {
	COLUMN("PID", -7, NUMBER, struct mkdir_event, who.pid),
	COLUMN("PPID", -7, NUMBER, struct mkdir_event, ppid),
	COLUMN("COMM", -16, TEXT, struct mkdir_event, who.comm),
	COLUMN("RET", 4, SIGNED, struct mkdir_event, result),
	COLUMN_WRITTEN("MODE", 4, mode_cell),
	COLUMN("PATH", 0, TEXT, struct mkdir_event, path),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'x', "failed", NULL, "only those that failed", "failed"},
	{},
};

const struct tool MKDIRSNOOP_TOOL = {
	.name = "mkdirsnoop",
	.summary = "Directories being made, and by whom",
	.object = mkdirsnoop__elf_bytes,
	.options = OPTIONS,
	.columns = COLUMNS,
};
