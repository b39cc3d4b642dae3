/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF half of a tool.
 */
#include "runtime/program.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/core_types.h"
#include "runtime/options.h"
#include "trace/tracefs.h"

/* The first complaint of libbpf, which says most, for the error message; with -v everything it says. */
static char complaint[256];
static bool verbose;

static int take_complaint(enum libbpf_print_level level, const char *format, va_list arguments)
{
	va_list again;

	va_copy(again, arguments);
	if (verbose && level != LIBBPF_DEBUG)
		vfprintf(stderr, format, again);
	va_end(again);
	if (level == LIBBPF_WARN && !complaint[0]) {
		vsnprintf(complaint, sizeof(complaint), format, arguments);
		complaint[strcspn(complaint, "\n")] = 0;
	}
	return 0;
}

static const struct btf_var_secinfo *find_variable(const struct run *run, const char *section, const char *name)
{
	const struct btf *btf = bpf_object__btf(run->object);
	int id = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, id) : NULL;

	for (int i = 0; type && i < btf_vlen(type); i++) {
		const struct btf_var_secinfo *info = btf_var_secinfos(type) + i;

		if (!strcmp(btf__name_by_offset(btf, btf__type_by_id(btf, info->type)->name_off), name))
			return info;
	}
	return NULL;
}

int run_set(struct run *run, const char *variable, const void *value, size_t size, struct error *error)
{
	const struct btf_var_secinfo *info = find_variable(run, ".rodata", variable);
	struct bpf_map *map = run_map(run, ".rodata");
	size_t all;
	char *memory = map ? bpf_map__initial_value(map, &all) : NULL;

	if (!info || !memory)
		return error_set(error, -ENOENT, "the programs have no variable '%s'", variable);
	memcpy(memory + info->offset, value, info->size < size ? info->size : size);
	return 0;
}

const void *run_variable(const struct run *run, const char *variable)
{
	const struct btf_var_secinfo *info = find_variable(run, ".bss", variable);

	return info && run->shared ? (const char *)run->shared + info->offset : NULL;
}

/* The programs' variables, as they are from now on. */
static int share_variables(struct run *run, struct error *error)
{
	struct bpf_map *map = run_map(run, ".bss");
	void *memory;

	if (!map)
		return 0;
	run->shared_size = bpf_map__value_size(map);
	memory = mmap(NULL, run->shared_size, PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);
	if (memory == MAP_FAILED)
		return error_set_errno(error, -errno, "cannot map the programs' variables");
	run->shared = memory;
	return 0;
}

struct bpf_map *run_map(const struct run *run, const char *name)
{
	return bpf_object__find_map_by_name(run->object, name);
}

struct bpf_program *run_program(const struct run *run, const char *name)
{
	return bpf_object__find_program_by_name(run->object, name);
}

uint64_t run_percpu_sum(const struct bpf_map *map, const void *key)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ uint64_t *values = xcalloc(cpus > 0 ? cpus : 1, sizeof(*values));
	uint64_t sum = 0;

	if (bpf_map__lookup_elem(map, key, bpf_map__key_size(map), values, cpus * sizeof(*values), 0))
		return 0;
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	return sum;
}

static int refused(int code, const char *what, struct error *error)
{
	if (geteuid() && (code == -EPERM || code == -EACCES))
		return error_set(error, code, "may not %s: run it as root (%s)", what, strerror(-code));
	return error_set(error, code, "cannot %s: %s", what, complaint[0] ? complaint : strerror(-code));
}

void run_add(struct run *run, struct bpf_link *link)
{
	run->links = xrealloc(run->links, (run->link_count + 1) * sizeof(struct bpf_link *));
	run->links[run->link_count++] = link;
}

int run_keep(struct run *run, struct bpf_link *link, const char *what, struct error *error)
{
	int code = -errno;

	if (!link)
		return refused(code, what, error);
	run_add(run, link);
	return 0;
}

static bool names(const char *words, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = words; (at = strstr(at, name)); at += length)
		if ((at == words || at[-1] == ' ') && (!at[length] || at[length] == ' '))
			return true;
	return false;
}

/* Programs of other ways are left out; those that no way names are always there. */
static void choose_programs(struct run *run, const struct tool_way *chosen)
{
	struct bpf_program *program;

	for (const struct tool_way *way = run->tool->ways; way && way->programs; way++)
		bpf_object__for_each_program (program, run->object)
			if (way != chosen && names(way->programs, bpf_program__name(program)) &&
			    !names(chosen->programs, bpf_program__name(program)))
				bpf_program__set_autoload(program, false);
}

