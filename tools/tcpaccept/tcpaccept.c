/* SPDX-License-Identifier: Apache-2.0 */
#include "tcpaccept.h"
#include "runtime/tool.h"

#include "tcpaccept.skel.h"

static const struct column COLUMNS[] = {
	COLUMN("PID", -7, NUMBER, struct accept_event, who.pid),
	COLUMN("COMM", -12, TEXT, struct accept_event, who.comm),
	COLUMN("IP", -2, FAMILY, struct accept_event, ends.remote),
	COLUMN("RADDR", -16, ADDR, struct accept_event, ends.remote),
	COLUMN("RPORT", -5, NUMBER, struct accept_event, ends.remote_port),
	COLUMN("LADDR", -16, ADDR, struct accept_event, ends.local),
	COLUMN("LPORT", -5, NUMBER, struct accept_event, ends.local_port),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'P', "port", "PORT[,PORT]", "only these local ports", "only_local_ports", LIST},
	{'4', "ipv4", NULL, "only IPv4", "only_family", 4},
	{'6', "ipv6", NULL, "only IPv6", "only_family", 6},
	{},
};

static const struct tool_way WAYS[] = {
	{"inet_csk_accept_exit", "BPF trampolines (CONFIG_FUNCTION_TRACER) to trace inet_csk_accept"},
	{"accept_exit accept4_exit", "the tracepoints syscalls:sys_exit_accept and _accept4 (CONFIG_FTRACE_SYSCALLS)"},
	{},
};

const struct tool TCPACCEPT_TOOL = {
	.name = "tcpaccept",
	.summary = "TCP connections being accepted",
	.object = tcpaccept__elf_bytes,
	.options = OPTIONS,
	.ways = WAYS,
	.columns = COLUMNS,
};
