/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports of stacks.
 */
#include <inttypes.h>
#include <libgen.h>
#include <string.h>

#include "runtime/report.h"
#include "trace/symbols/demangle.h"
#include "trace/symbols/kernel_symbols.h"
#include "trace/symbols/process_symbols.h"

#define FRAMES_DEFAULT 16384

struct entry {
	struct trace_stack stack;
	uint64_t value;
};

struct stack_names {
	struct kernel_symbols *kernel; /* NULL: not told to us */
	struct process_symbols *processes;
};

/* The names of a stack's frames, the innermost first. */
struct frames {
	char *names[2 * TRACE_FRAMES];
	size_t kernel, count; /* of the kernel, and of both */
};

struct stack_names *stack_names_new(void)
{
	struct stack_names *names = xcalloc(1, sizeof(*names));

	names->processes = process_symbols_new();
	/* Without the kernel's names there are its addresses. */
	(void)kernel_symbols_load(&names->kernel, NULL);
	return names;
}

void stack_names_free(struct stack_names *names)
{
	if (!names)
		return;
	kernel_symbols_free(names->kernel);
	process_symbols_free(names->processes);
	free(names);
}

static void frames_clear(struct frames *frames)
{
	while (frames->count)
		free(frames->names[--frames->count]);
}

static int ascending(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	return a->value < b->value ? -1 : a->value > b->value;
}

/* Out of the map; the caller frees them. */
static struct entry *take_stacks(const struct run *run, size_t *ret_count)
{
	struct bpf_map *map = run_map(run, "stacks");
	size_t max = bpf_map__max_entries(map), count = 0;
	struct entry *entries = xcalloc(max, sizeof(*entries));

	while (count < max && !bpf_map__get_next_key(map, NULL, &entries[count].stack, sizeof(struct trace_stack)) &&
	       !bpf_map__lookup_and_delete_elem(map, &entries[count].stack, sizeof(struct trace_stack),
	                                        &entries[count].value, sizeof(uint64_t), 0))
		count++;
	qsort(entries, count, sizeof(*entries), ascending);
	*ret_count = count;
	return entries;
}

/* A function's name, as far as was asked for with its address, offset and mark. */
static char *frame_name(const struct run *run, const char *function, uint64_t address, uint64_t offset,
                        const char *mark)
{
	_cleanup_free_ char *before = (run->verbose || run_given(run, "address")) && !run->json
	                                      ? xasprintf("%-16" PRIx64 " ", address)
	                                      : xstrdup("");
	_cleanup_free_ char *after = run_given(run, "offset") ? xasprintf("+0x%" PRIx64, offset) : xstrdup("");

	return xasprintf("%s%s%s%s", before, function, after, mark);
}

static char *kernel_name(const struct run *run, const struct stack_names *names, uint64_t address)
{
	struct kernel_function function;
	uint64_t offset;

	if (names->kernel && kernel_function_at(names->kernel, address, &function, &offset))
		return frame_name(run, function.name, address, offset, run_given(run, "annotations") ? "_[k]" : "");
	return xasprintf("[kernel+0x%" PRIx64 "]", address);
}

static char *user_name(const struct run *run, const struct stack_names *names, uint32_t pid, uint64_t address)
{
	struct process_symbol symbol;
	_cleanup_free_ char *file = NULL, *function = NULL;

	if (!process_symbol_at(names->processes, pid, address, &symbol))
		return xstrdup("[unknown]");
	if (symbol.function) {
		function = demangle(symbol.function);
		return frame_name(run, function, address, symbol.offset, "");
	}
	file = xstrdup(symbol.file);
	return xasprintf("[%s+0x%" PRIx64 "]", symbol.file[0] ? basename(file) : "anonymous", symbol.offset);
}

/* How many there are. */
static size_t read_frames(const struct run *run, int32_t id, __u64 addresses[static TRACE_FRAMES])
{
	uint32_t key = id;
	size_t count = 0;

	memset(addresses, 0, TRACE_FRAMES * sizeof(*addresses));
	if (id < 0 || bpf_map__lookup_elem(run_map(run, "frames"), &key, sizeof(key), addresses,
	                                   TRACE_FRAMES * sizeof(*addresses), 0))
		return 0;
	while (count < TRACE_FRAMES && addresses[count])
		count++;
	return count;
}

/* The way into our own program is nobody's interest. */
static bool is_ours(const char *name)
{
	static const char *const BEGINNINGS[] = {"bpf_", "__bpf_", "__traceiter_", "trace_call_bpf",
	                                         "perf_trace_run_bpf"};

	for (size_t i = 0; i < ARRAY_SIZE(BEGINNINGS); i++)
		if (!strncmp(name, BEGINNINGS[i], strlen(BEGINNINGS[i])))
			return true;
	return false;
}

