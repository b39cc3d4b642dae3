/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "gethostlatency.h"
#include "runtime/tool.h"
#include "trace/symbols/elf_file.h"
#include "trace/symbols/process_symbols.h"

#include "gethostlatency.skel.h"

static const char *const FUNCTIONS[] = {"getaddrinfo", "gethostbyname", "gethostbyname2"};

static int attach_to(struct run *run, const char *path, uint64_t offset, struct error *error)
{
	pid_t pid = run->filter.pid ? (pid_t)run->filter.pid : -1;
	struct bpf_program *begin = run_program(run, "lookup_begins"), *end = run_program(run, "lookup_ends");
	int r = run_keep(run, bpf_program__attach_uprobe(begin, false, pid, path, offset), "attach to the C library",
	                 error);

	return r < 0 ? r
	             : run_keep(run, bpf_program__attach_uprobe(end, true, pid, path, offset),
	                        "attach to the C library", error);
}

static int attach(struct run *run, struct error *error)
{
	_cleanup_free_ char *path = NULL;
	struct elf_file *file = NULL;
	int r = program_find(cli_value(run->cli, "lib") ?: "libc.so.6", run->filter.pid, &path, error);

	if (!r)
		r = elf_open(path, &file, error);
	if (r < 0)
		return r;
	for (size_t i = 0; !r && i < ARRAY_SIZE(FUNCTIONS); i++) {
		const struct elf_function *function = elf_find_function(file, FUNCTIONS[i]);

		if (function)
			r = attach_to(run, path, function->offset, error);
	}
	elf_close(file);
	if (!r && !run->link_count)
		return error_set(error, -ENOENT, "there is no getaddrinfo() in %s", path);
	return r;
}

static const struct column COLUMNS[] = {
	COLUMN("PID", -7, NUMBER, struct lookup_event, who.pid),
	COLUMN("COMM", -16, TEXT, struct lookup_event, who.comm),
	COLUMN("LATms", 10, MS, struct lookup_event, took),
	COLUMN("HOST", 0, TEXT, struct lookup_event, host),
	{},
};

static const struct tool_option OPTIONS[] = {
	{0, "lib", "FILE", "the C library (default libc.so.6)"},
	{},
};

const struct tool GETHOSTLATENCY_TOOL = {
	.name = "gethostlatency",
	.summary = "Names of hosts being looked up, and how long it takes",
	.object = gethostlatency__elf_bytes,
	.options = OPTIONS,
	.columns = COLUMNS,
	.shows_time = true,
	.attach = attach,
};
