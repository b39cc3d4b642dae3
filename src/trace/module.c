/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules from beginning to end, and what is known about them.
 */
#include "trace/module.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "trace/cache.h"
#include "trace/compile.h"
#include "trace/lines.h"
#include "trace/table.h"

#define FILE_MAX_BYTES (64 << 20)

/* ── words ── */

const char *pilus_module_error(const struct pilus_module *module)
{
	return module->error.message;
}

const char *pilus_module_details(const struct pilus_module *module)
{
	return module->details ?: "";
}

const char *pilus_module_warnings(const struct pilus_module *module)
{
	return module->warnings ?: "";
}

void module_set_details(struct pilus_module *module, char *details)
{
	free(module->details);
	module->details = details;
}

static void add_warnings(struct pilus_module *module, const char *lines)
{
	char *before = module->warnings;

	module->warnings = xasprintf("%s%s", before ?: "", lines);
	free(before);
}

void module_warn(struct pilus_module *module, const char *format, ...)
{
	_cleanup_free_ char *words = NULL, *line = NULL;
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = vasprintf(&words, format, arguments);
	va_end(arguments);
	if (r < 0)
		words = NULL;
	line = xasprintf("%s\n", words ?: format);
	add_warnings(module, line);
}

/* ── from beginning to end ── */

struct pilus_module *pilus_module_new(void)
{
	struct pilus_module *module = xnew(struct pilus_module);

	module->interrupted = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return module;
}

void pilus_module_free(struct pilus_module *module)
{
	if (!module)
		return;
	for (size_t i = 0; i < module->attachment_count; i++)
		pilus_module_detach(module, i);
	for (size_t i = 0; i < module->program_count; i++) {
		module_unload(&module->programs[i]);
		free(module->programs[i].name);
		free(module->programs[i].probe);
		free(module->programs[i].log);
	}
	streams_close(module);
	lines_close(module->lines);
	cleanup_close(&module->interrupted);
	bpf_object__close(module->object);
	for (size_t i = 0; i < module->flag_count; i++)
		free((char *)module->flags[i]);
	free(module->flags);
	free(module->programs);
	free(module->attachments);
	free(module->bytes);
	free(module->name);
	free(module->text);
	free(module->warnings);
	free(module->details);
	free(module);
}

void pilus_module_add_flag(struct pilus_module *module, const char *flag)
{
	module->flags = xrealloc(module->flags, (module->flag_count + 1) * sizeof(*module->flags));
	module->flags[module->flag_count++] = xstrdup(flag);
}

void pilus_module_set_cache(struct pilus_module *module, bool may)
{
	module->without_cache = !may;
}

void pilus_module_keep_log(struct pilus_module *module, bool keep)
{
	module->keep_log = keep;
}

/* From the cache, or by the compiler and then into the cache. */
static int make_bytes(struct pilus_module *module, const struct compile_source *source, struct compiled *ret)
{
	_cleanup_free_ char *key = module->without_cache ? NULL : cache_key(source);
	char *details = NULL;
	int r;

	module->facts.compiled = true;
	if (key && !cache_get(key, ret)) {
		module->facts.cached = true;
		return 0;
	}
	r = compile(source, ret, &details, &module->error);
	module_set_details(module, details);
	if (!r && key)
		cache_put(key, ret);
	return r;
}

static int open_text(struct pilus_module *module)
{
	_cleanup_(compiled_clear) struct compiled compiled = {};
	struct compile_source source = {module->name, module->text, module->flags, module->flag_count};
	int r = make_bytes(module, &source, &compiled);

	if (r < 0)
		return r;
	add_warnings(module, compiled.warnings);
	module->size = compiled.size;
	module->bytes = TAKE_PTR(compiled.object);
	return 0;
}

static int begin(struct pilus_module *module, const char *name)
{
	if (module->name)
		return error_set(&module->error, -EBUSY, "this module is %s already", module->name);
	module->name = xstrdup(name);
	return 0;
}

static int finish(struct pilus_module *module, uint64_t start, int r)
{
	if (!r)
		r = module_open_object(module, &module->error);
	module->facts.ns = clock_now() - start;
	module->facts.bytes = (uint32_t)module->size;
	return r;
}

