/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `policy`: reads policy files and says what they mean, without an agent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/flow.h"
#include "abi/ipcache.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/nouns.h"
#include "policy/evaluate.h"
#include "policy/parse.h"

#define FILE_MAX_BYTES (64 << 20)

/* ── files ── */

/* "-" is standard input. */
static int read_text(const char *file, char **ret, size_t *ret_size, struct error *error)
{
	int r = strcmp(file, "-") ? file_read(file, FILE_MAX_BYTES, ret, ret_size)
	                          : file_read_fd(STDIN_FILENO, FILE_MAX_BYTES, ret, ret_size);

	return r < 0 ? error_set_errno(error, r, "cannot read %s", file) : 0;
}

static int read_policies(const char *file, struct policy_list *list, struct problems *problems, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r = read_text(file, &text, &size, error);

	if (r < 0)
		return r;
	/* What is wrong is among the problems. */
	policy_parse(file, text, size, list, problems);
	return 0;
}

static int tell_problems(const struct problems *problems, struct error *error)
{
	if (!problems->count)
		return 0;
	for (size_t i = 0; i < problems->count; i++)
		fprintf(stderr, "%s\n", problems->texts[i]);
	return error_set(error, -EINVAL, "%zu problem%s: nothing was taken from the files", problems->count,
	                 problems->count == 1 ? "" : "s");
}

/* ── validate ── */

static void name_policies(const struct cli *cli, const struct policy_list *list)
{
	static const char *const kinds[] = POLICY_KIND_NAMES;

	for (size_t i = 0; i < list->count; i++) {
		const struct policy *policy = list->policies[i];

		fprintf(cli->out, "%s %s%s%s: valid\n", kinds[policy->kind], policy->space ?: "",
		        policy->space ? "/" : "", policy->name);
	}
}

static int policy_validate(struct cli *cli, struct error *error)
{
	_cleanup_(policy_list_clear) struct policy_list list = {};
	_cleanup_(problems_clear) struct problems problems = {};
	int r = 0;

	for (size_t i = 0; !r && i < cli->argument_count; i++)
		r = read_policies(cli->arguments[i], &list, &problems, error);
	if (!r)
		r = tell_problems(&problems, error);
	if (!r)
		name_policies(cli, &list);
	return r;
}

/* ── trace ── */

/* A party as the command line names it, with what the question points to. */
struct named_party {
	struct label_set labels;
	struct policy_party party;
};

static void named_party_clear(struct named_party *party)
{
	label_set_clear(&party->labels);
}

/* A pod's number does not matter to any rule, only that it is no reserved one. */
static uint32_t identity_of(const struct label_set *labels)
{
#define X(symbol, number, name) {name, number},
	static const struct {
		const char *name;
		uint32_t number;
	} reserved[] = {RESERVED_IDENTITIES(X)};
#undef X

	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (label_set_value(labels, LABEL_SOURCE_RESERVED, reserved[i].name))
			return reserved[i].number;
	return IDENTITY_ALLOCATED_MIN;
}

/* Labels without a namespace are those of a pod in the default one. */
static json_t *split_labels(const char *text)
{
	_cleanup_free_ char *copy = xstrdup(text);
	json_t *array = json_array();
	char *rest = copy, *word;

	while ((word = strsep(&rest, ",")))
		json_array_append_new(array, json_string(word));
	if (strncmp(text, LABEL_SOURCE_RESERVED ":", strlen(LABEL_SOURCE_RESERVED) + 1) &&
	    !strstr(text, LABEL_NAMESPACE "="))
		json_array_append_new(array, json_string(LABEL_SOURCE_KUBERNETES ":" LABEL_NAMESPACE "=default"));
	return array;
}

/* LABELS, LABELS@ADDRESS, or an ADDRESS of the world. */
static int read_party(const char *option, const char *text, struct named_party *ret, struct error *error)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *at = strchr(copy, '@');
	json_auto_t *array = NULL;

	if (!addr_parse(text, &ret->party.addr)) {
		array = split_labels("reserved:world");
	} else {
		if (at && addr_parse(at + 1, &ret->party.addr))
			return cli_wrong_use(error, "--%s: '%s' is no address", option, at + 1);
		if (at)
			*at = '\0';
		array = split_labels(copy);
	}
	if (label_set_read(array, &ret->labels, error)) {
		error_prefix(error, "--%s", option);
		return error->code = ERROR_WRONG_USE;
	}
	ret->party.labels = &ret->labels;
	ret->party.identity = identity_of(&ret->labels);
	return 0;
}

