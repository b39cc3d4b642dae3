/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pilus trace prog`: the BPF programs of this machine, whoever loaded them; how often they run and how long that
 * takes.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/show.h"
#include "cli/trace.h"

#define INSTRUCTION_BYTES 8

static int refused(int code, struct error *error)
{
	if (code == -EPERM)
		return error_set(error, code, "may not look at BPF programs and maps: run it as root");
	return error_set_errno(error, code, "cannot ask the kernel");
}

/* "12", or a name, of which there must be one. */
static bool is_asked(const struct cli *cli, const struct bpf_prog_info *info)
{
	const char *wanted = cli->argument_count ? cli->arguments[0] : NULL;
	char id[16];

	snprintf(id, sizeof(id), "%u", info->id);
	return !wanted || !strcmp(wanted, id) || strstr(info->name, wanted);
}

static json_t *prog_row(const struct bpf_prog_info *info)
{
	json_int_t runs = (json_int_t)info->run_cnt, ns = (json_int_t)info->run_time_ns;

	return json_pack("{sI ss ss sI sI sI sI sI so}", "id", (json_int_t)info->id, "type",
	                 libbpf_bpf_prog_type_str(info->type) ?: "?", "name", info->name, "instructions",
	                 (json_int_t)(info->xlated_prog_len / INSTRUCTION_BYTES), "jited-bytes",
	                 (json_int_t)info->jited_prog_len, "maps", (json_int_t)info->nr_map_ids, "runs", runs, "ns", ns,
	                 "ns-per-run", runs ? json_real((double)ns / (double)runs) : json_null());
}

/* A program may go while we look: then it is not in the list. */
static int read_program(uint32_t id, struct bpf_prog_info *ret)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	__u32 size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	if (fd < 0)
		return fd;
	return bpf_prog_get_info_by_fd(fd, ret, &size);
}

static int read_programs(const struct cli *cli, json_t *rows, struct error *error)
{
	struct bpf_prog_info info;
	uint32_t id = 0;
	int r;

	while (!(r = bpf_prog_get_next_id(id, &id))) {
		r = read_program(id, &info);
		if (!r && is_asked(cli, &info))
			json_array_append_new(rows, prog_row(&info));
		else if (r == -EPERM)
			break;
	}
	return r == -ENOENT ? 0 : refused(r, error);
}

static void subtract(json_t *row, const json_t *before, const char *key)
{
	json_object_set_new(row, key, json_integer(row_number(row, key) - row_number(before, key)));
}

/* What has happened since: rows of the second look without what was there in the first. */
static void keep_difference(json_t *rows, const json_t *before)
{
	const json_t *old;
	json_t *row;
	size_t i, j;

	json_array_foreach (rows, i, row) {
		json_array_foreach (before, j, old)
			if (row_number(old, "id") == row_number(row, "id")) {
				subtract(row, old, "runs");
				subtract(row, old, "ns");
			}
		if (row_number(row, "runs"))
			json_object_set_new(row, "ns-per-run",
			                    json_real((double)row_number(row, "ns") / (double)row_number(row, "runs")));
		else
			json_object_set_new(row, "ns-per-run", json_null());
	}
}

/* The kernel counts runs only while somebody asks it to. */
static int measure(const struct cli *cli, double seconds, json_t *rows, struct error *error)
{
	_cleanup_close_ int statistics = bpf_enable_stats(BPF_STATS_RUN_TIME);
	json_auto_t *before = json_array();
	const struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * NS_PER_SECOND)};
	int r = statistics < 0 ? refused(statistics, error) : read_programs(cli, before, error);

	if (r < 0)
		return r;
	nanosleep(&pause, NULL);
	r = read_programs(cli, rows, error);
	if (!r)
		keep_difference(rows, before);
	return r;
}

static void per_run_cell(const json_t *row, FILE *out)
{
	const json_t *value = json_object_get(row, "ns-per-run");

	if (json_is_real(value))
		fprintf(out, "%.0f", json_real_value(value));
}

static const struct column COLUMNS[] = {
	{.title = "ID", .key = "id", .right = true},
	{.title = "Type", .key = "type"},
	{.title = "Name", .key = "name"},
	{.title = "Instructions", .key = "instructions", .right = true},
	{.title = "Machine code", .key = "jited-bytes", .right = true},
	{.title = "Maps", .key = "maps", .right = true},
	{.title = "Runs", .key = "runs", .right = true},
	{.title = "ns/run", .cell = per_run_cell, .right = true},
};

static int prog_list(struct cli *cli, struct error *error)
{
	static const struct table LIST_TABLE = TABLE(COLUMNS);
	const char *given = cli_value(cli, "measure");
	json_auto_t *rows = json_array();
	double seconds = 0;
	char *end;
	int r;

	if (given) {
		seconds = strtod(given, &end);
		if (end == given || *end || !isfinite(seconds) || seconds <= 0 || seconds > INT_MAX)
			return cli_wrong_use(error, "--measure must be a number of seconds above 0, not '%s'", given);
	}
	r = given ? measure(cli, seconds, rows, error) : read_programs(cli, rows, error);
	return r < 0 ? r : show(cli, &LIST_TABLE, rows, error);
}

int trace_dump(const char *what, const char *const *words, struct error *error)
{
	/* The disassembler and the types' printer that the kernel itself comes with. */
	execvp("bpftool", (char *const *)words);
	if (errno == ENOENT)
		execv("/usr/sbin/bpftool", (char *const *)words);
	return error_set_errno(error, -errno, "cannot run bpftool, which shows %s: install it", what);
}

static int prog_dump(struct cli *cli, struct error *error)
{
	bool jited = cli_count(cli, "machine-code");
	const char *words[] = {"bpftool",         "prog",  "dump",      jited ? "jited" : "xlated", "id",
	                       cli->arguments[0], "linum", (char *)NULL};
	uint32_t id;
	int r = cli_number(cli->arguments[0], UINT32_MAX, "a program's ID", &id, error);

	return r < 0 ? r : trace_dump("what programs are made of", words, error);
}

static const struct cli_option LIST_OPTIONS[] = {
	{'m', "measure", "SECONDS", "count runs and their time for so long, and show only these"},
	{},
};

static const struct cli_option DUMP_OPTIONS[] = {
	{'j', "machine-code", NULL, "what the JIT made of it, instead of BPF's instructions"},
	{},
};

const struct command TRACE_PROG_VERBS[] = {
	{.name = "list",
         .summary = "All programs, their size and, where counted, their runs",
         .arguments = "ID|NAME",
         .arguments_max = 1,
         .options = LIST_OPTIONS,
         .run = prog_list},
	{.name = "dump",
         .summary = "A program's instructions between the lines of its source (by bpftool)",
         .arguments = "ID",
         .arguments_min = 1,
         .arguments_max = 1,
         .options = DUMP_OPTIONS,
         .run = prog_dump},
	{},
};
