/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things are pinned: BPFFS/pilus/maps/NAME and BPFFS/pilus/links/DEVICE_HOOK. For the files of this folder.
 */
#ifndef PILUS_DATAPATH_PINS_H
#define PILUS_DATAPATH_PINS_H

#include "base/error.h"

#define PIN_MAPS  "maps"
#define PIN_LINKS "links"

/* The caller frees it. name NULL: the folder. */
char *pin_path(const char *bpffs, const char *folder, const char *name);

/* Makes the folders; refuses where no BPF file system is mounted. */
int pins_prepare(const char *bpffs, struct error *error);

/* Removes all pins and the folders. */
int pins_remove(const char *bpffs, struct error *error);

#endif
