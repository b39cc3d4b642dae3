/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the kernel refused a program, in words and with what to do, and where in the source.
 */
#ifndef PILUS_TRACE_EXPLAIN_H
#define PILUS_TRACE_EXPLAIN_H

#include <stddef.h>

#include "base/error.h"

/* What the verifier's log says about a refusal. Pointers are into the log (not NUL-terminated), or NULL. */
struct refusal {
	const char *reason; /* its last words */
	size_t reason_length;
	const char *source; /* the line of C it was at, as the log quotes it */
	size_t source_length;
	unsigned line; /* its number; 0: not told (kernels before 6.8) */
};

void refusal_find(const char *log, struct refusal *ret);

/* What the verifier means and what to do about it; NULL: not among those that are known. */
const char *explain_reason(const char *reason, size_t length);

/* Fills `error` with a sentence about a program that failed to load with `code` (−errno) and `log`. Returns the lines
 * to show with it, for the caller to free: the place in `text` (NULL: unknown, no source), the verifier's words. */
char *explain(const char *file, const char *text, const char *program, int code, const char *log, struct error *error);

#endif
