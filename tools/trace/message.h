/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the user wants to see of a hit, and of which: (arg3 > 100) "%s %d", arg1, arg3
 */
#ifndef PILUS_TOOLS_TRACE_MESSAGE_H
#define PILUS_TOOLS_TRACE_MESSAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "trace.h"

#define VALUES_MAX 8

struct message {
	char *format;                /* NULL: nothing is printed */
	unsigned values[VALUES_MAX]; /* which, from 1 on; TRACE_ARGUMENTS + 1 is the result */
	size_t value_count;
	__u32 texts[TRACE_STRINGS]; /* those of them that %s prints */
	unsigned compared;          /* by the filter; 0: there is none */
	const char *comparison;     /* ">=" */
	long long number;
	bool asks; /* for any value */
	bool at_return;
};

/* *ret_place is what stands before filter and format; the caller frees it. */
int message_parse(const char *text, char **ret_place, struct message *ret, struct error *error);

bool message_matches(const struct message *message, const struct hit_event *event);
void message_write(const struct message *message, const struct hit_event *event, FILE *out);

#endif
