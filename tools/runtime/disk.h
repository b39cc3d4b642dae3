/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks by name, for tools with an option --disk and runtime/bpf/disk.h.
 */
#ifndef PILUS_TOOLS_RUNTIME_DISK_H
#define PILUS_TOOLS_RUNTIME_DISK_H

#include "runtime/tool.h"

/* Has the programs look at the disk that was asked for alone, if one was. */
int disk_choose(struct run *run, struct error *error);

#endif
