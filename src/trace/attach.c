/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs at their probes, or at what stands in for those on this kernel.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/module.h"

static void choose_kind(const struct pilus_module *module, const struct probe *probe, struct load_kind *ret)
{
	*ret = probe->provider->kind;
	if (probe->provider->loads_for_target)
		ret->target = probe->target;
	if (probe->provider->choose_kind)
		probe->provider->choose_kind(probe, ret);
	if (module->takes_registers_apart && ret->context == TRACE_CONTEXT_SYSCALL_REGISTERS)
		ret->context = TRACE_CONTEXT_REGISTERS_APART;
}

static int load_for(struct pilus_module *module, struct program *program, const struct probe *probe,
                    struct bpf_program **ret, struct error *error)
{
	struct load_kind kind;

	choose_kind(module, probe, &kind);
	return module_load(module, program, &kind, ret, error);
}

static int attach_here(struct pilus_module *module, struct program *program, const struct probe *probe,
                       struct links *links, struct error *error)
{
	struct bpf_program *loaded;
	int r = load_for(module, program, probe, &loaded, error);

	/* Root may load all there is: some kernels are built without what trampolines need and say it so. */
	if (r == -EPERM && !geteuid() && probe->provider->loads_for_target)
		return error_set(error, -EOPNOTSUPP, "this kernel loads no program for %s", probe->provider->name);
	return r < 0 ? r : probe->provider->attach(probe, loaded, links, error);
}

/* Only programs that read their context through the dialect's macros do not notice the difference. */
static char *stand_in(const struct pilus_module *module, const struct program *program, const struct probe *probe)
{
	if (!module->is_dialect || module->takes_registers_apart || program->wants_arguments_at_exit)
		return NULL;
	return probe->provider->stand_in ? probe->provider->stand_in(probe) : NULL;
}

/* The first failure is the one that is told: nobody asked for the stand-in. On success *ret_where says where it is. */
static int attach_anywhere(struct pilus_module *module, struct program *program, const char *text, int pid,
                           struct links *links, char **ret_where, struct error *error)
{
	_cleanup_(probe_clear) struct probe probe = {};
	_cleanup_free_ char *other = NULL;
	int r = probe_parse(text, pid, &probe, error);

	if (r < 0)
		return r;
	r = attach_here(module, program, &probe, links, error);
	if (!r) {
		*ret_where = xasprintf("%s:%s (%s)", probe.provider->name, probe.target, probe.provider->how);
		return 0;
	}
	other = r == -EOPNOTSUPP ? stand_in(module, program, &probe) : NULL;
	if (r == -EOPNOTSUPP && !other)
		error_set(error, r, "%s: %s, and no other probe tells %s the same", text, error->message,
		          program->name);
	if (!other || attach_anywhere(module, program, other, pid, links, ret_where, NULL) < 0)
		return r;
	module_warn(module, "%s: %s; %s stands in", text, error->message, other);
	return 0;
}

int pilus_module_attach(struct pilus_module *module, const char *program_name, const char *probe, int pid)
{
	struct attachment attachment = {};
	struct program *program = module_find_program(module, program_name, &module->error);
	int r;

	module_set_details(module, NULL);
	if (!program)
		return module->error.code;
	r = module_prints_to_kernel(module) ? module_open_lines(module) : 0;
	if (!r)
		r = attach_anywhere(module, program, probe, pid, &attachment.links, &attachment.where, &module->error);
	if (r < 0) {
		links_destroy(&attachment.links);
		return r;
	}
	attachment.program = (size_t)(program - module->programs);
	module->attachments =
		xrealloc(module->attachments, (module->attachment_count + 1) * sizeof(*module->attachments));
	module->attachments[module->attachment_count] = attachment;
	return (int)module->attachment_count++;
}

int pilus_module_load(struct pilus_module *module, const char *program_name, const char *text)
{
	struct program *program = module_find_program(module, program_name, &module->error);
	_cleanup_(probe_clear) struct probe probe = {};
	struct bpf_program *loaded = NULL;
	int r;

	module_set_details(module, NULL);
	if (!program)
		return module->error.code;
	r = probe_parse(text, 0, &probe, &module->error);
	if (!r)
		r = load_for(module, program, &probe, &loaded, &module->error);
	return r < 0 ? r : bpf_program__fd(loaded);
}

int pilus_module_attach_all(struct pilus_module *module)
{
	int count = 0;

	for (size_t i = 0; i < module->program_count; i++) {
		const struct program *program = &module->programs[i];
		int r = program->probe ? pilus_module_attach(module, program->name, program->probe, 0) : 0;

		if (r < 0)
			return r;
		count += program->probe != NULL;
	}
	if (!count)
		return error_set(&module->error, -ENOENT,
		                 "%s has no program that says by its name or section where it belongs, "
		                 "as TRACEPOINT_PROBE(…), kprobe__do_exit() or SEC(\"tp/…\") do",
		                 module->name);
	return count;
}

size_t pilus_module_attachment_count(const struct pilus_module *module)
{
	return module->attachment_count;
}

const char *pilus_module_attachment(const struct pilus_module *module, size_t attachment)
{
	return module->attachments[attachment].where;
}

const char *pilus_module_attachment_program(const struct pilus_module *module, size_t attachment)
{
	return module->programs[module->attachments[attachment].program].name;
}

int pilus_module_detach(struct pilus_module *module, size_t attachment)
{
	struct attachment *one;

	if (attachment >= module->attachment_count)
		return error_set(&module->error, -ENOENT, "there is no attachment %zu", attachment);
	one = &module->attachments[attachment];
	links_destroy(&one->links);
	free(one->where);
	one->where = NULL;
	return 0;
}

static const struct attachment *find_attachment(struct pilus_module *module, size_t attachment)
{
	if (attachment < module->attachment_count && module->attachments[attachment].where)
		return &module->attachments[attachment];
	error_set(&module->error, -ENOENT, "there is no attachment %zu", attachment);
	return NULL;
}

int pilus_module_attachment_fd(struct pilus_module *module, size_t attachment)
{
	const struct attachment *one = find_attachment(module, attachment);

	if (!one)
		return -ENOENT;
	return one->links.socket_count ? one->links.sockets[0] : bpf_link__fd(one->links.list[0]);
}

int pilus_module_open_iterator(struct pilus_module *module, size_t attachment)
{
	const struct attachment *one = find_attachment(module, attachment);
	int fd;

	if (!one)
		return -ENOENT;
	if (strncmp(one->where, "iter:", strlen("iter:")) != 0)
		return error_set(&module->error, -EINVAL, "%s is no iterator", one->where);
	fd = bpf_iter_create(bpf_link__fd(one->links.list[0]));
	return fd < 0 ? error_set_errno(&module->error, fd, "cannot run %s", one->where) : fd;
}
