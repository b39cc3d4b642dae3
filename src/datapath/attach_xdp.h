/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An XDP program on a device, by a pinned link, whose program is replaced in place. There is one XDP program on a
 * device: somebody else's is never touched. For the files of this folder; attach_sweep removes these links, too.
 */
#ifndef PILUS_DATAPATH_ATTACH_XDP_H
#define PILUS_DATAPATH_ATTACH_XDP_H

#include "datapath/attach.h"

/*
 * `wanted` counts where there is no link yet; what is attached keeps its mode. -EBUSY: another's program is there.
 */
int attach_xdp(const struct attach_device *device, struct bpf_program *program, enum xdp_mode wanted,
               struct error *error);

/* None there is success. */
int attach_xdp_remove(const struct attach_device *device);

/* How the program is attached; XDP_AUTO: it is not. */
enum xdp_mode attach_xdp_mode(const struct attach_device *device, const struct bpf_program *program);

/* "xdp/native", or "gone" */
const char *attach_xdp_hook_name(enum xdp_mode mode);

#endif
