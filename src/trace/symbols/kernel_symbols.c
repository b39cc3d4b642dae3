/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's symbols, as one table of addresses and one piece of text.
 */
#include "trace/symbols/kernel_symbols.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define KALLSYMS "/proc/kallsyms"

struct entry {
	uint64_t address;
	uint32_t name;   /* where it is in the text */
	uint32_t module; /* as well; 0: none */
};

struct kernel_symbols {
	struct entry *entries;
	size_t count, room;
	char *text;
	size_t text_size, text_room;
};

void kernel_symbols_free(struct kernel_symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->entries);
	free(symbols->text);
	free(symbols);
}
DEFINE_CLEANUP(struct kernel_symbols *, kernel_symbols_free)

static uint32_t add_text(struct kernel_symbols *symbols, const char *text)
{
	size_t size = strlen(text) + 1, at = symbols->text_size;

	if (at + size > symbols->text_room) {
		symbols->text_room = 2 * (at + size);
		symbols->text = xrealloc(symbols->text, symbols->text_room);
	}
	memcpy(symbols->text + at, text, size);
	symbols->text_size += size;
	return at;
}

static void add(struct kernel_symbols *symbols, uint64_t address, const char *name, const char *module)
{
	const char *last = symbols->count ? symbols->text + symbols->entries[symbols->count - 1].module : "";
	bool same_module = symbols->count && symbols->entries[symbols->count - 1].module && !strcmp(last, module);
	struct entry entry = {.address = address};

	entry.module = same_module ? symbols->entries[symbols->count - 1].module
	               : module[0] ? add_text(symbols, module)
	                           : 0;
	entry.name = add_text(symbols, name);
	if (symbols->count == symbols->room) {
		symbols->room = symbols->room ? 2 * symbols->room : 65536;
		symbols->entries = xrealloc(symbols->entries, symbols->room * sizeof(*symbols->entries));
	}
	symbols->entries[symbols->count++] = entry;
}

/* "ffffffff81000000 T name\t[module]": functions only. */
static void read_line(struct kernel_symbols *symbols, const char *line)
{
	char name[256], module[64] = "";
	uint64_t address;
	char type;

	if (sscanf(line, "%" SCNx64 " %c %255s [%63[^]]", &address, &type, name, module) >= 3 && strchr("tTwW", type))
		add(symbols, address, name, module);
}

static int by_address(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

int kernel_symbols_load(struct kernel_symbols **ret, struct error *error)
{
	_cleanup_(kernel_symbols_freep) struct kernel_symbols *symbols = xnew(struct kernel_symbols);
	_cleanup_fclose_ FILE *file = fopen(KALLSYMS, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!file)
		return error_set_errno(error, -errno, KALLSYMS);
	add_text(symbols, "");
	while (getline(&line, &size, file) > 0)
		read_line(symbols, line);
	qsort(symbols->entries, symbols->count, sizeof(*symbols->entries), by_address);
	if (!symbols->count || !symbols->entries[symbols->count - 1].address)
		return error_set(error, -EACCES,
		                 KALLSYMS " tells no addresses: run it as root (or see kernel.kptr_restrict)");
	*ret = TAKE_PTR(symbols);
	return 0;
}

size_t kernel_function_count(const struct kernel_symbols *symbols)
{
	return symbols->count;
}

void kernel_function(const struct kernel_symbols *symbols, size_t index, struct kernel_function *ret)
{
	const struct entry *entry = &symbols->entries[index];

	ret->address = entry->address;
	ret->name = symbols->text + entry->name;
	ret->module = entry->module ? symbols->text + entry->module : NULL;
}

bool kernel_function_at(const struct kernel_symbols *symbols, uint64_t address, struct kernel_function *ret,
                        uint64_t *ret_offset)
{
	size_t low = 0, high = symbols->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->entries[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return false;
	kernel_function(symbols, low - 1, ret);
	*ret_offset = address - ret->address;
	return true;
}
