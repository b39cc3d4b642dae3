/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses as names, for those who use the library. What was read is kept until the process ends.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "trace/pilus.h"
#include "trace/symbols/demangle.h"
#include "trace/symbols/kernel_symbols.h"
#include "trace/symbols/process_symbols.h"
#include "trace/symbols/syscalls.h"
#include "trace/tracefs.h"

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

/* Those without a name are the outer one's. */
static bool has_member(const struct btf *btf, const struct btf_type *type, const char *name)
{
	for (uint16_t i = 0; btf_is_composite(type) && i < btf_vlen(type); i++) {
		const char *member = btf__name_by_offset(btf, btf_members(type)[i].name_off);

		if (*member ? !strcmp(member, name)
		            : has_member(btf, btf__type_by_id(btf, btf_members(type)[i].type), name))
			return true;
	}
	return false;
}

int pilus_kernel_has_member(const char *structure, const char *member)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id = btf ? btf__find_by_name_kind(btf, structure, BTF_KIND_STRUCT) : -ENOENT;
	int r = id < 0 ? -ENOENT : has_member(btf, btf__type_by_id(btf, (uint32_t)id), member);

	btf__free(btf);
	return r;
}

int pilus_trace_folder(void)
{
	return tracefs_folder(NULL);
}
