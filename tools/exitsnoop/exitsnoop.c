/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "exitsnoop.h"
#include "runtime/tool.h"

#include "exitsnoop.skel.h"

static void age_cell(const struct run *run, const void *event, FILE *out)
{
	fprintf(out, "%.2f", (double)((const struct exit_event *)event)->age / NS_PER_SECOND);
}

static void code_cell(const struct run *run, const void *event, FILE *out)
{
	int code = (int)((const struct exit_event *)event)->code;

	if (!code)
		fputs("0", out);
	else if (WIFEXITED(code))
		fprintf(out, "code %d", WEXITSTATUS(code));
	else
		fprintf(out, "signal %d (%s)%s", WTERMSIG(code), sigabbrev_np(WTERMSIG(code)) ?: "?",
		        WCOREDUMP(code) ? ", core dumped" : "");
}

static void label_cell(const struct run *run, const void *event, FILE *out)
{
	fputs(cli_value(run->cli, "label"), out);
}

static const struct column COLUMNS[] = {
	COLUMN_WRITTEN("LABEL", -16, label_cell, .option = "label"),
	COLUMN("PCOMM", -16, TEXT, struct exit_event, who.comm),
	COLUMN("PID", -7, NUMBER, struct exit_event, who.pid),
	COLUMN("PPID", -7, NUMBER, struct exit_event, ppid),
	COLUMN("TID", -7, NUMBER, struct exit_event, who.tid),
	COLUMN_WRITTEN("AGE(s)", -7, age_cell),
	COLUMN_WRITTEN("EXIT_CODE", 0, code_cell),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'x', "failed", NULL, "only those that did not end with 0", "failed"},
	{0, "per-thread", NULL, "each thread's end", "per_thread"},
	{0, "label", "TEXT", "a column of it, to tell several outputs apart"},
	{'t', "time"},
	{0, "utc", NULL, "show the time of day in UTC"},
	{},
};

const struct tool EXITSNOOP_TOOL = {
	.name = "exitsnoop",
	.summary = "Processes at their end: how old, and why",
	.object = exitsnoop__elf_bytes,
	.options = OPTIONS,
	.columns = COLUMNS,
};
