/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of probes: tracepoints are folders of tracefs, typed ones and functions stand in the kernel's BTF.
 */
#include "trace/symbols/probe_list.h"

#include <bpf/btf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "trace/symbols/elf_file.h"
#include "trace/symbols/kernel_symbols.h"
#include "trace/symbols/process_symbols.h"
#include "trace/tracefs.h"

#define ARGUMENTS_MAX 64
#define LSM_LIST      "/sys/kernel/security/lsm"
#define LSM_LIST_MAX  4096
#define KPROBE_EVENT  "/sys/bus/event_source/devices/kprobe"

struct search {
	const char *pattern;
	bool with_arguments;
	void (*each)(void *userdata, const struct probe_facts *probe);
	void *userdata;
};

struct arguments {
	char *list[ARGUMENTS_MAX + 1];
	size_t count;
};

static void arguments_clear(struct arguments *arguments)
{
	while (arguments->count)
		free(arguments->list[--arguments->count]);
}

static void cleanup_closedir(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

static void add_argument(struct arguments *arguments, char *declaration)
{
	if (arguments->count < ARGUMENTS_MAX)
		arguments->list[arguments->count++] = declaration;
	else
		free(declaration);
}

static bool matches(const struct search *search, const char *name)
{
	if (!search->pattern[strcspn(search->pattern, "*?[")])
		return strstr(name, search->pattern);
	return !fnmatch(search->pattern, name, 0);
}

static void tell(const struct search *search, const char *name, const struct arguments *arguments)
{
	const struct probe_facts probe = {name, arguments ? (const char *const *)arguments->list : NULL};

	search->each(search->userdata, &probe);
}

/* ── tracepoints ── */

/* "	field:const char * filename;	offset:16; …" */
static void read_format(const char *category, const char *name, struct arguments *arguments)
{
	_cleanup_free_ char *path = xasprintf("events/%s/%s/format", category, name);
	_cleanup_free_ char *format = NULL;
	char *rest, *line;

	if (tracefs_read(path, &format, NULL))
		return;
	rest = format;
	while ((line = strsep(&rest, "\n"))) {
		const char *field = strstr(line, "\tfield:");

		if (field && !strstr(field, " common_"))
			add_argument(arguments,
			             strndup(field + strlen("\tfield:"), strcspn(field + strlen("\tfield:"), ";")));
	}
}

static void list_category(const struct search *search, int events, const char *category)
{
	int fd = openat(events, category, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(cleanup_closedir) DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		_cleanup_free_ char *name = xasprintf("tracepoint:%s:%s", category, entry->d_name);
		_cleanup_(arguments_clear) struct arguments arguments = {};

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || !matches(search, name))
			continue;
		if (search->with_arguments)
			read_format(category, entry->d_name, &arguments);
		tell(search, name, search->with_arguments ? &arguments : NULL);
	}
}

