/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be probed in an ELF file: its functions, and its static probes (USDT); and which build it is.
 */
#ifndef PILUS_TRACE_SYMBOLS_ELF_H
#define PILUS_TRACE_SYMBOLS_ELF_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define BUILD_ID_TEXT_MAX 65

struct elf_function {
	const char *name; /* as the linker knows it: C++ names are mangled */
	uint64_t address; /* as linked */
	uint64_t size;    /* 0: not known */
	uint64_t offset;  /* of its first instruction in the file: where a uprobe goes */
};

struct elf_file;

/* Reads the symbols that are there, .symtab or .dynsym; a file without any has none. The path may lead through
 * /proc/PID/root, or be /proc/PID/exe of a file that has been deleted. */
int elf_open(const char *path, struct elf_file **ret, struct error *error);
void elf_close(struct elf_file *file);

/* In the order of their addresses, aliases beside each other. They live as long as the file. */
size_t elf_function_count(const struct elf_file *file);
const struct elf_function *elf_function(const struct elf_file *file, size_t index);

/* NULL: there is none of that name. */
const struct elf_function *elf_find_function(const struct elf_file *file, const char *name);

/* The function around a place in the file, as mappings name it; NULL: none is known. */
const struct elf_function *elf_function_at(const struct elf_file *file, uint64_t offset);

/* In hexadecimal; "" when it has none. */
const char *elf_build_id(const struct elf_file *file);

struct elf_probe {
	const char *provider;
	const char *name;
	const char *arguments; /* "-4@%edi 8@%rsi" */
	uint64_t offset;       /* in the file */
	uint64_t semaphore;    /* its offset in the file, to be counted up while somebody listens; 0: none */
};

/* Calls `each` for every static probe, once for each place. Returns what `each` did when it is not 0. */
int elf_each_probe(struct elf_file *file, int (*each)(void *userdata, const struct elf_probe *probe), void *userdata);

#endif
