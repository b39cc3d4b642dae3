/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs on devices, by tcx links (pinned) or, on kernels before 6.6, clsact filters. Attaching again replaces the
 * program in place: no packet passes in between. For the files of this folder.
 */
#ifndef PILUS_DATAPATH_ATTACH_H
#define PILUS_DATAPATH_ATTACH_H

#include "datapath/datapath.h"

struct bpf_program;

enum attach_hook { HOOK_INGRESS, HOOK_EGRESS, HOOKS };

struct attach_device {
	const char *bpffs;
	const char *name;
	uint32_t ifindex;
};

/* `mode` is tcx or clsact. What an earlier agent attached the other way is removed after: for a moment both run, never
 * none. */
int attach_program(const struct attach_device *device, enum attach_hook hook, struct bpf_program *program,
                   enum attach_mode mode, struct error *error);

/* Is there a tcx link, in which a program is replaced at once? A new one takes an RCU grace period, 10 ms or more. */
bool attach_has_link(const struct attach_device *device, enum attach_hook hook);

/* Asks the kernel. */
bool attach_tcx_is_known(void);

/* Asks the kernel whether this very program is on the device's hook, in the way `mode`. -ENOENT: it is not. */
int attach_check(const struct attach_device *device, enum attach_hook hook, const struct bpf_program *program,
                 enum attach_mode mode);

/* Either way's; also of a device that is gone. */
int attach_remove(const struct attach_device *device, enum attach_hook hook);

/* Removes, from all devices but those that `is_kept` knows by name, what any agent has attached. */
int attach_sweep(const char *bpffs, bool (*is_kept)(const char *device, void *userdata), void *userdata);

/* "tcx/ingress" */
const char *attach_hook_name(enum attach_mode mode, enum attach_hook hook);

#endif
