/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tracepoint's record, as tracefs describes it (events/CATEGORY/NAME/format), as a C struct: what `args->` is in a
 * program. Fields keep their places by padding, so the struct needs no other types.
 */
#ifndef PILUS_TRACE_EVENT_FORMAT_H
#define PILUS_TRACE_EVENT_FORMAT_H

#include <stdio.h>

/* Writes `struct NAME { … };` on one line. */
void event_format_write(const char *format, const char *name, FILE *out);

#endif
