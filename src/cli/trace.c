/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `trace`: what is no verb here is one of the tools, which are a program of their own beside this one.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/nouns.h"
#include "cli/trace.h"

#define TOOLS "pilus-trace"

/* It is installed, or built, in the same folder. */
static char *tools_path(void)
{
	char self[PATH_MAX] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return xstrdup(TOOLS);
	return xasprintf("%s/" TOOLS, dirname(self));
}

static int run_tool(struct cli *cli, struct error *error)
{
	_cleanup_free_ char *path = tools_path();
	_cleanup_free_ char **words = xcalloc(cli->argument_count + 2, sizeof(*words));

	words[0] = path;
	memcpy(words + 1, cli->arguments, cli->argument_count * sizeof(*words));
	execvp(path, words);
	if (errno == ENOENT)
		return error_set(error, -ENOENT,
		                 "the tracing tools are not installed: there is no %s, which the package pilus-tools "
		                 "has",
		                 path);
	return error_set_errno(error, -errno, "cannot run %s, which has the tracing tools", path);
}

/* With verbs, what follows is not read before it is known whose it is. */
static const struct command VERBS[] = {
	{.name = "run",
         .summary = "Compile, verify, load and attach a program, and show what it tells",
         .arguments = "PROGRAM.c|PROGRAM.bpf.o",
         .arguments_min = 1,
         .arguments_max = 1,
         .options = TRACE_RUN_OPTIONS,
         .run = trace_run},
	{.name = "list",
         .summary = "What can be probed on this machine",
         .arguments = "PATTERN",
         .arguments_max = 1,
         .options = TRACE_LIST_OPTIONS,
         .run = trace_list},
	{.name = "prog", .summary = "BPF programs that the kernel has", .commands = TRACE_PROG_VERBS},
	{.name = "map", .summary = "BPF maps that the kernel has", .commands = TRACE_MAP_VERBS},
	{},
};

const struct command TRACE_NOUN = {
	.name = "trace",
	.summary = "Tracing tools: what this machine does, as it happens (no agent needed)",
	.arguments = "TOOL [ARGUMENT]...",
	.arguments_max = INT_MAX,
	.commands = VERBS,
	.run = run_tool,
};
