/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's types as a text needs them, and reads of them in the compiler's intermediate text.
 */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/kernel_reads.h"
#include "trace/kernel_types.h"

/* ── types ── */

static char *types_of(const char *text, bool *ret_any)
{
	char *types = NULL;
	size_t size;
	FILE *out = open_memstream(&types, &size);

	assert_int_equal(kernel_types_write(text, "typedef int pid_t; typedef unsigned u32;", out, ret_any, NULL), 0);
	fclose(out);
	return types;
}

static void test_only_what_is_named(void **state)
{
	bool any;
	char *types;

	if (access("/sys/kernel/btf/vmlinux", R_OK))
		skip();
	types = types_of("static int f(struct task_struct *t) { return t->real_parent->tgid + TCP_ESTABLISHED; }",
	                 &any);
	assert_true(any);
	assert_non_null(strstr(types, "struct task_struct { "));
	assert_non_null(strstr(types, "struct task_struct *real_parent;"));
	assert_non_null(strstr(types, " tgid;"));
	assert_non_null(strstr(types, "TCP_ESTABLISHED = 1U,"));
	assert_null(strstr(types, "exit_code"));
	assert_null(strstr(types, "mm_struct"));
	assert_true(strlen(types) < 4096);
	free(types);
}

static void test_what_is_there_already(void **state)
{
	bool any;
	char *types = types_of(
		"struct task_struct { int tgid; }; static int f(struct task_struct *t) { return t->tgid; }", &any);

	assert_false(any);
	assert_string_equal(types, "");
	free(types);
}

/* ── reads ── */

static void expect(const char *text, const char *wanted)
{
	char *rewritten = kernel_reads_rewrite(text), *end = strstr(rewritten, "\ndefine internal i8 @pilus_read_i8");

	assert_non_null(end);
	*end = '\0';
	assert_string_equal(rewritten, wanted);
	free(rewritten);
}

#define ACCESS "call ptr @llvm.preserve.struct.access.index.p0.p0(ptr elementtype(%struct.a) "

static void test_reads(void **state)
{
	expect("  %5 = " ACCESS "%4, i32 3, i32 2), !dbg !53, !llvm.preserve.access.index !4\n"
	       "  %6 = load ptr, ptr %5, align 8, !dbg !53, !tbaa !54\n"
	       "  %7 = getelementptr inbounds [4 x i32], ptr %5, i64 0, i64 %2, !dbg !6\n"
	       "  %8 = load volatile i32, ptr %7, align 4, !dbg !6",
	       "  %5 = getelementptr inbounds %struct.a, ptr %4, i32 0, i32 3, !dbg !53\n"
	       "  %6 = call ptr @pilus_read_ptr(ptr %5), !dbg !53\n"
	       "  %7 = getelementptr inbounds [4 x i32], ptr %5, i64 0, i64 %2, !dbg !6\n"
	       "  %8 = call i32 @pilus_read_i32(ptr %7), !dbg !6");
	expect("  %5 = call ptr @llvm.preserve.union.access.index.p0.p0(ptr %4, i32 1), !dbg !7, "
	       "!llvm.preserve.access.index !3\n"
	       "  call void @llvm.memcpy.p0.p0.i64(ptr align 4 %1, ptr align 4 %5, i64 16, i1 false), !dbg !8, "
	       "!tbaa.struct !9",
	       "  %5 = getelementptr i8, ptr %4, i32 0, !dbg !7\n"
	       "  %pilus.copy.0 = call i64 inttoptr (i64 113 to ptr)(ptr %1, i32 16, ptr %5), !dbg !8");
}

static void test_own_variables_stay(void **state)
{
	static const char text[] = "  %1 = alloca %struct.a, align 8\n"
				   "  %2 = getelementptr inbounds %struct.a, ptr %1, i32 0, i32 3\n"
				   "  %3 = load i32, ptr %2, align 8\n"
				   "  %4 = load ptr, ptr @table, align 8";

	expect(text, text);
	expect("  %1 = alloca %struct.a, align 8\n  %2 = " ACCESS
	       "%1, i32 3, i32 2), !dbg !5\n  %3 = load i32, ptr %2, align 8",
	       "  %1 = alloca %struct.a, align 8\n  %2 = getelementptr inbounds %struct.a, ptr %1, i32 0, i32 3, !dbg "
	       "!5\n"
	       "  %3 = load i32, ptr %2, align 8");
}

static void test_values_are_a_functions_own(void **state)
{
	expect("define i32 @f(ptr %0) {\n  %1 = " ACCESS "%0, i32 0, i32 0), !dbg !1\n}\ndefine i32 @g(ptr %1) {\n"
	       "  %2 = load i32, ptr %1\n}",
	       "define i32 @f(ptr %0) {\n  %1 = getelementptr inbounds %struct.a, ptr %0, i32 0, i32 0, !dbg !1\n}\n"
	       "define i32 @g(ptr %1) {\n  %2 = load i32, ptr %1\n}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_what_is_named),
		cmocka_unit_test(test_what_is_there_already),
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_own_variables_stay),
		cmocka_unit_test(test_values_are_a_functions_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
