/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tracepoint's record, as tracefs describes it (events/CATEGORY/NAME/format), as a C struct: what `args->` is in a
 * program. Fields keep their places by padding, so the struct needs no other types.
 */
#ifndef PILUS_TRACE_EVENT_FORMAT_H
#define PILUS_TRACE_EVENT_FORMAT_H

#include <stdbool.h>
#include <stdio.h>

/* Writes `struct NAME { … };` on one line. */
void event_format_write(const char *format, const char *name, FILE *out);

/* A field, as it lies in the record. */
struct event_field {
	unsigned offset, size;
	bool is_signed;
	bool is_dynamic; /* __data_loc: 4 bytes, the lower 16 of which say where in the record its contents are */
	bool is_array;
	bool is_pointer;
};

/* The field of that name; false: there is none. */
bool event_format_find(const char *format, const char *name, struct event_field *ret);

#endif
