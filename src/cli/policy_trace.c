/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `policy trace`: what policies in files say of a connection. Only who is named by pod or endpoint is asked of an
 * agent.
 */
#include <errno.h>
#include <string.h>

#include "abi/flow.h"
#include "abi/ipcache.h"
#include "base/memory.h"
#include "cli/agent.h"
#include "cli/policy_files.h"
#include "policy/evaluate.h"

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

/* Takes what an answer of the agent says of a pod: its labels, and an address. */
static int read_pod(const json_t *pod, const char *address_key, struct named_party *ret, struct error *error)
{
	_cleanup_free_ char *address = xstrdup(json_string_value(json_object_get(pod, address_key)) ?: "");

	address[strcspn(address, "/")] = '\0';
	if (label_set_read(json_object_get(pod, "labels"), &ret->labels, error))
		return error->code;
	return addr_parse(address, &ret->party.addr) ? error_set(error, -EPROTO, "its address cannot be read") : 0;
}

static int ask_endpoint(const struct cli *cli, const char *id, struct named_party *ret, struct error *error)
{
	_cleanup_free_ char *path = xasprintf("/v1/endpoints/%s", id);
	json_auto_t *endpoint = NULL;
	int r = agent_get_object(cli, path, &endpoint, error);

	if (r)
		return r;
	return read_pod(endpoint, json_is_string(json_object_get(endpoint, "ipv4")) ? "ipv4" : "ipv6", ret, error);
}

/* Of any node: "web" is default/web. Of its two addresses the IPv4 one, which the agent tells first. */
static int ask_pod(const struct cli *cli, const char *name, struct named_party *ret, struct error *error)
{
	_cleanup_free_ char *full = xasprintf("%s%s", strchr(name, '/') ? "" : "default/", name);
	json_auto_t *ips = NULL;
	json_t *ip;
	size_t i;
	int r = agent_get_array(cli, "/v1/ips", &ips, error);

	if (r)
		return r;
	json_array_foreach (ips, i, ip) {
		const char *pod = json_string_value(json_object_get(ip, "pod"));

		if (pod && !strcmp(pod, full))
			return read_pod(ip, "cidr", ret, error);
	}
	return error_set(error, -ENOENT, "none is called %s; labels are written as key=value", full);
}

/* Labels have a '=' or a source, as "reserved:host" has; lists of them have commas. */
static bool is_labels(const char *text)
{
	return strpbrk(text, "=:,@");
}

static int ask_agent(const struct cli *cli, const char *word, struct named_party *ret, struct error *error)
{
	bool is_id = *word && word[strspn(word, "0123456789")] == '\0';
	int r = is_id ? ask_endpoint(cli, word, ret, error) : ask_pod(cli, word, ret, error);

	if (r)
		error_prefix(error, "%s '%s'", is_id ? "endpoint" : "pod", word);
	return r;
}

/* LABELS or LABELS@ADDRESS. */
static int read_labels(const char *text, struct named_party *ret, struct error *error)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *at = strchr(copy, '@');
	json_auto_t *array = NULL;

	if (at && addr_parse(at + 1, &ret->party.addr))
		return cli_wrong_use(error, "'%s' is no address", at + 1);
	if (at)
		*at = '\0';
	array = split_labels(copy);
	return label_set_read(array, &ret->labels, error) ? error->code = ERROR_WRONG_USE : 0;
}

static int read_party(const struct cli *cli, const char *option, const char *text, struct named_party *ret,
                      struct error *error)
{
	int r;

	if (!addr_parse(text, &ret->party.addr))
		r = read_labels("reserved:world", ret, error);
	else
		r = is_labels(text) ? read_labels(text, ret, error) : ask_agent(cli, text, ret, error);
	if (r) {
		error_prefix(error, "--%s", option);
		return r;
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
	fprintf(cli->out, "%s by the rule of line %zu of ", answer->verdict == POLICY_ALLOWED ? "allowed" : "denied",
	        answer->rule->line);
	policy_name_write(answer->policy, cli->out);
	fputc('\n', cli->out);
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
	r = read_party(cli, "src", from, source, error) ?: read_party(cli, "dst", to, destination, error);
	if (!r)
		r = read_port(cli_value(cli, "dport") ?: "80/tcp", ret, error);
	ret->subject = source->party;
	ret->peer = destination->party;
	return r;
}

int policy_trace(struct cli *cli, struct error *error)
{
	_cleanup_(policy_list_clear) struct policy_list list = {};
	_cleanup_(named_party_clear) struct named_party source = {};
	_cleanup_(named_party_clear) struct named_party destination = {};
	struct policy_question question = {};
	int r = read_question(cli, &source, &destination, &question, error);

	if (!r)
		r = policy_files_read(cli, &list, NULL, error);
	if (!r)
		trace(cli, &list, &question);
	return r;
}

const struct cli_option POLICY_TRACE_OPTIONS[] = {
	{'s', "src", "PARTY",
         "who opens the connection: a POD, an endpoint's ID, LABELS, LABELS@ADDRESS, or an ADDRESS of the world"},
	{'d', "dst", "PARTY", "who is to accept it, likewise"},
	{0, "dport", "PORT/PROTOCOL", "its port (default 80/tcp); of ICMP the type"},
	{},
};
