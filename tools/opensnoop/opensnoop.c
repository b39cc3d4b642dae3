/* SPDX-License-Identifier: Apache-2.0 */
#include "opensnoop.h"
#include "runtime/tool.h"

#include "opensnoop.skel.h"

static void flags_cell(const struct run *run, const void *event, FILE *out)
{
	fprintf(out, "0%o", ((const struct open_event *)event)->flags);
}

static const struct column COLUMNS[] = {
	COLUMN("PID", -6, NUMBER, struct open_event, who.pid),
	COLUMN("COMM", -16, TEXT, struct open_event, who.comm),
	COLUMN("FD", 4, SIGNED, struct open_event, fd),
	COLUMN("ERR", 3, SIGNED, struct open_event, error),
	COLUMN_WRITTEN("FLAGS", -8, flags_cell, .option = "extended-fields"),
	COLUMN("PATH", 0, TEXT, struct open_event, path),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'x', "failed", NULL, "only opens that failed", "failed"},
	{'e', "extended-fields", NULL, "show the flags, too"},
	{'t', "tid"},
	{'T', "timestamp"},
	{},
};

const struct tool OPENSNOOP_TOOL = {
	.name = "opensnoop",
	.summary = "Files being opened, and by whom",
	.object = opensnoop__elf_bytes,
	.options = OPTIONS,
	.columns = COLUMNS,
};
