/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pilus trace run: one program's way from text to events, each stage shown with -v, and at the end what its tables
 * hold.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "cli/show.h"
#include "cli/trace.h"
#include "trace/pilus.h"

#define DURATION_MAX_S 1000000

struct run {
	struct cli *cli;
	struct pilus_module *module;
	FILE *stages; /* where the stages are told; NULL: nowhere */
	bool json;
	bool titled;
	uint64_t lost;
};

DEFINE_CLEANUP(struct pilus_module *, pilus_module_free)

static volatile sig_atomic_t stopped;
static const struct pilus_module *interruptible;

static void stop(int signal)
{
	stopped = 1;
	pilus_module_interrupt(interruptible);
}

static void watch_signals(const struct pilus_module *module)
{
	const struct sigaction action = {.sa_handler = stop};

	interruptible = module;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* ── stages ── */

/* The words of compiler and verifier are many lines: they go before the sentence. */
static int tell_failure(const struct run *run, int r, struct error *error)
{
	fputs(pilus_module_details(run->module), stderr);
	return error_set(error, r, "%s", pilus_module_error(run->module));
}

static void tell_warnings(const struct run *run)
{
	fputs(pilus_module_warnings(run->module), stderr);
}

static void tell_compile(const struct run *run)
{
	struct pilus_compile_facts facts;

	pilus_module_compile_facts(run->module, &facts);
	fprintf(run->stages, "%-8s %s: %u instructions in %zu program%s, %.1f kB, %.1f ms%s\n",
	        facts.compiled ? "compile" : "open", run->cli->arguments[0], facts.instructions,
	        pilus_module_program_count(run->module), pilus_module_program_count(run->module) == 1 ? "" : "s",
	        facts.bytes / 1e3, facts.ns / 1e6, facts.cached ? " (compiled before)" : "");
}

static void tell_program(const struct run *run, size_t index)
{
	const char *name = pilus_module_program_name(run->module, index);
	struct pilus_program_facts facts;

	pilus_module_program_facts(run->module, index, &facts);
	if (!facts.id)
		return;
	fprintf(run->stages,
	        "%-8s %s: accepted; %u instructions followed, %u states (peak %u), %u bytes of stack, %.2f ms\n",
	        "verify", name, facts.processed, facts.states, facts.peak_states, facts.stack_bytes,
	        facts.verify_ns / 1e6);
	if (cli_count(run->cli, "log"))
		fputs(pilus_module_program_log(run->module, index), run->stages);
	if (facts.jited_bytes)
		fprintf(run->stages, "%-8s %s: %u instructions are %u bytes of machine code (program %u)\n", "jit",
		        name, facts.instructions, facts.jited_bytes, facts.id);
	else
		fprintf(run->stages, "%-8s %s: interpreted: net.core.bpf_jit_enable is 0 (program %u)\n", "jit", name,
		        facts.id);
}

static void tell_attachments(const struct run *run)
{
	for (size_t i = 0; i < pilus_module_attachment_count(run->module); i++)
		fprintf(run->stages, "%-8s %s at %s\n", "attach", pilus_module_attachment_program(run->module, i),
		        pilus_module_attachment(run->module, i));
}

static void tell_tables(const struct run *run)
{
	for (size_t i = 0; i < pilus_module_table_count(run->module); i++) {
		struct pilus_table table;

		pilus_module_table(run->module, i, &table);
		fprintf(run->stages, "%-8s %s: %s, %u entries of %u + %u bytes\n", "map", table.name,
		        libbpf_bpf_map_type_str(table.type) ?: "?", table.max_entries, table.key_size,
		        table.value_size);
	}
}

static void tell_stages(const struct run *run)
{
	tell_compile(run);
	for (size_t i = 0; i < pilus_module_program_count(run->module); i++)
		tell_program(run, i);
	tell_attachments(run);
	tell_tables(run);
	fprintf(run->stages, "%-8s Ctrl-C ends\n", "events");
	fflush(run->stages);
}

/* ── events ── */

static void write_json(const struct run *run, json_t *object)
{
	json_dumpf(object, run->cli->out, JSON_COMPACT);
	fputc('\n', run->cli->out);
	json_decref(object);
}

static void write_line(struct run *run, const struct pilus_line *line)
{
	if (run->json) {
		write_json(run, json_pack("{sf ss si si ss}", "time", (double)line->ns / 1e9, "comm", line->comm, "pid",
		                          (int)line->pid, "cpu", (int)line->cpu, "message", line->text));
		return;
	}
	if (!run->titled)
		fprintf(run->cli->out, "%-18s %-16s %-7s %s\n", "TIME(s)", "COMM", "PID", "MESSAGE");
	run->titled = true;
	fprintf(run->cli->out, "%-18.9f %-16s %-7u %s\n", (double)line->ns / 1e9, line->comm, line->pid, line->text);
}

static void take_event(void *userdata, const char *table, int cpu, const void *data, size_t size, uint64_t lost)
{
	struct run *run = userdata;
	_cleanup_free_ char *text = NULL;

	run->lost += lost;
	if (!data)
		return;
	text = pilus_module_format(run->module, table, PILUS_EVENT, data, size);
	if (run->json)
		write_json(run, json_pack("{ss ss}", "table", table, "event", text));
	else
		fprintf(run->cli->out, "%s: %s\n", table, text);
}

static int listen_to_streams(struct run *run)
{
	int r = 0;

	for (size_t i = 0; !r && i < pilus_module_table_count(run->module); i++) {
		struct pilus_table table;

		pilus_module_table(run->module, i, &table);
		if (table.type == BPF_MAP_TYPE_RINGBUF || table.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
			r = pilus_module_listen(run->module, table.name, 0, take_event, run);
	}
	return r;
}

/* What is there now. */
static int take_lines(struct run *run)
{
	struct pilus_line line;
	int r;

	while ((r = pilus_module_next_line(run->module, 0, &line)) > 0)
		write_line(run, &line);
	return r;
}

static int remaining_ms(uint64_t end)
{
	uint64_t now = clock_now();

	if (!end)
		return -1;
	return now >= end ? 0 : (int)((end - now + NS_PER_MS - 1) / NS_PER_MS);
}

static int watch(struct run *run, uint64_t end, struct error *error)
{
	while (!stopped) {
		int timeout = remaining_ms(end), r = pilus_module_wait(run->module, timeout);

		if (r >= 0 || r == -EINTR)
			r = r < 0 ? 0 : take_lines(run);
		if (r < 0)
			return tell_failure(run, r, error);
		if (fflush(run->cli->out))
			return error_set_errno(error, -errno, "cannot write to standard output");
		if (!timeout)
			break;
	}
	return 0;
}

/* ── iterators ── */

static bool is_iterator(const struct run *run, size_t attachment)
{
	const char *where = pilus_module_attachment(run->module, attachment);

	return where && !strncmp(where, "iter:", strlen("iter:"));
}

static void write_yield(const struct run *run, size_t attachment, const char *line)
{
	const char *program = pilus_module_attachment_program(run->module, attachment);

	if (run->json)
		write_json(run, json_pack("{ss ss}", "iterator", program, "line", line));
	else
		fprintf(run->cli->out, "%s\n", line);
}

/* What it says of all there is now. */
static int read_iterator(struct run *run, size_t attachment, struct error *error)
{
	int fd = pilus_module_open_iterator(run->module, attachment);
	_cleanup_fclose_ FILE *yields = fd < 0 ? NULL : fdopen(fd, "r");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;
	ssize_t length;

	if (!yields)
		return tell_failure(run, fd, error);
	while ((length = getline(&line, &room, yields)) > 0) {
		line[strcspn(line, "\n")] = 0;
		write_yield(run, attachment, line);
	}
	return ferror(yields) ? error_set_errno(error, -errno, "cannot read what %s yields",
	                                        pilus_module_attachment(run->module, attachment))
	                      : 0;
}

/* *ret_only: there is nothing else to wait for. */
static int read_iterators(struct run *run, bool *ret_only, struct error *error)
{
	size_t count = pilus_module_attachment_count(run->module), read = 0;
	int r = 0;

	for (size_t i = 0; !r && i < count; i++)
		if (is_iterator(run, i)) {
			r = read_iterator(run, i, error);
			read++;
		}
	*ret_only = read == count;
	return r;
}

/* ── tables at the end ── */

static uint64_t sum_of(const struct pilus_table *table, const char *values)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < table->values; i++) {
		uint64_t value = 0;

		memcpy(&value, values + (size_t)i * table->stride, table->value_size);
		sum += value;
	}
	return sum;
}

