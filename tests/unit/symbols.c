/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What symbols say of this very program.
 */
#include "trace/symbols/process_symbols.h"

#include "unit.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "trace/symbols/demangle.h"
#include "trace/symbols/elf_file.h"

/* Not static: it is looked for. */
int looked_for(int number);

__attribute__((noinline)) int looked_for(int number)
{
	return number + 1;
}

static void names_are_demangled(void **state)
{
	static const char *const PLAIN[] = {"main", "", "_Z", "_Zno"};

	for (size_t i = 0; i < sizeof(PLAIN) / sizeof(*PLAIN); i++) {
		_cleanup_free_ char *name = demangle(PLAIN[i]);

		assert_string_equal(name, PLAIN[i]);
	}
}

static void a_file_has_its_functions(void **state)
{
	struct elf_file *file;
	const struct elf_function *function;

	assert_int_equal(elf_open("/proc/self/exe", &file, NULL), 0);
	function = elf_find_function(file, "looked_for");
	assert_non_null(function);
	assert_ptr_equal(elf_function_at(file, function->offset), function);
	assert_ptr_equal(elf_function_at(file, function->offset + function->size - 1), function);
	assert_null(elf_find_function(file, "no_such_function"));
	assert_null(elf_function_at(file, UINT64_MAX));
	for (size_t i = 1; i < elf_function_count(file); i++)
		assert_true(elf_function(file, i - 1)->address <= elf_function(file, i)->address);
	elf_close(file);
}

static void a_process_knows_its_own(void **state)
{
	struct process_symbols *symbols = process_symbols_new();
	uint64_t address = (uint64_t)(uintptr_t)looked_for;
	struct process_symbol symbol;

	/* /proc/PID/map_files is root's alone. */
	if (geteuid()) {
		process_symbols_free(symbols);
		skip();
	}
	assert_true(process_symbol_at(symbols, getpid(), address + 1, &symbol));
	assert_string_equal(symbol.function, "looked_for");
	assert_int_equal(symbol.offset, 1);
	assert_false(process_symbol_at(symbols, getpid(), 1, &symbol));
	process_symbols_forget(symbols, getpid());
	assert_true(process_symbol_at(symbols, getpid(), address, &symbol));
	process_symbols_free(symbols);
}

static void what_is_no_file_is_refused(void **state)
{
	struct error error = {};
	struct elf_file *file;
	char *path;

	assert_int_equal(elf_open("/etc/passwd", &file, &error), -ENOEXEC);
	assert_string_equal(error.message, "/etc/passwd is no ELF file");
	assert_int_equal(elf_open("/no/such", &file, &error), -ENOENT);
	assert_int_equal(program_find("no-such-program", 0, &path, &error), -ENOENT);
}

/* A copy of this program, whose sections say that they are large and not in the file. */
static void write_liar(const char *path)
{
	_cleanup_free_ char *bytes = NULL;
	size_t size;
	Elf64_Ehdr *header;
	Elf64_Shdr *sections;

	assert_int_equal(file_read("/proc/self/exe", 64 << 20, &bytes, &size), 0);
	header = (Elf64_Ehdr *)bytes;
	sections = (Elf64_Shdr *)(bytes + header->e_shoff);
	for (int i = 0; i < header->e_shnum; i++)
		if (sections[i].sh_type == SHT_SYMTAB || sections[i].sh_type == SHT_DYNSYM ||
		    sections[i].sh_type == SHT_NOTE) {
			sections[i].sh_type = SHT_NOBITS;
			sections[i].sh_size = 1UL << 40;
			sections[i].sh_entsize = 1;
		}
	assert_int_equal(file_write_atomic(path, bytes, size, 0600), 0);
}

static int no_probe(void *userdata, const struct elf_probe *probe)
{
	return -EEXIST;
}

static void what_a_file_says_is_not_believed(void **state)
{
	char folder[] = "/tmp/pilus-unit-XXXXXX";
	_cleanup_free_ char *path = NULL, *fifo = NULL;
	struct elf_file *file;

	assert_non_null(mkdtemp(folder));
	path = xasprintf("%s/liar", folder);
	fifo = xasprintf("%s/fifo", folder);
	write_liar(path);
	assert_int_equal(elf_open(path, &file, NULL), 0);
	assert_int_equal(elf_function_count(file), 0);
	assert_int_equal(elf_each_probe(file, no_probe, NULL), 0);
	elf_close(file);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(elf_open(fifo, &file, NULL), -ENOEXEC);
	assert_int_equal(unlink(path) || unlink(fifo) || rmdir(folder), 0);
}

static void libraries_are_found_by_short_names(void **state)
{
	static const char *const NAMES[] = {"c", "libc", "libc.so.6"};

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
		_cleanup_free_ char *path = NULL;

		assert_int_equal(program_find(NAMES[i], getpid(), &path, NULL), 0);
		assert_non_null(strstr(path, "/proc/"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_demangled),
		cmocka_unit_test(a_file_has_its_functions),
		cmocka_unit_test(a_process_knows_its_own),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(what_a_file_says_is_not_believed),
		cmocka_unit_test(libraries_are_found_by_short_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
