/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `monitor`: what the programs and the agent tell, as it happens.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/endpoint.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/agent.h"
#include "cli/event.h"
#include "cli/nouns.h"
#include "cli/records.h"
#include "cli/show.h"
#include "http/client.h"

static const struct {
	const char *name;
	uint32_t bit;
} TYPES[] = {
	{"drop", 1 << EVENT_DROP},   {"flow", 1 << EVENT_FLOW},
	{"trace", 1 << EVENT_TRACE}, {"policy-verdict", 1 << EVENT_POLICY_VERDICT},
	{"agent", 1 << EVENT_AGENT},
};

#define BUFFER_SIZE  (64 * 1024)
#define ALWAYS_TYPES (1 << EVENT_DROP | 1 << EVENT_AGENT)

/* Given more than once, any of them matches; none: all do. */
struct filter {
	uint32_t types;
	uint16_t from[CLI_OPTIONS_MAX], to[CLI_OPTIONS_MAX], related[CLI_OPTIONS_MAX];
	size_t from_count, to_count, related_count;
};

struct monitor {
	struct cli *cli;
	struct filter filter;
	enum event_detail detail;
	bool json;
	struct records records;
	struct directory directory;
};

/*
 * Ctrl-C is the way to end. Between events there is nothing to finish, and the client waits in a read that goes on
 * after a signal; while an event is printed, it is printed whole.
 */
static volatile sig_atomic_t printing, stopped;

static void stop(int signal)
{
	if (!printing)
		_exit(CLI_OK);
	stopped = 1;
}