static bool is_zero(const char *bytes, size_t size)
{
	return !size || (!*bytes && !memcmp(bytes, bytes + 1, size - 1));
}

/* A per-CPU number is one number. */
static char *value_text(const struct run *run, const struct pilus_table *table, char *values)
{
	if (table->values > 1 && (table->value_size == 4 || table->value_size == 8)) {
		uint64_t sum = sum_of(table, values);

		memcpy(values, &sum, table->value_size);
	}
	return pilus_module_format(run->module, table->name, PILUS_VALUE, values, table->value_size);
}

static void write_entry(const struct run *run, const struct pilus_table *table, const char *key, char *values)
{
	_cleanup_free_ char *key_words = pilus_module_format(run->module, table->name, PILUS_KEY, key, table->key_size);
	_cleanup_free_ char *value_words = value_text(run, table, values);

	if (run->json)
		write_json(run, json_pack("{ss ss ss}", "table", table->name, "key", key_words, "value", value_words));
	else
		fprintf(run->cli->out, "%s[%s] = %s\n", table->name, key_words, value_words);
}

static bool is_array(uint32_t type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static bool is_shown(const struct pilus_table *table)
{
	return is_array(table->type) || table->type == BPF_MAP_TYPE_HASH || table->type == BPF_MAP_TYPE_PERCPU_HASH ||
	       table->type == BPF_MAP_TYPE_LRU_HASH || table->type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
	       table->type == BPF_MAP_TYPE_LPM_TRIE;
}

/* Of arrays, what is not 0. */
static void write_table(const struct run *run, const struct pilus_table *table)
{
	size_t room = (size_t)table->values * table->stride;
	_cleanup_free_ char *keys = xcalloc(table->max_entries, table->key_size);
	_cleanup_free_ char *values = xcalloc(table->max_entries, room);
	int count = pilus_table_read(table, keys, values);

	for (int i = 0; i < count; i++)
		if (!is_array(table->type) || !is_zero(values + i * room, room))
			write_entry(run, table, keys + (size_t)i * table->key_size, values + i * room);
}

static void write_tables(const struct run *run)
{
	for (size_t i = 0; i < pilus_module_table_count(run->module); i++) {
		struct pilus_table table;

		pilus_module_table(run->module, i, &table);
		if (is_shown(&table))
			write_table(run, &table);
	}
}

/* ── all ── */

/* "PROGRAM=PROBE", or a probe for the only program. */
static int attach_as_told(struct run *run, const char *text, int pid, struct error *error)
{
	const char *equals = strchr(text, '='), *colon = strchr(text, ':');
	bool names_program = equals && (!colon || equals < colon);
	_cleanup_free_ char *name = names_program ? xasprintf("%.*s", (int)(equals - text), text) : NULL;
	int r;

	if (!name && pilus_module_program_count(run->module) != 1)
		return cli_wrong_use(error, "--attach %s: of which program? There are several: PROGRAM=%s", text, text);
	if (!name)
		name = xstrdup(pilus_module_program_name(run->module, 0));
	r = pilus_module_attach(run->module, name, names_program ? equals + 1 : text, pid);
	return r < 0 ? tell_failure(run, r, error) : 0;
}

static int attach(struct run *run, struct error *error)
{
	uint32_t pid = 0;
	int r = 0;

	if (cli_value(run->cli, "pid"))
		r = cli_number(cli_value(run->cli, "pid"), INT32_MAX, "a process's ID", &pid, error);
	for (size_t i = 0; !r && i < run->cli->given_count; i++)
		if (!strcmp(run->cli->given[i].option->name, "attach"))
			r = attach_as_told(run, run->cli->given[i].value, (int)pid, error);
	if (r || cli_count(run->cli, "attach"))
		return r;
	r = pilus_module_attach_all(run->module);
	return r < 0 ? tell_failure(run, r, error) : 0;
}

static void configure(struct run *run)
{
	for (size_t i = 0; i < run->cli->given_count; i++)
		if (!strcmp(run->cli->given[i].option->name, "define")) {
			_cleanup_free_ char *flag = xasprintf("-D%s", run->cli->given[i].value);

			pilus_module_add_flag(run->module, flag);
		}
	pilus_module_set_cache(run->module, !cli_count(run->cli, "no-cache"));
	pilus_module_keep_log(run->module, cli_count(run->cli, "log"));
}

static int prepare(struct run *run, struct error *error)
{
	int r = pilus_module_open_file(run->module, run->cli->arguments[0]);

	if (!r) {
		r = listen_to_streams(run);
	}
	if (r < 0)
		return tell_failure(run, r, error);
	r = attach(run, error);
	if (r < 0)
		return r;
	tell_warnings(run);
	if (run->stages)
		tell_stages(run);
	return 0;
}

int trace_run(struct cli *cli, struct error *error)
{
	_cleanup_(pilus_module_freep) struct pilus_module *module = pilus_module_new();
	struct run run = {.cli = cli, .module = module, .json = cli->output == OUTPUT_JSON};
	bool only_iterators = false;
	uint32_t seconds = 0;
	uint64_t lost;
	int r = 0;

	if (cli_value(cli, "duration"))
		r = cli_number(cli_value(cli, "duration"), DURATION_MAX_S, "a number of seconds", &seconds, error);
	if (r)
		return r;
	/* With JSON every line of the output is an object. */
	if (cli_count(cli, "verbose") || cli_count(cli, "log"))
		run.stages = run.json ? stderr : cli->out;
	configure(&run);
	watch_signals(module);
	r = prepare(&run, error);
	if (!r)
		r = read_iterators(&run, &only_iterators, error);
	if (!r && !only_iterators)
		r = watch(&run, seconds ? clock_now() + seconds * NS_PER_SECOND : 0, error);
	if (r)
		return r;
	write_tables(&run);
	lost = run.lost + pilus_module_lines_lost(module);
	if (lost)
		fprintf(stderr, "pilus: %" PRIu64 " events were lost: they came faster than they could be shown\n",
		        lost);
	return 0;
}

const struct cli_option TRACE_RUN_OPTIONS[] = {
	{'v', "verbose", NULL, "every stage, with figures: compile, verify, jit, attach, maps"},
	{'d', "duration", "SECONDS", "end after that time (default: with Ctrl-C)"},
	{'a', "attach", "[PROGRAM=]PROBE", "attach it there, as kprobe:do_exit; may be repeated"},
	{'p', "pid", "PID", "with --attach: only in this process"},
	{'D', "define", "NAME[=VALUE]", "a macro for the compiler; may be repeated"},
	{0, "log", NULL, "with the verifier's own log"},
	{0, "no-cache", NULL, "compile, though it has been compiled before"},
	{},
};
