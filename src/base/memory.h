/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that does not fail: out of memory ends the process with a line in the log. That is safe by design (the
 * datapath outlives the agent, which is restarted and restores itself) and frees every caller of a path nobody can
 * test.
 */
#ifndef PILUS_BASE_MEMORY_H
#define PILUS_BASE_MEMORY_H

#include <stddef.h>

void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *pointer, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/* A zeroed object of the type. */
#define xnew(type) ((type *)xcalloc(1, sizeof(type)))

#endif
