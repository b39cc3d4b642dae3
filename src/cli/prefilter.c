/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `prefilter`: who is refused on the uplinks. Output as Cilium's, where it has the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cidrs.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/agent.h"
#include "cli/nouns.h"
#include "cli/show.h"
#include "http/client.h"

#define LIST_SIZE_MAX  (256UL * 1024 * 1024)
#define AT_ONCE        16384 /* entries of one request: well below the largest body */
#define PROGRESS_WIDTH 40
#define UPLOADS        "/v1/prefilter/uploads"

/* ── what is to be changed ── */

static void print_fault(void *userdata, size_t line, const char *text, const char *fault)
{
	fprintf(stderr, "%s:%zu: \"%s\" %s\n", (const char *)userdata, line, text, fault);
}

static int read_list(const char *path, struct cidrs *cidrs, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	size_t faults;
	int r = strcmp(path, "-") ? file_read(path, LIST_SIZE_MAX, &text, NULL)
	                          : file_read_fd(STDIN_FILENO, LIST_SIZE_MAX, &text, NULL);

	if (r)
		return error_set_errno(error, r, "cannot read %s", path);
	faults = cidrs_read(text, cidrs, print_fault, (void *)path);
	return faults ? error_set(error, -EINVAL, "%zu lines of %s are no CIDRs: nothing was changed", faults, path)
	              : 0;
}

static int read_words(const char *value, struct cidrs *cidrs, struct error *error)
{
	_cleanup_free_ char *copy = xstrdup(value);
	char *rest = copy, *word;
	struct prefix prefix;

	while ((word = strsep(&rest, ","))) {
		if (prefix_parse(word, &prefix))
			return cli_wrong_use(error, "\"%s\" %s", word, cidr_fault(word));
		cidrs_add(cidrs, &prefix);
	}
	return 0;
}

/* Of all --cidr and --file. */
static int collect(const struct cli *cli, struct cidrs *ret, struct error *error)
{
	int r = 0;

	if (!cli_count(cli, "cidr") && !cli_count(cli, "file"))
		return cli_wrong_use(error, "which? --cidr CIDR[,CIDR]... or --file LIST");
	for (size_t i = 0; i < cli->given_count && !r; i++) {
		const char *name = cli->given[i].option->name;

		if (!strcmp(name, "cidr"))
			r = read_words(cli->given[i].value, ret, error);
		else if (!strcmp(name, "file"))
			r = read_list(cli->given[i].value, ret, error);
	}
	return r;
}

/* ── whom not to lock out ── */

/* The first word of SSH_CONNECTION in a process's environment; sudo removes it from its children's. */
static bool ssh_client_of(pid_t pid, char address[static ADDR_TEXT_MAX])
{
	static const char variable[] = "SSH_CONNECTION=";
	_cleanup_free_ char *path = xasprintf("/proc/%d/environ", pid), *text = NULL;
	size_t size;

	if (file_read(path, 1 << 20, &text, &size))
		return false;
	for (const char *at = text; at < text + size; at += strlen(at) + 1)
		if (!strncmp(at, variable, strlen(variable))) {
			snprintf(address, ADDR_TEXT_MAX, "%.*s", (int)strcspn(at + strlen(variable), " "),
			         at + strlen(variable));
			return true;
		}
	return false;
}

static pid_t parent_of(pid_t pid)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/stat", pid);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	int parent;

	return file && fscanf(file, "%*d (%*[^)]) %*c %d", &parent) == 1 ? parent : 0;
}

/* Where the person sits who asks: NULL when that is no SSH client. */
static json_t *ssh_client(void)
{
	char text[ADDR_TEXT_MAX];
	struct addr addr;

	for (pid_t pid = getpid(); pid > 1; pid = parent_of(pid))
		if (ssh_client_of(pid, text))
			return addr_parse(text, &addr) ? json_array() : json_pack("[s]", text);
	return json_array();
}

/* ── the change, in pieces where it is large ── */

static void show_progress(size_t done, size_t total)
{
	int filled = (int)(done * PROGRESS_WIDTH / total);

	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r[%-*.*s] %3zu %%", PROGRESS_WIDTH, filled,
		        "########################################", done * 100 / total);
}

static void end_progress(void)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%*s\r", PROGRESS_WIDTH + 10, "");
}

static json_t *piece(const struct cidrs *cidrs, size_t from)
{
	size_t left = cidrs->count - from, size;
	const struct cidrs part = {.items = cidrs->items + from, .count = left < AT_ONCE ? left : AT_ONCE};
	_cleanup_free_ char *text = cidrs_write(&part, &size);

	return json_stringn(text, size);
}

