/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/tcp.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/addr.h"

const char *tcp_state_name(uint8_t state)
{
	static const char *const NAMES[] = {
		"-",     "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",    "TIME_WAIT",
		"CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV",
	};

	return state < sizeof(NAMES) / sizeof(*NAMES) ? NAMES[state] : "?";
}

void tcp_end_write(const struct addr *addr, uint16_t port, FILE *out)
{
	char text[ADDR_TEXT_MAX];

	fprintf(out, addr_is_v4(addr) ? "%s:%u" : "[%s]:%u", addr_format(addr, text), port);
}

struct counted {
	struct trace_ends ends;
	uint64_t count;
};

static int descending(const void *left, const void *right)
{
	const struct counted *a = left, *b = right;

	return a->count > b->count ? -1 : a->count < b->count;
}

/* The caller frees them. */
static struct counted *read_counts(const struct bpf_map *map, size_t *ret_count)
{
	size_t max = bpf_map__max_entries(map), count = 0;
	struct counted *list = xcalloc(max, sizeof(*list));
	const struct trace_ends *last = NULL;

	while (count < max && !bpf_map__get_next_key(map, last, &list[count].ends, sizeof(*last)) &&
	       !bpf_map__lookup_elem(map, &list[count].ends, sizeof(*last), &list[count].count, sizeof(uint64_t), 0))
		last = &list[count++].ends;
	qsort(list, count, sizeof(*list), descending);
	*ret_count = count;
	return list;
}

static void write_counted(const struct run *run, const struct counted *counted)
{
	char local[ADDR_TEXT_MAX], remote[ADDR_TEXT_MAX];

	addr_format(&counted->ends.local, local);
	addr_format(&counted->ends.remote, remote);
	if (run->json)
		run_write_json(run, json_pack("{ss si ss si sI}", "laddr", local, "lport", counted->ends.local_port,
		                              "raddr", remote, "rport", counted->ends.remote_port, "count",
		                              (json_int_t)counted->count));
	else
		fprintf(run->out, "%-25s %-6u %-25s %-6u %" PRIu64 "\n", local, counted->ends.local_port, remote,
		        counted->ends.remote_port, counted->count);
}

void tcp_report_counts(const struct run *run, const char *title)
{
	size_t count;
	_cleanup_free_ struct counted *list = read_counts(run_map(run, "connections"), &count);

	if (!run->json)
		fprintf(run->out, "\n%-25s %-6s %-25s %-6s %s\n", "LADDR", "LPORT", "RADDR", "RPORT", title);
	for (size_t i = 0; i < count; i++)
		write_counted(run, &list[i]);
}
