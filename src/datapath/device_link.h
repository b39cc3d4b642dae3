/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link that holds a program on a device, tcx or XDP, and outlives who made it by its pin. For the files of this
 * folder.
 */
#ifndef PILUS_DATAPATH_DEVICE_LINK_H
#define PILUS_DATAPATH_DEVICE_LINK_H

#include <stdbool.h>
#include <stdint.h>

struct bpf_program;

/* Is the pinned link on this device? It may be that of an earlier one of the same name. */
bool device_link_is_on(const char *path, uint32_t ifindex);

/* Replaces its program, between two packets. -ENOENT: there is no such link on this device, and no pin any more. */
int device_link_replace(const char *path, uint32_t ifindex, struct bpf_program *program);

/* None there is success. */
int device_link_remove(const char *path);

#endif
