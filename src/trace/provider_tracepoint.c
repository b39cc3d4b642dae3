/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracepoint: the kernel's static probes by name, through a perf event; raw_tracepoint: the same without a record being
 * made, the arguments as they are; tp_btf: and with their types.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/provider.h"
#include "trace/tracefs.h"

static int check(const char *target, struct error *error)
{
	const char *colon = strchr(target, ':');

	if (!colon || colon == target || !colon[1])
		return error_set(error, -EINVAL, "tracepoint:%s: a tracepoint is CATEGORY:NAME", target);
	return 0;
}

/* A syscall's records look like no other's: they have its arguments, or its result. */
static void choose_kind(const struct probe *probe, struct load_kind *kind)
{
	if (!strncmp(probe->target, "syscalls:sys_enter_", strlen("syscalls:sys_enter_")))
		kind->context = TRACE_CONTEXT_SYS_ENTER;
	if (!strncmp(probe->target, "syscalls:sys_exit_", strlen("syscalls:sys_exit_")))
		kind->context = TRACE_CONTEXT_SYS_EXIT;
}

static int attach(const struct probe *probe, struct bpf_program *program, struct links *links, struct error *error)
{
	_cleanup_free_ char *category = xasprintf("%.*s", (int)strcspn(probe->target, ":"), probe->target);
	struct bpf_link *link;
	int r = tracefs_attach(program, category, strchr(probe->target, ':') + 1, 0, &link, error);

	if (!r)
		links_add(links, link);
	return r;
}

static int attach_raw(const struct probe *probe, struct bpf_program *program, struct links *links, struct error *error)
{
	struct bpf_link *link = bpf_program__attach_raw_tracepoint(program, probe->target);

	if (!link && errno == ENOENT)
		return error_set(error, -ENOENT, "this kernel has no raw tracepoint %s", probe->target);
	return links_take(links, link, probe, error);
}

static int attach_btf(const struct probe *probe, struct bpf_program *program, struct links *links, struct error *error)
{
	return links_take(links, bpf_program__attach_trace(program), probe, error);
}

const struct provider provider_tracepoint = {
	.name = "tracepoint",
	.prefix = "tracepoint__",
	.how = "perf event",
	.kind = {BPF_PROG_TYPE_TRACEPOINT, 0, TRACE_CONTEXT_REGISTERS, NULL},
	.check = check,
	.choose_kind = choose_kind,
	.attach = attach,
};

const struct provider provider_raw_tracepoint = {
	.name = "raw_tracepoint",
	.prefix = "raw_tracepoint__",
	.how = "BPF link",
	.kind = {BPF_PROG_TYPE_RAW_TRACEPOINT, 0, TRACE_CONTEXT_ARGUMENTS, NULL},
	.attach = attach_raw,
};

const struct provider provider_tp_btf = {
	.name = "tp_btf",
	.prefix = "tp_btf__",
	.how = "BPF link",
	.kind = {BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, TRACE_CONTEXT_ARGUMENTS, NULL},
	.loads_for_target = true,
	.attach = attach_btf,
};
