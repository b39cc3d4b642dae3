/* SPDX-License-Identifier: Apache-2.0 */
#include "tcpretrans.h"
#include "runtime/tcp.h"
#include "runtime/tool.h"

#include "tcpretrans.skel.h"

static void local_cell(const struct run *run, const void *event, FILE *out)
{
	const struct retransmit_event *again = event;

	tcp_end_write(&again->ends.local, again->ends.local_port, out);
}

static void type_cell(const struct run *run, const void *event, FILE *out)
{
	const struct retransmit_event *again = event;

	fputs(again->is_probe && run_given(run, "lossprobe") ? "L>" : "R>", out);
}

static void remote_cell(const struct run *run, const void *event, FILE *out)
{
	const struct retransmit_event *again = event;

	tcp_end_write(&again->ends.remote, again->ends.remote_port, out);
}

static void state_cell(const struct run *run, const void *event, FILE *out)
{
	fputs(tcp_state_name(((const struct retransmit_event *)event)->state), out);
}

static const struct column COLUMNS[] = {
	COLUMN("PID", -7, NUMBER, struct retransmit_event, who.pid),
	COLUMN("IP", -2, FAMILY, struct retransmit_event, ends.remote),
	COLUMN_WRITTEN("LADDR:LPORT", -20, local_cell, .key = "local"),
	COLUMN_WRITTEN("T>", -2, type_cell, .key = "type"),
	COLUMN_WRITTEN("RADDR:RPORT", -20, remote_cell, .key = "remote"),
	COLUMN_WRITTEN("STATE", -12, state_cell),
	COLUMN("SEQ", -10, NUMBER, struct retransmit_event, sequence, .option = "sequence"),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'4', "ipv4", NULL, "only IPv4", "only_family", 4},
	{'6', "ipv6", NULL, "only IPv6", "only_family", 6},
	{'s', "sequence", NULL, "show the number of the segment's first byte"},
	{'l', "lossprobe", NULL, "tell apart (L>) what probes for a loss at the tail; a probe of new data is not seen"},
	{'c', "count", NULL, "count them by connection, and show that at the end", "count_only"},
	{},
};

static int report(struct run *run, struct error *error)
{
	if (run_given(run, "count"))
		tcp_report_counts(run, "RETRANSMITS");
	return 0;
}

const struct tool TCPRETRANS_TOOL = {
	.name = "tcpretrans",
	.summary = "TCP segments being sent again",
	.description = "The process is whichever was at work just then, often not the socket's",
	.object = tcpretrans__elf_bytes,
	.options = OPTIONS,
	.columns = COLUMNS,
	.shows_time = true,
	.report = report,
};
