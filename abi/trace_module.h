/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What libpilus and the programs it compiles from text agree on.
 */
#ifndef PILUS_ABI_TRACE_MODULE_H
#define PILUS_ABI_TRACE_MODULE_H

/* What a program of the dialect gets as context. Set in each program's own copy of the section before it is
 * loaded, so the verifier sees a constant and the ways not taken cost nothing. */
#define TRACE_CONTEXT_SECTION ".rodata.pilus"

enum trace_context {
	TRACE_CONTEXT_REGISTERS,         /* as written: struct pt_regs */
	TRACE_CONTEXT_SYSCALL_REGISTERS, /* of a syscall's wrapper, whose only argument is the user's struct pt_regs */
	TRACE_CONTEXT_SYS_ENTER,         /* of the tracepoint syscalls:sys_enter_*; arguments are 8 bytes each */
	TRACE_CONTEXT_SYS_EXIT,          /* of syscalls:sys_exit_* */
	TRACE_CONTEXT_REGISTERS_APART,   /* as written, by a program that takes a syscall's wrapper apart itself */
	TRACE_CONTEXT_ARGUMENTS, /* of fentry, fexit, LSM: the function's arguments, 8 bytes each, then its result */
};

#define TRACE_SYSCALL_ARGUMENTS 16 /* offset in both tracepoints: the arguments, or the result */

/* Ring buffer that bpf_trace_printk writes to, and what each of its records is. */
#define TRACE_LINES_MAP   pilus_lines
#define TRACE_LINES_BYTES (1 << 20)
#define TRACE_LINE_TEXT   472

struct trace_line {
	unsigned long long ns; /* CLOCK_MONOTONIC */
	unsigned int pid;      /* the thread's, as in the kernel's own trace */
	unsigned int cpu;
	char comm[16];
	unsigned int lost; /* lines that found no room, so far */
	unsigned int reserved;
	char text[TRACE_LINE_TEXT]; /* ends with NUL */
};

#ifdef __cplusplus
static_assert(sizeof(struct trace_line) == 512, "layout");
#else
_Static_assert(sizeof(struct trace_line) == 512, "layout");
#endif

#endif
