/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses as names, for those who use the library. What was read is kept until the process ends.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "trace/pilus.h"
#include "trace/symbols/demangle.h"
#include "trace/symbols/kernel_symbols.h"
#include "trace/symbols/process_symbols.h"
#include "trace/symbols/syscalls.h"

static char *kernel_symbol(uint64_t address, uint64_t *ret_offset, char *ret_file, size_t size)
{
	static struct kernel_symbols *symbols;
	struct kernel_function function;

	if (!symbols && kernel_symbols_load(&symbols, NULL))
		return xstrdup("");
	if (!kernel_function_at(symbols, address, &function, ret_offset))
		return xstrdup("");
	snprintf(ret_file, size, "%s", function.module ?: "kernel");
	return xstrdup(function.name);
}

static char *process_symbol(uint32_t pid, uint64_t address, uint64_t *ret_offset, char *ret_file, size_t size)
{
	static struct process_symbols *symbols;
	struct process_symbol symbol;

	if (!symbols)
		symbols = process_symbols_new();
	if (!process_symbol_at(symbols, pid, address, &symbol))
		return xstrdup("");
	snprintf(ret_file, size, "%s", symbol.file ?: "");
	*ret_offset = symbol.offset;
	return symbol.function ? demangle(symbol.function) : xstrdup("");
}

char *pilus_symbol(uint32_t pid, uint64_t address, uint64_t *ret_offset, char *ret_file, size_t size)
{
	uint64_t offset = 0;
	char file[256] = "";
	char *name = pid ? process_symbol(pid, address, &offset, file, sizeof(file))
	                 : kernel_symbol(address, &offset, file, sizeof(file));

	if (ret_offset)
		*ret_offset = offset;
	if (ret_file)
		snprintf(ret_file, size, "%s", file);
	return name;
}

const char *pilus_syscall_name(uint32_t number)
{
	return syscall_name(number);
}
