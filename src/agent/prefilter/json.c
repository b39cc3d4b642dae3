/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prefilter as the API tells it: part of agent/prefilter/prefilter.h.
 */
#include <string.h>

#include "abi/drop.h"
#include "agent/prefilter/keeper.h"

#define PAGE_ENTRIES 16384

static size_t entries(const struct prefilter_keeper *keeper)
{
	size_t count = 0;

	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++)
		if (keeper->sets.at[i])
			count += keeper->sets.at[i]->cidrs.count;
	return count;
}

static int add_device(const struct attachment *attachment, void *userdata)
{
	if (!strcmp(attachment->program, "prefilter"))
		json_array_append_new(userdata,
		                      json_pack("{s:s, s:s}", "device", attachment->device, "hook", attachment->hook));
	return 0;
}

static const char *state_name(const struct prefilter_keeper *keeper)
{
	if (keeper->services.config->prefilter == PREFILTER_OFF)
		return "off";
	if (keeper->trouble.code)
		return "failed";
	return keeper->refuses ? "attached" : "idle";
}

json_t *prefilter_status(const struct prefilter_keeper *keeper)
{
	json_t *devices = json_array();

	datapath_each_attachment(keeper->services.datapath, add_device, devices);
	return json_pack("{s:s, s:I, s:I, s:o}", "state", state_name(keeper), "revision", (json_int_t)keeper->revision,
	                 "entries", (json_int_t)entries(keeper), "devices", devices);
}

static json_t *set_to_json(const struct set *set, const struct metric *counter)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s?}", "name", set->name, "origin",
	                 set_origins[set->origin], "action", set->kind->verdict == PREFILTER_DENY ? "deny" : "allow",
	                 "match", set->kind->match == PREFILTER_SOURCE ? "source" : "destination", "entries",
	                 (json_int_t)set->cidrs.count, "packets", (json_int_t)counter->packets, "bytes",
	                 (json_int_t)counter->bytes, "problem", set->problem);
}

static json_t *sets_to_json(const struct prefilter_keeper *keeper)
{
	struct metric counters[PREFILTER_SETS_MAX] = {};
	json_t *list = json_array();

	prefilter_counters(datapath_maps(keeper->services.datapath), counters);
	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++)
		if (keeper->sets.at[i])
			json_array_append_new(list, set_to_json(keeper->sets.at[i], &counters[i]));
	return list;
}

static int add_reason(uint8_t reason, enum metric_direction direction, const struct metric *metric, void *userdata)
{
	const char *text = drop_reason_text(reason);

	if (text && reason >= DROP_PREFILTER_SOURCE && reason <= DROP_PREFILTER_RATE && direction == METRIC_INGRESS)
		json_array_append_new(userdata,
		                      json_pack("{s:s, s:I, s:I}", "reason", text, "packets",
		                                (json_int_t)metric->packets, "bytes", (json_int_t)metric->bytes));
	return 0;
}

static json_t *drops_to_json(const struct config *config)
{
	json_t *list = json_array();

	for (size_t i = 0; prefilter_drops[i]; i++)
		if (config->prefilter_drop & 1U << i)
			json_array_append_new(list, json_string(prefilter_drops[i]));
	return list;
}

/* How far the change that is being made is; null when there is none. */
static json_t *loading_to_json(const struct prefilter_keeper *keeper)
{
	if (!keeper->working)
		return json_null();
	return json_pack("{s:I, s:I}", "done", (json_int_t)__atomic_load_n(&keeper->job.progress, __ATOMIC_RELAXED),
	                 "of", (json_int_t)__atomic_load_n(&keeper->job.rows, __ATOMIC_RELAXED));
}

json_t *prefilter_to_json(const struct prefilter_keeper *keeper)
{
	json_t *answer = prefilter_status(keeper), *reasons = json_array();

	metrics_each(datapath_maps(keeper->services.datapath), add_reason, reasons);
	json_object_set_new(answer, "rate", json_integer(keeper->services.config->prefilter_rate));
	json_object_set_new(answer, "drop", drops_to_json(keeper->services.config));
	json_object_set_new(answer, "bytes",
	                    json_integer(keeper->prefilter ? (json_int_t)prefilter_bytes(keeper->prefilter) : 0));
	json_object_set_new(answer, "loading", loading_to_json(keeper));
	json_object_set_new(answer, "sets", sets_to_json(keeper));
	json_object_set_new(answer, "reasons", reasons);
	return answer;
}

/* Those of a set from one index to another. */
static json_t *part_to_json(const struct set *set, size_t from, size_t to)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT_MAX];

	for (size_t i = from; i < to; i++)
		json_array_append_new(list, json_string(prefix_format(&set->cidrs.items[i], text)));
	return json_pack("{s:s, s:s, s:o}", "set", set->name, "origin", set_origins[set->origin], "cidrs", list);
}

json_t *prefilter_entries_to_json(const struct prefilter_keeper *keeper, size_t from)
{
	size_t begin = 0, end = from + PAGE_ENTRIES, total = entries(keeper);
	json_t *list = json_array();

	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++) {
		const struct set *set = keeper->sets.at[i];
		size_t count = set ? set->cidrs.count : 0, first = begin < from ? from - begin : 0;
		size_t last = begin + count > end ? (begin < end ? end - begin : 0) : count;

		if (first < last)
			json_array_append_new(list, part_to_json(set, first, last));
		begin += count;
	}
	return json_pack("{s:I, s:o, s:o}", "revision", (json_int_t)keeper->revision, "next",
	                 end < total ? json_integer((json_int_t)end) : json_null(), "sets", list);
}