/* "tracepoint/CATEGORY/NAME" */
static int attach_tracepoint(struct run *run, struct bpf_program *program, const char *section, struct error *error)
{
	_cleanup_free_ char *category = xstrdup(strchr(section, '/') + 1);
	char *slash = strchr(category, '/');
	struct bpf_link *link;
	int r;

	*slash = 0;
	r = tracefs_attach(program, category, slash + 1, 0, &link, error);
	if (!r)
		run_add(run, link);
	return r;
}

static struct bpf_link *attach_by_section(struct bpf_program *program)
{
	return bpf_program__type(program) == BPF_PROG_TYPE_TRACING ? bpf_program__attach_trace(program)
	                                                           : bpf_program__attach(program);
}

static int attach_program(struct run *run, struct bpf_program *program, struct error *error)
{
	const char *section = bpf_program__section_name(program);
	char what[128];
	int r;

	snprintf(what, sizeof(what), "attach to %s", section);
	if (strncmp(section, "tracepoint/", strlen("tracepoint/")) != 0)
		r = run_keep(run, attach_by_section(program), what, error);
	else
		r = attach_tracepoint(run, program, section, error);
	/* A system call that this architecture does not have is nothing to look at. */
	if (r == -ENOENT && strstr(section, "tracepoint/syscalls/"))
		return 0;
	if (!r && run->verbose)
		fprintf(stderr, "%s: attached to %s\n", run->tool->name, section);
	return r;
}

static int attach_all(struct run *run, struct error *error)
{
	struct bpf_program *program;
	int r = 0;

	bpf_object__for_each_program (program, run->object) {
		if (!r && bpf_program__autoload(program))
			r = attach_program(run, program, error);
	}
	if (!r && !run->link_count)
		return error_set(error, ERROR_NO_FEATURE, "this kernel has none of the tracepoints that %s needs",
		                 run->tool->name);
	return r;
}

static int open_object(struct run *run, struct error *error)
{
	size_t size;
	const void *bytes = run->tool->object(&size);
	_cleanup_free_ char *types = core_types(bytes, size);
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = run->tool->name, .btf_custom_path = types);

	if (types)
		core_types_number(types);
	run->object = bpf_object__open_mem(bytes, size, &options);
	return run->object ? 0 : refused(-errno, "open the programs", error);
}

/* What the user said is looked at here: no other way would make it right. */
static int open_way(struct run *run, const struct tool_way *way, struct error *error)
{
	int r = open_object(run, error);

	if (r < 0)
		return r;
	choose_programs(run, way);
	r = options_set_variables(run, error);
	return !r && run->tool->prepare ? run->tool->prepare(run, error) : r;
}

static int load_way(struct run *run, struct error *error)
{
	int r = bpf_object__load(run->object);

	if (r < 0)
		return refused(r, "load the programs", error);
	r = share_variables(run, error);
	if (r < 0)
		return r;
	return run->tool->attach ? run->tool->attach(run, error) : attach_all(run, error);
}

static int no_way(const struct run *run, struct error *error)
{
	char tried[192] = "";
	const struct error last = *error;
	size_t length = 0;

	for (const struct tool_way *way = run->tool->ways; way->programs && length < sizeof(tried); way++)
		length += snprintf(tried + length, sizeof(tried) - length, "%s%s", length ? ", or " : "", way->needs);
	return error_set(error, ERROR_NO_FEATURE, "this kernel lacks what %s needs: %s (%s)", run->tool->name, tried,
	                 last.message);
}

int program_load(struct run *run, struct error *error)
{
	const struct tool_way *way = run->tool->ways;
	int r;

	verbose = run->verbose;
	libbpf_set_print(take_complaint);
	for (;;) {
		complaint[0] = 0;
		r = open_way(run, way, error);
		if (r < 0)
			return r;
		r = load_way(run, error);
		if (!r)
			return 0;
		program_unload(run);
		if (!way || geteuid() || r == ERROR_NO_FEATURE)
			return r;
		if (run->verbose)
			fprintf(stderr, "%s: not by %s: %s\n", run->tool->name, way->needs, error->message);
		if (!(++way)->programs)
			return no_way(run, error);
	}
}

void program_detach(struct run *run)
{
	while (run->link_count)
		bpf_link__destroy(run->links[--run->link_count]);
	free(run->links);
	run->links = NULL;
}

void program_unload(struct run *run)
{
	program_detach(run);
	if (run->shared)
		munmap(run->shared, run->shared_size);
	run->shared = NULL;
	bpf_object__close(run->object);
	run->object = NULL;
}
