/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From words to a command with options and arguments. Global options may stand anywhere; those of a command after it.
 */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "http/client.h"

#define DEFAULT_BPFFS "/sys/fs/bpf"

/* getopt_long's value of option i of a table is its base + i: beyond all letters. */
enum option_base { BASE_GLOBAL = 1000, BASE_COMMAND = 2000, BASE_END = 3000 };

static void complete_output(struct cli *cli)
{
	fputs("json\ntable\n", cli->out);
}

const struct cli_option CLI_GLOBAL_OPTIONS[] = {
	{'o', "output", "FORMAT", "json or table", complete_output},
	{0, "socket", "PATH", "the agent's socket (default " HTTP_DEFAULT_SOCKET ")"},
	{0, "bpffs", "PATH", "where the BPF file system is (default " DEFAULT_BPFFS ")"},
	{'h', "help", NULL, "help on the command"},
	{},
};

int cli_wrong_use(struct error *error, const char *format, ...)
{
	char message[sizeof(error->message)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	return error_set(error, ERROR_WRONG_USE, "%s", message);
}

int cli_number(const char *text, uint32_t max, const char *what, uint32_t *ret, struct error *error)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || value > max)
		return cli_wrong_use(error, "%s must be a number from 0 to %u, not '%s'", what, max, text);
	*ret = value;
	return 0;
}

