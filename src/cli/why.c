/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `why`: what would become of a connection, decision by decision.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/agent.h"
#include "cli/nouns.h"
#include "cli/show.h"
#include "http/client.h"

/* "near:80/tcp", taken apart. The texts point into `copy`. */
struct target {
	char *copy;
	const char *destination, *port, *protocol; /* port may be NULL */
};

static void target_clear(struct target *target)
{
	free(target->copy);
}

/* As the agent knows it, written in capitals or not; NULL: it is none. */
static const char *find_protocol(const char *word)
{
	static const char *const words[] = {"tcp", "udp", "sctp", "icmp", "icmpv6"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(words[i], word))
			return words[i];
	return NULL;
}

/* Cuts off "/PROTOCOL": what follows the last slash, unless that is part of a pod's name. */
static void cut_protocol(struct target *target)
{
	char *slash = strrchr(target->copy, '/');

	target->protocol = "tcp";
	if (!slash || (!strchr(target->copy, ':') && !find_protocol(slash + 1)))
		return;
	if (strrchr(target->copy, ':') > slash)
		return; /* NAMESPACE/NAME:PORT */
	*slash = '\0';
	target->protocol = find_protocol(slash + 1) ?: slash + 1;
}

/* Cuts off ":PORT", or what follows "[ADDRESS]". An IPv6 address without brackets has no port. */
static int cut_port(struct target *target, struct error *error)
{
	char *text = target->copy, *colon = strrchr(text, ':'), *end;

	target->destination = text;
	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return cli_wrong_use(error, "'%s': write an IPv6 address as [ADDRESS]:PORT", text);
		target->destination = text + 1;
		*end = '\0';
		target->port = end[1] ? end + 2 : NULL;
		return 0;
	}
	if (colon && strchr(text, ':') == colon) {
		*colon = '\0';
		target->port = colon + 1;
	}
	return 0;
}

static int read_target(const char *text, struct target *ret, struct error *error)
{
	bool icmp;
	int r;

	ret->copy = xstrdup(text);
	cut_protocol(ret);
	if (!find_protocol(ret->protocol))
		return cli_wrong_use(error, "'%s' is none of tcp, udp, sctp, icmp and icmpv6", ret->protocol);
	r = cut_port(ret, error);
	if (r)
		return r;
	icmp = !strncmp(ret->protocol, "icmp", 4);
	if (!ret->port && !icmp)
		return cli_wrong_use(error, "'%s' has no port: write DESTINATION:PORT/PROTOCOL, as in near:80/tcp",
		                     text);
	if (!*ret->destination)
		return cli_wrong_use(error, "'%s' names nobody: write DESTINATION:PORT/PROTOCOL, as in near:80/tcp",
		                     text);
	return 0;
}

static int check_port(const struct target *target, struct error *error)
{
	uint32_t number;

	return target->port ? cli_number(target->port, UINT16_MAX, "a port", &number, error) : 0;
}

static void add_query(FILE *out, const char *name, const char *value)
{
	_cleanup_free_ char *escaped = value ? http_escape(value) : NULL;

	if (escaped)
		fprintf(out, "&%s=%s", name, escaped);
}

/* The caller frees it. */
static char *make_path(const struct cli *cli, const struct target *target)
{
	_cleanup_free_ char *source = http_escape(cli->arguments[0]);
	char *path = NULL;
	size_t size;
	FILE *out = open_memstream(&path, &size);

	if (!out)
		abort();
	fprintf(out, "/v1/why?source=%s", source);
	add_query(out, "destination", target->destination);
	add_query(out, "protocol", target->protocol);
	add_query(out, "port", target->port);
	add_query(out, "sends-as", cli_value(cli, "sends-as"));
	add_query(out, "family", cli_count(cli, "ipv6") ? "6" : cli_count(cli, "ipv4") ? "4" : NULL);
	fclose(out);
	return path;
}

static void print_party(const struct cli *cli, const char *title, const json_t *party)
{
	const json_t *labels = json_object_get(party, "labels");
	const char *name = row_text(party, "name") ?: "?", *address = row_text(party, "address") ?: "?";
	json_t *label;
	size_t i;

	fprintf(cli->out, "%s %s", title, name);
	if (strcmp(name, address))
		fprintf(cli->out, " (%s)", address);
	fprintf(cli->out, ", identity %" JSON_INTEGER_FORMAT, row_number(party, "identity"));
	json_array_foreach (labels, i, label)
		fprintf(cli->out, "%s%s", i ? " " : ": ", json_string_value(label) ?: "?");
	fputc('\n', cli->out);
}

static void print_answer(const struct cli *cli, const json_t *answer)
{
	const char *verdict = row_text(answer, "verdict") ?: "?", *reason = row_text(answer, "reason");
	const char *remedy = row_text(answer, "remedy");
	const json_t *decision;
	size_t i;

	print_party(cli, "From:", json_object_get(answer, "source"));
	print_party(cli, "To:  ", json_object_get(answer, "destination"));
	json_array_foreach (json_object_get(answer, "decisions"), i, decision)
		fprintf(cli->out, "%3zu. %s\n", i + 1, row_text(decision, "text") ?: "?");
	if (!strcmp(verdict, "allowed"))
		fputs("ALLOWED\n", cli->out);
	else
		fprintf(cli->out, "DENIED: %s\n", reason ?: "?");
	if (remedy)
		fprintf(cli->out, "\nThis would allow it (pilus policy import -):\n---\n%s", remedy);
}

static int why_run(struct cli *cli, struct error *error)
{
	_cleanup_(target_clear) struct target target = {};
	_cleanup_free_ char *path = NULL;
	json_auto_t *answer = NULL;
	int r = read_target(cli->arguments[1], &target, error);

	if (!r)
		r = check_port(&target, error);
	if (!r && cli_count(cli, "ipv4") && cli_count(cli, "ipv6"))
		r = cli_wrong_use(error, "-4 or -6, not both");
	if (r)
		return r;
	path = make_path(cli, &target);
	r = agent_get_object(cli, path, &answer, error);
	if (r)
		return r;
	if (cli->output == OUTPUT_JSON)
		return show_json(cli, answer, error);
	print_answer(cli, answer);
	return 0;
}

static void complete_pods(struct cli *cli)
{
	agent_complete(cli, "/v1/endpoints", "pod");
}

static const struct cli_option OPTIONS[] = {
	{'4', "ipv4", NULL, "over IPv4, which is the default where both ends have it"},
	{'6', "ipv6", NULL, "over IPv6"},
	{0, "sends-as", "ADDRESS", "as if the source, a pod of this node, wrote this address into its packets"},
	{},
};

const struct command WHY_NOUN = {
	.name = "why",
	.summary = "What would become of a connection, and what decides it",
	.arguments = "SOURCE DESTINATION:PORT/PROTOCOL",
	.arguments_min = 2,
	.arguments_max = 2,
	.options = OPTIONS,
	.run = why_run,
	.complete = complete_pods,
};
