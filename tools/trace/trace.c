/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "message.h"
#include "runtime/places.h"
#include "runtime/report.h"
#include "runtime/tool.h"
#include "trace.h"
#include "trace/tracefs.h"

#include "trace.skel.h"

/* One of those that were asked for. */
struct probe {
	struct places places;
	struct message message;
	bool at_return;
};

static struct probe probes[TRACE_PROBES_MAX];
static size_t probe_count;
static struct stack_names *names; /* NULL: no stacks are wanted */
static const char *wanted_words;  /* in the message; NULL: any */

static const struct probe *probe_of(const struct hit_event *event)
{
	return &probes[event->probe];
}

/* What a tracepoint's record holds; "" for several, which have different ones. The caller frees it. */
static int read_format(const struct places *places, char **ret, struct error *error)
{
	_cleanup_free_ char *path = xasprintf("events/%s/format", places->list[0].name);

	if (places->count > 1) {
		*ret = xstrdup("");
		return 0;
	}
	*strchr(path, ':') = '/';
	return tracefs_read(path, ret, error);
}

static int parse_message(struct probe *probe, const char *text, struct error *error)
{
	_cleanup_free_ char *format = NULL;
	struct value_source source = {.at_return = probe->at_return};
	int r = 0;

	if (probe->places.kind == PLACE_TRACEPOINT)
		r = read_format(&probe->places, &format, error);
	source.format = format;
	return r < 0 ? r : message_parse(text, &source, &probe->message, error);
}

/* 'r:' of BCC means the function's end; the other letters are those of places. */
static int parse_probe(const struct run *run, const char *text, struct error *error)
{
	struct probe *probe = &probes[probe_count];
	size_t length = strcspn(text, " \t");
	_cleanup_free_ char *words = strndup(text, length);
	int r;

	if (probe_count == TRACE_PROBES_MAX)
		return cli_wrong_use(error, "no more than %d probes", TRACE_PROBES_MAX);
	if (strchr(words, '('))
		return cli_wrong_use(error,
		                     "'%s': what a function's arguments are called takes a compiler, which `pilus "
		                     "trace run` has; here they are arg1 to arg%d",
		                     words, TRACE_ARGUMENTS);
	probe->at_return = !strncmp(words, "r:", 2);
	r = places_find(words + (probe->at_return ? 2 : 0), run->filter.pid, false, &probe->places, error);
	if (r < 0)
		return r;
	if (probe->at_return && (probe->places.kind == PLACE_TRACEPOINT || probe->places.is_static))
		return cli_wrong_use(error, "'%s': only a function has an end", words);
	probe_count++;
	return parse_message(probe, text + length, error);
}

/* Once, for whichever way they are attached. */
static int parse_probes(const struct run *run, struct error *error)
{
	int r = 0;

	if (probe_count)
		return 0;
	for (size_t i = 0; !r && i < run->cli->argument_count; i++)
		r = parse_probe(run, run->cli->arguments[i], error);
	return r;
}

static int set_variables(struct run *run, struct error *error)
{
	struct hit_texts texts[TRACE_PROBES_MAX] = {};
	struct hit_filter filters[TRACE_PROBES_MAX] = {};
	bool with_texts = false;
	uint32_t size;
	int r = run_number(run, "string-size", TRACE_STRING_DEFAULT, &size, error);

	for (size_t i = 0; i < probe_count; i++) {
		texts[i] = probes[i].message.texts;
		with_texts = with_texts || texts[i].places[0];
		message_filter(&probes[i].message, &filters[i]);
	}
	if (!r && (!size || size > TRACE_STRING_MAX))
		return cli_wrong_use(error, "--string-size must be from 1 to %d", TRACE_STRING_MAX);
	if (!r)
		r = run_set(run, "string_size", &size, sizeof(size), error);
	if (!r)
		r = run_set(run, "texts", texts, sizeof(texts), error);
	if (!r)
		r = run_set(run, "with_texts", &with_texts, sizeof(with_texts), error);
	if (!r)
		r = run_set(run, "filters", filters, sizeof(filters), error);
	return !r && !run_given(run, "include-self") ? run_leave_out_own(run, error) : r;
}

static int prepare(struct run *run, struct error *error)
{
	unsigned kinds = 0;
	bool has_static = false;
	int r = parse_probes(run, error);

	if (!r)
		r = set_variables(run, error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < probe_count; i++) {
		has_static = has_static || probes[i].places.is_static;
		kinds |= probes[i].places.is_static ? 0 : 1U << probes[i].places.kind;
	}
	places_prepare(run, kinds);
	bpf_program__set_autoload(run_program(run, "static_one"), has_static);
	wanted_words = cli_value(run->cli, "msg-filter");
	if (!names && (run_given(run, "kernel-stack") || run_given(run, "user-stack")))
		names = stack_names_new();
	return 0;
}

