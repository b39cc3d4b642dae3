/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sk->__sk_common.skc_dport without bpf_probe_read: in the compiler's intermediate text (LLVM IR), where types are
 * known, every read of a member of the kernel's structs becomes a call of the helper that may read there, and so does
 * every read through an address that was a number, or was itself read so: those are followed through variables,
 * branches and functions. The kernel's structs are marked by preserve_access_index (kernel_types.c), which makes the
 * compiler say of each member access whose it is; the marks are removed, because places are exact already.
 */
#ifndef PILUS_TRACE_KERNEL_READS_H
#define PILUS_TRACE_KERNEL_READS_H

/* The caller frees the result. */
char *kernel_reads_rewrite(const char *intermediate);

#endif
