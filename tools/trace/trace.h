/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_TRACE_H
#define PILUS_TOOLS_TRACE_H

#include <stdbool.h>

#include "abi/trace.h"

#define TRACE_PROBES_MAX     16
#define TRACE_ARGUMENTS      6
#define TRACE_RECORD_MAX     256
#define TRACE_STRINGS        3
#define TRACE_STRING_MAX     256
#define TRACE_STRING_DEFAULT 80

/* Of a function or static probe. */
struct hit_call {
	__u64 arguments[TRACE_ARGUMENTS];
	__u64 result;
};

struct hit_event {
	struct trace_who who;
	__u32 place;
	__u32 probe; /* which of those that were asked for */
	__u32 cpu;
	__s32 kernel_size, user_size; /* of the stacks, in bytes; negative or 0: there is none */
	__u32 pad;
	union {
		struct hit_call call;
		__u8 record[TRACE_RECORD_MAX]; /* a tracepoint's, as much as there is room for */
	};
	/* Only if texts, or stacks, were asked for: what those point to that are to be read as text. */
	char strings[TRACE_STRINGS][TRACE_STRING_MAX];
	/* Only if stacks were asked for. */
	__u64 kernel[TRACE_FRAMES];
	__u64 user[TRACE_FRAMES];
};

enum hit_comparison { HIT_EQUAL, HIT_UNEQUAL, HIT_AT_LEAST, HIT_AT_MOST, HIT_ABOVE, HIT_BELOW };

/* A part of a filter. */
struct hit_term {
	__s64 number;
	__u16 offset;  /* in the call or record */
	__u8 size;     /* at most 8 */
	__u8 has_type; /* else it is what a register held, a C int where it fits */
	__u8 is_signed;
	__u8 comparison;
	__u8 is_negated;
	__u8 is_alternative; /* || before it: begins another list of which all must be true */
};

#define HIT_TERMS_MAX 8

/* Without terms all hits are told. */
struct hit_filter {
	__u32 count;
	struct hit_term terms[HIT_TERMS_MAX];
};

static inline bool hit_compare(__s64 value, __u8 comparison, __s64 number)
{
	switch (comparison) {
	case HIT_EQUAL:
		return value == number;
	case HIT_UNEQUAL:
		return value != number;
	case HIT_AT_LEAST:
		return value >= number;
	case HIT_AT_MOST:
		return value <= number;
	case HIT_ABOVE:
		return value > number;
	default:
		return value < number;
	}
}

/* What `size` bytes, the lowest of `raw`, are as a number. */
static inline __s64 hit_number(__u64 raw, __u8 size, bool has_type, bool is_signed)
{
	__u32 above = 64 - 8 * size;

	if (!has_type)
		return raw >> 32 ? (__s64)raw : (__s32)raw;
	return is_signed ? (__s64)(raw << above) >> above : (__s64)(raw << above >> above);
}

/* Where in the event the addresses of texts are, + 1 so that 0 is none. */
struct hit_texts {
	__u32 places[TRACE_STRINGS];
};

/* What programs are told: the place's number, and above it the probe's. */
#define HIT_COOKIE(probe, place) ((__u64)(probe) << 32 | (place))

#endif
