/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of the command line: a tree of commands (nouns, and their verbs), each with its options, all tables.
 * A noun is one file ending in its table; a verb is a function that fetches and shows.
 */
#ifndef PILUS_CLI_CLI_H
#define PILUS_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* What the process ends with. */
enum cli_exit { CLI_OK = 0, CLI_FAILURE = 1, CLI_WRONG_USE = 2, CLI_KERNEL_LACKS = 3 /* -EOPNOTSUPP */ };

/* An error's code that is no errno: the command line itself was wrong (exit CLI_WRONG_USE). */
#define ERROR_WRONG_USE (-4096)

struct cli;

/* Prints what could stand here, one word per line; says nothing when that cannot be found out. */
typedef void (*cli_complete)(struct cli *cli);

struct cli_option {
	char letter; /* 0: has none */
	const char *name;
	const char *argument; /* what help calls it; NULL: a switch */
	const char *help;
	cli_complete complete; /* of the argument; may be NULL */
};

/* Tables of options and commands end with a NULL name. */
struct command {
	const char *name;
	const char *summary;   /* one line for help; NULL: not shown there */
	const char *arguments; /* what help calls them: "ID"; NULL: none */
	size_t arguments_min;  /* how many there must be */
	size_t arguments_max;  /* and may be */
	const struct cli_option *options;
	/* Verbs; a command has these, or `run`, or both: then it runs with the words, not read, that begin with no
	 * verb. */
	const struct command *commands;
	int (*run)(struct cli *cli, struct error *error);
	cli_complete complete; /* of the arguments; may be NULL */
	bool yaml;             /* can show it, too */
};

enum cli_output { OUTPUT_DEFAULT, OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_YAML };

#define CLI_OPTIONS_MAX 64

/* A command line, understood. The words are argv's. */
struct cli {
	FILE *out;
	const struct command *root;
	const struct command *command;
	const char *path[4]; /* the names on the way to `command` */
	size_t path_length;
	char **arguments;
	size_t argument_count;
	struct {
		const struct cli_option *option;
		const char *value;
	} given[CLI_OPTIONS_MAX];
	size_t given_count;
	const char *socket;
	const char *bpffs;
	enum cli_output output;
};

extern const struct cli_option CLI_GLOBAL_OPTIONS[];

/* Understands argv[1…]. Returns 0, or ERROR_WRONG_USE with a sentence; what was understood so far is in *cli. */
int cli_parse(struct cli *cli, const struct command *root, int argc, char **argv, struct error *error);

/* How often an option was given, and its last value (NULL: not given). */
size_t cli_count(const struct cli *cli, const char *option);
const char *cli_value(const struct cli *cli, const char *option);

/* The command's or a global option of that name; NULL: none. */
const struct cli_option *cli_find_option(const struct command *command, const char *name);
const struct command *cli_find_command(const struct command *parent, const char *name);

/* Parses a whole decimal number up to `max`; `what` names it in the error (wrong use). */
int cli_number(const char *text, uint32_t max, const char *what, uint32_t *ret, struct error *error);

/* Records a wrong use and returns ERROR_WRONG_USE. */
int cli_wrong_use(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Help on cli->command. */
void cli_help(const struct cli *cli, FILE *out);

/* Which of the words that `next` tells (from index 0 until NULL) is nearest to `word`; NULL: none is near. */
const char *cli_nearest(const char *word, const char *(*next)(const void *table, size_t index), const void *table);

#endif
