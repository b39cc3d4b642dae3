/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes by their names.
 */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "trace/provider.h"

static void test_probes(void **state)
{
	static const struct {
		const char *text, *kind, *target;
	} good[] = {
		{"kprobe:do_exit", "kprobe", "do_exit"},
		{"p:do_exit+0x10", "kprobe", "do_exit+0x10"},
		{"tracepoint:sched:sched_switch", "tracepoint", "sched:sched_switch"},
		{"raw_tp:sys_enter", "raw_tracepoint", "sys_enter"},
		{"uprobe:/bin/bash:readline", "uprobe", "/bin/bash:readline"},
		{"usdt:/usr/bin/python3:python:line", "usdt", "/usr/bin/python3:python:line"},
		{"perf:cpu-clock:99hz", "perf", "cpu-clock:99hz"},
		{"perf:1.0:1000000", "perf", "1.0:1000000"},
		{"profile:49", "profile", "49"},
		{"tc:eth0:egress", "tc", "eth0:egress"},
		{"xdp:eth0", "xdp", "eth0"},
		{"fentry:vfs_read", "fentry", "vfs_read"},
		{"socket:eth0", "socket", "eth0"},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct error error = {};
		struct probe probe = {};

		if (probe_parse(good[i].text, 0, &probe, &error))
			fail_msg("%s: %s", good[i].text, error.message);
		assert_string_equal(probe.provider->name, good[i].kind);
		assert_string_equal(probe.target, good[i].target);
		probe_clear(&probe);
	}
}

static void test_refusals(void **state)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{"", "KIND:TARGET"},
		{"kprobe", "what is to be probed"},
		{"kprobe:", "what is to be probed"},
		{"kprob:do_exit", "kinds are kprobe, "},
		{"tracepoint:sched_switch", "CATEGORY:NAME"},
		{"uprobe:/bin/bash", "PATH:SYMBOL"},
		{"usdt:/bin/bash:readline", "PATH:PROVIDER:NAME"},
		{"perf:cpu-clock", "EVENT:PERIOD"},
		{"perf:nonsense:1", "no event is called nonsense"},
		{"perf:cpu-clock:99x", "neither a number"},
		{"perf:cpu-clock:0", "neither a number"},
		{"profile:often", "how many times"},
		{"tc:eth0", "DEVICE:ingress"},
		{"tc:eth0:sideways", "DEVICE:ingress"},
	};
	struct error error = {};
	struct probe probe;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(probe_parse(bad[i].text, 0, &probe, &error), -EINVAL);
		if (!strstr(error.message, bad[i].part))
			fail_msg("%s: %s", bad[i].text, error.message);
	}
	assert_int_equal(probe_parse("kprobe:do_exit", 1, &probe, &error), -EINVAL);
}

static void expect(const char *section, const char *function, const char *wanted)
{
	char *probe = probe_of_program(section, function);

	if (wanted)
		assert_string_equal(probe, wanted);
	else
		assert_null(probe);
	free(probe);
}

static void test_what_programs_ask_for(void **state)
{
	expect("pilus", "kprobe__do_exit", "kprobe:do_exit");
	expect("pilus", "kretprobe__do_exit", "kretprobe:do_exit");
	expect("pilus", "tracepoint__syscalls__sys_enter_mkdir", "tracepoint:syscalls:sys_enter_mkdir");
	expect("pilus", "raw_tracepoint__sys_enter", "raw_tracepoint:sys_enter");
	expect("pilus", "kfunc__vfs_read", "fentry:vfs_read");
	expect("pilus", "lsm__file_open", "lsm:file_open");
	expect("pilus", "hello", NULL);
	expect("pilus", "tracepoint__incomplete", NULL);
	expect("tp/sched/sched_switch", "f", "tracepoint:sched:sched_switch");
	expect("tracepoint/sched/sched_switch", "f", "tracepoint:sched:sched_switch");
	expect("kprobe/do_exit", "f", "kprobe:do_exit");
	expect("fentry.s/vfs_read", "f", "fentry:vfs_read");
	expect("uprobe//bin/bash:readline", "f", "uprobe:/bin/bash:readline");
	expect("xdp", "f", NULL);
}

static void test_offsets(void **state)
{
	char with[] = "f+0x10", without[] = "f";

	assert_int_equal(cut_offset(with), 16);
	assert_string_equal(with, "f");
	assert_int_equal(cut_offset(without), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_what_programs_ask_for),
		cmocka_unit_test(test_offsets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
