/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kprobe, kretprobe: any of the kernel's functions, by a breakpoint. With * or ? in its name, many by one link
 * (kprobe.multi). Where the kernel has none, a syscall's function has a tracepoint, which tells its arguments or its
 * result as well.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/provider.h"
#include "trace/tracefs.h"

/* The names under which the kernel calls what does a syscall. The first two are wrappers. */
static const char *const wrappers[] = {"__x64_sys_", "__arm64_sys_", "__se_sys_", "__do_sys_", "sys_"};

/* "mkdir" of "__x64_sys_mkdir"; NULL: no syscall's. */
static const char *syscall_of(const char *function)
{
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(*wrappers); i++)
		if (!strncmp(function, wrappers[i], strlen(wrappers[i])))
			return function + strlen(wrappers[i]);
	return NULL;
}

bool is_syscall_wrapper(const char *function)
{
	return !strncmp(function, wrappers[0], strlen(wrappers[0])) ||
	       !strncmp(function, wrappers[1], strlen(wrappers[1]));
}

static bool is_pattern(const char *target)
{
	return strpbrk(target, "*?");
}

static bool kernel_has_kprobes(void)
{
	return !access("/sys/bus/event_source/devices/kprobe", F_OK);
}

static void choose_entry(const struct probe *probe, struct load_kind *kind)
{
	if (is_syscall_wrapper(probe->target))
		kind->context = TRACE_CONTEXT_SYSCALL_REGISTERS;
	if (is_pattern(probe->target))
		kind->attach_type = BPF_TRACE_KPROBE_MULTI;
}

static void choose_return(const struct probe *probe, struct load_kind *kind)
{
	if (is_pattern(probe->target))
		kind->attach_type = BPF_TRACE_KPROBE_MULTI;
}

static int attach_multi(const struct probe *probe, bool at_return, struct bpf_program *program, struct links *links,
                        struct error *error)
{
	LIBBPF_OPTS(bpf_kprobe_multi_opts, options, .retprobe = at_return);
	struct bpf_link *link = bpf_program__attach_kprobe_multi_opts(program, probe->target, &options);

	if (!link && (errno == EOPNOTSUPP || errno == EINVAL))
		return error_set(error, -EOPNOTSUPP,
		                 "this kernel attaches no program to many functions at once (CONFIG_FPROBE)");
	return links_take(links, link, probe, error);
}

static int attach(const struct probe *probe, bool at_return, struct bpf_program *program, struct links *links,
                  struct error *error)
{
	_cleanup_free_ char *function = xstrdup(probe->target);
	LIBBPF_OPTS(bpf_kprobe_opts, options, .retprobe = at_return, .offset = cut_offset(function));
	struct bpf_link *link;

	if (!kernel_has_kprobes())
		return error_set(error, -EOPNOTSUPP, "this kernel has no kprobes (CONFIG_KPROBES)");
	if (is_pattern(probe->target))
		return attach_multi(probe, at_return, program, links, error);
	link = bpf_program__attach_kprobe_opts(program, function, &options);
	if (!link && errno == ENOENT)
		return error_set(error, -ENOENT, "the kernel has no function %s that can be probed", function);
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

static char *stand_in(const struct probe *probe, const char *event)
{
	const char *syscall = syscall_of(probe->target);
	_cleanup_free_ char *name = syscall ? xasprintf("%s_%s", event, syscall) : NULL;

	return name && tracefs_has_event("syscalls", name) ? xasprintf("tracepoint:syscalls:%s", name) : NULL;
}

static char *entry_stand_in(const struct probe *probe)
{
	return stand_in(probe, "sys_enter");
}

static char *return_stand_in(const struct probe *probe)
{
	return stand_in(probe, "sys_exit");
}

const struct provider provider_kprobe = {
	.name = "kprobe",
	.prefix = "kprobe__",
	.how = "breakpoint",
	.kind = {BPF_PROG_TYPE_KPROBE, 0, TRACE_CONTEXT_REGISTERS, NULL},
	.choose_kind = choose_entry,
	.attach = attach_entry,
	.stand_in = entry_stand_in,
};

const struct provider provider_kretprobe = {
	.name = "kretprobe",
	.prefix = "kretprobe__",
	.how = "breakpoint",
	.kind = {BPF_PROG_TYPE_KPROBE, 0, TRACE_CONTEXT_REGISTERS, NULL},
	.choose_kind = choose_return,
	.attach = attach_return,
	.stand_in = return_stand_in,
};
