/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hidden noun `__complete`: what could stand in the place of the last word, one a line. The shell's completion asks
 * it, so that it knows what the tables know.
 */
#include <string.h>

#include "cli/nouns.h"
#include "http/client.h"

static void print_options(const struct cli_option *options, FILE *out)
{
	for (; options && options->name; options++)
		fprintf(out, "--%s\n", options->name);
}

static const struct cli_option *option_of_word(const struct command *command, const char *word)
{
	const struct cli_option *tables[] = {command->options, CLI_GLOBAL_OPTIONS};

	if (!strncmp(word, "--", 2))
		return cli_find_option(command, word + 2);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct cli_option *option = tables[i]; option && option->name; option++)
			if (word[0] == '-' && word[1] == option->letter && !word[2])
				return option;
	return NULL;
}

/* What the words before the last mean: the command they lead to, and an option that waits for its argument. */
static const struct cli_option *walk(struct cli *cli, char **words, size_t count)
{
	const struct cli_option *waiting = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct cli_option *option = option_of_word(cli->command, words[i]);
		const struct command *next = cli_find_command(cli->command, words[i]);

		if (waiting && !strcmp(waiting->name, "socket"))
			cli->socket = words[i];
		if (waiting)
			waiting = NULL;
		else if (option)
			waiting = option->argument ? option : NULL;
		else if (next)
			cli->command = next;
		else if (words[i][0] != '-')
			cli->argument_count++;
	}
	return waiting;
}

static int complete_run(struct cli *cli, struct error *error)
{
	struct cli asked = {.out = cli->out, .root = cli->root, .command = cli->root, .socket = cli->socket};
	const char *last = cli->argument_count ? cli->arguments[cli->argument_count - 1] : "";
	const struct cli_option *waiting =
		walk(&asked, cli->arguments, cli->argument_count ? cli->argument_count - 1 : 0);

	if (waiting && waiting->complete)
		waiting->complete(&asked);
	if (waiting)
		return 0;
	for (const struct command *next = asked.command->commands; next && next->name; next++)
		if (next->summary)
			fprintf(cli->out, "%s\n", next->name);
	if (asked.command->complete && asked.argument_count < asked.command->arguments_max)
		asked.command->complete(&asked);
	if (last[0] == '-') {
		print_options(asked.command->options, cli->out);
		print_options(CLI_GLOBAL_OPTIONS, cli->out);
	}
	return 0;
}

const struct command COMPLETE_NOUN = {
	.name = "__complete",
	.arguments = "WORD...",
	.arguments_max = SIZE_MAX,
	.run = complete_run,
};
