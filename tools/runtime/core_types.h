/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's types that a tool's programs name, as a small file for libbpf, and the numbers of those that they are
 * attached to. libbpf would take both out of the kernel's BTF itself, but reading all of that takes longer than
 * everything else a tool does until it is attached.
 */
#ifndef PILUS_TOOLS_RUNTIME_CORE_TYPES_H
#define PILUS_TOOLS_RUNTIME_CORE_TYPES_H

#include <bpf/libbpf.h>
#include <stddef.h>

/* The file's path, for this object and this kernel, made if there is none yet; the caller frees it. NULL: there is no
 * place for one, and libbpf reads the kernel's. */
char *core_types(const void *object, size_t size);

/* Before the object is opened: its programs in sections tp_btf/…, fentry/… and fexit/… get their numbers from the file.
 * Then bpf_program__attach does not know them, but bpf_program__attach_trace does. */
void core_types_number(const char *path);

#endif
