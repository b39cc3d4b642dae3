/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/clock.h"
#include "runtime/tool.h"
#include "tcplife.h"

#include "tcplife.skel.h"

static void sent_cell(const struct run *run, const void *event, FILE *out)
{
	fprintf(out, "%llu", ((const struct life_event *)event)->sent / 1024);
}

static void received_cell(const struct run *run, const void *event, FILE *out)
{
	fprintf(out, "%llu", ((const struct life_event *)event)->received / 1024);
}

static const struct column COLUMNS[] = {
	COLUMN("PID", -7, NUMBER, struct life_event, who.pid),
	COLUMN("COMM", -10, TEXT, struct life_event, who.comm),
	COLUMN("IP", -2, FAMILY, struct life_event, ends.remote, .option = "wide csv"),
	COLUMN("LADDR", -15, ADDR, struct life_event, ends.local),
	COLUMN("LPORT", -5, NUMBER, struct life_event, ends.local_port),
	COLUMN("RADDR", -15, ADDR, struct life_event, ends.remote),
	COLUMN("RPORT", -5, NUMBER, struct life_event, ends.remote_port),
	COLUMN_WRITTEN("TX_KB", 5, sent_cell),
	COLUMN_WRITTEN("RX_KB", 5, received_cell),
	COLUMN("MS", 0, MS, struct life_event, lasted),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'L', "localport", "PORT[,PORT]", "only these local ports", "only_local_ports", LIST},
	{'D', "remoteport", "PORT[,PORT]", "only these remote ports", "only_remote_ports", LIST},
	{'4', "ipv4", NULL, "only IPv4", "only_family", 4},
	{'6', "ipv6", NULL, "only IPv6", "only_family", 6},
	{'w', "wide", NULL, "show the family, too"},
	{'s', "csv", NULL, "values separated by commas, with the family"},
	{},
};

const struct tool TCPLIFE_TOOL = {
	.name = "tcplife",
	.summary = "TCP connections at their end: how long they lasted, and how much they carried",
	.object = tcplife__elf_bytes,
	.options = OPTIONS,
	.columns = COLUMNS,
};
