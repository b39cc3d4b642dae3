/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The symbols of processes: what is mapped where, seen through each process's own root folder, so that those in
 * containers are found, too; files that have been deleted are read where the process still has them.
 */
#ifndef PILUS_TRACE_SYMBOLS_PROCESS_H
#define PILUS_TRACE_SYMBOLS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct process_symbol {
	const char *function; /* mangled or not, as in the file; NULL: not known */
	const char *file;     /* as the process names it: "/usr/lib/libc.so.6", "[vdso]" */
	uint64_t offset;      /* into the function, or else into the file */
};

/* Of many processes at once: each ELF file is read once, however many have mapped it. */
struct process_symbols;

struct process_symbols *process_symbols_new(void);
void process_symbols_free(struct process_symbols *symbols);

/* What is at the address in the process; false: nothing that is known, or the process has gone. What *ret points to
 * lives as long as `symbols`. A process's mappings are read when it is first asked about; process_symbols_forget makes
 * them new. */
bool process_symbol_at(struct process_symbols *symbols, uint32_t pid, uint64_t address, struct process_symbol *ret);
void process_symbols_forget(struct process_symbols *symbols, uint32_t pid);

/*
 * Where a file that people name is: "/bin/bash" as it stands; "bash" in PATH; "c" or "libc.so.6" as a library of the
 * system. With `pid`, as that process sees it, and libraries are those it has mapped; the path returned then leads
 * through /proc. The caller frees *ret.
 */
int program_find(const char *name, uint32_t pid, char **ret, struct error *error);

#endif
