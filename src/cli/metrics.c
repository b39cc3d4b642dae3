/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `metrics`: the agent's metrics as a table. They come as Prometheus reads them; here that text is understood
 * again, as far as the agent writes it.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/agent.h"
#include "cli/nouns.h"
#include "cli/show.h"

static void labels_cell(const json_t *row, FILE *out)
{
	const char *name, *separator = "";
	json_t *value;

	json_object_foreach (json_object_get(row, "labels"), name, value) {
		fprintf(out, "%s%s=\"%s\"", separator, name, json_string_value(value));
		separator = " ";
	}
}

static const struct column COLUMNS[] = {
	{.title = "Metric", .key = "name"},
	{.title = "Labels", .cell = labels_cell},
	{.title = "Value", .key = "value"},
};

/* From behind the opening quote to behind the closing one; removes the escapes where the text stands. NULL: no end. */
static char *unquote(char *at)
{
	char *to = at;

	for (; *at && *at != '"'; at++) {
		bool escaped = *at == '\\' && at[1];

		at += escaped;
		*to++ = escaped && *at == 'n' ? '\n' : *at;
	}
	if (!*at)
		return NULL;
	*to = 0;
	return at + 1;
}

/* `a="b",c="d"}`: fills the object, and returns what stands behind the brace; NULL when it is something else. */
static char *parse_labels(char *at, json_t *labels)
{
	while (*at != '}') {
		char *name = at, *value, *equals = strstr(at, "=\"");

		if (!equals)
			return NULL;
		*equals = 0;
		value = equals + 2;
		at = unquote(value);
		if (!at)
			return NULL;
		json_object_set_new(labels, name, json_string(value));
		at += *at == ',';
	}
	return at + 1;
}

/* Whole numbers as such: a table of counters is read by people. */
static json_t *parse_value(const char *text)
{
	char *end;
	long long whole = strtoll(text, &end, 10);

	return *end ? json_real(strtod(text, NULL)) : json_integer(whole);
}

/* One sample, as a row; NULL when the line is none. */
static json_t *parse_line(char *line)
{
	json_auto_t *labels = json_object();
	size_t length = strcspn(line, "{ ");
	char *rest = line + length;

	if (line[0] == '#' || !length || !*rest)
		return NULL;
	if (*rest == '{') {
		*rest = 0;
		rest = parse_labels(rest + 1, labels);
	}
	if (!rest || *rest != ' ')
		return NULL;
	*rest = 0;
	return json_pack("{ss sO so}", "name", line, "labels", labels, "value", parse_value(rest + 1));
}

static json_t *parse_metrics(char *text, const char *pattern)
{
	json_t *rows = json_array();

	for (char *line = strsep(&text, "\n"); line; line = strsep(&text, "\n")) {
		json_auto_t *row = parse_line(line);

		if (row && (!pattern || !fnmatch(pattern, row_text(row, "name"), 0)))
			json_array_append(rows, row);
	}
	return rows;
}

static int metrics_list(struct cli *cli, struct error *error)
{
	static const struct table LIST_TABLE = TABLE(COLUMNS);
	_cleanup_free_ char *text = NULL;
	json_auto_t *rows = NULL;
	int r = agent_get_text(cli, "/v1/metrics", &text, error);

	if (r < 0)
		return r;
	rows = parse_metrics(text, cli_value(cli, "match-pattern"));
	return show(cli, &LIST_TABLE, rows, error);
}

static const struct cli_option LIST_OPTIONS[] = {
	{'p', "match-pattern", "PATTERN", "only those whose name is like this: 'pilus_bpf_*'"},
	{},
};

static const struct command VERBS[] = {
	{.name = "list", .summary = "All metrics and their values", .options = LIST_OPTIONS, .run = metrics_list},
	{},
};

const struct command METRICS_NOUN = {.name = "metrics", .summary = "What the agent counts", .commands = VERBS};
