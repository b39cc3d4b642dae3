/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier's refusals in words. The logs are what kernels really say, shortened.
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

#include "trace/explain.h"

static const char source[] = "int f(void *ctx)\n{\n\tu64 *v = counts.lookup(&key);\n\treturn *v;\n}\n";

static const char new_log[] =
	"0: R1=ctx() R10=fp0\n"
	"; u64 *v = counts.lookup(&key); @ prog.c:3\n"
	"0: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1)\n"
	"; return *v; @ prog.c:4\n"
	"5: (79) r0 = *(u64 *)(r0 +0)\n"
	"R0 invalid mem access 'map_value_or_null'\n"
	"processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n";

static const char old_log[] = "; return *v;\n"
			      "5: (79) r0 = *(u64 *)(r0 +0)\n"
			      "R0 invalid mem access 'map_value_or_null'\n"
			      "processed 6 insns (limit 1000000)\n";

static void test_place(void **state)
{
	const char *const logs[] = {new_log, old_log};

	for (size_t i = 0; i < 2; i++) {
		struct error error = {};
		char *details = explain("prog.c", source, "f", -EACCES, logs[i], &error);

		assert_int_equal(error.code, -EACCES);
		assert_string_equal(
			error.message,
			"prog.c:4: the verifier refuses f: a table's lookup may find nothing, and what it returned is "
			"used without a test: test the pointer first, if (!value) return 0;");
		assert_string_equal(details,
		                    "prog.c:4:\treturn *v;\nverifier: R0 invalid mem access 'map_value_or_null'\n");
		free(details);
	}
}

static void test_place_in_the_header(void **state)
{
	struct error error = {};
	char *details = explain(
		"prog.c", source, "f", -EINVAL,
		"; return *v; @ prog.c:4\n; bpf_snprintf(line->text, …); @ pilus.h:615\nInvalid format string\n",
		&error);

	assert_non_null(strstr(error.message, "prog.c:4: the verifier refuses f: a format may have %d"));
	free(details);
}

static void test_without_source(void **state)
{
	struct error error = {};
	char *details = explain("prog.o", NULL, "f", -EACCES, old_log, &error);

	assert_string_equal(details, "at: return *v;\nverifier: R0 invalid mem access 'map_value_or_null'\n");
	free(details);
}

static void test_unknown_words_are_told(void **state)
{
	struct error error = {};
	char *details = explain("prog.c", source, "f", -EINVAL, "something never heard of\n", &error);

	assert_string_equal(error.message, "prog.c: the verifier refuses f: something never heard of");
	free(details);
}

static void test_no_log(void **state)
{
	struct error error = {};
	char *details = explain("prog.c", source, "f", -E2BIG, "", &error);

	assert_string_equal(error.message, "f has more instructions than the kernel takes");
	assert_string_equal(details, "");
	free(details);
}

static void test_meanings(void **state)
{
	static const char *const known[] = {
		"back-edge from insn 5 to 2",
		"infinite loop detected at insn 3",
		"BPF program is too large. Processed 1000001 insn",
		"The sequence of 8193 jumps is too complex.",
		"R1 invalid mem access 'scalar'",
		"invalid access to map value, value_size=8 off=8 size=8",
		"unknown func bpf_foo#999",
		"program of this type cannot use helper bpf_redirect#23",
		"cannot call GPL-restricted function from non-GPL compatible program",
		"combined stack size of 2 calls is 544. Too large",
		"Unreleased reference id=2 alloc_insn=5",
		"R3 !read_ok",
		"invalid indirect read from stack R2 off -8+4 size 8",
		"invalid bpf_context access off=192 size=8",
		"R0 unbounded memory access, make sure to bounds check any such access",
		"R2 min value is negative, either use unsigned or 'var &= const'",
		"R1 type=scalar expected=fp, pkt, pkt_meta, map_key, map_value, mem",
		"dereference of modified ctx ptr R1 off=16 disallowed",
		"invalid access to packet, off=14 size=4, R1(id=0,off=14,r=0)",
		"R1 invalid mem access 'ringbuf_mem_or_null'",
		"unreachable insn 4",
		"math between map_value pointer and register with unbounded min value is not allowed",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!explain_reason(known[i], strlen(known[i])))
			fail_msg("not known: %s", known[i]);
	assert_null(explain_reason("never heard of", strlen("never heard of")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_without_source),
		cmocka_unit_test(test_place_in_the_header),
		cmocka_unit_test(test_unknown_words_are_told),
		cmocka_unit_test(test_no_log),
		cmocka_unit_test(test_meanings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
