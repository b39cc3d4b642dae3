/* SPDX-License-Identifier: Apache-2.0 */
/*
 * perf: every so many of an event, or so many times a second, on every CPU; profile: cpu-clock, so many times a second.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/provider.h"

static const struct event {
	const char *name;
	uint32_t type;
	uint64_t config;
} events[] = {
	{"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
	{"task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
	{"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
	{"minor-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
	{"major-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
	{"context-switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
	{"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
	{"alignment-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS},
	{"emulation-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS},
	{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
	{"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
	{"cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
	{"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
	{"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
	{"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
};

/* "99hz" or "1000000" */
static int parse_rate(const char *text, struct perf_event_attr *attr)
{
	char *end;

	errno = 0;
	attr->sample_period = strtoull(text, &end, 10);
	if (!strcmp(end, "hz")) {
		attr->freq = 1;
		end += strlen("hz");
	}
	return end == text || *end || errno || !attr->sample_period ? -EINVAL : 0;
}

/* "TYPE.CONFIG" in numbers is for events without a name. */
static int parse_event(const char *name, struct perf_event_attr *attr)
{
	unsigned long long config;
	unsigned type;
	int end = 0;

	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (!strcmp(events[i].name, name)) {
			attr->type = events[i].type;
			attr->config = events[i].config;
			return 0;
		}
	if (sscanf(name, "%u.%llu%n", &type, &config, &end) != 2 || name[end])
		return -ENOENT;
	attr->type = type;
	attr->config = config;
	return 0;
}

static int parse(const char *target, struct perf_event_attr *ret, struct error *error)
{
	_cleanup_free_ char *name = NULL, *rate = NULL;

	*ret = (struct perf_event_attr){.size = sizeof(*ret)};
	if (split_last(target, &name, &rate))
		return error_set(error, -EINVAL, "perf:%s: a perf event is EVENT:PERIOD or EVENT:HZhz", target);
	if (parse_event(name, ret))
		return error_set(error, -EINVAL,
		                 "perf:%s: no event is called %s; there are cpu-clock, page-faults, cycles …", target,
		                 name);
	if (parse_rate(rate, ret))
		return error_set(error, -EINVAL,
		                 "perf:%s: %s is neither a number of events nor, with hz, of times a second", target,
		                 rate);
	return 0;
}

static int check(const char *target, struct error *error)
{
	struct perf_event_attr attr;

	return parse(target, &attr, error);
}

static int attach_to_cpu(const struct probe *probe, struct perf_event_attr *attr, int cpu, struct bpf_program *program,
                         struct links *links, struct error *error)
{
	_cleanup_close_ int fd =
		(int)syscall(SYS_perf_event_open, attr, probe->pid ?: -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	int r;

	if (fd < 0 && (errno == ENOENT || errno == EOPNOTSUPP))
		return error_set(error, -EOPNOTSUPP,
		                 "%s:%s: this machine counts no such events (virtual machines often do not)",
		                 probe->provider->name, probe->target);
	if (fd < 0)
		return error_set_errno(error, -errno, "cannot attach to %s:%s", probe->provider->name, probe->target);
	r = links_take(links, bpf_program__attach_perf_event(program, fd), probe, error);
	if (!r)
		TAKE_FD(fd); /* the link's now */
	return r;
}

static int attach_event(const struct probe *probe, struct perf_event_attr *attr, struct bpf_program *program,
                        struct links *links, struct error *error)
{
	int cpus = libbpf_num_possible_cpus(), r = 0;

	for (int cpu = 0; !r && cpu < cpus; cpu++)
		r = attach_to_cpu(probe, attr, cpu, program, links, error);
	return r;
}

static int attach(const struct probe *probe, struct bpf_program *program, struct links *links, struct error *error)
{
	struct perf_event_attr attr;
	int r = parse(probe->target, &attr, error);

	return r < 0 ? r : attach_event(probe, &attr, program, links, error);
}

/* ── profile ── */

static int parse_profile(const char *target, struct perf_event_attr *ret, struct error *error)
{
	*ret = (struct perf_event_attr){
		.size = sizeof(*ret), .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_CPU_CLOCK};
	if (parse_rate(target, ret))
		return error_set(error, -EINVAL, "profile:%s: how many times a second? As profile:99", target);
	ret->freq = 1;
	return 0;
}

static int check_profile(const char *target, struct error *error)
{
	struct perf_event_attr attr;

	return parse_profile(target, &attr, error);
}

static int attach_profile(const struct probe *probe, struct bpf_program *program, struct links *links,
                          struct error *error)
{
	struct perf_event_attr attr;
	int r = parse_profile(probe->target, &attr, error);

	return r < 0 ? r : attach_event(probe, &attr, program, links, error);
}

const struct provider provider_perf = {
	.name = "perf",
	.how = "perf event",
	.kind = {BPF_PROG_TYPE_PERF_EVENT, 0, TRACE_CONTEXT_REGISTERS, NULL},
	.per_process = true,
	.check = check,
	.attach = attach,
};

const struct provider provider_profile = {
	.name = "profile",
	.how = "perf event",
	.kind = {BPF_PROG_TYPE_PERF_EVENT, 0, TRACE_CONTEXT_REGISTERS, NULL},
	.per_process = true,
	.check = check_profile,
	.attach = attach_profile,
};
