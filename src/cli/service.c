/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `service`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/agent.h"
#include "cli/bpf.h"
#include "cli/nouns.h"
#include "cli/show.h"

/* ── list and get ── */

static void frontend_cell(const json_t *row, FILE *out)
{
	peer_write(row, "address", "port", out);
	fprintf(out, "/%s", row_text(row, "protocol"));
}

static void backends_cell(const json_t *row, FILE *out)
{
	json_t *backend;
	size_t i;

	json_array_foreach (json_object_get(row, "backends"), i, backend) {
		fprintf(out, "%s%zu => ", i ? "\n" : "", i + 1);
		peer_write(backend, "address", "port", out);
		fprintf(out, " (%s)", row_text(backend, "state"));
	}
}

static const struct column COLUMNS[] = {
	{.title = "ID", .key = "id"},
	{.title = "Frontend", .cell = frontend_cell},
	{.title = "Service Type", .key = "type"},
	{.title = "Backend", .cell = backends_cell},
};
static const struct table TABLE_OF_SERVICES = TABLE(COLUMNS);

static int service_list(struct cli *cli, struct error *error)
{
	json_auto_t *services = NULL;
	int r = agent_get_array(cli, "/v1/services", &services, error);

	return r < 0 ? r : show(cli, &TABLE_OF_SERVICES, services, error);
}

static char *service_path(const struct cli *cli, struct error *error)
{
	uint32_t id;

	return cli_number(cli->arguments[0], UINT32_MAX, "a service's ID", &id, error)
	               ? NULL
	               : xasprintf("/v1/services/%u", id);
}

static int no_service(const struct cli *cli, struct error *error)
{
	return error_set(error, -ENOENT, "there is no service %s; 'pilus service list' tells those there are",
	                 cli->arguments[0]);
}

static int service_get(struct cli *cli, struct error *error)
{
	_cleanup_free_ char *path = service_path(cli, error);
	json_auto_t *services = NULL;
	int r = path ? agent_get_array(cli, path, &services, error) : ERROR_WRONG_USE;

	if (r == -ENOENT)
		return no_service(cli, error);
	if (r < 0)
		return r;
	return cli->output == OUTPUT_TABLE ? show_table(cli, &TABLE_OF_SERVICES, services, error)
	                                   : show_json(cli, services, error);
}

static int service_delete(struct cli *cli, struct error *error)
{
	_cleanup_free_ char *path = service_path(cli, error);
	json_auto_t *none = NULL;
	int r = path ? agent_delete(cli, path, &none, error) : ERROR_WRONG_USE;

	if (r == -ENOENT)
		return no_service(cli, error);
	if (!r && cli->output != OUTPUT_JSON)
		fprintf(cli->out, "Service %s deleted\n", cli->arguments[0]);
	return r ?: cli->output == OUTPUT_JSON ? show_json(cli, none, error) : 0;
}

/* ── update ── */

/* "10.0.0.1:80", "[fd00::1]:80" */
static int read_peer(const char *option, const char *text, json_t *object, struct error *error)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *colon = strrchr(copy, ':'), *addr = copy;
	struct addr parsed;
	uint32_t port;

	if (!colon)
		return cli_wrong_use(error, "--%s: '%s' has no port: write ADDRESS:PORT", option, text);
	*colon = '\0';
	if (*addr == '[' && colon[-1] == ']') {
		addr++;
		colon[-1] = '\0';
	}
	if (addr_parse(addr, &parsed) || (addr == copy && strchr(addr, ':')))
		return cli_wrong_use(error, "--%s: '%s' is no address: write it like 10.0.0.1:80 or [fd00::1]:80",
		                     option, text);
	if (cli_number(colon + 1, UINT16_MAX, "a port", &port, error))
		return error->code;
	json_object_set_new(object, "address", json_string(addr));
	json_object_set_new(object, "port", json_integer(port));
	return 0;
}

static int read_frontend(const struct cli *cli, json_t *body, struct error *error)
{
	_cleanup_free_ char *text = NULL;
	char *slash;

	if (!cli_value(cli, "frontend"))
		return cli_wrong_use(error, "where is the service met? Give --frontend");
	text = xstrdup(cli_value(cli, "frontend"));
	slash = strchr(text, '/');
	if (slash) {
		*slash = '\0';
		json_object_set_new(body, "protocol", json_string(slash + 1));
	}
	return read_peer("frontend", text, body, error);
}

/* Calls for each word between commas; none of an option that is not given. */
static int each_word(const struct cli *cli, const char *option,
                     int (*read)(const char *word, size_t index, json_t *list, struct error *error), json_t *list,
                     struct error *error)
{
	_cleanup_free_ char *copy = xstrdup(cli_value(cli, option) ?: "");
	char *rest = *copy ? copy : NULL, *word;
	size_t index = 0;
	int r = 0;

	while (!r && (word = strsep(&rest, ",")))
		r = read(word, index++, list, error);
	return r;
}

static int read_backend(const char *word, size_t index, json_t *list, struct error *error)
{
	json_t *backend = json_object();

	json_array_append_new(list, backend);
	return read_peer("backends", word, backend, error);
}

