/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A module's object and its programs in the kernel: module.h says why there are several objects.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "trace/dialect.h"
#include "trace/explain.h"
#include "trace/module.h"

#define LOG_STATISTICS 4
#define LOG_STEPS      1
/* The first is enough for numbers; the second for the steps of any program. */
#define STATISTICS_MAX_BYTES 4096
#define STEPS_MAX_BYTES      (16 << 20)

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

/* ── tables ── */

/* Each program's own. libbpf fills those of USDT for each object by itself. */
static bool is_shared(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);

	return strcmp(name, TRACE_CONTEXT_SECTION) != 0 && !starts_with(name, "__bpf_usdt_");
}

/* Says types to whoever reads BTF, and holds nothing. */
static bool is_description(const struct bpf_map *map)
{
	return !strcmp(bpf_map__name(map), ".rodata.pilus_types");
}

static int log_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char text[1024];

	if (level == LIBBPF_DEBUG)
		return 0;
	/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral) */
	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = 0;
	log_debug("%s", text);
	return 0;
}

static struct bpf_object *open_bytes(const struct pilus_module *module)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "pilus");

	libbpf_set_print(log_libbpf);
	return bpf_object__open_mem(module->bytes, module->size, &options);
}

static void read_context(struct pilus_module *module)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(module->object, TRACE_CONTEXT_SECTION);
	const uint32_t *context = map ? bpf_map__initial_value((struct bpf_map *)map, &(size_t){0}) : NULL;

	module->is_dialect = context;
	module->takes_registers_apart = context && *context == TRACE_CONTEXT_REGISTERS_APART;
}

static void read_programs(struct pilus_module *module)
{
	struct bpf_program *program;

	bpf_object__for_each_program (program, module->object) {
		const char *section = bpf_program__section_name(program), *name = bpf_program__name(program);

		module->programs = xrealloc(module->programs, (module->program_count + 1) * sizeof(*module->programs));
		module->programs[module->program_count++] = (struct program){
			.name = xstrdup(name),
			.probe = probe_of_program(section, name),
			.wants_arguments_at_exit = !strcmp(section, DIALECT_SECTION_ARGUMENTS_AT_EXIT),
			.facts.instructions = (uint32_t)bpf_program__insn_cnt(program),
		};
		module->facts.instructions += (uint32_t)bpf_program__insn_cnt(program);
	}
}

int module_open_object(struct pilus_module *module, struct error *error)
{
	struct bpf_program *program;
	struct bpf_map *map;
	int r;

	module->object = open_bytes(module);
	if (!module->object)
		return error_set(error, -EINVAL, "%s is no BPF object", module->name);
	read_context(module);
	read_programs(module);
	bpf_object__for_each_program (program, module->object)
		bpf_program__set_autoload(program, false);
	bpf_object__for_each_map (map, module->object)
		if (!is_shared(map) || is_description(map))
			bpf_map__set_autocreate(map, false);
	r = bpf_object__load(module->object);
	if (r == -EPERM || r == -EACCES)
		return error_set(error, r,
		                 "tables and programs need root, or the capabilities BPF and PERFMON: try sudo");
	return r ? error_set_errno(error, r, "%s: the kernel refused its tables", module->name) : 0;
}

/* ── one program ── */

static int share_tables(const struct pilus_module *module, struct bpf_object *object, enum trace_context context)
{
	struct bpf_map *map;
	int r = 0;

	bpf_object__for_each_map (map, object) {
		const struct bpf_map *shared = bpf_object__find_map_by_name(module->object, bpf_map__name(map));

		if (is_description(map))
			r = bpf_map__set_autocreate(map, false);
		else if (is_shared(map))
			r = bpf_map__reuse_fd(map, bpf_map__fd(shared));
		else if (!strcmp(bpf_map__name(map), TRACE_CONTEXT_SECTION))
			r = bpf_map__set_initial_value(map, &(uint32_t){context}, sizeof(uint32_t));
		if (r)
			return r;
	}
	return 0;
}

static int choose_type(struct bpf_program *program, const struct load_kind *kind)
{
	int r = 0;

	if (kind->type == BPF_PROG_TYPE_UNSPEC)
		return 0;
	if (bpf_program__type(program) != kind->type)
		r = bpf_program__set_type(program, kind->type);
	if (!r)
		r = bpf_program__set_expected_attach_type(program, kind->attach_type);
	if (!r && kind->target)
		r = bpf_program__set_attach_target(program, 0, kind->target);
	return r;
}