static void add_kernel_frame(struct frames *frames, char *name)
{
	if (!frames->count && is_ours(name))
		free(name);
	else
		frames->names[frames->count++] = name;
}

static void name_frames(const struct run *run, const struct stack_names *names, const struct stack *stack,
                        struct frames *frames)
{
	for (size_t i = 0; i < stack->kernel_count; i++)
		add_kernel_frame(frames, kernel_name(run, names, stack->kernel[i]));
	frames->kernel = frames->count;
	for (size_t i = 0; i < stack->user_count; i++)
		frames->names[frames->count++] = user_name(run, names, stack->pid, stack->user[i]);
}

static json_t *json_names(const struct frames *frames, size_t from, size_t to)
{
	json_t *array = json_array();

	for (size_t i = from; i < to; i++)
		json_array_append_new(array, json_string(frames->names[i]));
	return array;
}

void stack_write(const struct run *run, const struct stack_names *names, const struct stack *stack, json_t *object)
{
	_cleanup_(frames_clear) struct frames frames = {};

	/* The process may be another program by now. */
	process_symbols_forget(names->processes, stack->pid);
	name_frames(run, names, stack, &frames);
	if (object) {
		json_object_set_new(object, "kernel", json_names(&frames, 0, frames.kernel));
		json_object_set_new(object, "user", json_names(&frames, frames.kernel, frames.count));
		return;
	}
	for (size_t i = 0; i < frames.count; i++)
		fprintf(run->out, "        %s\n", frames.names[i]);
	fputc('\n', run->out);
}

static void write_lines(const struct run *run, const struct entry *entry, const struct frames *frames)
{
	for (size_t i = 0; i < frames->count; i++) {
		if (i && i == frames->kernel && run_given(run, "delimited"))
			fputs("    --\n", run->out);
		fprintf(run->out, "    %s\n", frames->names[i]);
	}
	if (entry->stack.comm[0])
		fprintf(run->out, "    %-16s %s (%u)\n", "-", entry->stack.comm, entry->stack.pid);
	fprintf(run->out, "        %" PRIu64 "\n\n", entry->value);
}

static void write_folded(const struct run *run, const struct entry *entry, const struct frames *frames)
{
	const char *separator = entry->stack.comm[0] ? ";" : "";

	fputs(entry->stack.comm, run->out);
	for (size_t i = frames->count; i-- > 0; separator = ";") {
		if (i + 1 == frames->kernel && i + 1 < frames->count && run_given(run, "delimited"))
			fputs(";-", run->out);
		fprintf(run->out, "%s%s", separator, frames->names[i]);
	}
	fprintf(run->out, " %" PRIu64 "\n", entry->value);
}

static void write_json(const struct run *run, const struct entry *entry, const struct frames *frames)
{
	json_t *object =
		json_pack("{so so sI}", "kernel", json_names(frames, 0, frames->kernel), "user",
	                  json_names(frames, frames->kernel, frames->count), "value", (json_int_t)entry->value);

	if (entry->stack.comm[0]) {
		json_object_set_new(object, "pid", json_integer(entry->stack.pid));
		json_object_set_new(object, "comm", json_string(entry->stack.comm));
	}
	run_write_json(run, object);
}

static void write_entry(const struct run *run, const struct stack_names *names, const struct entry *entry)
{
	_cleanup_(frames_clear) struct frames frames = {};
	__u64 kernel[TRACE_FRAMES], user[TRACE_FRAMES];
	const struct stack stack = {
		.pid = entry->stack.pid,
		.kernel = kernel,
		.kernel_count = read_frames(run, entry->stack.kernel, kernel),
		.user = user,
		.user_count = read_frames(run, entry->stack.user, user),
	};

	name_frames(run, names, &stack, &frames);
	if (run->json)
		write_json(run, entry, &frames);
	else if (run_given(run, "folded"))
		write_folded(run, entry, &frames);
	else
		write_lines(run, entry, &frames);
}

int stacks_prepare(struct run *run, struct error *error)
{
	uint32_t size;
	int r = run_number(run, "stack-storage-size", FRAMES_DEFAULT, &size, error);

	if (!r && !size)
		return cli_wrong_use(error, "--stack-storage-size must be above 0");
	return r < 0 ? r : bpf_map__set_max_entries(run_map(run, "frames"), size);
}

int report_stacks(struct run *run, uint64_t scale, struct error *error)
{
	_cleanup_(stack_names_freep) struct stack_names *names = stack_names_new();
	size_t count;
	_cleanup_free_ struct entry *entries = take_stacks(run, &count);
	char now[16];

	if (run_given(run, "timestamp") && !run->json)
		fprintf(run->out, "%s\n", run_clock(now));
	for (size_t i = 0; i < count; i++) {
		entries[i].value /= scale;
		write_entry(run, names, &entries[i]);
	}
	return 0;
}
