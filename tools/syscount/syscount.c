/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/tool.h"
#include "syscount.h"
#include "trace/symbols/syscalls.h"

#include "syscount.skel.h"

#define TOP        10
#define ERRORS_END 4096

struct row {
	uint32_t key;
	struct syscall_total total;
};

static bool by_latency; /* how rows are sorted */

/* "ENOENT", or its number. */
static int parse_errno(const char *name, uint32_t *ret, struct error *error)
{
	for (int number = 1; number < ERRORS_END; number++)
		if (!strcmp(strerrorname_np(number) ?: "", name)) {
			*ret = number;
			return 0;
		}
	return cli_number(name, ERRORS_END - 1, "--errno", ret, error);
}

static int choose_syscall(struct run *run, const char *name, struct error *error)
{
	for (uint32_t number = 0; number < SYSCALLS_MAX; number++) {
		uint32_t wanted = number + 1;

		if (!strcmp(syscall_name(number) ?: "", name))
			return run_set(run, "only_syscall", &wanted, sizeof(wanted), error);
	}
	return cli_wrong_use(error, "there is no system call '%s': --list tells them", name);
}

static bool list_syscalls(struct run *run)
{
	if (!run_given(run, "list"))
		return false;
	for (uint32_t number = 0; number < SYSCALLS_MAX; number++) {
		const char *name = syscall_name(number);

		if (name && run->json)
			run_write_json(run, json_pack("{ss sI}", "syscall", name, "number", (json_int_t)number));
		else if (name)
			fprintf(run->out, "%s\n", name);
	}
	return true;
}

static int prepare(struct run *run, struct error *error)
{
	const char *name = cli_value(run->cli, "errno"), *only = cli_value(run->cli, "syscall");
	uint32_t number = 0;
	int r = name ? parse_errno(name, &number, error) : 0;

	if (!r)
		r = run_set(run, "only_error", &number, sizeof(number), error);
	if (!r && only)
		r = choose_syscall(run, only, error);
	by_latency = run_given(run, "latency");
	bpf_program__set_autoload(run_program(run, "entered"), by_latency);
	return r;
}

static int descending(const void *left, const void *right)
{
	const struct syscall_total *a = &((const struct row *)left)->total, *b = &((const struct row *)right)->total;
	uint64_t first = by_latency ? a->ns : a->count, second = by_latency ? b->ns : b->count;

	return first > second ? -1 : first < second;
}

/* Of all CPUs. A process that one of them has not met has no name there. */
static struct syscall_total sum_of(const struct bpf_map *map, uint32_t key)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct syscall_total *totals = xcalloc(cpus, sizeof(*totals));
	struct syscall_total sum = {};

	if (bpf_map__lookup_elem(map, &key, sizeof(key), totals, cpus * sizeof(*totals), 0))
		return sum;
	for (int i = 0; i < cpus; i++) {
		sum.count += totals[i].count;
		sum.ns += totals[i].ns;
		if (totals[i].comm[0])
			memcpy(sum.comm, totals[i].comm, sizeof(sum.comm));
	}
	return sum;
}

/* The counters go on; what is told is the difference. */
static struct row *syscall_rows(struct run *run, size_t *ret_count)
{
	static struct syscall_total told[SYSCALLS_MAX];
	struct row *rows = xcalloc(SYSCALLS_MAX, sizeof(*rows));
	size_t count = 0;

	for (uint32_t i = 0; i < SYSCALLS_MAX; i++) {
		struct syscall_total now = sum_of(run_map(run, "syscalls"), i);

		if (now.count != told[i].count)
			rows[count++] = (struct row){i, {now.count - told[i].count, now.ns - told[i].ns, ""}};
		told[i] = now;
	}
	*ret_count = count;
	return rows;
}

/* Out of the map. */
static struct row *process_rows(struct run *run, size_t *ret_count)
{
	struct bpf_map *map = run_map(run, "processes");
	struct row *rows = xcalloc(bpf_map__max_entries(map), sizeof(*rows));
	size_t count = 0;