static int find_protocol(const char *word, struct policy_question *question, struct error *error)
{
	static const struct {
		const char *word;
		uint8_t number;
	} protocols[] = {{"tcp", PROTOCOL_TCP},
	                 {"udp", PROTOCOL_UDP},
	                 {"sctp", PROTOCOL_SCTP},
	                 {"icmp", PROTOCOL_ICMP},
	                 {"icmpv6", PROTOCOL_ICMPV6}};

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (!strcasecmp(protocols[i].word, word)) {
			question->protocol = protocols[i].number;
			return 0;
		}
	return cli_wrong_use(error, "--dport: '%s' is none of tcp, udp, sctp, icmp and icmpv6", word);
}

/* "80", "53/udp", "8/icmp" */
static int read_port(const char *text, struct policy_question *question, struct error *error)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *slash = strchr(copy, '/');
	uint32_t port = 0;
	int r;

	if (slash)
		*slash = '\0';
	r = cli_number(copy, UINT16_MAX, "a port", &port, error);
	question->port = (uint16_t)port;
	return r ?: find_protocol(slash ? slash + 1 : "tcp", question, error);
}

static bool is_allowed(enum policy_verdict verdict)
{
	return verdict == POLICY_NOT_ENFORCED || verdict == POLICY_ALLOWED;
}

static void say_rule(const struct cli *cli, const struct policy_answer *answer)
{
	static const char *const kinds[] = POLICY_KIND_NAMES;
	const struct policy *policy = answer->policy;

	fprintf(cli->out, "%s by the rule of line %zu of %s %s%s%s\n",
	        answer->verdict == POLICY_ALLOWED ? "allowed" : "denied", answer->rule->line, kinds[policy->kind],
	        policy->space ?: "", policy->space ? "/" : "", policy->name);
}

static void say_answer(const struct cli *cli, const char *direction, const struct policy_answer *answer)
{
	fprintf(cli->out, "%s ", direction);
	if (answer->verdict == POLICY_NOT_ENFORCED)
		fputs("allowed: no policy closes it\n", cli->out);
	else if (answer->verdict == POLICY_NOT_ALLOWED)
		fputs("denied: it is closed, and no rule allows this\n", cli->out);
	else
		say_rule(cli, answer);
}

/* A pod opens a connection to a pod: one has a say in it as it leaves, the other as it arrives. */
static void trace(const struct cli *cli, const struct policy_list *list, const struct policy_question *question)
{
	struct policy_question egress = *question, ingress = *question;
	struct policy_answer out, in;

	egress.direction = POLICY_EGRESS;
	ingress.direction = POLICY_INGRESS;
	ingress.subject = question->peer;
	ingress.peer = question->subject;
	out = policy_evaluate(list, &egress);
	in = policy_evaluate(list, &ingress);
	say_answer(cli, "Egress: ", &out);
	say_answer(cli, "Ingress:", &in);
	fprintf(cli->out, "Final verdict: %s\n",
	        is_allowed(out.verdict) && is_allowed(in.verdict) ? "ALLOWED" : "DENIED");
}

static int read_question(const struct cli *cli, struct named_party *source, struct named_party *destination,
                         struct policy_question *ret, struct error *error)
{
	const char *from = cli_value(cli, "src"), *to = cli_value(cli, "dst");
	int r;

	if (!from || !to)
		return cli_wrong_use(error, "who asks whom? Give --src and --dst");
	r = read_party("src", from, source, error) ?: read_party("dst", to, destination, error);
	if (!r)
		r = read_port(cli_value(cli, "dport") ?: "80/tcp", ret, error);
	ret->subject = source->party;
	ret->peer = destination->party;
	return r;
}

static int policy_trace(struct cli *cli, struct error *error)
{
	_cleanup_(policy_list_clear) struct policy_list list = {};
	_cleanup_(problems_clear) struct problems problems = {};
	_cleanup_(named_party_clear) struct named_party source = {};
	_cleanup_(named_party_clear) struct named_party destination = {};
	struct policy_question question = {};
	int r = read_question(cli, &source, &destination, &question, error);

	for (size_t i = 0; !r && i < cli->argument_count; i++)
		r = read_policies(cli->arguments[i], &list, &problems, error);
	if (!r)
		r = tell_problems(&problems, error);
	if (!r)
		trace(cli, &list, &question);
	return r;
}

static const struct cli_option TRACE_OPTIONS[] = {
	{'s', "src", "PARTY", "who opens the connection: LABELS, LABELS@ADDRESS, or an ADDRESS of the world"},
	{'d', "dst", "PARTY", "who is to accept it, likewise"},
	{0, "dport", "PORT/PROTOCOL", "its port (default 80/tcp); of ICMP the type"},
	{},
};

static const struct command VERBS[] = {
	{.name = "trace",
         .summary = "What policies in files say of a connection, and which rule says it",
         .arguments = "FILE...",
         .arguments_min = 1,
         .arguments_max = SIZE_MAX,
         .options = TRACE_OPTIONS,
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
