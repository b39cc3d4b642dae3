/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All tools in one program, which share its libraries and its runtime: `pilus-trace opensnoop`, which is what
 * `pilus trace opensnoop` runs, or a link called opensnoop. One file, because 25 of them would be ten times as large.
 */
#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <string.h>

#include "runtime/manual.h"
#include "runtime/options.h"
#include "runtime/run.h"

static const struct tool *find_tool(const char *name)
{
	for (size_t i = 0; TOOLS[i]; i++)
		if (!strcmp(TOOLS[i]->name, name))
			return TOOLS[i];
	return NULL;
}

static int run_command(struct cli *cli, struct error *error)
{
	return run_tool(find_tool(cli->command->name), cli, error);
}

static int write_manual(struct cli *cli, struct error *error)
{
	manual_write(cli->out);
	return 0;
}

/* The tools as the command line's parser wants them. */
static struct command *commands_new(void)
{
	struct command *table;
	size_t count = 0;

	while (TOOLS[count])
		count++;
	table = xcalloc(count + 2, sizeof(*table));
	for (size_t i = 0; i < count; i++)
		table[i] = (struct command){
			.name = TOOLS[i]->name,
			.summary = TOOLS[i]->summary,
			.arguments = TOOLS[i]->arguments,
			.arguments_min = TOOLS[i]->arguments_min,
			.arguments_max = TOOLS[i]->arguments_max,
			.options = options_of(TOOLS[i]),
			.run = run_command,
		};
	/* No summary: for the build, not for people. */
	table[count] = (struct command){.name = "manual", .run = write_manual};
	return table;
}

static void commands_free(struct command *table)
{
	for (size_t i = 0; table && table[i].name; i++)
		free((void *)table[i].options);
	free(table);
}
DEFINE_CLEANUP(struct command *, commands_free)

static int say_error(const struct cli *cli, const struct error *error)
{
	/* Who read our output left on purpose: `opensnoop | head`. */
	if (error->code != -EPIPE)
		fprintf(stderr, "%s: %s\n", cli->command->name, error->message);
	if (error->code == ERROR_NO_FEATURE)
		return EXIT_NO_FEATURE;
	if (error->code != ERROR_WRONG_USE)
		return CLI_FAILURE;
	fprintf(stderr, "Try '%s --help'.\n", cli->command->name);
	return CLI_WRONG_USE;
}

/* As if the link's name were the first word. The caller frees the array alone. */
static char **words_of(int *argc, char **argv)
{
	_cleanup_free_ char *path = xstrdup(argv[0]);
	const struct tool *tool = find_tool(basename(path));
	char **words = xcalloc(*argc + 2, sizeof(*words));
	size_t count = 0;

	words[count++] = argv[0];
	if (tool)
		words[count++] = (char *)tool->name;
	for (int i = 1; i < *argc; i++)
		words[count++] = argv[i];
	*argc = (int)count;
	return words;
}

int main(int argc, char **argv)
{
	_cleanup_(commands_freep) struct command *commands = commands_new();
	_cleanup_free_ char **words = words_of(&argc, argv);
	const struct command root = {
		.name = "pilus trace",
		.summary = "Tracing tools: what this machine does, as it happens",
		.commands = commands,
	};
	struct cli cli = {.out = stdout};
	struct error error = {};
	int r;

	signal(SIGPIPE, SIG_IGN);
	r = cli_parse(&cli, &root, argc, words, &error);
	if (!r && cli_count(&cli, "help"))
		cli_help(&cli, stdout);
	else if (!r)
		r = cli.command->run(&cli, &error);
	return r < 0 ? say_error(&cli, &error) : CLI_OK;
}
