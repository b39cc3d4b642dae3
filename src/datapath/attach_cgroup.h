/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs on a cgroup, for all processes in it and below, by links that are pinned under the program's name.
 * Attaching again replaces the program in place. For the files of this folder.
 */
#ifndef PILUS_DATAPATH_ATTACH_CGROUP_H
#define PILUS_DATAPATH_ATTACH_CGROUP_H

#include "datapath/datapath.h"

struct bpf_program;

/* A link that is pinned on another cgroup goes after the new one is there. */
int attach_cgroup(const char *bpffs, const char *cgroup, struct bpf_program *program, struct error *error);

/* Asks the kernel whether the pinned link is on a cgroup and runs this very program. -ENOENT: not so. */
int attach_cgroup_check(const char *bpffs, const struct bpf_program *program);

/* Removes those programs that `is_kept` does not know by name, whoever attached them. */
int attach_cgroup_sweep(const char *bpffs, bool (*is_kept)(const char *program, void *userdata), void *userdata);

#endif