	for (; count < bpf_map__max_entries(map); count++) {
		struct row *row = &rows[count];

		if (bpf_map__get_next_key(map, NULL, &row->key, sizeof(row->key)))
			break;
		row->total = sum_of(map, row->key);
		bpf_map__delete_elem(map, &row->key, sizeof(row->key), 0);
	}
	*ret_count = count;
	return rows;
}

/* What has been counted since the last time, the most first. */
static struct row *take_rows(struct run *run, size_t *ret_count)
{
	struct row *rows = run_given(run, "process") ? process_rows(run, ret_count) : syscall_rows(run, ret_count);

	qsort(rows, *ret_count, sizeof(*rows), descending);
	return rows;
}

static json_t *json_row(const struct run *run, const struct row *row, const char *name)
{
	json_t *object = run_given(run, "process")
	                         ? json_pack("{sI ss}", "pid", (json_int_t)row->key, "comm", row->total.comm)
	                         : json_pack("{ss}", "syscall", name);

	json_object_set_new(object, "count", json_integer((json_int_t)row->total.count));
	if (by_latency)
		json_object_set_new(object, "us", json_real((double)row->total.ns / 1000));
	return object;
}

static void write_row(const struct run *run, const struct row *row)
{
	_cleanup_free_ char *number = xasprintf("[%u]", row->key);
	const char *name = syscall_name(row->key) ?: number;
	bool processes = run_given(run, "process");

	if (run->json) {
		run_write_json(run, json_row(run, row, name));
		return;
	}
	if (processes)
		fprintf(run->out, "%-6u %-15s %8llu", row->key, row->total.comm, row->total.count);
	else
		fprintf(run->out, "%-22s %8llu", name, row->total.count);
	fprintf(run->out, by_latency ? " %16.3f\n" : "\n",
	        (double)row->total.ns / (run_given(run, "milliseconds") ? 1000000 : 1000));
}

static int report(struct run *run, struct error *error)
{
	uint32_t top;
	char now[16];
	size_t count;
	_cleanup_free_ struct row *rows = take_rows(run, &count);
	int r = run_number(run, "top", TOP, &top, error);

	if (!run->json) {
		fprintf(run->out, "[%s]\n", run_clock(now));
		fprintf(run->out, run_given(run, "process") ? "%-6s %-15s %8s" : "%s%-22s %8s",
		        run_given(run, "process") ? "PID" : "", run_given(run, "process") ? "COMM" : "SYSCALL",
		        "COUNT");
		fprintf(run->out, by_latency ? " %16s\n" : "\n",
		        run_given(run, "milliseconds") ? "TIME (ms)" : "TIME (us)");
	}
	for (size_t i = 0; i < count && i < top; i++)
		write_row(run, &rows[i]);
	if (!run->json)
		fputc('\n', run->out);
	return r;
}

static const struct tool_option OPTIONS[] = {
	{'i', "interval", "SECONDS", "report at this interval"},
	{'T', "top", "N", "show this many (default 10)"},
	{'x', "failures", NULL, "only calls that failed", "failed"},
	{'e', "errno", "ERROR", "only calls that failed with this error, as ENOENT or 2"},
	{'c', "ppid", "PID", "only children of this process", "only_ppid"},
	{'t', "tid"},
	{'m', "milliseconds", NULL, "with -L, in milliseconds"},
	{'L', "latency", NULL, "the time they took, too, and sort by it", "with_latency"},
	{'P', "process", NULL, "count by process instead", "by_process"},
	{0, "syscall", "NAME", "only this system call"},
	{'l', "list", NULL, "print the names of the system calls, and end"},
	{},
};

const struct tool SYSCOUNT_TOOL = {
	.name = "syscount",
	.summary = "Which system calls are made, or who makes them, and how long they take",
	.head = "Tracing syscalls... Ctrl+C to quit.",
	.object = syscount__elf_bytes,
	.options = OPTIONS,
	.tells = list_syscalls,
	.prepare = prepare,
	.report = report,
};
