/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The symbols of processes.
 */
#include "trace/symbols/process_symbols.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <uthash.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/symbols/elf_file.h"

/* An ELF file, by what it is and not by what it is called. */
struct file {
	dev_t device;
	ino_t inode;
	struct elf_file *elf; /* NULL: cannot be read */
	struct file *next;
};

struct mapping {
	uint64_t start, end, offset;
	char *path;
	struct file *file; /* NULL: not looked for yet */
};

struct process {
	uint32_t pid;
	struct mapping *mappings; /* that can be executed, in order */
	size_t count;
	UT_hash_handle hh;
};

struct process_symbols {
	struct file *files;
	struct process *processes;
};

struct process_symbols *process_symbols_new(void)
{
	return xnew(struct process_symbols);
}

static void process_free(struct process_symbols *symbols, struct process *process)
{
	HASH_DEL(symbols->processes, process);
	for (size_t i = 0; i < process->count; i++)
		free(process->mappings[i].path);
	free(process->mappings);
	free(process);
}

void process_symbols_free(struct process_symbols *symbols)
{
	struct process *process, *next_process;
	struct file *file, *next_file;

	if (!symbols)
		return;
	HASH_ITER (hh, symbols->processes, process, next_process)
		process_free(symbols, process);
	for (file = symbols->files; file; file = next_file) {
		next_file = file->next;
		elf_close(file->elf);
		free(file);
	}
	free(symbols);
}

static struct process *find_process(struct process_symbols *symbols, uint32_t pid)
{
	struct process *process;

	HASH_FIND(hh, symbols->processes, &pid, sizeof(pid), process);
	return process;
}

void process_symbols_forget(struct process_symbols *symbols, uint32_t pid)
{
	struct process *process = find_process(symbols, pid);

	if (process)
		process_free(symbols, process);
}

/* "start-end r-xp offset device inode   path" */
static void read_mapping(struct process *process, const char *line)
{
	struct mapping mapping = {};
	char permissions[8];
	int path = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %n", &mapping.start, &mapping.end,
	           permissions, &mapping.offset, &path) < 4 ||
	    permissions[2] != 'x')
		return;
	mapping.path = xstrdup(line + path);
	mapping.path[strcspn(mapping.path, "\n")] = 0;
	process->mappings = xrealloc(process->mappings, (process->count + 1) * sizeof(*process->mappings));
	process->mappings[process->count++] = mapping;
}

static struct process *read_process(struct process_symbols *symbols, uint32_t pid)
{
	struct process *process = xnew(struct process);
	_cleanup_free_ char *path = xasprintf("/proc/%u/maps", pid);
	_cleanup_fclose_ FILE *maps = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (maps && getline(&line, &size, maps) > 0)
		read_mapping(process, line);
	process->pid = pid;
	HASH_ADD(hh, symbols->processes, pid, sizeof(pid), process);
	return process;
}

/* The kernel keeps what is mapped at hand here, also when the name is gone or means something else by now. */
static char *mapped_path(uint32_t pid, const struct mapping *mapping)
{
	return xasprintf("/proc/%u/map_files/%" PRIx64 "-%" PRIx64, pid, mapping->start, mapping->end);
}

static struct file *read_file(struct process_symbols *symbols, uint32_t pid, const struct mapping *mapping)
{
	_cleanup_free_ char *path = mapped_path(pid, mapping);
	struct stat status = {};
	struct file *file;

	(void)stat(path, &status);
	for (file = symbols->files; file; file = file->next)
		if (file->device == status.st_dev && file->inode == status.st_ino)
			return file;
	file = xnew(struct file);
	*file = (struct file){.device = status.st_dev, .inode = status.st_ino, .next = symbols->files};
	if (file->inode)
		(void)elf_open(path, &file->elf, NULL);
	symbols->files = file;
	return file;
}

static struct mapping *find_mapping(const struct process *process, uint64_t address)
{
	for (size_t i = 0; i < process->count; i++)
		if (address >= process->mappings[i].start && address < process->mappings[i].end)
			return &process->mappings[i];
	return NULL;
}

bool process_symbol_at(struct process_symbols *symbols, uint32_t pid, uint64_t address, struct process_symbol *ret)
{
	struct process *process = find_process(symbols, pid);
	const struct elf_function *function = NULL;
	struct mapping *mapping;
	uint64_t offset;

	if (!process)
		process = read_process(symbols, pid);
	mapping = find_mapping(process, address);
	if (!mapping)
		return false;
	if (!mapping->file)
		mapping->file = read_file(symbols, pid, mapping);
	offset = address - mapping->start + mapping->offset;
	if (mapping->file->elf)
		function = elf_function_at(mapping->file->elf, offset);
	ret->function = function ? function->name : NULL;
	ret->file = mapping->path;
	ret->offset = function ? offset - function->offset : offset;
	return true;
}
