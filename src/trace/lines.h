/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs print: from the module's own ring buffer, or, of programs that call the kernel's bpf_trace_printk, from
 * the kernel's trace through an instance of our own, so that nobody reads away another's lines.
 */
#ifndef PILUS_TRACE_LINES_H
#define PILUS_TRACE_LINES_H

#include <poll.h>
#include <stdbool.h>

#include "base/error.h"
#include "trace/pilus.h"

struct lines;

/* `map`: the ring buffer's descriptor, or −1; `kernel`: the kernel's trace, too. */
int lines_open(int map, bool kernel, struct lines **ret, struct error *error);
void lines_close(struct lines *lines);

#define LINES_FDS 2

/* What to wait for: fills up to so many, and returns how many. */
size_t lines_fds(const struct lines *lines, struct pollfd fds[static LINES_FDS]);

/* Of those that are there: false if none is. The text as pilus_module_next_line has it. */
bool lines_next(struct lines *lines, struct pilus_line *ret);
uint64_t lines_lost(const struct lines *lines);

#endif
