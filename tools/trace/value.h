/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Values of a hit that the user names: arg1, retval, args->FIELD of a tracepoint, $pid.
 */
#ifndef PILUS_TOOLS_TRACE_VALUE_H
#define PILUS_TOOLS_TRACE_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "trace.h"

/* What a probe is, on which it depends what values there are. */
struct value_source {
	bool at_return;
	const char *format; /* of a tracepoint: what tracefs says of its record; "" of several; else NULL */
};

enum value_text {
	TEXT_POINTED_TO, /* at the address that the value is */
	TEXT_ARRAY,      /* the value itself */
	TEXT_DYNAMIC,    /* in the record, where the value says */
};

struct value {
	__u16 offset; /* in struct hit_event */
	__u16 size;
	bool has_type; /* else it is what a register held */
	bool is_signed;
	enum value_text text; /* where %s finds it */
	__u32 slot;           /* of strings, with TEXT_POINTED_TO */
};

/* Moves *text behind the value. */
int value_parse(const char **text, const struct value_source *source, struct value *ret, struct error *error);

/* Widened as its type says. */
long long value_number(const struct value *value, const struct hit_event *event);

/* The same, but what has no type as C's int where it fits: a negative result is one. */
long long value_compared(const struct value *value, const struct hit_event *event);

/* Where the programs find it; false: they do not, only the event has it. */
bool value_term(const struct value *value, struct hit_term *ret);

/* The text, and how long it is: there may be no NUL. */
const char *value_text(const struct value *value, const struct hit_event *event, size_t *ret_length);

#endif
