/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures of histograms.
 */
#include "runtime/histogram.h"

#include <inttypes.h>
#include <stdint.h>

#define STARS 40

/* One more than the last slot that counted something. */
static unsigned slots_used(const struct trace_histogram *histogram)
{
	unsigned used = TRACE_SLOTS;

	while (used && !histogram->slots[used - 1])
		used--;
	return used;
}

static uint64_t highest(const struct trace_histogram *histogram)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < TRACE_SLOTS; i++)
		if (histogram->slots[i] > most)
			most = histogram->slots[i];
	return most;
}

uint64_t histogram_count(const struct trace_histogram *histogram)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < TRACE_SLOTS; i++)
		count += histogram->slots[i];
	return count;
}

static uint64_t log2_from(unsigned slot)
{
	return slot ? UINT64_C(1) << slot : 0;
}

static uint64_t log2_to(unsigned slot)
{
	return slot == 63 ? UINT64_MAX : (UINT64_C(2) << slot) - 1;
}

static void print_stars(uint64_t count, uint64_t most, FILE *out)
{
	unsigned stars = most ? (unsigned)((double)count * STARS / (double)most) : 0;

	fputc('|', out);
	for (unsigned i = 0; i < STARS; i++)
		fputc(i < stars ? '*' : ' ', out);
	fputs("|\n", out);
}

void histogram_print_log2(const struct trace_histogram *histogram, const char *unit, FILE *out)
{
	unsigned used = slots_used(histogram);
	/* As wide as the numbers are. */
	int width = used <= 32 ? 10 : 20;
	uint64_t most = highest(histogram);

	if (!used)
		return;
	fprintf(out, "%*s%-*s : count    distribution\n", width == 10 ? 5 : 15, "", width == 10 ? 19 : 29, unit);
	for (unsigned i = 0; i < used; i++) {
		fprintf(out, "%*" PRIu64 " -> %-*" PRIu64 " : %-8llu ", width, log2_from(i), width, log2_to(i),
		        histogram->slots[i]);
		print_stars(histogram->slots[i], most, out);
	}
}

void histogram_print_linear(const struct trace_histogram *histogram, const char *unit, unsigned width, FILE *out)
{
	unsigned used = slots_used(histogram);
	uint64_t most = highest(histogram);

	if (!used)
		return;
	fprintf(out, "     %-13s : count     distribution\n", unit);
	for (unsigned i = 0; i < used; i++) {
		fprintf(out, "        %-10u : %-8llu ", i * width, histogram->slots[i]);
		print_stars(histogram->slots[i], most, out);
	}
}

json_t *histogram_json(const struct trace_histogram *histogram)
{
	json_t *slots = json_array();

	for (unsigned i = 0; i < TRACE_SLOTS; i++)
		if (histogram->slots[i])
			json_array_append_new(slots, json_pack("{sI sI sI}", "from", (json_int_t)log2_from(i), "to",
			                                       (json_int_t)log2_to(i), "count",
			                                       (json_int_t)histogram->slots[i]));
	return slots;
}