static void watch_signals(void)
{
	const struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static bool contains(const uint16_t *ids, size_t count, uint16_t id)
{
	for (size_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* The agent's own events are about no packet: with a filter by endpoint only losses are told. */
static bool agent_event_matches(const struct filter *filter, const struct event *event)
{
	json_auto_t *message = NULL;

	if (!filter->from_count && !filter->to_count && !filter->related_count)
		return true;
	message = event_agent_message(event);
	return !strcmp(row_text(message, "kind") ?: "", "Events lost");
}

static bool matches(const struct filter *filter, const struct event *event)
{
	uint16_t from = event->source_endpoint, to = event->destination_endpoint;

	/* A receiver's policy is asked before the packet is on its way to it. */
	if (event->type == EVENT_POLICY_VERDICT && event->verdict.endpoint != from)
		to = event->verdict.endpoint;
	if (event->type == EVENT_AGENT)
		return agent_event_matches(filter, event);
	if (filter->from_count && !contains(filter->from, filter->from_count, from))
		return false;
	if (filter->to_count && !contains(filter->to, filter->to_count, to))
		return false;
	return !filter->related_count || contains(filter->related, filter->related_count, from) ||
	       contains(filter->related, filter->related_count, to);
}

static void print_json(struct monitor *monitor, const struct event *event)
{
	json_auto_t *json = event_to_json(event, &monitor->directory);

	json_dumpf(json, monitor->cli->out, JSON_COMPACT);
	fputc('\n', monitor->cli->out);
}

/* Non-zero ends the stream: somebody asked to stop. */
static int take_event(void *userdata, const struct event *event)
{
	struct monitor *monitor = userdata;

	if (!matches(&monitor->filter, event))
		return 0;
	if (monitor->json)
		print_json(monitor, event);
	else
		event_write(event, &monitor->directory, monitor->detail, monitor->cli->out);
	return stopped;
}

/* With JSON these lines go elsewhere, so that every line of the output is an object. */
static void print_head(const struct monitor *monitor)
{
	FILE *out = monitor->json ? stderr : monitor->cli->out;
	const char *separator = " ";

	fputs("Listening for events of type", out);
	for (size_t i = 0; i < ARRAY_SIZE(TYPES); i++)
		if (monitor->filter.types & TYPES[i].bit) {
			fprintf(out, "%s%s", separator, TYPES[i].name);
			separator = ", ";
		}
	fputs("\nPress Ctrl-C to quit\n", out);
}

/* What has come is written out before more is waited for: at once when little happens, in bulk when much does. */
static int take_piece(void *userdata, const void *data, size_t size)
{
	struct monitor *monitor = userdata;
	int r = 0;

	printing = 1;
	errno = 0;
	if (!size)
		print_head(monitor);
	else
		r = records_feed(&monitor->records, data, size, take_event, monitor);
	if (fflush(monitor->cli->out) || ferror(monitor->cli->out))
		r = errno ? -errno : -EIO;
	printing = 0;
	return r ? r : stopped;
}

static const char *type_name(const void *table, size_t index)
{
	return index < ARRAY_SIZE(TYPES) ? TYPES[index].name : NULL;
}

static int add_type(struct filter *filter, const char *name, struct error *error)
{
	const char *nearest;

	for (size_t i = 0; i < ARRAY_SIZE(TYPES); i++)
		if (!strcmp(TYPES[i].name, name)) {
			filter->types |= TYPES[i].bit;
			return 0;
		}
	nearest = cli_nearest(name, type_name, NULL);
	if (nearest)
		return cli_wrong_use(error, "there is no type '%s'; did you mean '%s'?", name, nearest);
	return cli_wrong_use(error, "there is no type '%s', but: drop, flow, trace, policy-verdict, agent", name);
}

/* "drop,trace" */
static int add_types(struct filter *filter, const char *list, struct error *error)
{
	_cleanup_free_ char *copy = xstrdup(list);
	char *rest = copy, *name;
	int r = 0;

	while (!r && (name = strsep(&rest, ",")))
		r = add_type(filter, name, error);
	return r;
}

static int add_id(uint16_t *ids, size_t *count, const char *text, struct error *error)
{
	uint32_t id = 0;
	int r = cli_number(text, ENDPOINT_ID_MAX, "an endpoint's ID", &id, error);

	if (!r)
		ids[(*count)++] = id;
	return r;
}

static int take_option(struct filter *filter, const char *name, const char *value, struct error *error)
{
	if (!strcmp(name, "type"))
		return add_types(filter, value, error);
	if (!strcmp(name, "from"))
		return add_id(filter->from, &filter->from_count, value, error);
	if (!strcmp(name, "to"))
		return add_id(filter->to, &filter->to_count, value, error);
	if (!strcmp(name, "related-to"))
		return add_id(filter->related, &filter->related_count, value, error);
	return 0;
}

static int configure(struct monitor *monitor, struct error *error)
{
	const struct cli *cli = monitor->cli;
	int r = 0;

	for (size_t i = 0; !r && i < cli->given_count; i++)
		r = take_option(&monitor->filter, cli->given[i].option->name, cli->given[i].value, error);
	/* Who looks closely at packets wants all of them. */
	if (!monitor->filter.types)
		monitor->filter.types = ALWAYS_TYPES | (cli_count(cli, "verbose") ? 1 << EVENT_TRACE : 1 << EVENT_FLOW);
	monitor->json = cli_count(cli, "json") || cli->output == OUTPUT_JSON;
	switch (cli_count(cli, "verbose")) {
	case 0:
		monitor->detail = EVENT_LINE;
		break;
	case 1:
		monitor->detail = EVENT_DISSECTED;
		break;
	default:
		monitor->detail = EVENT_STORY;
	}
	return r;
}

static void make_path(const struct filter *filter, char *path, size_t size)
{
	const char *separator = "?types=";
	size_t length = snprintf(path, size, "/v1/monitor");

	for (size_t i = 0; i < ARRAY_SIZE(TYPES); i++)
		if (filter->types & TYPES[i].bit) {
			length += snprintf(path + length, size - length, "%s%s", separator, TYPES[i].name);
			separator = ",";
		}
}

/* 0 is an end, too, but the agent's; what `piece` returned comes without words. */
static int explain(int r, struct error *error)
{
	if (r > 0)
		return 0;
	if (!r || error->code == -EIO)
		return error_set(error, -ECONNRESET, "the agent has ended: it was stopped or restarted");
	if (error->code)
		return r;
	if (r == -EPROTO)
		return error_set(error, r, "the agent's stream is broken: is it of another version?");
	return error_set_errno(error, r, "cannot write to standard output");
}

static void monitor_clear(struct monitor *monitor)
{
	records_clear(&monitor->records);
	directory_clear(&monitor->directory);
}

static int monitor_run(struct cli *cli, struct error *error)
{
	_cleanup_(monitor_clear) struct monitor monitor = {.cli = cli, .directory.cli = cli};
	char path[96];
	int r = configure(&monitor, error);

	if (!r)
		r = directory_fetch(&monitor.directory, error);
	if (r < 0)
		return r;
	setvbuf(cli->out, NULL, _IOFBF, BUFFER_SIZE);
	watch_signals();
	make_path(&monitor.filter, path, sizeof(path));
	r = http_stream(cli->socket, path, take_piece, &monitor, error);
	return explain(r, error);
}

static void complete_types(struct cli *cli)
{
	for (size_t i = 0; i < ARRAY_SIZE(TYPES); i++)
		fprintf(cli->out, "%s\n", TYPES[i].name);
}

static void complete_ids(struct cli *cli)
{
	agent_complete(cli, "/v1/endpoints", "id");
}

static const struct cli_option OPTIONS[] = {
	{'v', "verbose", NULL, "take packets apart; twice: tell each packet's story, with a hex dump"},
	{'j', "json", NULL, "one JSON object a line"},
	{'t', "type", "TYPE", "only drop, flow, trace, policy-verdict or agent events; may be repeated",
         complete_types},
	{0, "from", "ID", "only packets from this endpoint; may be repeated", complete_ids},
	{0, "to", "ID", "only packets to this endpoint; may be repeated", complete_ids},
	{0, "related-to", "ID", "only packets from or to this endpoint; may be repeated", complete_ids},
	{},
};

const struct command MONITOR_NOUN = {
	.name = "monitor",
	.summary = "Packets and events of this node, as they happen",
	.options = OPTIONS,
	.run = monitor_run,
};
