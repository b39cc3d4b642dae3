/* SPDX-License-Identifier: Apache-2.0 */
#include <regex.h>
#include <string.h>

#include "execsnoop.h"
#include "runtime/tool.h"

#include "execsnoop.skel.h"

static void write_word(const char *word, bool quoted, FILE *out)
{
	if (quoted)
		fputc('"', out);
	for (; *word; word++) {
		if (*word == '\n')
			fputs("\\n", out);
		else if (quoted && *word == '"')
			fputs("\\\"", out);
		else
			fputc(*word, out);
	}
	if (quoted)
		fputc('"', out);
}

/* The last word may have been cut off. */
static void args_cell(const struct run *run, const void *event, FILE *out)
{
	const struct exec_event *exec = event;
	const char *word = exec->args, *end = exec->args + exec->size;
	uint32_t words_max = 20;

	run_number(run, "max-args", words_max, &words_max, NULL);
	for (uint32_t count = 0; word < end; count++) {
		_cleanup_free_ char *copy = strndup(word, end - word);

		if (count)
			fputc(' ', out);
		if (count == words_max) {
			fputs("...", out);
			break;
		}
		write_word(copy ? copy : "", run_given(run, "quote"), out);
		word += strnlen(word, end - word) + 1;
	}
}

static const struct column COLUMNS[] = {
	COLUMN("PCOMM", -16, TEXT, struct exec_event, who.comm),
	COLUMN("PID", -7, NUMBER, struct exec_event, who.pid),
	COLUMN("PPID", -7, NUMBER, struct exec_event, ppid),
	COLUMN("RET", 3, SIGNED, struct exec_event, result),
	COLUMN_WRITTEN("ARGS", 0, args_cell),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'x', "fails", NULL, "calls that failed, too"},
	{'q', "quote", NULL, "put the arguments in quotes"},
	{'P', "ppid", "PID", "only children of this process", "only_ppid"},
	{'l', "line", "REGEX", "only with arguments that this regular expression matches"},
	{0, "max-args", "N", "show this many arguments (default 20)"},
	{},
};

static regex_t wanted_line;
static bool by_line;

/* The arguments as they are written, with spaces between them. */
static bool is_wanted(const void *event)
{
	const struct exec_event *exec = event;
	char line[EXEC_ARGS_MAX + 1];

	if (!by_line)
		return true;
	memcpy(line, exec->args, exec->size);
	line[exec->size ? exec->size - 1 : 0] = 0;
	for (uint32_t i = 0; i + 1 < exec->size; i++)
		if (!line[i])
			line[i] = ' ';
	return !regexec(&wanted_line, line, 0, NULL, 0);
}

static int prepare(struct run *run, struct error *error)
{
	const char *line = cli_value(run->cli, "line");
	bool fails = run_given(run, "fails");

	if (line && !by_line && regcomp(&wanted_line, line, REG_EXTENDED | REG_NOSUB))
		return cli_wrong_use(error, "'%s' is no regular expression", line);
	by_line = line;
	bpf_program__set_autoload(run_program(run, "execve_exit"), fails);
	bpf_program__set_autoload(run_program(run, "execveat_exit"), fails);
	return 0;
}

const struct tool EXECSNOOP_TOOL = {
	.name = "execsnoop",
	.summary = "Programs being executed, with their arguments",
	.object = execsnoop__elf_bytes,
	.options = OPTIONS,
	.columns = COLUMNS,
	.prepare = prepare,
	.is_wanted = is_wanted,
};
