/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BCC's dialect of C, turned into C: what cannot be said by the macros of bpf/trace/dialect.h. The rewriting knows
 *tokens, not types, and that is all it needs: each line stays where it is, so whatever compiler and verifier say about
 *a line is said about the author's.
 *
 *	counts.increment(key)               pilus_increment(counts, key)
 *	bpf_trace_printk("%d", pid)         pilus_printk("%d", (u64)(pid))      a literal's missing values are 0
 *	int f(struct pt_regs *ctx, int fd)  a program f, and an inline function that gets fd from the context
 *	KFUNC_PROBE(f, int fd)              the same
 *	int f(…) {                          SEC("pilus") int f(…) {             unless static
 *	&PT_REGS_PARM1(x)                   &PILUS_PLACE_1(x)
 *	#include <linux/sched.h>            nothing: types come from BTF
 */
#ifndef PILUS_TRACE_DIALECT_H
#define PILUS_TRACE_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Where programs are put; the macros of bpf/trace/dialect.h use the first. The second: KRETFUNC_PROBE with more than
 * the result. */
#define DIALECT_SECTION                   "pilus"
#define DIALECT_SECTION_ARGUMENTS_AT_EXIT "pilus/arguments"

struct dialect {
	char *text;                 /* C, with the lines of the original */
	char *warnings;             /* one a line, each with "name:line: " */
	bool has_lines;             /* prints, so it needs the ring buffer */
	bool has_usdt;              /* reads a USDT probe's arguments */
	bool takes_registers_apart; /* of a syscall's wrapper, by itself */
	char **events;              /* "syscalls__sys_enter_mkdir": tracepoints whose struct is named */
	size_t event_count;
};

/* Is it the dialect, or C for libbpf, which says itself what goes where? */
bool dialect_is(const char *text);

/* `name` is for warnings. */
void dialect_rewrite(struct dialect *dialect, const char *name, const char *text);
void dialect_clear(struct dialect *dialect);

/* How many values a format wants: `format` is the literal's inside. */
size_t dialect_conversions(const char *format, size_t length);

#endif