int pilus_module_open_text(struct pilus_module *module, const char *name, const char *text)
{
	uint64_t start = clock_now();
	int r = begin(module, name);

	if (r < 0)
		return r;
	module->text = xstrdup(text);
	return finish(module, start, open_text(module));
}

int pilus_module_open_file(struct pilus_module *module, const char *path)
{
	uint64_t start = clock_now();
	const char *ending = strrchr(path, '.');
	int r = begin(module, path);

	if (r < 0)
		return r;
	if (ending && !strcmp(ending, ".c")) {
		r = file_read(path, FILE_MAX_BYTES, &module->text, NULL);
		return r < 0 ? error_set_errno(&module->error, r, "cannot read %s", path)
		             : finish(module, start, open_text(module));
	}
	r = file_read(path, FILE_MAX_BYTES, &module->bytes, &module->size);
	return r < 0 ? error_set_errno(&module->error, r, "cannot read %s", path) : finish(module, start, 0);
}

void pilus_module_compile_facts(const struct pilus_module *module, struct pilus_compile_facts *ret)
{
	*ret = module->facts;
}

/* ── programs ── */

size_t pilus_module_program_count(const struct pilus_module *module)
{
	return module->program_count;
}

const char *pilus_module_program_name(const struct pilus_module *module, size_t program)
{
	return module->programs[program].name;
}

const char *pilus_module_program_probe(const struct pilus_module *module, size_t program)
{
	return module->programs[program].probe;
}

const char *pilus_module_program_log(const struct pilus_module *module, size_t program)
{
	return module->programs[program].log ?: "";
}

struct program *module_find_program(struct pilus_module *module, const char *name, struct error *error)
{
	for (size_t i = 0; i < module->program_count; i++)
		if (!strcmp(module->programs[i].name, name))
			return &module->programs[i];
	error_set(error, -ENOENT, "%s has no program %s", module->name ?: "the module", name);
	return NULL;
}

/* ── lines ── */

/* Does a program call the kernel's own bpf_trace_printk or bpf_trace_vprintk? */
bool module_prints_to_kernel(const struct pilus_module *module)
{
	struct bpf_program *program;

	bpf_object__for_each_program (program, module->object) {
		const struct bpf_insn *instructions = bpf_program__insns(program);

		for (size_t i = 0; i < bpf_program__insn_cnt(program); i++)
			if (instructions[i].code == (BPF_JMP | BPF_CALL) && !instructions[i].src_reg &&
			    (instructions[i].imm == BPF_FUNC_trace_printk ||
			     instructions[i].imm == BPF_FUNC_trace_vprintk))
				return true;
	}
	return false;
}

int module_open_lines(struct pilus_module *module)
{
	const struct bpf_map *map;

	if (module->lines)
		return 0;
	if (!module->object)
		return error_set(&module->error, -EINVAL, "no module is open");
	map = bpf_object__find_map_by_name(module->object, LINES_MAP_NAME);
	return lines_open(map ? bpf_map__fd(map) : -1, module_prints_to_kernel(module), &module->lines, &module->error);
}

int module_poll(struct pilus_module *module, struct pollfd *fds, size_t count, int timeout_ms)
{
	uint64_t times;
	int r;

	fds[count] = (struct pollfd){.fd = module->interrupted, .events = POLLIN};
	r = poll(fds, count + 1, timeout_ms);
	if (r < 0)
		return -errno;
	return fds[count].revents && read(module->interrupted, &times, sizeof(times)) > 0 ? -EINTR : r;
}

void pilus_module_interrupt(const struct pilus_module *module)
{
	static const uint64_t once = 1;
	int before = errno;

	(void)!write(module->interrupted, &once, sizeof(once)); /* EAGAIN: it has been called 2^64 − 2 times */
	errno = before;
}

int pilus_module_next_line(struct pilus_module *module, int timeout_ms, struct pilus_line *ret)
{
	int r = module_open_lines(module);

	while (r >= 0 && !lines_next(module->lines, ret)) {
		struct pollfd fds[LINES_FDS + 1];

		r = module_poll(module, fds, lines_fds(module->lines, fds), timeout_ms);
		if (r <= 0)
			return r;
	}
	return r < 0 ? r : 1;
}

uint64_t pilus_module_lines_lost(const struct pilus_module *module)
{
	return module->lines ? lines_lost(module->lines) : 0;
}
