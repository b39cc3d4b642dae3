/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of an endpoint: a ring of entries.
 */
#include "agent/endpoint/log.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

void endpoint_log_add(struct endpoint_log *log, enum endpoint_log_status status, const char *state, char *message)
{
	struct endpoint_log_entry *entry;

	if (!log->entries)
		log->entries = xcalloc(ENDPOINT_LOG_ENTRIES, sizeof(*log->entries));
	entry = &log->entries[log->written++ % ENDPOINT_LOG_ENTRIES];
	free(entry->message);
	*entry = (struct endpoint_log_entry){.time = time(NULL), .status = status, .state = state, .message = message};
}

void endpoint_log_clear(struct endpoint_log *log)
{
	for (size_t i = 0; log->entries && i < ENDPOINT_LOG_ENTRIES; i++)
		free(log->entries[i].message);
	free(log->entries);
	*log = (struct endpoint_log){};
}

json_t *endpoint_log_list(const struct endpoint_log *log)
{
	static const char *const words[] = {"OK", "Warning", "Failure"};
	size_t count = log->written < ENDPOINT_LOG_ENTRIES ? log->written : ENDPOINT_LOG_ENTRIES;
	json_t *list = json_array();

	for (size_t i = 1; i <= count; i++) {
		const struct endpoint_log_entry *entry = &log->entries[(log->written - i) % ENDPOINT_LOG_ENTRIES];
		char text[CLOCK_TEXT_MAX];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "time", clock_format(entry->time, text),
		                                      "status", words[entry->status], "state", entry->state, "message",
		                                      entry->message));
	}
	return list;
}
