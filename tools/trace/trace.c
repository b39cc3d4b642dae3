/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "message.h"
#include "runtime/places.h"
#include "runtime/tool.h"
#include "trace.h"

#include "trace.skel.h"

static struct places places;
static struct message message;

/* 'r:' of BCC means the function's end; the other letters are those of places. */
static int find_places(struct run *run, const char *words, struct error *error)
{
	if (!strncmp(words, "r:", 2)) {
		message.at_return = true;
		words += 2;
	}
	return places_find(words, run->filter.pid, false, &places, error);
}

static int prepare(struct run *run, struct error *error)
{
	const char *probe = run->cli->arguments[0];
	_cleanup_free_ char *words = NULL;
	int r = 0;

	if (!places.count) {
		r = message_parse(probe, &words, &message, error);
		if (!r)
			r = find_places(run, words, error);
	}
	if (r < 0)
		return r;
	if (places.kind == PLACE_TRACEPOINT && message.asks)
		return cli_wrong_use(error,
		                     "a tracepoint's fields cannot be printed here: `pilus trace list -v` tells them");
	r = run_set(run, "texts", message.texts, sizeof(message.texts), error);
	return r < 0 ? r : places_prepare(run, &places, error);
}

static int attach(struct run *run, struct error *error)
{
	return places_attach(run, &places, "", message.at_return, error);
}

static bool is_wanted(const void *event)
{
	return message_matches(&message, event);
}

static void function_cell(const struct run *run, const void *event, FILE *out)
{
	fputs(places.list[((const struct hit_event *)event)->place].name, out);
}

static void message_cell(const struct run *run, const void *event, FILE *out)
{
	message_write(&message, event, out);
}

static const struct column COLUMNS[] = {
	COLUMN("PID", -7, NUMBER, struct hit_event, who.pid),   COLUMN("TID", -7, NUMBER, struct hit_event, who.tid),
	COLUMN("COMM", -15, TEXT, struct hit_event, who.comm),  COLUMN_WRITTEN("FUNC", -16, function_cell),
	COLUMN_WRITTEN("-", 0, message_cell, .key = "message"), {},
};

static const struct tool_option OPTIONS[] = {
	{'L', "tid"},
	{'M', "count"},
	{},
};

const struct tool TRACE_TOOL = {
	.name = "trace",
	.summary = "Each call of a function, with its arguments",
	.description = "PROBE is [r:]PATTERN [(FILTER)] [\"FORMAT\", VALUE...]: values are arg1 to arg6, or retval "
		       "with r: at the "
		       "function's end; the format has %d %u %x %ld %lu %lx %lld %llu %llx %c %s and %%; the filter "
		       "compares a value with "
		       "a number, as (arg2 > 100). " PLACES_DESCRIPTION,
	.arguments = "PROBE",
	.arguments_min = 1,
	.arguments_max = 1,
	.object = trace__elf_bytes,
	.options = OPTIONS,
	.ways = PLACES_WAYS,
	.columns = COLUMNS,
	.shows_time = true,
	.prepare = prepare,
	.attach = attach,
	.is_wanted = is_wanted,
};
