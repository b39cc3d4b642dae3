/* SPDX-License-Identifier: Apache-2.0 */
#include "tcpconnect.h"
#include "base/clock.h"
#include "names.h"
#include "runtime/tcp.h"
#include "runtime/tool.h"

#include "tcpconnect.skel.h"

/* Answers that are older may be another's, so it is said how old they are. */
#define OLD_NS (100 * NS_PER_MS)

static void query_cell(const struct run *run, const void *event, FILE *out)
{
	const struct connect_event *opened = event;
	uint64_t when = opened->who.time;
	const char *name = names_find(&opened->ends.remote, &when);
	uint64_t age = opened->who.time > when ? opened->who.time - when : 0;

	fputs(name ?: "No DNS Query", out);
	if (age > OLD_NS)
		fprintf(out, " (%.3fms)", (double)age / NS_PER_MS);
}

static const struct column COLUMNS[] = {
	COLUMN("PID", -7, NUMBER, struct connect_event, who.pid),
	COLUMN("COMM", -12, TEXT, struct connect_event, who.comm),
	COLUMN("IP", -2, FAMILY, struct connect_event, ends.remote),
	COLUMN("SADDR", -16, ADDR, struct connect_event, ends.local),
	COLUMN("LPORT", -6, NUMBER, struct connect_event, ends.local_port, .option = "lport"),
	COLUMN("DADDR", -16, ADDR, struct connect_event, ends.remote),
	COLUMN("DPORT", -6, NUMBER, struct connect_event, ends.remote_port),
	COLUMN_WRITTEN("QUERY", 0, query_cell, .option = "dns"),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'P', "port", "PORT[,PORT]", "only to these ports", "only_remote_ports", LIST},
	{'4', "ipv4", NULL, "only IPv4", "only_family", 4},
	{'6', "ipv6", NULL, "only IPv6", "only_family", 6},
	{'L', "lport", NULL, "show the local port, too", "with_local_port"},
	{'d', "dns", NULL,
         "show for which name this address was last answered by a name server, and, if not just now, "
         "how long before"},
	{'c', "count", NULL, "count connections by their ends, and show that at the end", "count_only"},
	{},
};

static int prepare(struct run *run, struct error *error)
{
	bool names = run_given(run, "dns");

	if (names && run_given(run, "count"))
		return cli_wrong_use(error, "--dns tells of each connection, so not with --count");
	bpf_program__set_autoload(run_program(run, "connect_exit"), run_given(run, "lport"));
	bpf_program__set_autoload(run_program(run, "recvfrom_exit"), names);
	bpf_program__set_autoload(run_program(run, "recvmsg_exit"), names);
	bpf_program__set_autoload(run_program(run, "read_exit"), names);
	return 0;
}

static bool is_wanted(const void *event)
{
	const struct connect_event *opened = event;

	if (opened->answer_size)
		names_learn(event);
	return !opened->answer_size;
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
	.is_wanted = is_wanted,
	.report = report,
};
