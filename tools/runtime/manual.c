/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manual page, in mdoc(7).
 */
#include "runtime/manual.h"

#include <string.h>

#include "runtime/options.h"
#include "runtime/tool.h"

static const char HEAD[] =
	".\\\" Made by `pilus-trace manual`.\n"
	".Dd November 27, 2026\n"
	".Dt PILUS-TRACE 1\n"
	".Os\n"
	".Sh NAME\n"
	".Nm pilus-trace\n"
	".Nd what this machine does, as it happens\n"
	".Sh SYNOPSIS\n"
	".Nm pilus Cm trace Ar tool Op Ar option ...\n"
	".Nm pilus-trace Ar tool Op Ar option ...\n"
	".Sh DESCRIPTION\n"
	"Small tools that each answer one question about this machine, by BPF programs in its kernel.\n"
	"Nothing is compiled, and the kernel's headers are not needed; its type information is\n"
	".Pq Pa /sys/kernel/btf/vmlinux .\n"
	"Programs that you write yourself are compiled and run by\n"
	".Nm pilus Cm trace run .\n"
	"Options and columns are those of the BCC tools of the same names, but for those that ask for the text of a "
	"program or "
	"the size of a buffer, which these tools do not have;\n"
	".Fl -cgroup\n"
	"and\n"
	".Fl -container\n"
	"stand for BCC's\n"
	".Fl -cgroupmap\n"
	"and\n"
	".Fl -mntnsmap .\n"
	"A tool works until it is interrupted, and leaves nothing behind, however it ends.\n"
	".Pp\n"
	"Where the agent of this node answers, the column POD tells whose process it is.\n"
	".Pp\n"
	"Events that came faster than they could be printed are counted, and said on standard error.\n"
	".Pp\n"
	"Options that every tool has, where they make sense:\n"
	".Bl -tag -width Ds\n";

static const char OPTIONS_END[] = ".It Fl o Cm json , Fl -output Cm json\n"
				  "One JSON object a line.\n"
				  ".El\n"
				  ".Sh TOOLS\n"
				  "Letters that differ from those above are told again.\n";

static const char TAIL[] = ".Sh ENVIRONMENT\n"
			   ".Bl -tag -width Ds\n"
			   ".It Ev PILUS_CACHE\n"
			   "Another folder instead of the first.\n"
			   "One that others could write to is not used.\n"
			   ".El\n"
			   ".Sh FILES\n"
			   ".Bl -tag -width Ds\n"
			   ".It Pa libexec/pilus/tools\n"
			   "Links that make each tool a command of its own, for whoever adds the folder to\n"
			   ".Ev PATH .\n"
			   ".It Pa /var/cache/pilus/trace\n"
			   "What tools need to know of this kernel's types, written by the first run of each, which "
			   "takes longer.\n"
			   ".It Pa /run/containerd , /run/containers\n"
			   "Where containerd and CRI-O tell which pods there are, when no agent does.\n"
			   "It is written before a container's first program runs, so asking them over a\n"
			   "socket would tell nothing more.\n"
			   ".El\n"
			   ".Sh EXIT STATUS\n"
			   ".Bl -tag -width Ds\n"
			   ".It 0\n"
			   "It worked until it was interrupted, or until it was to end.\n"
			   ".It 1\n"
			   "It failed: no privileges, no such process, the output could not be written.\n"
			   ".It 2\n"
			   "The command line is wrong.\n"
			   ".It 3\n"
			   "The kernel lacks what the tool needs; the message names it.\n"
			   ".El\n"
			   ".Sh EXAMPLES\n"
			   "Who makes directories:\n"
			   ".Pp\n"
			   ".Dl # pilus trace mkdirsnoop\n"
			   ".Pp\n"
			   "What fails to open files in the pod web-1, for ten seconds:\n"
			   ".Pp\n"
			   ".Dl # pilus trace opensnoop -x --pod web-1 -d 10\n"
			   ".Sh SEE ALSO\n"
			   ".Xr pilus 1 ,\n"
			   ".Xr bpftool 8\n";

/* Words as text, whatever they begin with; a sentence ends with a stop, and the next begins on a line of its own. */
static void write_sentence(const char *text, FILE *out)
{
	fputs("\\&", out);
	for (const char *c = text; *c; c++) {
		if (*c == ' ' && c > text && c[-1] == '.')
			fputs("\n\\&", out);
		else
			fputs(*c == '\\' ? "\\e" : (char[]){*c, 0}, out);
	}
	fputs(strchr(".!?", text[strlen(text) - 1]) ? "\n" : ".\n", out);
}

static void write_option(const struct cli_option *option, FILE *out)
{
	fputs(".It", out);
	if (option->letter)
		fprintf(out, " Fl %c%s%s ,", option->letter, option->argument ? " Ar " : "",
		        option->argument ? option->argument : "");
	fprintf(out, " Fl -%s%s%s\n", option->name, option->argument ? " Ar " : "",
	        option->argument ? option->argument : "");
	write_sentence(option->help, out);
}

static void write_options(const struct tool *tool, FILE *out)
{
	_cleanup_free_ struct cli_option *options = options_of(tool);
	const struct cli_option *option = options;

	if (!tool->options || !tool->options->name)
		return;
	fputs(".Bl -tag -width Ds\n", out);
	/* The tool's own come first. */
	for (const struct tool_option *own = tool->options; own->name; own++)
		write_option(option++, out);
	fputs(".El\n", out);
}

static void write_columns(const struct tool *tool, FILE *out)
{
	const char *separator = "Columns: ";

	if (!tool->columns)
		return;
	for (const struct column *column = tool->columns; column->title; column++) {
		if (column->without)
			continue;
		fprintf(out, "%s%s", separator, column->title);
		separator = ", ";
	}
	fputs(".\n", out);
}

static void write_tool(const struct tool *tool, FILE *out)
{
	fprintf(out, ".Ss %s%s%s\n", tool->name, tool->arguments ? " " : "", tool->arguments ? tool->arguments : "");
	write_sentence(tool->summary, out);
	if (tool->description)
		write_sentence(tool->description, out);
	write_columns(tool, out);
	write_options(tool, out);
}

void manual_write(FILE *out)
{
	static const struct column EVERY_COLUMN[] = {{}};
	static const struct tool EVERY_TOOL = {.columns = EVERY_COLUMN};
	_cleanup_free_ struct cli_option *common = options_of(&EVERY_TOOL);

	fputs(HEAD, out);
	for (const struct cli_option *option = common; option->name; option++)
		write_option(option, out);
	fputs(OPTIONS_END, out);
	for (size_t i = 0; TOOLS[i]; i++)
		write_tool(TOOLS[i], out);
	fputs(TAIL, out);
}
