/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened to one endpoint: its last entries, in memory, newest first to the reader.
 */
#ifndef PILUS_AGENT_ENDPOINT_LOG_H
#define PILUS_AGENT_ENDPOINT_LOG_H

#include <jansson.h>
#include <stddef.h>
#include <time.h>

#define ENDPOINT_LOG_ENTRIES 64

enum endpoint_log_status { ENDPOINT_OK, ENDPOINT_WARNING, ENDPOINT_FAILURE };

/* Zeroed: empty. */
struct endpoint_log {
	struct endpoint_log_entry {
		time_t time;
		enum endpoint_log_status status;
		const char *state; /* a literal */
		char *message;
	} *entries; /* a ring, made with the first entry */
	size_t written;
};

/* Takes the message over. */
void endpoint_log_add(struct endpoint_log *log, enum endpoint_log_status status, const char *state, char *message);
void endpoint_log_clear(struct endpoint_log *log);

/* As GET /v1/endpoints/{id}/log shows it: a new reference. */
json_t *endpoint_log_list(const struct endpoint_log *log);

#endif
