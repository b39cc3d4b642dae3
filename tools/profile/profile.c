/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/report.h"
#include "runtime/tool.h"

#include "profile.skel.h"

#define FREQUENCY 49 /* odd, so as not to keep step with what it looks at */

/* A clock of software, which virtual machines have, too. */
static int open_clock(int cpu, uint32_t frequency)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = frequency,
	};

	return (int)syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int attach_cpu(struct run *run, int cpu, uint32_t frequency, struct error *error)
{
	struct bpf_link *link;
	int fd = open_clock(cpu, frequency);

	/* A CPU that is possible, but not there. */
	if (fd < 0 && errno == ENODEV)
		return 0;
	if (fd < 0)
		return error_set_errno(error, -errno, "cannot have a clock of %u Hz on CPU %d", frequency, cpu);
	link = bpf_program__attach_perf_event(run_program(run, "tick"), fd);
	if (!link)
		close(fd);
	return run_keep(run, link, "attach to a CPU's clock", error);
}

static int attach(struct run *run, struct error *error)
{
	uint32_t frequency;
	int r = run_number(run, "frequency", FREQUENCY, &frequency, error);

	if (!r && !frequency)
		return cli_wrong_use(error, "--frequency must be above 0");
	for (int cpu = 0; !r && cpu < libbpf_num_possible_cpus(); cpu++)
		r = attach_cpu(run, cpu, frequency, error);
	return r;
}

static const struct tool_option OPTIONS[] = {
	{'F', "frequency", "HZ", "samples a second (default 49)"},
	{'U', "user-stacks-only", NULL, "leave the kernel's part of the stacks out", "no_kernel_stacks"},
	{'K', "kernel-stacks-only", NULL, "leave the user's part of the stacks out", "no_user_stacks"},
	{'I', "include-idle", NULL, "idle CPUs, too", "include_idle"},
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
	.attach = attach,
	.report = report,
};
