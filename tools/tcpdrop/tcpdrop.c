/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/tcp.h"
#include "runtime/tool.h"
#include "tcpdrop.h"
#include "trace/tracefs.h"

#include "tcpdrop.skel.h"

static void source_cell(const struct run *run, const void *event, FILE *out)
{
	const struct drop_event *drop = event;

	tcp_end_write(&drop->source, drop->source_port, out);
}

static void destination_cell(const struct run *run, const void *event, FILE *out)
{
	const struct drop_event *drop = event;

	tcp_end_write(&drop->destination, drop->destination_port, out);
}

static void arrow_cell(const struct run *run, const void *event, FILE *out)
{
	fputc('>', out);
}

static void state_cell(const struct run *run, const void *event, FILE *out)
{
	static const char *const FLAGS[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
	const struct drop_event *drop = event;
	const char *separator = "";

	fprintf(out, "%s (", tcp_state_name(drop->state));
	for (size_t i = 0; i < ARRAY_SIZE(FLAGS); i++)
		if (drop->flags & 1 << i) {
			fprintf(out, "%s%s", separator, FLAGS[i]);
			separator = "|";
		}
	fputc(')', out);
}

/* The kernel's own words stand in the tracepoint's format: { 2, "NOT_SPECIFIED" }, { 3, "NO_SOCKET" }, … */
static void reason_cell(const struct run *run, const void *event, FILE *out)
{
	static char *format;
	const struct drop_event *drop = event;
	char wanted[32];
	const char *found;

	if (!format && tracefs_read("events/skb/kfree_skb/format", &format, NULL))
		format = xstrdup("");
	snprintf(wanted, sizeof(wanted), "{ %u, \"", drop->reason);
	found = strstr(format, wanted);
	if (found)
		fprintf(out, "%.*s", (int)strcspn(found + strlen(wanted), "\""), found + strlen(wanted));
	else
		fprintf(out, "%u", drop->reason);
}

static const struct column COLUMNS[] = {
	COLUMN("PID", -7, NUMBER, struct drop_event, who.pid),
	COLUMN("IP", -2, FAMILY, struct drop_event, source),
	COLUMN_WRITTEN("SADDR:SPORT", -20, source_cell, .key = "source"),
	COLUMN_WRITTEN(">", 1, arrow_cell, .key = ""),
	COLUMN_WRITTEN("DADDR:DPORT", -20, destination_cell, .key = "destination"),
	COLUMN_WRITTEN("STATE (FLAGS)", -22, state_cell, .key = "state"),
	COLUMN_WRITTEN("REASON", 0, reason_cell),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'4', "ipv4", NULL, "only IPv4", "only_family", 4},
	{'6', "ipv6", NULL, "only IPv6", "only_family", 6},
	{},
};

const struct tool TCPDROP_TOOL = {
	.name = "tcpdrop",
	.summary = "TCP packets that the kernel drops, and why",
	.description = "The process is whichever was at work just then, often not the packet's",
	.object = tcpdrop__elf_bytes,
	.options = OPTIONS,
	.columns = COLUMNS,
	.shows_time = true,
};