static int read_weight(const char *word, size_t index, json_t *list, struct error *error)
{
	uint32_t weight;

	if (index >= json_array_size(list))
		return cli_wrong_use(error, "--backend-weights: there are more weights than backends");
	if (cli_number(word, UINT16_MAX, "a weight", &weight, error))
		return error->code;
	return json_object_set_new(json_array_get(list, index), "weight", json_integer(weight));
}

static int read_state(const char *word, size_t index, json_t *list, struct error *error)
{
	if (index >= json_array_size(list))
		return cli_wrong_use(error, "--states: there are more states than backends");
	return json_object_set_new(json_array_get(list, index), "state", json_string(word));
}

static int read_range(const char *word, size_t index, json_t *list, struct error *error)
{
	return json_array_append_new(list, json_string(word));
}

static int read_lists(const struct cli *cli, json_t *body, struct error *error)
{
	json_t *backends = json_array(), *ranges = json_array();

	json_object_set_new(body, "backends", backends);
	json_object_set_new(body, "source-ranges", ranges);
	return each_word(cli, "backends", read_backend, backends, error)
	               ?: each_word(cli, "backend-weights", read_weight, backends, error)
	               ?: each_word(cli, "states", read_state, backends, error)
	               ?: each_word(cli, "source-ranges", read_range, ranges, error);
}

/* Options that are members of the request as they are; the agent knows what may stand there. */
static int read_rest(const struct cli *cli, json_t *body, struct error *error)
{
	static const char *const texts[] = {"type", "algorithm", "internal-policy", "external-policy"},
				 *const numbers[] = {"affinity", "health-port"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (cli_value(cli, texts[i]))
			json_object_set_new(body, texts[i], json_string(cli_value(cli, texts[i])));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		uint32_t number;

		if (!cli_value(cli, numbers[i]))
			continue;
		if (cli_number(cli_value(cli, numbers[i]), UINT32_MAX, numbers[i], &number, error))
			return error->code;
		json_object_set_new(body, numbers[i], json_integer(number));
	}
	return 0;
}

static int service_update(struct cli *cli, struct error *error)
{
	json_auto_t *body = json_object(), *services = NULL;
	int r = read_frontend(cli, body, error) ?: read_lists(cli, body, error) ?: read_rest(cli, body, error);

	if (!r)
		r = agent_put_array(cli, "/v1/services", body, &services, error);
	return r < 0 ? r : show(cli, &TABLE_OF_SERVICES, services, error);
}

static void complete_ids(struct cli *cli)
{
	agent_complete(cli, "/v1/services", "id");
}

static void complete_types(struct cli *cli)
{
	fputs("ClusterIP\nNodePort\nLoadBalancer\nExternalIPs\nHostPort\n", cli->out);
}

static void complete_algorithms(struct cli *cli)
{
	fputs("random\nmaglev\ndefault\n", cli->out);
}

static void complete_policies(struct cli *cli)
{
	fputs("Cluster\nLocal\n", cli->out);
}

static const struct cli_option UPDATE_OPTIONS[] = {
	{0, "frontend", "ADDRESS:PORT[/PROTOCOL]", "where clients meet it; PROTOCOL is TCP (default), UDP or SCTP"},
	{0, "backends", "ADDRESS:PORT[,...]", "who answers: all of them (none)"},
	{0, "backend-weights", "N[,...]", "their shares of new connections, in the same order (1)"},
	{0, "states", "STATE[,...]", "active, terminating, quarantined or maintenance, in the same order (active)"},
	{0, "type", "TYPE", "ClusterIP (default), NodePort, LoadBalancer, ExternalIPs or HostPort", complete_types},
	{0, "algorithm", "NAME", "random, maglev, or default: as the nodes are configured", complete_algorithms},
	{0, "affinity", "SECONDS", "how long a client keeps its backend (0: not at all)"},
	{0, "internal-policy", "POLICY", "Cluster, or Local: backends of the client's node only", complete_policies},
	{0, "external-policy", "POLICY", "Cluster, or Local: those of the node that is asked", complete_policies},
	{0, "source-ranges", "CIDR[,...]", "who may use it from outside (everybody)"},
	{0, "health-port", "PORT", "where each node answers whether it has backends of its own (nowhere)"},
	{},
};

static const struct command VERBS[] = {
	{.name = "list", .summary = "Services as this node serves them", .run = service_list},
	{.name = "get",
         .summary = "All about a service (JSON)",
         .arguments = "ID",
         .arguments_min = 1,
         .arguments_max = 1,
         .run = service_get,
         .complete = complete_ids},
	{.name = "update",
         .summary = "Make a service, or another of it",
         .options = UPDATE_OPTIONS,
         .run = service_update},
	{.name = "delete",
         .summary = "Remove a service that was made by 'update'",
         .arguments = "ID",
         .arguments_min = 1,
         .arguments_max = 1,
         .run = service_delete,
         .complete = complete_ids},
	{},
};

const struct command SERVICE_NOUN = {
	.name = "service", .summary = "Services, and the backends that answer for them", .commands = VERBS};
