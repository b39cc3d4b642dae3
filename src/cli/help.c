/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help, made of the tables; and the noun `help`.
 */
#include "cli/cli.h"
#include "cli/nouns.h"

#include <string.h>

static void help_usage(const struct cli *cli, FILE *out)
{
	const struct command *command = cli->command;

	fputs("Usage:\n ", out);
	for (size_t i = 0; i < cli->path_length; i++)
		fprintf(out, " %s", cli->path[i]);
	if (command->commands)
		fputs(" COMMAND", out);
	if (command->arguments)
		fprintf(out, command->arguments_min ? " %s" : " [%s]", command->arguments);
	fputs(" [OPTION]...\n", out);
}

static void help_commands(const struct command *command, FILE *out)
{
	fputs("\nCommands:\n", out);
	for (; command->name; command++)
		if (command->summary)
			fprintf(out, "  %-10s %s\n", command->name, command->summary);
}

static bool letter_is_taken(char letter, const struct cli_option *options)
{
	for (; options && options->name; options++)
		if (options->letter == letter)
			return true;
	return false;
}

/* A letter that the command takes for an option of its own is not that of an option everywhere. */
static void help_options(const char *title, const struct cli_option *option, const struct cli_option *nearer, FILE *out)
{
	char left[64], letter[8];

	fprintf(out, "\n%s:\n", title);
	for (; option->name; option++) {
		bool lettered = option->letter && !letter_is_taken(option->letter, nearer);

		snprintf(letter, sizeof(letter), lettered ? "-%c, " : "    ", option->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, option->name, option->argument ? " " : "",
		         option->argument ? option->argument : "");
		fprintf(out, "  %-24s %s\n", left, option->help);
	}
}

void cli_help(const struct cli *cli, FILE *out)
{
	const struct command *command = cli->command;

	if (command->summary)
		fprintf(out, "%s\n\n", command->summary);
	help_usage(cli, out);
	if (command->commands)
		help_commands(command->commands, out);
	if (command->options)
		help_options("Options", command->options, NULL, out);
	help_options("Options everywhere", CLI_GLOBAL_OPTIONS, command->options, out);
}

static int help_run(struct cli *cli, struct error *error)
{
	struct cli asked = {.out = cli->out};
	char *words[ARRAY_SIZE(cli->path) + 2] = {(char *)cli->root->name};
	int r;

	for (size_t i = 0; i < cli->argument_count; i++)
		words[i + 1] = cli->arguments[i];
	words[cli->argument_count + 1] = (char *)"--help";
	r = cli_parse(&asked, cli->root, (int)cli->argument_count + 2, words, error);
	if (r < 0)
		return r;
	cli_help(&asked, cli->out);
	return 0;
}

static void help_complete(struct cli *cli)
{
	for (const struct command *command = cli->root->commands; command->name; command++)
		if (command->summary)
			fprintf(cli->out, "%s\n", command->name);
}

const struct command HELP_NOUN = {
	.name = "help",
	.summary = "Help on a command",
	.arguments = "COMMAND...",
	.arguments_max = 3,
	.run = help_run,
	.complete = help_complete,
};
