/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uprobe, uretprobe: functions of programs and libraries; usdt: the probes that their authors have put there. The file
 * is a path, a program's name ("bash"), or a library's ("c", "libssl"). With * or ? in its symbol, many by one link
 * (uprobe.multi).
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/provider.h"
#include "trace/symbols/elf_file.h"
#include "trace/symbols/process_symbols.h"

DEFINE_CLEANUP(struct elf_file *, elf_close)

/* Many places by one link, for which the program must be loaded. A folder is no program, so a kernel that can says
 * EBADF. */
static bool kernel_has_uprobe_multi(void)
{
	const struct bpf_insn instructions[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, load, .expected_attach_type = BPF_TRACE_UPROBE_MULTI);
	LIBBPF_OPTS(bpf_link_create_opts, create, .uprobe_multi.path = "/", .uprobe_multi.cnt = 1,
	            .uprobe_multi.offsets = &(const unsigned long){0});
	_cleanup_close_ int program = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", instructions, 2, &load);
	_cleanup_close_ int link = program < 0 ? -1 : bpf_link_create(program, -1, BPF_TRACE_UPROBE_MULTI, &create);

	return program >= 0 && link == -EBADF;
}

/* ── uprobe, uretprobe ── */

static int check(const char *target, struct error *error)
{
	_cleanup_free_ char *path = NULL, *symbol = NULL;

	if (split_last(target, &path, &symbol))
		return error_set(error, -EINVAL, "%s: a uprobe is PATH:SYMBOL, as /bin/bash:readline", target);
	return 0;
}

static bool is_pattern(const char *symbol)
{
	return strpbrk(symbol, "*?");
}

static void choose_kind(const struct probe *probe, struct load_kind *kind)
{
	if (is_pattern(strrchr(probe->target, ':') + 1) && kernel_has_uprobe_multi())
		kind->attach_type = BPF_TRACE_UPROBE_MULTI;
}

static struct bpf_link *attach_one(const char *path, char *symbol, bool at_return, int pid, struct bpf_program *program)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .retprobe = at_return, .func_name = symbol);
	LIBBPF_OPTS(bpf_uprobe_multi_opts, multi, .retprobe = at_return);
	unsigned long offset;

	if (is_pattern(symbol))
		return bpf_program__attach_uprobe_multi(program, pid, path, symbol, &multi);
	offset = cut_offset(symbol);
	if (strncmp(symbol, "0x", 2) != 0)
		return bpf_program__attach_uprobe_opts(program, pid, path, offset, &options);
	options.func_name = NULL;
	return bpf_program__attach_uprobe_opts(program, pid, path, strtoul(symbol, NULL, 16) + offset, &options);
}

/* One by one, as before kernel 6.6. Of names for the same place one is enough. */
static int attach_each(const struct probe *probe, const char *path, const char *pattern, bool at_return,
                       struct bpf_program *program, struct links *links, struct error *error)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .retprobe = at_return);
	_cleanup_(elf_closep) struct elf_file *file = NULL;
	const struct elf_function *last = NULL;
	int r = elf_open(path, &file, error);

	for (size_t i = 0; !r && i < elf_function_count(file); i++) {
		const struct elf_function *function = elf_function(file, i);

		if (fnmatch(pattern, function->name, 0) != 0 || (last && last->offset == function->offset))
			continue;
		r = links_take(
			links,
			bpf_program__attach_uprobe_opts(program, probe->pid ?: -1, path, function->offset, &options),
			probe, error);
		last = function;
	}
	if (!r && !last)
		return error_set(error, -ENOENT, "%s has no function %s (or its symbols were stripped)", path, pattern);
	return r;
}

static int attach(const struct probe *probe, bool at_return, struct bpf_program *program, struct links *links,
                  struct error *error)
{
	_cleanup_free_ char *name = NULL, *symbol = NULL, *path = NULL;
	struct bpf_link *link;
	int r;

	split_last(probe->target, &name, &symbol);
	r = program_find(name, (uint32_t)probe->pid, &path, error);
	if (r < 0)
		return r;
	if (is_pattern(symbol) && !kernel_has_uprobe_multi())
		return attach_each(probe, path, symbol, at_return, program, links, error);
	link = attach_one(path, symbol, at_return, probe->pid ?: -1, program);
	if (!link && (errno == ENOENT || errno == ESRCH))
		return error_set(error, -ENOENT, "%s has no function %s (or its symbols were stripped)", path, symbol);
	return links_take(links, link, probe, error);
}

static int attach_entry(const struct probe *probe, struct bpf_program *program, struct links *links,
                        struct error *error)
{
	return attach(probe, false, program, links, error);
}

static int attach_return(const struct probe *probe, struct bpf_program *program, struct links *links,
                         struct error *error)
{
	return attach(probe, true, program, links, error);
}

/* ── usdt ── */

static int check_usdt(const char *target, struct error *error)
{
	_cleanup_free_ char *rest = NULL, *path = NULL, *provider = NULL, *name = NULL;

	if (split_last(target, &rest, &name) || split_last(rest, &path, &provider))
		return error_set(error, -EINVAL, "%s: a USDT probe is PATH:PROVIDER:NAME", target);
	return 0;
}

/* libbpf uses one link where the kernel can, but chooses the kind itself only for programs in a section of its own. */
static void choose_usdt(const struct probe *probe, struct load_kind *kind)
{
	if (kernel_has_uprobe_multi())
		kind->attach_type = BPF_TRACE_UPROBE_MULTI;
}

static int attach_usdt(const struct probe *probe, struct bpf_program *program, struct links *links, struct error *error)
{
	_cleanup_free_ char *rest = NULL, *file = NULL, *provider = NULL, *name = NULL, *path = NULL;
	struct bpf_link *link;
	int r;

	split_last(probe->target, &rest, &name);
	split_last(rest, &file, &provider);
	r = program_find(file, (uint32_t)probe->pid, &path, error);
	if (r < 0)
		return r;
	link = bpf_program__attach_usdt(program, probe->pid ?: -1, path, provider, name, NULL);
	if (!link && (errno == ENOENT || errno == ESRCH))
		return error_set(error, -ENOENT, "%s has no USDT probe %s:%s", path, provider, name);
	return links_take(links, link, probe, error);
}

const struct provider provider_uprobe = {
	.name = "uprobe",
	.how = "breakpoint",
	.kind = {BPF_PROG_TYPE_KPROBE, 0, TRACE_CONTEXT_REGISTERS, NULL},
	.per_process = true,
	.check = check,
	.choose_kind = choose_kind,
	.attach = attach_entry,
};

const struct provider provider_uretprobe = {
	.name = "uretprobe",
	.how = "breakpoint",
	.kind = {BPF_PROG_TYPE_KPROBE, 0, TRACE_CONTEXT_REGISTERS, NULL},
	.per_process = true,
	.check = check,
	.choose_kind = choose_kind,
	.attach = attach_return,
};

const struct provider provider_usdt = {
	.name = "usdt",
	.how = "breakpoint",
	.kind = {BPF_PROG_TYPE_KPROBE, 0, TRACE_CONTEXT_REGISTERS, NULL},
	.per_process = true,
	.check = check_usdt,
	.choose_kind = choose_usdt,
	.attach = attach_usdt,
};
