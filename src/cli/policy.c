/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `policy`: the cluster's policies, by way of this node's agent; and files of policies, without one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "cli/agent.h"
#include "cli/nouns.h"
#include "cli/policy_files.h"
#include "cli/show.h"
#include "http/client.h"
#include "policy/document.h"

#define WAIT_SECONDS_DEFAULT 60
#define PART_MAX             200 /* policies of one request */
#define WAIT_AT_ONCE         20  /* seconds: the client gives up on an answer after 30 */

/* ── files ── */

static int policy_validate(struct cli *cli, struct error *error)
{
	_cleanup_(policy_list_clear) struct policy_list list = {};
	int r = policy_files_read(cli, &list, NULL, error);

	for (size_t i = 0; !r && i < list.count; i++) {
		policy_name_write(list.policies[i], cli->out);
		fputs(": valid\n", cli->out);
	}
	return r;
}

static int show_revision(const struct cli *cli, const json_t *answer, struct error *error)
{
	if (cli->output == OUTPUT_JSON)
		return show_json(cli, answer, error);
	fprintf(cli->out, "Revision: %" JSON_INTEGER_FORMAT "\n", row_number(answer, "revision"));
	return 0;
}

/* In parts that the store takes soon enough: they were all found right before. */
static int put_in_parts(const struct cli *cli, const json_t *objects, json_t **ret, struct error *error)
{
	size_t count = json_array_size(objects);
	int r = 0;

	for (size_t begin = 0; !r && begin < count; begin += PART_MAX) {
		json_auto_t *part = json_array();

		for (size_t i = begin; i < count && i < begin + PART_MAX; i++)
			json_array_append(part, json_array_get(objects, i));
		json_decref(TAKE_PTR(*ret));
		r = http_request(cli->socket, "PUT", "/v1/policies", part, ret, error);
	}
	return r;
}

static int policy_import(struct cli *cli, struct error *error)
{
	_cleanup_(policy_list_clear) struct policy_list list = {};
	json_auto_t *objects = json_array(), *answer = NULL;
	int r = policy_files_read(cli, &list, objects, error);

	if (!r && !json_array_size(objects))
		r = error_set(error, -EINVAL, "there is no policy in the files");
	if (!r)
		r = put_in_parts(cli, objects, &answer, error);
	return r ?: show_revision(cli, answer, error);
}

/* ── those of the cluster ── */

/* "web", "shop/web" and "NetworkPolicy/shop/web" are all names of one. */
static bool has_name(const json_t *policy, const char *text)
{
	const char *kind = row_text(policy, "kind"), *space = row_text(policy, "namespace");
	const char *name = row_text(policy, "name");
	_cleanup_free_ char *whole = xasprintf("%s/%s%s%s", kind ?: "", space ?: "", space ? "/" : "", name ?: "");
	size_t length = strlen(text), all = strlen(whole);

	return length <= all && !strcmp(whole + all - length, text) &&
	       (length == all || whole[all - length - 1] == '/');
}

static json_t *those_named(const json_t *policies, const char *name)
{
	json_t *found = json_array(), *policy;
	size_t i;

	json_array_foreach (policies, i, policy)
		if (has_name(policy, name))
			json_array_append(found, policy);
	return found;
}

/* All, or those of the name that was given: then there is one at least. */
static int fetch(const struct cli *cli, json_t **ret, struct error *error)
{
	json_auto_t *policies = NULL;
	int r = agent_get_array(cli, "/v1/policies", &policies, error);

	if (r < 0)
		return r;
	*ret = cli->argument_count ? those_named(policies, cli->arguments[0]) : json_incref(policies);
	if (cli->argument_count && !json_array_size(*ret))
		return error_set(error, -ENOENT, "there is no policy %s; 'pilus policy get' tells those there are",
		                 cli->arguments[0]);
	return 0;
}

static void namespace_cell(const json_t *row, FILE *out)
{
	fputs(row_text(row, "namespace") ?: "-", out);
}

static const struct column POLICY_COLUMNS[] = {
	{.title = "KIND", .key = "kind"},       {.title = "NAMESPACE", .cell = namespace_cell},
	{.title = "NAME", .key = "name"},       {.title = "RULES", .key = "rules", .right = true},
	{.title = "PROBLEM", .key = "problem"},
};

static void write_yaml(const json_t *policies, FILE *out)
{
	json_t *policy;
	size_t i;

	json_array_foreach (policies, i, policy) {
		if (i)
			fputs("---\n", out);
		policy_document_write(json_object_get(policy, "policy"), out);
	}
}

/* What the user brought. */
static json_t *documents_of(const json_t *policies)
{
	json_t *documents = json_array(), *policy;
	size_t i;

	json_array_foreach (policies, i, policy)
		json_array_append(documents, json_object_get(policy, "policy"));
	return documents;
}

static int policy_get(struct cli *cli, struct error *error)
{
	static const struct table TABLE_OF_POLICIES = TABLE(POLICY_COLUMNS);
	json_auto_t *policies = NULL, *documents = NULL;
	int r = fetch(cli, &policies, error);

	if (r)
		return r;
	if (cli->output == OUTPUT_YAML) {
		write_yaml(policies, cli->out);
		return 0;
	}
	if (cli->output != OUTPUT_JSON)
		return show_table(cli, &TABLE_OF_POLICIES, policies, error);
	documents = documents_of(policies);
	return show_json(
		cli, cli->argument_count && json_array_size(documents) == 1 ? json_array_get(documents, 0) : documents,
		error);
}

