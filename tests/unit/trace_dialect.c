/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BCC's dialect becomes C, line by line.
 */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/dialect.h"
#include "trace/event_format.h"

static void expect(const char *text, const char *wanted)
{
	struct dialect dialect;

	dialect_rewrite(&dialect, "t.c", text);
	assert_string_equal(dialect.text, wanted);
	dialect_clear(&dialect);
}

static void test_what_is_c_stays(void **state)
{
	expect("", "");
	expect("struct s { int x; };\n\nstatic int f(void) { return s.lookup + 1; }\n",
	       "struct s { int x; };\n\nstatic int f(void) { return s.lookup + 1; }\n");
	expect("/* counts.increment(x) */ static int s = sizeof(\"counts.increment(x)\");",
	       "/* counts.increment(x) */ static int s = sizeof(\"counts.increment(x)\");");
	expect("int unfinished(", "int unfinished(");
	expect("\"unfinished", "\"unfinished");
	expect("}}}{{{", "}}}{{{");
}

static void test_methods(void **state)
{
	expect("static void f(void) { counts.increment(key); }",
	       "static void f(void) { pilus_increment(counts, key); }");
	expect("static void f(void) { *a.lookup_or_try_init(&k, b.lookup(&k)); }",
	       "static void f(void) { *pilus_lookup_or_try_init(a, &k, pilus_lookup(b, &k)); }");
	expect("#define COUNT(m) \\\n\tm.increment(x)\n", "#define COUNT(m) \\\n\tpilus_increment(m, x)\n");
	expect("static void f(void) { counts\n\t.update\n\t(&k, &v); }",
	       "static void f(void) { pilus_update(counts, \n\n&k, &v); }");
}

static void test_prints(void **state)
{
	expect("static void f(void) { bpf_trace_printk(\"hi\"); }", "static void f(void) { pilus_printk(\"hi\"); }");
	expect("static void f(void) { bpf_trace_printk(\"%d%%%s\" \"%x\", a, g(b, c)); }",
	       "static void f(void) { pilus_printk(\"%d%%%s\" \"%x\", (u64)(a), (u64)(g(b, c)), 0); }");
	expect("static void f(void) { bpf_trace_printk(\"%d\", *m.lookup(&k)); }",
	       "static void f(void) { pilus_printk(\"%d\", (u64)(*pilus_lookup(m, &k))); }");
	/* Not a literal: the kernel's own. */
	expect("static void f(void) { bpf_trace_printk(fmt, sizeof(fmt), a); }",
	       "static void f(void) { bpf_trace_printk(fmt, sizeof(fmt), a); }");
}

static void test_programs(void **state)
{
	expect("int f(void *ctx)\n{\n}\n", "SEC(\"pilus\") int f(void *ctx)\n{\n}\n");
	expect("static inline int f(int a, int b) { }", "static inline int f(int a, int b) { }");
	expect("int f(struct pt_regs *ctx,\n      const char *name) { }",
	       "static __always_inline int f__body(struct pt_regs * ctx, const char * name); SEC(\"pilus\") int f(void "
	       "*ctx) "
	       "{ return f__body(ctx, (const char *)PT_REGS_PARM1(ctx)); } "
	       "static __always_inline int f__body(struct pt_regs * ctx, const char * name)\n { }");
	expect("TRACEPOINT_PROBE(a, b) { }", "TRACEPOINT_PROBE(a, b) { }");
	expect("KRETFUNC_PROBE(f, int a, long ret) { }",
	       "static __always_inline int kretfunc__f__body(void *ctx, int a, long ret); SEC(\"pilus/arguments\") int "
	       "kretfunc__f(void *ctx) { return kretfunc__f__body(ctx, (int)PT_REGS_PARM1(ctx), "
	       "(long)pilus_result(ctx, 1)); "
	       "} static __always_inline int kretfunc__f__body(void *ctx, int a, long ret) { }");
	expect("int declared(void *ctx, int a);\nint x = f(1);", "int declared(void *ctx, int a);\nint x = f(1);");
}

static void test_includes(void **state)
{
	expect("#include <linux/sched.h>\n#include \"mine.h\"\n", "\n#include \"mine.h\"\n");
}

static void test_what_else_is_needed(void **state)
{
	struct dialect dialect;

	dialect_rewrite(
		&dialect, "t.c",
		"TRACEPOINT_PROBE(sched, sched_switch) { bpf_trace_printk(\"x\"); }\n"
		"int tracepoint__sched__sched_switch2(struct tracepoint__sched__sched_switch *args) { return 0; }\n"
		"int f(void *ctx) {\n\tbpf_usdt_readarg(1, ctx, &x); bpf_trace_printk(\"%s\\n\");\n"
		"\tg(&PT_REGS_PARM1(ctx)); }");
	assert_true(dialect.has_lines);
	assert_true(dialect.has_usdt);
	assert_true(dialect.takes_registers_apart);
	assert_non_null(strstr(dialect.text, "&PILUS_PLACE_1(ctx)"));
	assert_int_equal(dialect.event_count, 2);
	assert_string_equal(dialect.events[0], "sched__sched_switch");
	assert_string_equal(dialect.warnings,
	                    "t.c:4: bpf_trace_printk's format asks for 1 value and gets 0: the missing print "
	                    "as 0, or as nothing\n");
	dialect_clear(&dialect);
}

static void test_which_dialect(void **state)
{
	assert_true(dialect_is("int f(void *ctx) { return 0; }"));
	assert_false(dialect_is("SEC(\"xdp\") int f(void *ctx) { return 0; }"));
	assert_false(dialect_is("#include <bpf/bpf_helpers.h>\n"));
}

static void test_conversions(void **state)
{
	assert_int_equal(dialect_conversions("%d %%d %s%", 10), 3);
	assert_int_equal(dialect_conversions("", 0), 0);
}

static void test_event_formats(void **state)
{
	static const char format[] = "name: x\nID: 1\nformat:\n"
				     "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
				     "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n\n"
				     "\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n"
				     "\tfield:const char * pathname;\toffset:16;\tsize:8;\tsigned:0;\n"
				     "\tfield:int dfd;\toffset:24;\tsize:8;\tsigned:0;\n"
				     "\tfield:char comm[16];\toffset:32;\tsize:16;\tsigned:0;\n"
				     "\tfield:__data_loc char[] name;\toffset:48;\tsize:4;\tsigned:0;\n"
				     "\tfield:umode_t mode;\toffset:52;\tsize:8;\tsigned:0;\n"
				     "\tfield:struct odd thing;\toffset:60;\tsize:12;\tsigned:0;\n";
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	event_format_write(format, "s", out);
	fclose(out);
	assert_string_equal(
		text, "struct s { unsigned short common_type; unsigned char common_flags; u8 pilus_gap_3[5]; int "
		      "__syscall_nr; "
		      "u8 pilus_gap_12[4]; const char * pathname; int dfd; u8 pilus_gap_28[4]; char comm[16]; u32 "
		      "data_loc_name; u64 mode; u8 thing[12]; } __attribute__((packed, aligned(8)));\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_c_stays), cmocka_unit_test(test_methods),
		cmocka_unit_test(test_prints),          cmocka_unit_test(test_programs),
		cmocka_unit_test(test_includes),        cmocka_unit_test(test_what_else_is_needed),
		cmocka_unit_test(test_which_dialect),   cmocka_unit_test(test_conversions),
		cmocka_unit_test(test_event_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
