/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line understood, near matches, tables.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "cli/show.h"
#include "unit.h"

static int run_nothing(struct cli *cli, struct error *error)
{
	return 0;
}

static const struct cli_option MANY_OPTIONS[] = {
	{'v', "verbose", NULL, "more"},
	{0, "from", "ID", "of"},
	{},
};
static const struct command VERBS[] = {
	{.name = "list", .summary = "s", .options = MANY_OPTIONS, .run = run_nothing},
	{.name = "get", .summary = "s", .arguments = "ID", .arguments_min = 1, .arguments_max = 1, .run = run_nothing},
	{},
};
static const struct command NOUNS[] = {
	{.name = "endpoint", .summary = "s", .commands = VERBS},
	{.name = "status", .summary = "s", .run = run_nothing},
	{.name = "__hidden", .run = run_nothing},
	{},
};
static const struct command ROOT = {.name = "pilus", .summary = "s", .commands = NOUNS};

#define WORDS_MAX 20

/* Parses words separated by blanks, which live in `line`. */
static int parse(char *line, struct cli *cli, struct error *error)
{
	static char *words[WORDS_MAX + 1];
	int count = 0;

	for (char *word = strtok(line, " "); word && count < WORDS_MAX; word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = NULL;
	*cli = (struct cli){.out = stdout};
	*error = (struct error){};
	return cli_parse(cli, &ROOT, count, words, error);
}

static void words_lead_to_a_command(void **state)
{
	char line[] = "pilus -o json endpoint --socket /a list -vv --from 3 --from=4 --bpffs /b";
	struct error error;
	struct cli cli;

	assert_int_equal(parse(line, &cli, &error), 0);
	assert_ptr_equal(cli.command, &VERBS[0]);
	assert_int_equal(cli.output, OUTPUT_JSON);
	assert_string_equal(cli.socket, "/a");
	assert_string_equal(cli.bpffs, "/b");
	assert_int_equal(cli_count(&cli, "verbose"), 2);
	assert_int_equal(cli_count(&cli, "from"), 2);
	assert_string_equal(cli_value(&cli, "from"), "4");
	assert_int_equal(cli.argument_count, 0);
}

static void arguments_and_options_mix(void **state)
{
	char line[] = "pilus endpoint get 7 -o table";
	struct error error;
	struct cli cli;

	assert_int_equal(parse(line, &cli, &error), 0);
	assert_ptr_equal(cli.command, &VERBS[1]);
	assert_int_equal(cli.output, OUTPUT_TABLE);
	assert_int_equal(cli.argument_count, 1);
	assert_string_equal(cli.arguments[0], "7");
}

static void help_needs_no_arguments(void **state)
{
	char line[] = "pilus endpoint get -h", noun[] = "pilus endpoint --help";
	struct error error;
	struct cli cli;

	assert_int_equal(parse(line, &cli, &error), 0);
	assert_int_equal(cli_count(&cli, "help"), 1);
	assert_int_equal(parse(noun, &cli, &error), 0);
	assert_string_equal(cli.command->name, "endpoint");
}

static void wrong_use_is_explained(void **state)
{
	static const char *const CASES[][2] = {
		{"pilus", "'pilus' needs one of: endpoint, status"},
		{"pilus endpoit", "'pilus' has no 'endpoit'; did you mean 'endpoint'?"},
		{"pilus end", "'pilus' has no 'end'; did you mean 'endpoint'?"},
		{"pilus zzz", "'pilus' has no 'zzz', but: endpoint, status"},
		{"pilus endpoint", "'endpoint' needs one of: list, get"},
		{"pilus endpoint lsit", "'endpoint' has no 'lsit'; did you mean 'list'?"},
		{"pilus endpoint list --form 3", "unknown option --form; did you mean --from?"},
		{"pilus endpoint list --qqqqq", "unknown option --qqqqq; --help tells those there are"},
		{"pilus endpoint list -vq", "unknown option -q; --help tells those there are"},
		{"pilus endpoint list --verbose=3", "--verbose takes no value"},
		{"pilus endpoint list --from", "--from needs a value: --from ID"},
		{"pilus --from 3 endpoint list", "unknown option --from; --help tells those there are"},
		{"pilus endpoint get", "'get' needs an argument: ID"},
		{"pilus endpoint get 1 2", "'get' has no use for '2'"},
		{"pilus status -o xml", "output is json or table, not 'xml'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		char line[128];
		struct error error;
		struct cli cli;

		snprintf(line, sizeof(line), "%s", CASES[i][0]);
		assert_int_equal(parse(line, &cli, &error), ERROR_WRONG_USE);
		assert_string_equal(error.message, CASES[i][1]);
	}
}

static void too_many_options_are_refused(void **state)
{
	static char *words[CLI_OPTIONS_MAX + 4] = {"pilus", "endpoint", "list"};
	struct error error = {};
	struct cli cli = {};

	for (size_t i = 3; i < ARRAY_SIZE(words); i++)
		words[i] = "-v";
	assert_int_equal(cli_parse(&cli, &ROOT, ARRAY_SIZE(words), words, &error), ERROR_WRONG_USE);
}

static void numbers_are_whole_and_bounded(void **state)
{
	static const char *const BAD[] = {"", "-1", "+1", " 1", "1 ", "0x10", "4096", "99999999999999999999999"};
	struct error error;
	uint32_t number = 77;

	assert_int_equal(cli_number("4095", 4095, "an ID", &number, &error), 0);
	assert_int_equal(number, 4095);
	for (size_t i = 0; i < ARRAY_SIZE(BAD); i++)
		assert_int_equal(cli_number(BAD[i], 4095, "an ID", &number, &error), ERROR_WRONG_USE);
	assert_int_equal(number, 4095);
	assert_string_equal(error.message, "an ID must be a number from 0 to 4095, not '99999999999999999999999'");
}

static void identity_cell(const json_t *row, FILE *out)
{
	fprintf(out, "<%s>", row_text(row, "name") ?: "");
}

static const struct column COLUMNS[] = {
	{.title = "ID\n ", .key = "id"},
	{.title = "LONG TITLE\nOF TWO", .key = "labels"},
	{.title = "NAME", .cell = identity_cell},
};

static char *printed(enum cli_output output, const json_t *rows)
{
	static const struct table SHOWN = TABLE(COLUMNS);
	char *text = NULL;
	size_t size;
	struct cli cli = {.output = output, .out = open_memstream(&text, &size)};
	struct error error;

	assert_int_equal(show(&cli, &SHOWN, rows, &error), 0);
	fclose(cli.out);
	return text;
}

static void rows_become_a_table(void **state)
{
	json_auto_t *rows = json_pack("[{si s[ss] ss} {si sn ss}]", "id", 7, "labels", "k8s:app=a", "k8s:b", "name",
	                              "x", "id", 12345, "labels", "name", "y\x1b[31m");
	char *text = printed(OUTPUT_TABLE, rows);

	/* Terminal control in what others wrote does not get through. */
	assert_string_equal(text, "ID      LONG TITLE   NAME\n"
	                          "        OF TWO       \n"
	                          "7       k8s:app=a    <x>\n"
	                          "        k8s:b        \n"
	                          "12345                <y\\x1b[31m>\n");
	free(text);
}

static void rows_become_json(void **state)
{
	json_auto_t *rows = json_pack("[{si}]", "id", 7), *back = NULL;
	char *text = printed(OUTPUT_JSON, rows);

	back = json_loads(text, 0, NULL);
	assert_true(json_equal(rows, back));
	free(text);
}

static void an_empty_list_has_titles(void **state)
{
	json_auto_t *rows = json_array();
	char *text = printed(OUTPUT_TABLE, rows);

	assert_string_equal(text, "ID   LONG TITLE   NAME\n     OF TWO       \n");
	free(text);
}

static void bytes_are_readable(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	bytes_write(999, out);
	bytes_write(12582912, out);
	bytes_write(0, out);
	fclose(out);
	assert_string_equal(text, "999 B12.6 MB0 B");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_lead_to_a_command),      cmocka_unit_test(arguments_and_options_mix),
		cmocka_unit_test(help_needs_no_arguments),      cmocka_unit_test(wrong_use_is_explained),
		cmocka_unit_test(too_many_options_are_refused), cmocka_unit_test(numbers_are_whole_and_bounded),
		cmocka_unit_test(rows_become_a_table),          cmocka_unit_test(rows_become_json),
		cmocka_unit_test(an_empty_list_has_titles),     cmocka_unit_test(bytes_are_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
