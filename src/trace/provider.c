/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of kinds, and how programs and people name them.
 */
#include "trace/provider.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"

static const struct provider *const providers[] = {
#define X(name) &provider_##name,
	PROVIDERS(X)
#undef X
};

/* Other names of the same. */
static const struct {
	const char *alias, *name;
} aliases[] = {
	{"tp", "tracepoint"},
	{"raw_tp", "raw_tracepoint"},
	{"kfunc", "fentry"},
	{"kretfunc", "fexit"},
	{"p", "kprobe"},
	{"r", "kretprobe"},
	{"t", "tracepoint"},
	{"u", "usdt"},
	{"kprobe.multi", "kprobe"},
	{"kretprobe.multi", "kretprobe"},
	{"uprobe.multi", "uprobe"},
	{"uretprobe.multi", "uretprobe"},
	{"raw_tracepoint.w", "raw_tracepoint"},
	{"fentry.s", "fentry"},
	{"fexit.s", "fexit"},
	{"lsm.s", "lsm"},
	{"iter.s", "iter"},
	{"uprobe.s", "uprobe"},
	{"uretprobe.s", "uretprobe"},
	{"perf_event", "perf"},
	{"xdp.frags", "xdp"},
	{"classifier", "tc"},
	{"tcx", "tc"},
	{"socket_filter", "socket"},
};

static const struct provider *find(const char *name)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
		if (!strcmp(aliases[i].alias, name))
			name = aliases[i].name;
	for (size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++)
		if (!strcmp(providers[i]->name, name))
			return providers[i];
	return NULL;
}

static int unknown_kind(const char *text, struct error *error)
{
	_cleanup_free_ char *names = xstrdup("");

	for (size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++) {
		_cleanup_free_ char *before = names;

		names = xasprintf("%s%s%s", before, i ? ", " : "", providers[i]->name);
	}
	return error_set(error, -EINVAL, "%s is no probe: a probe is KIND:TARGET, and kinds are %s", text, names);
}

int probe_parse(const char *text, int pid, struct probe *ret, struct error *error)
{
	_cleanup_free_ char *name = xasprintf("%.*s", (int)strcspn(text, ":"), text);
	const char *target = strchr(text, ':');
	const struct provider *provider = find(name);
	int r;

	if (!provider)
		return unknown_kind(text, error);
	if (!target || !target[1])
		return error_set(error, -EINVAL, "%s: what is to be probed? A probe is KIND:TARGET", text);
	if (pid && !provider->per_process)
		return error_set(error, -EINVAL, "%s: a %s is not one process's: leave the process out", text, name);
	r = provider->check ? provider->check(target + 1, error) : 0;
	if (r < 0)
		return r;
	*ret = (struct probe){.provider = provider, .target = xstrdup(target + 1), .pid = pid};
	return 0;
}

void probe_clear(struct probe *probe)
{
	free(probe->target);
	probe->target = NULL;
}

/* ── what programs ask for ── */

/* "tp/sched/sched_switch", "uprobe//bin/bash:readline" */
static char *probe_of_section(const char *section)
{
	_cleanup_free_ char *kind = xasprintf("%.*s", (int)strcspn(section, "/"), section);
	const char *target = strchr(section, '/');
	const struct provider *provider = find(kind);
	char *probe;

	if (!provider || !target || !target[1])
		return NULL;
	probe = xasprintf("%s:%s", provider->name, target + 1);
	if (provider == &provider_tracepoint && strchr(probe, '/'))
		*strchr(probe, '/') = ':';
	return probe;
}

/* "kprobe__do_exit", "tracepoint__sched__sched_switch" */
static char *probe_of_function(const char *function)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++) {
		const char *prefix = providers[i]->prefix, *target, *middle;

		if (!prefix || strncmp(function, prefix, strlen(prefix)) != 0)
			continue;
		target = function + strlen(prefix);
		if (providers[i] != &provider_tracepoint)
			return xasprintf("%s:%s", providers[i]->name, target);
		middle = strstr(target, "__");
		return middle ? xasprintf("tracepoint:%.*s:%s", (int)(middle - target), target, middle + 2) : NULL;
	}
	return NULL;
}

char *probe_of_program(const char *section, const char *function)
{
	char *probe = probe_of_section(section);

	return probe ?: probe_of_function(function);
}

/* ── what providers share ── */

void links_add(struct links *links, struct bpf_link *link)
{
	links->list = xrealloc(links->list, (links->count + 1) * sizeof(*links->list));
	links->list[links->count++] = link;
}

void links_add_socket(struct links *links, int fd)
{
	links->sockets = xrealloc(links->sockets, (links->socket_count + 1) * sizeof(*links->sockets));
	links->sockets[links->socket_count++] = fd;
}

void links_destroy(struct links *links)
{
	for (size_t i = 0; i < links->count; i++)
		bpf_link__destroy(links->list[i]);
	for (size_t i = 0; i < links->socket_count; i++)
		close(links->sockets[i]);
	free(links->list);
	free(links->sockets);
	*links = (struct links){};
}

int links_take(struct links *links, struct bpf_link *link, const struct probe *probe, struct error *error)
{
	int r = -errno;

	if (link) {
		links_add(links, link);
		return 0;
	}
	return error_set_errno(error, r, "cannot attach to %s:%s", probe->provider->name, probe->target);
}

int split_last(const char *text, char **ret_before, char **ret_after)
{
	const char *colon = strrchr(text, ':');

	if (!colon || colon == text || !colon[1])
		return -EINVAL;
	*ret_before = xasprintf("%.*s", (int)(colon - text), text);
	*ret_after = xstrdup(colon + 1);
	return 0;
}

unsigned long cut_offset(char *symbol)
{
	char *plus = strchr(symbol, '+');
	unsigned long offset = plus ? strtoul(plus + 1, NULL, 0) : 0;

	if (plus)
		*plus = '\0';
	return offset;
}
