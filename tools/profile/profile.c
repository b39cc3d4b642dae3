/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/report.h"
#include "runtime/tool.h"

#include "profile.skel.h"

#define EVERY_CPU UINT32_MAX
#define FREQUENCY 49 /* odd, so as not to keep step with what it looks at */

/* So many times a second, or each so many ns. */
struct rate {
	bool is_frequency;
	uint32_t number;
};

/* A clock of software, which virtual machines have, too. */
static int open_clock(int cpu, const struct rate *rate)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = rate->is_frequency,
		.sample_period = rate->number, /* or sample_freq: a union */
	};

	return (int)syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int attach_cpu(struct run *run, int cpu, const struct rate *rate, struct error *error)
{
	struct bpf_link *link;
	int fd = open_clock(cpu, rate);

	/* A CPU that is possible, but not there. */
	if (fd < 0 && errno == ENODEV)
		return 0;
	if (fd < 0)
		return error_set_errno(error, -errno, "cannot have a clock of %u %s on CPU %d", rate->number,
		                       rate->is_frequency ? "Hz" : "ns", cpu);
	link = bpf_program__attach_perf_event(run_program(run, "tick"), fd);
	if (!link)
		close(fd);
	return run_keep(run, link, "attach to a CPU's clock", error);
}

static int attach(struct run *run, struct error *error)
{
	struct rate rate = {.is_frequency = !run_given(run, "count")};
	uint32_t only = EVERY_CPU;
	int r = rate.is_frequency ? run_number(run, "frequency", FREQUENCY, &rate.number, error)
	                          : run_number(run, "count", 0, &rate.number, error);

	if (!r && !rate.number)
		return cli_wrong_use(error, "--%s must be above 0", rate.is_frequency ? "frequency" : "count");
	if (!r)
		r = run_number(run, "cpu", EVERY_CPU, &only, error);
	for (int cpu = 0; !r && cpu < libbpf_num_possible_cpus(); cpu++)
		if (only == EVERY_CPU || only == (uint32_t)cpu)
			r = attach_cpu(run, cpu, &rate, error);
	if (!r && !run->link_count)
		return error_set(error, -ENODEV, "there is no CPU %u", only);
	return r;
}

static const struct tool_option OPTIONS[] = {
	{'F', "frequency", "HZ", "samples a second (default 49)"},
	{'U', "user-stacks-only", NULL, "leave the kernel's part of the stacks out", "no_kernel_stacks"},
	{'K', "kernel-stacks-only", NULL, "leave the user's part of the stacks out", "no_user_stacks"},
	{'a', "annotations", NULL, "mark frames of the kernel: _[k]"},
	{0, "stack-storage-size", "N", "room for this many different stacks (default 16384)"},
	{'I', "include-idle", NULL, "idle CPUs, too", "include_idle"},
	{'L', "tid"},
	{'C', "cpu", "CPU", "only on this CPU"},
	{'c', "count", "N", "a sample each N events of the clock, ns, instead of --frequency"},
	{'d', "delimited", NULL, "put a line between the kernel's part of the stacks and the user's"},
	{'f', "folded", NULL, "one stack a line, as flame graphs are made of"},
	{},
};

static int report(struct run *run, struct error *error)
{
	return report_stacks(run, 1, error);
}

const struct tool PROFILE_TOOL = {
	.name = "profile",
	.summary = "What the CPUs are at work on, by stack, in samples",
	.head = "Sampling all threads by stack... Hit Ctrl-C to end.",
	.arguments = "SECONDS",
	.arguments_max = 1,
	.seconds = true,
	.object = profile__elf_bytes,
	.options = OPTIONS,
	.prepare = stacks_prepare,
	.attach = attach,
	.report = report,
};