static void read_statistics(const char *log, struct pilus_program_facts *facts)
{
	const char *at = strstr(log, "processed ");

	if (at)
		sscanf(at, "processed %u insns (limit %*u) max_states_per_insn %*u total_states %u peak_states %u",
		       &facts->processed, &facts->states, &facts->peak_states);
	at = strstr(log, "verification time ");
	if (at)
		facts->verify_ns = strtoull(at + strlen("verification time "), NULL, 10) * 1000;
	at = strstr(log, "stack depth ");
	if (at)
		facts->stack_bytes = (uint32_t)strtoul(at + strlen("stack depth "), NULL, 10);
}

static void read_info(int fd, struct pilus_program_facts *facts)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_prog_get_info_by_fd(fd, &info, &size))
		return;
	facts->jited_bytes = info.jited_prog_len;
	facts->id = info.id;
	facts->run_count = info.run_cnt;
	facts->run_ns = info.run_time_ns;
}

/* One attempt with a log of that level, which the caller frees. */
static int try_load(const struct pilus_module *module, const struct program *program, const struct load_kind *kind,
                    uint32_t level, struct loaded *ret, char **ret_log)
{
	size_t size = level & LOG_STEPS ? STEPS_MAX_BYTES : STATISTICS_MAX_BYTES;
	struct bpf_program *each;
	int r;

	ret->object = open_bytes(module);
	if (!ret->object)
		return -EINVAL;
	*ret_log = xcalloc(1, size);
	bpf_object__for_each_program (each, ret->object)
		bpf_program__set_autoload(each, !strcmp(bpf_program__name(each), program->name));
	ret->program = bpf_object__find_program_by_name(ret->object, program->name);
	bpf_program__set_log_buf(ret->program, *ret_log, size);
	bpf_program__set_log_level(ret->program, level);
	r = choose_type(ret->program, kind);
	if (!r)
		r = share_tables(module, ret->object, kind->context);
	if (!r)
		r = bpf_object__load(ret->object);
	if (r) {
		bpf_object__close(ret->object);
		ret->object = NULL;
	}
	return r;
}

static void loaded_free(struct loaded *loaded)
{
	if (loaded->object)
		bpf_object__close(loaded->object);
	free(loaded->target);
	free(loaded);
}
DEFINE_CLEANUP(struct loaded *, loaded_free)

static int load(struct pilus_module *module, struct program *program, const struct load_kind *kind,
                struct loaded *loaded, struct error *error)
{
	_cleanup_free_ char *log = NULL;
	uint64_t start = clock_now();
	int r = try_load(module, program, kind, LOG_STATISTICS | (module->keep_log ? LOG_STEPS : 0), loaded, &log);

	program->facts.load_ns = clock_now() - start;
	if (r) {
		free(TAKE_PTR(log));
		r = try_load(module, program, kind, LOG_STEPS, loaded, &log);
	}
	if (r == -ESRCH && kind->target)
		return error_set(error, -ENOENT, "the kernel has no function %s", kind->target);
	if (r) {
		module_set_details(module, explain(module->name, module->text, program->name, r, log ?: "", error));
		return r;
	}
	read_statistics(log, &program->facts);
	read_info(bpf_program__fd(loaded->program), &program->facts);
	free(program->log);
	program->log = TAKE_PTR(log);
	return 0;
}

static bool is_same(const struct load_kind *a, const struct load_kind *b)
{
	return a->type == b->type && a->attach_type == b->attach_type && a->context == b->context &&
	       !strcmp(a->target ?: "", b->target ?: "");
}

int module_load(struct pilus_module *module, struct program *program, const struct load_kind *kind,
                struct bpf_program **ret, struct error *error)
{
	_cleanup_(loaded_freep) struct loaded *loaded = NULL;
	int r;

	for (struct loaded *each = program->loaded; each; each = each->next)
		if (is_same(&each->kind, kind)) {
			*ret = each->program;
			return 0;
		}
	loaded = xnew(struct loaded);
	loaded->kind = *kind;
	loaded->target = kind->target ? xstrdup(kind->target) : NULL;
	loaded->kind.target = loaded->target;
	r = load(module, program, kind, loaded, error);
	if (r < 0)
		return r;
	*ret = loaded->program;
	loaded->next = program->loaded;
	program->loaded = TAKE_PTR(loaded);
	return 0;
}

void module_unload(struct program *program)
{
	while (program->loaded) {
		struct loaded *next = program->loaded->next;

		loaded_free(program->loaded);
		program->loaded = next;
	}
}

void pilus_module_program_facts(const struct pilus_module *module, size_t program, struct pilus_program_facts *ret)
{
	const struct program *of = &module->programs[program];

	*ret = of->facts;
	if (of->loaded)
		read_info(bpf_program__fd(of->loaded->program), ret);
}