const struct command *cli_find_command(const struct command *parent, const char *name)
{
	for (const struct command *command = parent->commands; command && command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

static const struct cli_option *find_in(const struct cli_option *table, const char *name)
{
	for (const struct cli_option *option = table; option && option->name; option++)
		if (!strcmp(option->name, name))
			return option;
	return NULL;
}

const struct cli_option *cli_find_option(const struct command *command, const char *name)
{
	const struct cli_option *option = find_in(command->options, name);

	return option ? option : find_in(CLI_GLOBAL_OPTIONS, name);
}

size_t cli_count(const struct cli *cli, const char *option)
{
	size_t count = 0;

	for (size_t i = 0; i < cli->given_count; i++)
		count += !strcmp(cli->given[i].option->name, option);
	return count;
}

const char *cli_value(const struct cli *cli, const char *option)
{
	for (size_t i = cli->given_count; i-- > 0;)
		if (!strcmp(cli->given[i].option->name, option))
			return cli->given[i].value;
	return NULL;
}

/* What getopt_long wants, made of our tables. */
struct getopt_tables {
	struct option options[CLI_OPTIONS_MAX];
	size_t count;
	char letters[2 * CLI_OPTIONS_MAX + 3];
};

static void add_options(struct getopt_tables *tables, const struct cli_option *options, int base)
{
	size_t length = strlen(tables->letters);

	for (size_t i = 0; options && options[i].name && tables->count < CLI_OPTIONS_MAX - 1; i++) {
		tables->options[tables->count++] = (struct option){
			.name = options[i].name,
			.has_arg = options[i].argument ? required_argument : no_argument,
			.val = base + (int)i,
		};
		if (!options[i].letter)
			continue;
		tables->letters[length++] = options[i].letter;
		if (options[i].argument)
			tables->letters[length++] = ':';
	}
}

static const struct cli_option *option_by_letter(const struct command *command, int letter)
{
	const struct cli_option *tables[] = {command->options, CLI_GLOBAL_OPTIONS};

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct cli_option *option = tables[i]; option && option->name; option++)
			if (option->letter && option->letter == letter)
				return option;
	return NULL;
}

static const struct cli_option *option_found(const struct command *command, int value)
{
	if (value >= BASE_COMMAND)
		return &command->options[value - BASE_COMMAND];
	if (value >= BASE_GLOBAL)
		return &CLI_GLOBAL_OPTIONS[value - BASE_GLOBAL];
	return option_by_letter(command, value);
}

static const char *option_name(const void *table, size_t index)
{
	const struct command *command = table;
	size_t own = 0;

	while (command->options && command->options[own].name)
		own++;
	return index < own ? command->options[index].name : CLI_GLOBAL_OPTIONS[index - own].name;
}

static int unknown_option(const struct command *command, const char *word, struct error *error)
{
	const char *nearest;
	char name[64];

	if (optopt && optopt < BASE_GLOBAL)
		return cli_wrong_use(error, "unknown option -%c; --help tells those there are", optopt);
	if (optopt)
		return cli_wrong_use(error, "%.*s takes no value", (int)strcspn(word, "="), word);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	nearest = cli_nearest(name, option_name, command);
	if (nearest)
		return cli_wrong_use(error, "unknown option --%s; did you mean --%s?", name, nearest);
	return cli_wrong_use(error, "unknown option --%s; --help tells those there are", name);
}

static int take_option(struct cli *cli, const struct command *command, int value, const char *word, struct error *error)
{
	const struct cli_option *option;

	if (value == '?')
		return unknown_option(command, word, error);
	if (value == ':') {
		option = option_found(command, optopt);
		return cli_wrong_use(error, "--%s needs a value: --%s %s", option->name, option->name,
		                     option->argument);
	}
	if (cli->given_count == CLI_OPTIONS_MAX)
		return cli_wrong_use(error, "more than %d options", CLI_OPTIONS_MAX);
	cli->given[cli->given_count].option = option_found(command, value);
	cli->given[cli->given_count++].value = optarg;
	return 0;
}

/* Takes options; stops at the first other word unless `permute`. Returns the index of the first word not taken. */
static int take_options(struct cli *cli, const struct command *command, bool permute, int argc, char **argv,
                        struct error *error)
{
	struct getopt_tables tables = {.letters = {permute ? ':' : '+', permute ? 0 : ':'}};
	int value, r;

	add_options(&tables, command->options, BASE_COMMAND);
	add_options(&tables, CLI_GLOBAL_OPTIONS, BASE_GLOBAL);
	optind = 0;
	opterr = 0;
	for (;;) {
		int before = optind ? optind : 1;

		value = getopt_long(argc, argv, tables.letters, tables.options, NULL);
		if (value < 0)
			return optind;
		r = take_option(cli, command, value, argv[optind > before ? optind - 1 : before], error);
		if (r < 0)
			return r;
	}
}

static const char *command_name(const void *table, size_t index)
{
	const struct command *command = table;

	while (command->name && (!command->summary || index--))
		command++;
	return command->name;
}

static void list_commands(const struct command *parent, char *text, size_t size)
{
	size_t length = 0;

	text[0] = 0;
	for (const struct command *command = parent->commands; command->name; command++)
		if (command->summary && length < size)
			length += snprintf(text + length, size - length, "%s%s", length ? ", " : "", command->name);
}

static int unknown_command(const struct command *parent, const char *word, struct error *error)
{
	const char *nearest = cli_nearest(word, command_name, parent->commands);
	char all[256];

	if (nearest)
		return cli_wrong_use(error, "'%s' has no '%s'; did you mean '%s'?", parent->name, word, nearest);
	list_commands(parent, all, sizeof(all));
	return cli_wrong_use(error, "'%s' has no '%s', but: %s", parent->name, word, all);
}

static int missing_command(const struct command *parent, struct error *error)
{
	char all[256];

	list_commands(parent, all, sizeof(all));
	return cli_wrong_use(error, "'%s' needs one of: %s", parent->name, all);
}

static void enter(struct cli *cli, const struct command *command)
{
	cli->command = command;
	if (cli->path_length < ARRAY_SIZE(cli->path))
		cli->path[cli->path_length++] = command->name;
}

static int take_settings(struct cli *cli, struct error *error)
{
	const char *output = cli_value(cli, "output");

	if (cli_count(cli, "socket"))
		cli->socket = cli_value(cli, "socket");
	if (cli_count(cli, "bpffs"))
		cli->bpffs = cli_value(cli, "bpffs");
	if (!output)
		return 0;
	if (!strcmp(output, "yaml") && cli->command->yaml)
		cli->output = OUTPUT_YAML;
	else if (!strcmp(output, "json"))
		cli->output = OUTPUT_JSON;
	else if (!strcmp(output, "table"))
		cli->output = OUTPUT_TABLE;
	else
		return cli_wrong_use(error, "output is json%s or table, not '%s'", cli->command->yaml ? ", yaml" : "",
		                     output);
	return 0;
}

static int check_arguments(const struct cli *cli, struct error *error)
{
	const struct command *command = cli->command;

	if (cli->argument_count < command->arguments_min)
		return cli_wrong_use(error, "'%s' needs an argument: %s", command->name, command->arguments);
	if (cli->argument_count > command->arguments_max)
		return cli_wrong_use(error, "'%s' has no use for '%s'", command->name,
		                     cli->arguments[command->arguments_max]);
	return 0;
}

/* Goes down the tree as far as the words lead. argv[0] is no word. Returns the first word that is none of its. */
static int descend(struct cli *cli, int argc, char **argv, struct error *error)
{
	int at = 0;

	for (;;) {
		const struct command *next;
		int r = take_options(cli, cli->command, !cli->command->commands, argc - at, argv + at, error);

		if (r < 0)
			return r;
		at += r;
		if (!cli->command->commands || at >= argc)
			return at;
		next = cli_find_command(cli->command, argv[at]);
		if (!next && cli->command->run)
			return at;
		if (!next)
			return unknown_command(cli->command, argv[at], error);
		enter(cli, next);
	}
}

int cli_parse(struct cli *cli, const struct command *root, int argc, char **argv, struct error *error)
{
	int r;

	cli->root = root;
	cli->socket = HTTP_DEFAULT_SOCKET;
	cli->bpffs = DEFAULT_BPFFS;
	enter(cli, root);
	r = descend(cli, argc, argv, error);
	if (r < 0)
		return r;
	cli->arguments = argv + r;
	cli->argument_count = argc - r;
	r = take_settings(cli, error);
	if (r < 0 || cli_count(cli, "help"))
		return r;
	if (!cli->command->run)
		return missing_command(cli->command, error);
	return check_arguments(cli, error);
}
