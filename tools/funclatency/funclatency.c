/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "runtime/places.h"
#include "runtime/report.h"
#include "runtime/tool.h"

#include "funclatency.skel.h"

static struct places places;
static uint64_t told_ns, told_count; /* in earlier reports */

static const char *unit(const struct run *run)
{
	return run_given(run, "milliseconds") ? "msecs" : run_given(run, "microseconds") ? "usecs" : "nsecs";
}

static int prepare(struct run *run, struct error *error)
{
	uint64_t ns = 1;
	int r = places_open(run, &places, error);

	if (r < 0)
		return r;
	if (places.kind == PLACE_TRACEPOINT)
		return cli_wrong_use(error, "a tracepoint takes no time: give functions");
	if (!run_given(run, "milliseconds") && !run_given(run, "microseconds"))
		r = run_set(run, "unit_ns", &ns, sizeof(ns), error);
	return r;
}

/* The ends first: a beginning without an end would be found by a later call's. */
static int attach(struct run *run, struct error *error)
{
	int r = places_attach(run, &places, "_return", true, error);

	if (!r)
		r = places_attach(run, &places, "", false, error);
	if (!r)
		places_tell(run, &places);
	return r;
}

static const char *name_of(uint64_t id)
{
	return places.list[id - 1].name;
}

static int report(struct run *run, struct error *error)
{
	const uint64_t *ns = run_variable(run, "total_ns"), *count = run_variable(run, "total_count");
	uint64_t new_ns = *ns - told_ns, new_count = *count - told_count;
	int r = report_histograms_named(run, unit(run), "function", name_of);

	if (!run->json && new_count)
		fprintf(run->out, "\navg = %" PRIu64 " nsecs, total: %" PRIu64 " nsecs, count: %" PRIu64 "\n",
		        new_ns / new_count, new_ns, new_count);
	told_ns += new_ns;
	told_count += new_count;
	return r;
}

static const struct tool_option OPTIONS[] = {
	{'r', "regexp", NULL, "the pattern is a regular expression"},
	{'i', "interval", "SECONDS", "report at this interval"},
	{'u', "microseconds", NULL, "in microseconds", "unit_ns", 1000},
	{'m', "milliseconds", NULL, "in milliseconds", "unit_ns", 1000000},
	{'F', "function", NULL, "a histogram for each function", "by_function"},
	{'l', "level", "N", "of a function that calls itself the outermost N calls, not the innermost", "levels"},
	{'T', "timestamp", NULL, "show the time of each report"},
	{},
};

const struct tool FUNCLATENCY_TOOL = {
	.name = "funclatency",
	.summary = "How long functions take",
	.description = PLACES_DESCRIPTION,
	.arguments = "PATTERN",
	.arguments_min = 1,
	.arguments_max = 1,
	.object = funclatency__elf_bytes,
	.options = OPTIONS,
	.ways = PLACES_WAYS,
	.prepare = prepare,
	.attach = attach,
	.report = report,
};