static int delete_one(const struct cli *cli, const json_t *policy, struct error *error)
{
	_cleanup_free_ char *path = xasprintf("/v1/policies/%s/%s/%s", row_text(policy, "kind"),
	                                      row_text(policy, "namespace") ?: "-", row_text(policy, "name"));
	json_auto_t *answer = NULL;
	int r = http_request(cli->socket, "DELETE", path, NULL, &answer, error);

	return r ?: show_revision(cli, answer, error);
}

static int delete_all(const struct cli *cli, struct error *error)
{
	json_auto_t *answer = NULL;
	int r = http_request(cli->socket, "DELETE", "/v1/policies", NULL, &answer, error);

	return r ?: show_revision(cli, answer, error);
}

static int policy_delete(struct cli *cli, struct error *error)
{
	json_auto_t *policies = NULL;
	int r;

	if (!cli_count(cli, "all") == !cli->argument_count)
		return cli_wrong_use(error, "which policy? Give its name, or --all");
	if (cli_count(cli, "all"))
		return delete_all(cli, error);
	r = fetch(cli, &policies, error);
	if (!r && json_array_size(policies) > 1)
		r = error_set(error, -EINVAL, "%zu policies are called %s: say which, as KIND/NAMESPACE/NAME",
		              json_array_size(policies), cli->arguments[0]);
	return r ?: delete_one(cli, json_array_get(policies, 0), error);
}

static void selector_cell(const json_t *row, FILE *out)
{
	const char *text = row_text(row, "selector");

	fputs(text && *text ? text : "(all)", out);
}

static const struct column SELECTOR_COLUMNS[] = {
	{.title = "SELECTOR", .cell = selector_cell},
	{.title = "USERS", .key = "users", .right = true},
	{.title = "IDENTITIES", .key = "identities"},
};

static int policy_selectors(struct cli *cli, struct error *error)
{
	static const struct table TABLE_OF_SELECTORS = TABLE(SELECTOR_COLUMNS);
	json_auto_t *selectors = NULL;
	int r = agent_get_array(cli, "/v1/policies/selectors", &selectors, error);

	return r < 0 ? r : show(cli, &TABLE_OF_SELECTORS, selectors, error);
}

/* ── waiting ── */

/* -EAGAIN: not yet. */
static int wait_a_while(const struct cli *cli, const char *revision, uint64_t seconds, struct error *error)
{
	_cleanup_free_ char *path = xasprintf("/v1/policies/wait?timeout=%llu%s%s", (unsigned long long)seconds,
	                                      revision ? "&revision=" : "", revision ?: "");
	json_auto_t *answer = NULL;
	int r = http_request(cli->socket, "GET", path, NULL, &answer, error);

	return r ?: show_revision(cli, answer, error);
}

static int wait_until(const struct cli *cli, const char *revision, uint64_t deadline, struct error *error)
{
	for (;;) {
		uint64_t now = clock_now(), left = now < deadline ? (deadline - now) / NS_PER_SECOND : 0;
		int r = wait_a_while(cli, revision, left < WAIT_AT_ONCE ? left : WAIT_AT_ONCE, error);

		if (r != -EAGAIN || !left)
			return r;
	}
}

static int policy_wait(struct cli *cli, struct error *error)
{
	const char *text = cli_value(cli, "timeout"), *revision = cli->argument_count ? cli->arguments[0] : NULL;
	uint32_t seconds = WAIT_SECONDS_DEFAULT, number;
	int r = text ? cli_number(text, 86400, "a number of seconds", &seconds, error) : 0;

	if (!r && revision)
		r = cli_number(revision, UINT32_MAX, "a revision", &number, error);
	return r ?: wait_until(cli, revision, clock_now() + seconds * NS_PER_SECOND, error);
}

/* ── the table ── */

static void complete_names(struct cli *cli)
{
	agent_complete(cli, "/v1/policies", "name");
}

static const struct cli_option DELETE_OPTIONS[] = {
	{0, "all", NULL, "every policy of the cluster"},
	{},
};

static const struct cli_option WAIT_OPTIONS[] = {
	{0, "timeout", "SECONDS", "how long at most (default 60)"},
	{},
};

static const struct command VERBS[] = {
	{.name = "import",
         .summary = "Bring policies into the cluster, from files or folders",
         .arguments = "FILE|DIR|-...",
         .arguments_min = 1,
         .arguments_max = SIZE_MAX,
         .run = policy_import},
	{.name = "get",
         .summary = "The cluster's policies, as they were brought",
         .arguments = "[NAME]",
         .arguments_max = 1,
         .run = policy_get,
         .complete = complete_names,
         .yaml = true},
	{.name = "list", .summary = "The cluster's policies", .run = policy_get, .yaml = true},
	{.name = "delete",
         .summary = "Remove a policy from the cluster",
         .arguments = "NAME",
         .arguments_max = 1,
         .options = DELETE_OPTIONS,
         .run = policy_delete,
         .complete = complete_names},
	{.name = "selectors", .summary = "The selectors of policies, and whom they mean", .run = policy_selectors},
	{.name = "wait",
         .summary = "Until all endpoints of this node enforce a revision",
         .arguments = "[REVISION]",
         .arguments_max = 1,
         .options = WAIT_OPTIONS,
         .run = policy_wait},
	{.name = "trace",
         .summary = "What policies in files say of a connection, and which rule says it",
         .arguments = "FILE...",
         .arguments_min = 1,
         .arguments_max = SIZE_MAX,
         .options = POLICY_TRACE_OPTIONS,
         .run = policy_trace},
	{.name = "validate",
         .summary = "Every problem of policy files, with line and field",
         .arguments = "FILE...",
         .arguments_min = 1,
         .arguments_max = SIZE_MAX,
         .run = policy_validate},
	{},
};

const struct command POLICY_NOUN = {.name = "policy", .summary = "Policies of the network", .commands = VERBS};
