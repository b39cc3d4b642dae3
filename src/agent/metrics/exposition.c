/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/metrics/exposition.h"

#include <inttypes.h>
#include <stdbool.h>

/* From what the agent answers out of memory to a pod that waits for the store. */
static const double bounds[DURATION_BOUNDS] = {.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 10};

void durations_add(struct durations *durations, double seconds)
{
	size_t bucket = 0;

	while (bucket < DURATION_BOUNDS && seconds > bounds[bucket])
		bucket++;
	durations->counts[bucket]++;
	durations->sum += seconds;
}

/* In a label's value quotes are escaped too; in a help text they are not. */
static void write_escaped(FILE *out, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '\\' || (quotes && *text == '"'))
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

void exposition_family(struct exposition *exposition, const char *name, enum metric_type type, const char *help)
{
	static const char *const types[] = {
		[METRIC_GAUGE] = "gauge", [METRIC_COUNTER] = "counter", [METRIC_HISTOGRAM] = "histogram"};

	exposition->family = name;
	fprintf(exposition->out, "# HELP %s ", name);
	write_escaped(exposition->out, help, false);
	fprintf(exposition->out, "\n# TYPE %s %s\n", name, types[type]);
}

static void write_labels(FILE *out, const struct metric_label *labels, size_t count, const char *bound)
{
	const char *separator = "{";

	for (size_t i = 0; i < count; i++) {
		fprintf(out, "%s%s=\"", separator, labels[i].name);
		write_escaped(out, labels[i].value, true);
		fputc('"', out);
		separator = ",";
	}
	if (bound)
		fprintf(out, "%sle=\"%s\"", separator, bound);
	if (count || bound)
		fputc('}', out);
}

/* Whole numbers in full: counters of bytes must not be rounded to what %g shows. */
static void write_value(FILE *out, double value)
{
	if (value > -1e18 && value < 1e18 && value == (double)(int64_t)value)
		fprintf(out, " %.0f\n", value);
	else
		fprintf(out, " %.9g\n", value);
}

void exposition_sample(struct exposition *exposition, const struct metric_label *labels, size_t count, double value)
{
	fputs(exposition->family, exposition->out);
	write_labels(exposition->out, labels, count, NULL);
	write_value(exposition->out, value);
}

static void write_bucket(struct exposition *exposition, const struct metric_label *labels, size_t count,
                         const char *bound, uint64_t value)
{
	fprintf(exposition->out, "%s_bucket", exposition->family);
	write_labels(exposition->out, labels, count, bound);
	fprintf(exposition->out, " %" PRIu64 "\n", value);
}

/* Buckets hold all that is not longer than their bound. */
void exposition_durations(struct exposition *exposition, const struct metric_label *labels, size_t count,
                          const struct durations *durations)
{
	uint64_t total = 0;
	char bound[16];

	for (size_t i = 0; i < DURATION_BOUNDS; i++) {
		snprintf(bound, sizeof(bound), "%g", bounds[i]);
		write_bucket(exposition, labels, count, bound, total += durations->counts[i]);
	}
	write_bucket(exposition, labels, count, "+Inf", total += durations->counts[DURATION_BOUNDS]);
	fprintf(exposition->out, "%s_sum", exposition->family);
	write_labels(exposition->out, labels, count, NULL);
	write_value(exposition->out, durations->sum);
	fprintf(exposition->out, "%s_count", exposition->family);
	write_labels(exposition->out, labels, count, NULL);
	fprintf(exposition->out, " %" PRIu64 "\n", total);
}
