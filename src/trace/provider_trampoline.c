/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is attached by a trampoline and typed by BTF: fentry and fexit, LSM hooks, and iterators over the kernel's
 * things.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "trace/provider.h"

#define LSM_MAX_BYTES 4096

static int attach_trampoline(const struct probe *probe, struct bpf_program *program, struct links *links,
                             struct error *error)
{
	struct bpf_link *link = bpf_program__attach_trace(program);

	/* The kernel's ENOTSUPP has no name here; EINVAL and EBUSY are what some kernels say instead. */
	if (!link && (errno == 524 || errno == EOPNOTSUPP || errno == EBUSY || errno == EINVAL))
		return error_set(error, -EOPNOTSUPP,
		                 "this kernel attaches no %s (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)",
		                 probe->provider->name);
	return links_take(links, link, probe, error);
}

/* A program can be attached to hooks that nobody calls. Where the list cannot be read, it may be there. */
static bool bpf_is_a_security_module(void)
{
	_cleanup_free_ char *modules = NULL;

	return file_read("/sys/kernel/security/lsm", LSM_MAX_BYTES, &modules, NULL) || strstr(modules, "bpf");
}

static int attach_lsm(const struct probe *probe, struct bpf_program *program, struct links *links, struct error *error)
{
	bool runs = bpf_is_a_security_module();
	struct bpf_link *link = runs ? bpf_program__attach_lsm(program) : NULL;

	if (!runs || (!link && (errno == 524 || errno == EOPNOTSUPP || errno == EBUSY || errno == EINVAL)))
		return error_set(
			error, -EOPNOTSUPP,
			"lsm:%s: this kernel runs no BPF among its security modules (lsm=…,bpf on its command line)",
			probe->target);
	return links_take(links, link, probe, error);
}

static int attach_iterator(const struct probe *probe, struct bpf_program *program, struct links *links,
                           struct error *error)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);

	if (!link && (errno == EBADF || errno == EINVAL))
		return error_set(error, -EINVAL, "iter:%s goes through one table, which a probe cannot name",
		                 probe->target);
	return links_take(links, link, probe, error);
}

/* There a program gets the registers, as one at a kprobe or tracepoint would not: it gets the syscall's arguments. */
static char *entry_stand_in(const struct probe *probe)
{
	return is_syscall_wrapper(probe->target) ? NULL : xasprintf("kprobe:%s", probe->target);
}

static char *exit_stand_in(const struct probe *probe)
{
	return is_syscall_wrapper(probe->target) ? NULL : xasprintf("kretprobe:%s", probe->target);
}

const struct provider provider_fentry = {
	.name = "fentry",
	.prefix = "kfunc__",
	.how = "trampoline",
	.kind = {BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, TRACE_CONTEXT_ARGUMENTS, NULL},
	.loads_for_target = true,
	.attach = attach_trampoline,
	.stand_in = entry_stand_in,
};

const struct provider provider_fexit = {
	.name = "fexit",
	.prefix = "kretfunc__",
	.how = "trampoline",
	.kind = {BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, TRACE_CONTEXT_ARGUMENTS, NULL},
	.loads_for_target = true,
	.attach = attach_trampoline,
	.stand_in = exit_stand_in,
};

const struct provider provider_lsm = {
	.name = "lsm",
	.prefix = "lsm__",
	.how = "trampoline",
	.kind = {BPF_PROG_TYPE_LSM, BPF_LSM_MAC, TRACE_CONTEXT_ARGUMENTS, NULL},
	.loads_for_target = true,
	.attach = attach_lsm,
};

const struct provider provider_iter = {
	.name = "iter",
	.prefix = "bpf_iter__",
	.how = "iterator",
	.kind = {BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, TRACE_CONTEXT_ARGUMENTS, NULL},
	.loads_for_target = true,
	.attach = attach_iterator,
};
