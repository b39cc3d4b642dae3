/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The files of the task at work, by their descriptors.
 */
#ifndef PILUS_TOOLS_BPF_FILES_H
#define PILUS_TOOLS_BPF_FILES_H

#include "tool.h"

/* NULL: there is none, or not any more. */
static __always_inline struct file *file_of(__s64 descriptor)
{
	struct fdtable *table = current_task()->files->fdt;
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;

	if (descriptor < 0 || descriptor >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(void *), files + descriptor);
	return file;
}

#endif