/* Half of the way is getting them to the agent, the other half is the kernel's. */
static int upload(const struct cli *cli, const struct cidrs *cidrs, json_int_t *ret_id, struct error *error)
{
	json_int_t id = 0;

	for (size_t from = 0; from < cidrs->count; from += AT_ONCE) {
		_cleanup_free_ char *path = xasprintf(id ? UPLOADS "?upload=%" JSON_INTEGER_FORMAT : UPLOADS, id);
		json_auto_t *body = piece(cidrs, from), *answer = NULL;
		int r = http_request(cli->socket, "POST", path, body, &answer, error);

		if (r)
			return r;
		id = row_number(answer, "upload");
		show_progress(from, 2 * cidrs->count);
	}
	*ret_id = id;
	return 0;
}

static int add_cidrs(const struct cli *cli, const struct cidrs *cidrs, json_t *body, struct error *error)
{
	json_int_t id;
	int r;

	if (cidrs->count <= AT_ONCE) {
		json_object_set_new(body, "cidrs", piece(cidrs, 0));
		return 0;
	}
	r = upload(cli, cidrs, &id, error);
	if (!r)
		json_object_set_new(body, "upload", json_integer(id));
	return r;
}

static int add_options(const struct cli *cli, json_t *body, struct error *error)
{
	uint32_t revision = 0;
	int r = cli_count(cli, "revision")
	                ? cli_number(cli_value(cli, "revision"), UINT32_MAX, "a revision", &revision, error)
	                : 0;

	if (r < 0)
		return r;
	if (cli_count(cli, "revision"))
		json_object_set_new(body, "revision", json_integer(revision));
	json_object_set_new(body, "set",
	                    json_sprintf("local.%s%s", cli_count(cli, "allow") ? "allow" : "deny",
	                                 cli_count(cli, "destination") ? "-to" : ""));
	json_object_set_new(body, "force", json_boolean(cli_count(cli, "force")));
	json_object_set_new(body, "protect", ssh_client());
	return 0;
}

static int change(struct cli *cli, const char *verb, const char *done, struct error *error)
{
	_cleanup_(cidrs_clear) struct cidrs cidrs = {};
	json_auto_t *body = json_pack("{s:s}", "verb", verb), *answer = NULL;
	int r = collect(cli, &cidrs, error);

	if (!r)
		r = add_options(cli, body, error);
	if (!r)
		r = add_cidrs(cli, &cidrs, body, error);
	if (!r)
		r = http_request(cli->socket, "PATCH", "/v1/prefilter", body, &answer, error);
	end_progress();
	if (r < 0)
		return r;
	if (cli->output == OUTPUT_JSON)
		return show_json(cli, answer, error);
	fprintf(cli->out, "%s %" JSON_INTEGER_FORMAT " prefilter entr%s\n", done, row_number(answer, "changed"),
	        row_number(answer, "changed") == 1 ? "y" : "ies");
	return 0;
}

static int prefilter_update(struct cli *cli, struct error *error)
{
	return change(cli, cli_count(cli, "replace") ? "replace" : "add", "Updated", error);
}

static int prefilter_delete(struct cli *cli, struct error *error)
{
	return change(cli, "delete", "Deleted", error);
}

/* ── what there is ── */

/* Adds a page's part of a set to what there is of it. */
static void add_part(json_t *sets, json_t *part)
{
	json_t *last = json_array_get(sets, json_array_size(sets) - 1);

	if (json_equal(json_object_get(last, "set"), json_object_get(part, "set")) &&
	    json_equal(json_object_get(last, "origin"), json_object_get(part, "origin")))
		json_array_extend(json_object_get(last, "cidrs"), json_object_get(part, "cidrs"));
	else
		json_array_append(sets, part);
}

/* Page by page: another revision may come in between, and then it begins anew. */
static int fetch_sets(const struct cli *cli, json_t *sets, json_int_t *ret_revision, struct error *error)
{
	json_int_t from = 0, revision = 0;

	do {
		_cleanup_free_ char *path = xasprintf("/v1/prefilter/entries?from=%" JSON_INTEGER_FORMAT, from);
		json_auto_t *page = NULL;
		json_t *part;
		size_t i;
		int r = agent_get_object(cli, path, &page, error);

		if (r < 0)
			return r;
		if (from && row_number(page, "revision") != revision) {
			json_array_clear(sets);
			revision = 0;
			from = 0;
			continue;
		}
		revision = row_number(page, "revision");
		json_array_foreach (json_object_get(page, "sets"), i, part)
			add_part(sets, part);
		from = row_number(page, "next");
	} while (from || !revision);
	*ret_revision = revision;
	return 0;
}

/* The set is named where it is not the usual one. */
static void print_set(const struct cli *cli, const json_t *set)
{
	const char *name = row_text(set, "set") ?: "";
	bool named = strcmp(name, "local.deny");
	json_t *cidr;
	size_t i;

	json_array_foreach (json_object_get(set, "cidrs"), i, cidr)
		fprintf(cli->out, "%s%s%s\n", json_string_value(cidr) ?: "", named ? "  " : "", named ? name : "");
}

