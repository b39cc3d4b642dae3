/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "bashreadline.h"
#include "runtime/tool.h"
#include "trace/symbols/elf_file.h"
#include "trace/symbols/process_symbols.h"

#include "bashreadline.skel.h"

/* Debian's bash has readline in itself, others use the library. */
static const char *const FILES[] = {"/bin/bash", "readline", NULL};

/* Where readline() is in the file; false: not in this one. */
static bool find_readline(const char *name, uint32_t pid, char **ret_path, uint64_t *ret_offset)
{
	_cleanup_free_ char *path = NULL;
	const struct elf_function *function;
	struct elf_file *file;

	if (program_find(name, pid, &path, NULL) || elf_open(path, &file, NULL))
		return false;
	function = elf_find_function(file, "readline");
	if (function)
		*ret_offset = function->offset;
	elf_close(file);
	if (function)
		*ret_path = TAKE_PTR(path);
	return function;
}

static int attach(struct run *run, struct error *error)
{
	const char *given = cli_value(run->cli, "shared");
	const char *const *files = given ? (const char *[]){given, NULL} : FILES;
	_cleanup_free_ char *path = NULL;
	uint64_t offset = 0;

	for (; *files; files++)
		if (find_readline(*files, run->filter.pid, &path, &offset))
			return run_keep(run,
			                bpf_program__attach_uprobe(run_program(run, "readline_return"), true,
			                                           run->filter.pid ? (pid_t)run->filter.pid : -1, path,
			                                           offset),
			                "attach to readline()", error);
	return error_set(error, -ENOENT, "there is no readline() in %s",
	                 given ? given : "/bin/bash, nor a libreadline");
}

static const struct column COLUMNS[] = {
	COLUMN("PID", -7, NUMBER, struct readline_event, who.pid),
	COLUMN("COMMAND", 0, TEXT, struct readline_event, line),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'s', "shared", "FILE", "the library, or program, that has readline()"},
	{},
};

const struct tool BASHREADLINE_TOOL = {
	.name = "bashreadline",
	.summary = "Lines entered at the prompt of bash",
	.object = bashreadline__elf_bytes,
	.options = OPTIONS,
	.columns = COLUMNS,
	.shows_time = true,
	.attach = attach,
};
