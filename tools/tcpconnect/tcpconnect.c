/* SPDX-License-Identifier: Apache-2.0 */
#include "tcpconnect.h"
#include "runtime/tcp.h"
#include "runtime/tool.h"

#include "tcpconnect.skel.h"

static const struct column COLUMNS[] = {
	COLUMN("PID", -7, NUMBER, struct connect_event, who.pid),
	COLUMN("COMM", -12, TEXT, struct connect_event, who.comm),
	COLUMN("IP", -2, FAMILY, struct connect_event, ends.remote),
	COLUMN("SADDR", -16, ADDR, struct connect_event, ends.local),
	COLUMN("LPORT", -6, NUMBER, struct connect_event, ends.local_port, .option = "lport"),
	COLUMN("DADDR", -16, ADDR, struct connect_event, ends.remote),
	COLUMN("DPORT", -6, NUMBER, struct connect_event, ends.remote_port),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'P', "port", "PORT[,PORT]", "only to these ports", "only_remote_ports", LIST},
	{'4', "ipv4", NULL, "only IPv4", "only_family", 4},
	{'6', "ipv6", NULL, "only IPv6", "only_family", 6},
	{'L', "lport", NULL, "show the local port, too", "with_local_port"},
	{'c', "count", NULL, "count connections by their ends, and show that at the end", "count_only"},
	{},
};

static int prepare(struct run *run, struct error *error)
{
	bpf_program__set_autoload(run_program(run, "connect_exit"), run_given(run, "lport"));
	return 0;
}

static int report(struct run *run, struct error *error)
{
	if (run_given(run, "count"))
		tcp_report_counts(run, "CONNECTS");
	return 0;
}

const struct tool TCPCONNECT_TOOL = {
	.name = "tcpconnect",
	.summary = "TCP connections being opened",
	.object = tcpconnect__elf_bytes,
	.options = OPTIONS,
	.columns = COLUMNS,
	.prepare = prepare,
	.report = report,
};