/* Of places with one name, libbpf finds each, and what its arguments are there. */
static int attach_static(struct run *run, const struct places *places, struct error *error)
{
	int r = 0;

	for (size_t i = 0; !r && i < places->count; i++) {
		const struct place *place = &places->list[i];
		LIBBPF_OPTS(bpf_usdt_opts, options, .usdt_cookie = place->number);
		_cleanup_free_ char *provider = xstrdup(place->name), *what = xasprintf("attach to %s", place->name);
		char *colon = strchr(provider, ':');

		if (i && !strcmp(places->list[i - 1].name, place->name))
			continue;
		*colon = 0;
		r = run_keep(run,
		             bpf_program__attach_usdt(run_program(run, "static_one"),
		                                      run->filter.pid ? (pid_t)run->filter.pid : -1, places->file,
		                                      provider, colon + 1, &options),
		             what, error);
	}
	return r;
}

static int attach(struct run *run, struct error *error)
{
	int r = 0;

	for (size_t i = 0; !r && i < probe_count; i++) {
		struct places *places = &probes[i].places;

		for (size_t j = 0; j < places->count; j++)
			places->list[j].number = HIT_COOKIE(i, (uint32_t)places->list[j].number);
		r = places->is_static ? attach_static(run, places, error)
		                      : places_attach(run, places, "", probes[i].at_return, error);
	}
	return r;
}

static bool has_words(const struct message *message, const struct hit_event *event)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	message_write(message, event, out);
	fclose(out);
	return memmem(text, size, wanted_words, strlen(wanted_words));
}

static bool is_wanted(const void *event)
{
	const struct message *message = &probe_of(event)->message;

	return message_matches(message, event) && (!wanted_words || has_words(message, event));
}

static void function_cell(const struct run *run, const void *event, FILE *out)
{
	fputs(probe_of(event)->places.list[((const struct hit_event *)event)->place].name, out);
}

static void message_cell(const struct run *run, const void *event, FILE *out)
{
	message_write(&probe_of(event)->message, event, out);
}

static void write_stacks(const struct run *run, const void *event, json_t *object)
{
	const struct hit_event *hit = event;
	const struct stack stack = {
		.pid = hit->who.pid,
		.kernel = hit->kernel,
		.kernel_count = hit->kernel_size > 0 ? hit->kernel_size / sizeof(*hit->kernel) : 0,
		.user = hit->user,
		.user_count = hit->user_size > 0 ? hit->user_size / sizeof(*hit->user) : 0,
	};

	if (names)
		stack_write(run, names, &stack, object);
}

static const struct column COLUMNS[] = {
	COLUMN("CPU", -3, NUMBER, struct hit_event, cpu, .option = "print_cpu"),
	COLUMN("PID", -7, NUMBER, struct hit_event, who.pid),
	COLUMN("TID", -7, NUMBER, struct hit_event, who.tid),
	COLUMN("COMM", -15, TEXT, struct hit_event, who.comm),
	COLUMN_WRITTEN("FUNC", -16, function_cell),
	COLUMN_WRITTEN("-", 0, message_cell, .key = "message"),
	{},
};

static const struct tool_option OPTIONS[] = {
	{'K', "kernel-stack", NULL, "show the kernel's stack, too", "kernel_stacks"},
	{'U', "user-stack", NULL, "show the program's stack, too", "user_stacks"},
	{'a', "address", NULL, "show the addresses of the stacks' frames"},
	{'C', "print_cpu", NULL, "show the CPU"},
	{'f', "msg-filter", "WORDS", "only messages with these words in them"},
	{'u', "unix-timestamp", NULL, "show the seconds since 1970"},
	{'S', "include-self", NULL, "what this tool itself does, too"},
	{'Z', "string-size", "N", "read no more than this of a text (default 80, at most 256)"},
	{'L', "tid"},
	{'M', "count"},
	{'c', "cgroup"},
	{},
};

const struct tool TRACE_TOOL = {
	.name = "trace",
	.summary = "Each call of functions, with their arguments",
	.description =
		"A PROBE, of which there may be several, is [r:]PATTERN [(FILTER)] [\"FORMAT\", VALUE...]. Values are "
		"arg1 to arg6 of a function or static probe; retval with r: at a function's end; args->FIELD of a "
		"tracepoint; $pid, $tgid, $uid and $cpu. The format has %d %u %x with h, l or ll, %c, %s and %%. "
		"The filter is true, or not, as in C: values, compared with numbers, !, && and ||, without "
		"parentheses, and STRCMP(\"TEXT\", VALUE), true if they are equal. " PLACES_DESCRIPTION,
	.arguments = "PROBE...",
	.arguments_min = 1,
	.arguments_max = TRACE_PROBES_MAX,
	.object = trace__elf_bytes,
	.options = OPTIONS,
	.ways = PLACES_WAYS,
	.columns = COLUMNS,
	.prepare = prepare,
	.attach = attach,
	.is_wanted = is_wanted,
	.more = write_stacks,
};
