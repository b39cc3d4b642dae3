/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people name, as the filter knows it: cgroups by id, containers by their mount namespace.
 */
#ifndef PILUS_TOOLS_RUNTIME_TARGET_H
#define PILUS_TOOLS_RUNTIME_TARGET_H

#include <linux/types.h>
#include <stdint.h>

#include "base/error.h"

/* A path below the cgroup v2 hierarchy, absolute or relative to it; its id, and how deep it is. */
int target_cgroup(const char *path, __u64 *ret_id, uint32_t *ret_level, struct error *error);

/* Some process has a cgroup with this in its name, as every container runtime arranges. */
int target_container(const char *id, uint32_t *ret_mntns, struct error *error);

#endif
