/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports.
 */
#include "runtime/report.h"

#include <inttypes.h>
#include <string.h>

struct entry {
	struct trace_key key;
	struct trace_histogram histogram;
};

static int by_key(const void *left, const void *right)
{
	const struct trace_key *a = left, *b = right;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void write_whose(const struct trace_key *key, const char *whose, FILE *out)
{
	if (!key->id && !key->name[0])
		return;
	fprintf(out, "\n%s = ", whose);
	if (key->id)
		fprintf(out, "%llu%s", key->id, key->name[0] ? " " : "");
	fprintf(out, "%s\n", key->name);
}

static void write_entry(const struct run *run, const struct entry *entry, const char *unit, const char *whose)
{
	uint64_t total = entry->histogram.total, count = histogram_count(&entry->histogram);
	json_t *object;

	if (!run->json) {
		write_whose(&entry->key, whose, run->out);
		histogram_print_log2(&entry->histogram, unit, run->out);
		if (run_given(run, "extension") && count)
			fprintf(run->out, "\navg = %" PRIu64 " %s, total: %" PRIu64 " %s, count: %" PRIu64 "\n",
			        total / count, unit, total, unit, count);
		return;
	}
	object = json_pack("{ss so}", "unit", unit, "slots", histogram_json(&entry->histogram));
	if (run_given(run, "extension"))
		json_object_set_new(object, "total", json_integer((json_int_t)total));
	if (entry->key.id)
		json_object_set_new(object, whose, json_integer((json_int_t)entry->key.id));
	if (entry->key.name[0])
		json_object_set_new(object, "name", json_string(entry->key.name));
	run_write_json(run, object);
}

/* Out of the map; the caller frees them. */
static struct entry *take_histograms(struct run *run, size_t *ret_count)
{
	struct bpf_map *map = run_map(run, "histograms");
	size_t max = bpf_map__max_entries(map), count = 0;
	struct entry *entries = xcalloc(max, sizeof(*entries));

	while (count < max && !bpf_map__get_next_key(map, NULL, &entries[count].key, sizeof(struct trace_key)) &&
	       !bpf_map__lookup_and_delete_elem(map, &entries[count].key, sizeof(struct trace_key),
	                                        &entries[count].histogram, sizeof(struct trace_histogram), 0))
		count++;
	qsort(entries, count, sizeof(*entries), by_key);
	*ret_count = count;
	return entries;
}

static void name_entry(struct entry *entry, const char *(*name_of)(uint64_t id))
{
	if (!name_of || !entry->key.id)
		return;
	snprintf(entry->key.name, sizeof(entry->key.name), "%s", name_of(entry->key.id));
	entry->key.id = 0;
}

int report_histograms_named(struct run *run, const char *unit, const char *whose, const char *(*name_of)(uint64_t id))
{
	size_t count;
	_cleanup_free_ struct entry *entries = take_histograms(run, &count);
	char now[16];

	if (!run->json)
		fputc('\n', run->out);
	if (run_given(run, "timestamp") && !run->json)
		fprintf(run->out, "%s\n", run_clock(now));
	for (size_t i = 0; i < count; i++) {
		name_entry(&entries[i], name_of);
		write_entry(run, &entries[i], unit, whose);
	}
	return 0;
}

int report_histograms(struct run *run, const char *unit, const char *whose)
{
	return report_histograms_named(run, unit, whose, NULL);
}
