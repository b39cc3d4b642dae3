/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's symbols: functions by address and by name.
 */
#ifndef PILUS_TRACE_SYMBOLS_KERNEL_H
#define PILUS_TRACE_SYMBOLS_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct kernel_function {
	uint64_t address;
	const char *name;
	const char *module; /* NULL: the kernel itself */
};

struct kernel_symbols;

/* Reads /proc/kallsyms, some MB. -EACCES with words: it does not tell addresses to this user. */
int kernel_symbols_load(struct kernel_symbols **ret, struct error *error);
void kernel_symbols_free(struct kernel_symbols *symbols);

/* In the order of their addresses. They live as long as the symbols. */
size_t kernel_function_count(const struct kernel_symbols *symbols);
void kernel_function(const struct kernel_symbols *symbols, size_t index, struct kernel_function *ret);

/* The last function that begins at or before the address, and how far into it; false: there is none. */
bool kernel_function_at(const struct kernel_symbols *symbols, uint64_t address, struct kernel_function *ret,
                        uint64_t *ret_offset);

#endif