static int list_tracepoints(const struct search *search, struct error *error)
{
	int tracefs = tracefs_folder(error);
	int events = tracefs < 0 ? -1 : openat(tracefs, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(cleanup_closedir) DIR *folder = events < 0 ? NULL : fdopendir(events);
	struct dirent *entry;

	if (tracefs < 0)
		return tracefs;
	while (folder && (entry = readdir(folder)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			list_category(search, dirfd(folder), entry->d_name);
	return 0;
}

/* ── what stands in BTF ── */

static void print_to(void *out, const char *format, va_list arguments)
{
	vfprintf(out, format, arguments);
}

/* "struct task_struct *task" */
static char *declaration(const struct btf *btf, struct btf_dump *dump, FILE *out, char *const *text,
                         const struct btf_param *parameter)
{
	LIBBPF_OPTS(btf_dump_emit_type_decl_opts, options, .field_name = btf__name_by_offset(btf, parameter->name_off));

	if (fseeko(out, 0, SEEK_SET) || btf_dump__emit_type_decl(dump, parameter->type, &options))
		return xstrdup("?");
	fputc(0, out);
	fflush(out);
	return xstrdup(*text);
}

/* Of a function's type, without its first `skip` parameters. */
static void read_parameters(const struct btf *btf, const struct btf_type *function, int skip,
                            struct arguments *arguments)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct btf_dump *dump = out ? btf_dump__new(btf, print_to, out, NULL) : NULL;

	for (int i = skip; dump && i < btf_vlen(function); i++)
		add_argument(arguments, declaration(btf, dump, out, &text, btf_params(function) + i));
	btf_dump__free(dump);
	if (out)
		fclose(out);
}

static void tell_typed(const struct search *search, const struct btf *btf, const char *kind, const char *name,
                       const struct btf_type *function, int skip)
{
	_cleanup_free_ char *full = xasprintf("%s:%s", kind, name);
	_cleanup_(arguments_clear) struct arguments arguments = {};

	if (!matches(search, full))
		return;
	if (search->with_arguments)
		read_parameters(btf, function, skip, &arguments);
	tell(search, full, search->with_arguments ? &arguments : NULL);
}

/* typedef void (*btf_trace_NAME)(void *, …): a tracepoint's function. */
static void list_typedef(const struct search *search, const struct btf *btf, const struct btf_type *type,
                         const char *name)
{
	const struct btf_type *pointer = btf__type_by_id(btf, type->type);
	const struct btf_type *function = pointer ? btf__type_by_id(btf, pointer->type) : NULL;

	if (strncmp(name, "btf_trace_", 10) || !function || !btf_is_func_proto(function))
		return;
	tell_typed(search, btf, "raw_tracepoint", name + 10, function, 1);
	tell_typed(search, btf, "tp_btf", name + 10, function, 1);
}

/* What the kernel can do with its functions. */
struct abilities {
	bool trampolines, lsm;
};

static void list_function(const struct search *search, const struct btf *btf, const struct btf_type *type,
                          const char *name, const struct abilities *able)
{
	const struct btf_type *function = btf__type_by_id(btf, type->type);

	if (!strncmp(name, "bpf_lsm_", 8) && able->lsm)
		tell_typed(search, btf, "lsm", name + 8, function, 0);
	else if (!strncmp(name, "bpf_iter_", 9))
		tell_typed(search, btf, "iter", name + 9, function, 0);
	else if (able->trampolines) {
		tell_typed(search, btf, "fentry", name, function, 0);
		tell_typed(search, btf, "fexit", name, function, 0);
	}
}

static bool has_lsm(void)
{
	_cleanup_free_ char *list = NULL;

	return !file_read(LSM_LIST, LSM_LIST_MAX, &list, NULL) && strstr(list, "bpf");
}

static int list_btf(const struct search *search, struct error *error)
{
	_cleanup_free_ char *functions = NULL;
	struct btf *btf = btf__load_vmlinux_btf();
	const struct abilities able = {
		/* Trampolines need the places that the function tracer has, too. */
		.trampolines = !tracefs_read("available_filter_functions", &functions, NULL) && functions[0],
		.lsm = has_lsm(),
	};

	if (!btf)
		return error_set_errno(error, -errno, "cannot read the kernel's types, /sys/kernel/btf/vmlinux");
	for (__u32 id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		const char *name = btf__name_by_offset(btf, type->name_off);

		if (btf_is_typedef(type))
			list_typedef(search, btf, type, name);
		else if (btf_is_func(type))
			list_function(search, btf, type, name, &able);
	}
	btf__free(btf);
	return 0;
}

/* ── functions of the kernel, and of programs ── */

static int list_kprobes(const struct search *search, struct error *error)
{
	struct kernel_symbols *symbols;
	struct kernel_function function;
	int r = access(KPROBE_EVENT, F_OK) ? 1 : kernel_symbols_load(&symbols, error);

	if (r)
		return r < 0 ? r : 0;
	for (size_t i = 0; i < kernel_function_count(symbols); i++) {
		_cleanup_free_ char *name = NULL;

		kernel_function(symbols, i, &function);
		name = xasprintf("kprobe:%s", function.name);
		if (matches(search, name))
			tell(search, name, NULL);
	}
	kernel_symbols_free(symbols);
	return 0;
}

struct file_search {
	const struct search *search;
	const char *path;
};

static int tell_static_probe(void *userdata, const struct elf_probe *probe)
{
	const struct file_search *file = userdata;
	_cleanup_free_ char *name = xasprintf("usdt:%s:%s:%s", file->path, probe->provider, probe->name);
	_cleanup_(arguments_clear) struct arguments arguments = {};

	if (!matches(file->search, name))
		return 0;
	if (probe->arguments[0])
		add_argument(&arguments, xstrdup(probe->arguments));
	tell(file->search, name, file->search->with_arguments ? &arguments : NULL);
	return 0;
}

static void list_functions(const struct search *search, const char *path, const struct elf_file *elf)
{
	for (size_t i = 0; i < elf_function_count(elf); i++) {
		_cleanup_free_ char *name = xasprintf("uprobe:%s:%s", path, elf_function(elf, i)->name);

		if (matches(search, name))
			tell(search, name, NULL);
	}
}

/* "uprobe:FILE:PATTERN", "usdt:FILE:PATTERN"; a pattern that is none of the two names no file. */
static int list_file(const struct search *search, bool *ret_is_file, struct error *error)
{
	bool functions = !strncmp(search->pattern, "uprobe:", 7), static_probes = !strncmp(search->pattern, "usdt:", 5);
	_cleanup_free_ char *path = xstrdup(strchr(search->pattern, ':') ? strchr(search->pattern, ':') + 1 : "");
	const struct file_search file = {search, path};
	struct elf_file *elf;
	int r;

	*ret_is_file = functions || static_probes;
	if (!*ret_is_file)
		return 0;
	path[strcspn(path, ":")] = 0;
	r = elf_open(path, &elf, error);
	if (r < 0)
		return r;
	if (functions)
		list_functions(search, path, elf);
	else
		(void)elf_each_probe(elf, tell_static_probe, (void *)&file);
	elf_close(elf);
	return 0;
}

int probe_list(const char *pattern, bool with_arguments, void (*each)(void *userdata, const struct probe_facts *probe),
               void *userdata, struct error *error)
{
	static int (*const LISTS[])(const struct search *, struct error *) = {list_tracepoints, list_btf, list_kprobes};
	const struct search search = {pattern, with_arguments, each, userdata};
	bool is_file;
	int r = list_file(&search, &is_file, error);

	for (size_t i = 0; !r && !is_file && i < sizeof(LISTS) / sizeof(*LISTS); i++)
		r = LISTS[i](&search, error);
	return r;
}
