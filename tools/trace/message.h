/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the user wants to see of a hit, and of which: (arg3 > 100 && arg1 != 2) "%s %d", arg1, arg3
 */
#ifndef PILUS_TOOLS_TRACE_MESSAGE_H
#define PILUS_TOOLS_TRACE_MESSAGE_H

#include <stdio.h>

#include "value.h"

#define VALUES_MAX 8

/* A part of the filter: a comparison with a number, or with a text. */
struct term {
	struct value value;
	enum hit_comparison comparison;
	bool is_negated;
	bool is_alternative; /* || before it: begins another list of which all must be true */
	long long number;
	char *text; /* STRCMP's; NULL: it is about numbers */
};

struct message {
	char *format; /* NULL: nothing is printed */
	struct value values[VALUES_MAX];
	size_t value_count;
	struct term terms[HIT_TERMS_MAX];
	size_t term_count;
	struct hit_texts texts; /* those of the values that are read as text */
};

/* What stands behind the place: filter, format and values, each of which may be left out. */
int message_parse(const char *text, const struct value_source *source, struct message *ret, struct error *error);

/* What the programs can see of the filter: all of it or, where texts are compared, nothing. */
void message_filter(const struct message *message, struct hit_filter *ret);

bool message_matches(const struct message *message, const struct hit_event *event);
void message_write(const struct message *message, const struct hit_event *event, FILE *out);

#endif
