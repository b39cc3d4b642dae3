/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>

#include "runtime/places.h"
#include "runtime/tool.h"
#include "trace/symbols/demangle.h"

#include "funccount.skel.h"

static struct places places;
static uint64_t *told; /* counts of earlier reports, by place */

static int prepare(struct run *run, struct error *error)
{
	int r = places_open(run, &places, error);

	if (r < 0)
		return r;
	if (!told)
		told = xcalloc(places.count, sizeof(*told));
	bpf_map__set_max_entries(run_map(run, "counts"), places.count);
	return 0;
}

static int attach(struct run *run, struct error *error)
{
	int r = places_attach(run, &places, "", false, error);

	if (!r)
		places_tell(run, &places);
	return r;
}

struct count {
	const char *name;
	uint64_t count;
};

static int by_count(const void *left, const void *right)
{
	const struct count *a = left, *b = right;

	return a->count < b->count ? -1 : a->count > b->count;
}

static void write_counts(const struct run *run, const struct count *counts, size_t count)
{
	char now[16];

	if (!run->json) {
		fputc('\n', run->out);
		if (run_given(run, "timestamp"))
			fprintf(run->out, "%s\n", run_clock(now));
		fprintf(run->out, "%-36s %8s\n", "FUNC", "COUNT");
	}
	for (size_t i = 0; i < count; i++) {
		_cleanup_free_ char *name = demangle(counts[i].name);

		if (run->json)
			run_write_json(run, json_pack("{ss sI}", "func", name, "count", (json_int_t)counts[i].count));
		else
			fprintf(run->out, "%-36s %8" PRIu64 "\n", name, counts[i].count);
	}
}

/* The counters go on; what is told is the difference. */
static int report(struct run *run, struct error *error)
{
	_cleanup_free_ struct count *counts = xcalloc(places.count, sizeof(*counts));
	size_t count = 0;

	for (uint32_t i = 0; i < places.count; i++) {
		uint64_t now = run_percpu_sum(run_map(run, "counts"), &i);

		if (now != told[i])
			counts[count++] = (struct count){places.list[i].name, now - told[i]};
		told[i] = now;
	}
	qsort(counts, count, sizeof(*counts), by_count);
	write_counts(run, counts, count);
	return 0;
}

static const struct tool_option OPTIONS[] = {
	{'r', "regexp", NULL, "the pattern is a regular expression"},
	{'i', "interval", "SECONDS", "report at this interval"},
	{'c', "cpu", "CPU", "only on this CPU", "only_cpu"},
	{'T', "timestamp", NULL, "show the time of each report"},
	{},
};

const struct tool FUNCCOUNT_TOOL = {
	.name = "funccount",
	.summary = "How often functions, tracepoints or static probes are hit",
	.description = PLACES_DESCRIPTION,
	.arguments = "PATTERN",
	.arguments_min = 1,
	.arguments_max = 1,
	.object = funccount__elf_bytes,
	.options = OPTIONS,
	.ways = PLACES_WAYS,
	.prepare = prepare,
	.attach = attach,
	.report = report,
};
