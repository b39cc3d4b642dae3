/* SPDX-License-Identifier: Apache-2.0 */
#include "tcpconnect.h"
#include "runtime/tool.h"

#include "tcpconnect.skel.h"

static const struct column COLUMNS[] = {
	COLUMN("PID", -7, NUMBER, struct connect_event, who.pid),
	COLUMN("COMM", -12, TEXT, struct connect_event, who.comm),
	COLUMN("IP", -2, FAMILY, struct connect_event, ends.remote),
	COLUMN("SADDR", -16, ADDR, struct connect_event, ends.local),
	COLUMN("DADDR", -16, ADDR, struct connect_event, ends.remote),
	COLUMN("DPORT", -6, NUMBER, struct connect_event, ends.remote_port),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'P', "port", "PORT", "only to this port", "only_remote_port"},
	{'4', "ipv4", NULL, "only IPv4", "only_family", 4},
	{'6', "ipv6", NULL, "only IPv6", "only_family", 6},
	{},
};

const struct tool TCPCONNECT_TOOL = {
	.name = "tcpconnect",
	.summary = "TCP connections being opened",
	.object = tcpconnect__elf_bytes,
	.options = OPTIONS,
	.columns = COLUMNS,
};