static int prefilter_list(struct cli *cli, struct error *error)
{
	json_auto_t *sets = json_array(), *answer = NULL;
	json_int_t revision;
	json_t *set;
	size_t i;
	int r = fetch_sets(cli, sets, &revision, error);

	if (r < 0)
		return r;
	if (cli->output == OUTPUT_JSON) {
		answer = json_pack("{s:I, s:O}", "revision", revision, "sets", sets);
		return show_json(cli, answer, error);
	}
	fprintf(cli->out, "Revision: %" JSON_INTEGER_FORMAT "\n", revision);
	json_array_foreach (sets, i, set)
		print_set(cli, set);
	return 0;
}

static const struct column SET_COLUMNS[] = {
	{.title = "Set", .key = "name"},
	{.title = "Origin", .key = "origin"},
	{.title = "Entries", .key = "entries", .right = true},
	{.title = "Packets", .key = "packets", .right = true},
	{.title = "Bytes", .key = "bytes", .right = true},
	{.title = "Problem", .key = "problem"},
};
static const struct column REASON_COLUMNS[] = {
	{.title = "Reason", .key = "reason"},
	{.title = "Packets", .key = "packets", .right = true},
	{.title = "Bytes", .key = "bytes", .right = true},
};

static void print_words(const struct cli *cli, const char *title, const json_t *words)
{
	json_t *word;
	size_t i;

	fputs(title, cli->out);
	json_array_foreach (words, i, word)
		fprintf(cli->out, "%s %s", i ? "," : "", json_string_value(word) ?: "");
	fputc('\n', cli->out);
}

static void print_summary(const struct cli *cli, const json_t *prefilter)
{
	json_t *device;
	size_t i;

	fprintf(cli->out, "State: %s, revision %" JSON_INTEGER_FORMAT ", ", row_text(prefilter, "state") ?: "",
	        row_number(prefilter, "revision"));
	bytes_write(row_number(prefilter, "bytes"), cli->out);
	fputc('\n', cli->out);
	json_array_foreach (json_object_get(prefilter, "devices"), i, device)
		fprintf(cli->out, "Device: %s %s\n", row_text(device, "device") ?: "", row_text(device, "hook") ?: "");
	if (json_array_size(json_object_get(prefilter, "drop")))
		print_words(cli, "Whoever sends it:", json_object_get(prefilter, "drop"));
	if (row_number(prefilter, "rate"))
		fprintf(cli->out, "Rate: %" JSON_INTEGER_FORMAT " packets/s of each source\n",
		        row_number(prefilter, "rate"));
}

static int prefilter_stats(struct cli *cli, struct error *error)
{
	static const struct table SETS = TABLE(SET_COLUMNS), REASONS = TABLE(REASON_COLUMNS);
	json_auto_t *prefilter = NULL;
	int r = agent_get_object(cli, "/v1/prefilter", &prefilter, error);

	if (r < 0)
		return r;
	if (cli->output == OUTPUT_JSON)
		return show_json(cli, prefilter, error);
	print_summary(cli, prefilter);
	r = show_table(cli, &SETS, json_object_get(prefilter, "sets"), error);
	if (r < 0 || !json_array_size(json_object_get(prefilter, "reasons")))
		return r;
	return show_table(cli, &REASONS, json_object_get(prefilter, "reasons"), error);
}

#define CHANGE_OPTIONS                                                                         \
	{0, "cidr", "CIDR[,CIDR]...", "these; may be given more than once"},                   \
		{0, "file", "LIST", "those of a file, one CIDR a line; -: standard input"},    \
		{0, "allow", NULL, "of the list of who is allowed, whatever else is refused"}, \
		{0, "destination", NULL, "who it is for, instead of who sends it"},            \
		{0, "revision", "N", "only if this revision is in force"},                     \
		{0, "force", NULL, "even if it locks out the store, or who is logged in by SSH"}

static const struct cli_option UPDATE_OPTIONS[] = {
	CHANGE_OPTIONS,
	{0, "replace", NULL, "these and no others"},
	{},
};
static const struct cli_option DELETE_OPTIONS[] = {CHANGE_OPTIONS, {}};

static const struct command VERBS[] = {
	{.name = "list", .summary = "All entries, and the revision", .run = prefilter_list},
	{.name = "update", .summary = "Refuse more", .options = UPDATE_OPTIONS, .run = prefilter_update},
	{.name = "delete", .summary = "Refuse less", .options = DELETE_OPTIONS, .run = prefilter_delete},
	{.name = "stats", .summary = "What was refused, by set and reason", .run = prefilter_stats},
	{},
};

const struct command PREFILTER_NOUN = {
	.name = "prefilter", .summary = "Who is refused on the uplinks", .commands = VERBS};
