/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/file.h"
#include "oomkill.h"
#include "runtime/tool.h"

#include "oomkill.skel.h"

#define PROC_FILE_MAX 256

/* A line of /proc; empty when it is not there any more. */
static char *proc_line(const char *path)
{
	char *line;

	if (file_read(path, PROC_FILE_MAX, &line, NULL))
		return xstrdup("");
	line[strcspn(line, "\n")] = 0;
	return line;
}

/* Kernels before 6.9 do not tell; the victim is dying, but for a while it is still there. */
static void victim_cell(const struct run *run, const void *event, FILE *out)
{
	const struct oom_event *oom = event;
	_cleanup_free_ char *path = xasprintf("/proc/%u/comm", oom->victim);
	_cleanup_free_ char *comm = oom->victim_comm[0] ? xstrdup(oom->victim_comm) : proc_line(path);

	fputs(comm, out);
}

static uint64_t pages_of(const struct oom_event *oom)
{
	struct sysinfo machine;

	if (oom->pages || sysinfo(&machine))
		return oom->pages;
	return ((uint64_t)machine.totalram + machine.totalswap) * machine.mem_unit / (uint64_t)sysconf(_SC_PAGESIZE);
}

static void pages_cell(const struct run *run, const void *event, FILE *out)
{
	fprintf(out, "%" PRIu64, pages_of(event));
}

static void load_cell(const struct run *run, const void *event, FILE *out)
{
	_cleanup_free_ char *load = proc_line("/proc/loadavg");

	fputs(load, out);
}

static void print_line(struct run *run, const void *event)
{
	const struct oom_event *oom = event;
	char now[16];

	fprintf(run->out, "%s Triggered by PID %u (\"%s\"), OOM kill of PID %u (\"", run_clock(now), oom->who.pid,
	        oom->who.comm, oom->victim);
	victim_cell(run, event, run->out);
	fprintf(run->out, "\"), %" PRIu64 " pages, loadavg: ", pages_of(oom));
	load_cell(run, event, run->out);
	fputc('\n', run->out);
}

static const struct column COLUMNS[] = {
	COLUMN("PID", -7, NUMBER, struct oom_event, who.pid),
	COLUMN("COMM", -16, TEXT, struct oom_event, who.comm),
	COLUMN("VICTIM", -7, NUMBER, struct oom_event, victim),
	COLUMN_WRITTEN("VICTIM-COMM", -16, victim_cell),
	COLUMN_WRITTEN("PAGES", 8, pages_cell),
	COLUMN_WRITTEN("LOADAVG", 0, load_cell),
	{},
};

static const struct tool_way WAYS[] = {
	{"victim_task", "the tracepoint oom:mark_victim of kernel 6.9"},
	{"victim_pid", "the tracepoint oom:mark_victim"},
	{},
};

const struct tool OOMKILL_TOOL = {
	.name = "oomkill",
	.summary = "Processes being killed because memory ran out",
	.head = "Tracing OOM kills... Ctrl-C to end.",
	.object = oomkill__elf_bytes,
	.ways = WAYS,
	.columns = COLUMNS,
	.event = print_line,
};
